#!/usr/bin/env bash
# Installs what building clipdex needs and is missing: a C++ compiler and libclang for RocksDB, and Rust.
# Says what it installs before it does; installs by apt, and elsewhere says what to install.
set -euo pipefail

# Runs a command as root, through sudo where that is needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "setup: root rights are needed for: $*" >&2
        exit 1
    fi
}

have_libclang() {
    ldconfig -p 2>/dev/null | grep 'libclang[-.0-9]*\.so' >/dev/null || compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null
}

missing=()
command -v c++ >/dev/null && command -v make >/dev/null || missing+=(build-essential)
have_libclang || missing+=(libclang-dev)
command -v cargo >/dev/null || missing+=(rustup)

if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        echo "setup: please install a C++ compiler, libclang, and Rust (https://rustup.rs), then run this again" >&2
        exit 1
    fi
    echo "setup: installing by apt: ${missing[*]}"
    as_root apt-get update -qq
    if [[ " ${missing[*]} " == *" rustup "* ]] && ! apt-cache show rustup >/dev/null 2>&1; then
        echo "setup: this system has no rustup package; please install Rust from https://rustup.rs, then run this again" >&2
        exit 1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
fi

# rust-toolchain.toml pins the version; rustup fetches it at the first call where it is not there yet.
cd "$(dirname "$0")/.."
cargo --version
