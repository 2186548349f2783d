#!/usr/bin/env bash
# same-run-test.sh DKV-SIM: a seed gives the same run, step by step, whoever makes it and how often;
# and another seed another one.
set -euo pipefail
sim=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for seed in 3 8 21; do
    "$sim" --seed "$seed" --events 8000 --trace >"$scratch/once"
    "$sim" --seed "$seed" --events 8000 --trace >"$scratch/again"
    cmp "$scratch/once" "$scratch/again"
    [ "$(wc -l <"$scratch/once")" -gt 1000 ]
done

digest() { sed -n 's/.*digest //p'; }
one=$("$sim" --seeds 1..40 --events 8000 --jobs 1 | digest)
two=$("$sim" --seeds 1..40 --events 8000 --jobs 2 | digest)
other=$("$sim" --seeds 2..41 --events 8000 --jobs 2 | digest)
if [ -z "$one" ] || [ "$one" != "$two" ]; then
    echo "one process: $one; two: $two" >&2
    exit 1
fi
if [ "$one" = "$other" ]; then
    echo "other seeds, same runs: $one" >&2
    exit 1
fi
