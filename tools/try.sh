#!/usr/bin/env bash
# From a fresh clone to answers: installs what is missing, builds, indexes samples/, and asks three questions.
# The library is made in the build directory, under try, and can be deleted at any time.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
echo "try: building (up to half an hour the first time, most of it RocksDB)"
cargo build --release --locked -p clipdex

target=${CARGO_TARGET_DIR:-target}
export CLIPDEX_LIBRARY=$target/try/library
mkdir -p "$target/try"

# Shows a command as one would type it, then runs it.
show() {
    local word line='$'
    for word in "$@"; do
        case $word in *' '*) line+=" '$word'" ;; *) line+=" $word" ;; esac
    done
    printf '\n%s\n' "$line"
    "$target/release/$1" "${@:2}"
}

show clipdex index samples
show clipdex search 'a cup of coffee' -k 3
show clipdex similar samples/shoes-1.jpg -k 3
show clipdex label add imagenet-21k builtin:imagenet-21k
show clipdex classify samples/motorcycle.jpg samples/cat.jpg --labels imagenet-21k -k 3

cat <<END

Next, your own photographs (they stay where they are, and nothing leaves this machine):
  unset CLIPDEX_LIBRARY
  $target/release/clipdex index ~/Pictures
  $target/release/clipdex search 'sunset over the sea'
END
