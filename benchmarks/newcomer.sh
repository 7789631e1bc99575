#!/usr/bin/env bash
# Seconds and megabytes of `make demo` in a fresh clone, with nothing cached.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
git clone --quiet "$(cd "$(dirname "$0")/.." && pwd)" "$folder/promptseg"
cd "$folder/promptseg"
export PROMPTSEG_HOME="$folder/home" PIP_NO_CACHE_DIR=1 npm_config_cache="$folder/npm"
started=$(date +%s)
make demo
echo "From a fresh clone to the overlay: $(($(date +%s) - started)) s"
rm -rf "$folder/npm"
echo "On the disk: $(du -sm --apparent-size "$folder" | cut -f1) MB, of which environment $(du -sm --apparent-size .venv-demo | cut -f1) MB, weights $(du -sm --apparent-size "$folder/home" | cut -f1) MB"
