#!/usr/bin/env bash
# check-format.sh: every C file stands as clang-format would put it. `clang-format -i FILE` mends.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(scripts/tracked.sh '*.c' '*.h')
[ ${#files[@]} -gt 0 ] || { echo "check-format: no C files found" >&2; exit 1; }
clang-format --dry-run -Werror "${files[@]}"
echo "check-format: ${#files[@]} files"
