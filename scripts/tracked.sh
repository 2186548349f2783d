#!/usr/bin/env bash
# tracked.sh [GIT-PATTERN...]: the files of the project that are there, one a line, from its root.
# Outside a git checkout (a tarball): all files but those of builds and clusters.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- '*'

# The checkout may belong to another user than the one who runs its tests.
if files=$(git -c safe.directory='*' ls-files -- "$@" 2>/dev/null); then
    while read -r file; do
        if [ -f "$file" ]; then printf '%s\n' "$file"; fi
    done <<<"$files"
else
    for pattern in "$@"; do
        find . \( -path ./.git -o -path './build*' -o -path ./data \) -prune -o \
            -type f -name "${pattern##*/}" -print
    done | sed 's|^\./||' | sort
fi
