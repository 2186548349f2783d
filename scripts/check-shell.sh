#!/usr/bin/env bash
# check-shell.sh: shellcheck has nothing to say about the scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(scripts/tracked.sh '*.sh' .ci/run)
shellcheck "${files[@]}"
echo "check-shell: ${#files[@]} files"
