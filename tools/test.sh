#!/usr/bin/env bash
# Passes the tests: installs what is missing, builds everything once, runs every test.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cargo test --release --workspace --locked "$@"
