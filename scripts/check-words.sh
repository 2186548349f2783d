#!/usr/bin/env bash
# check-words.sh: nothing unfinished and nothing of somebody's machine is in the project: no TO-DO
# or FIX-ME (written as one word), no path into a home folder, not the path of this checkout.
set -euo pipefail
cd "$(dirname "$0")/.."

words='\b(TO''DO|FIX''ME|XX''X)\b'
before='(^|[^[:alnum:]_.])'
homes="$before/(home|Users|root)/[[:alnum:]]"
# A checkout right below the root has a path like that of a gRPC method: it says nothing.
here=$(pwd -P)
case $here in
/*/*) here="$before$(printf '%s' "$here" | sed 's/[][\.*^$+?(){}|]/\\&/g')([^[:alnum:]_.-]|\$)" ;;
*) here=$homes ;;
esac

mapfile -t files < <(scripts/tracked.sh)
[ ${#files[@]} -gt 0 ] || { echo "check-words: no files found" >&2; exit 1; }
if grep -InE -e "$words" -e "$homes" -e "$here" -- "${files[@]}"; then
    echo "check-words: remove what is shown above" >&2
    exit 1
fi
echo "check-words: ${#files[@]} files"
