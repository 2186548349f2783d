#!/usr/bin/env bash
# gates-test.sh DKV-SIM: what gates.sh promises: its options, what it adds up, what it keeps, and that
# a failure is told, counted, and does not end it.
set -euo pipefail
sim=$(realpath "$1")
gates=$(cd "$(dirname "$0")" && pwd)/gates.sh

world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT

fail() {
    echo "gates-test: line ${BASH_LINENO[0]}: $*" >&2
    sed 's/^/    /' "$world/out" >&2
    exit 1
}

# run ARGUMENT...: output in $world/out, exit code in $code.
run() {
    code=0
    "$gates" --state "$world/kept" --events 2000 "$@" >"$world/out" 2>&1 || code=$?
}

says() { grep -qE -e "$1" "$world/out" || fail "'$1' is not said"; }

# The sum of field N of the chunks' lines.
sum() { awk -v field="$1" '/^(classic|coordinated) /{total += $field} END{print total}' "$world/out"; }

for wrong in '--mode fast' '--seeds 5' '--seeds 5..4' '--seeds 0..4' '--events many' '--chunk 0' \
    '--sim nothing' '--chunk' 'more'; do
    # shellcheck disable=SC2086 # An option and its value.
    run --sim "$sim" $wrong
    [ "$code" -eq 2 ] || fail "$wrong: $code"
    [ "$(wc -l <"$world/out")" -eq 1 ] || fail "$wrong is not turned away with a line"
    [ ! -e "$world/kept" ] || fail "$wrong: something was kept"
done
run --help
[ "$code" -eq 0 ] || fail "--help: $code"
says '--chunk N'

# Both modes in chunks, the last one shorter; the sum is that of the chunks.
run --sim "$sim" --seeds 3..9 --chunk 3
[ "$code" -eq 0 ] || fail "a healthy sweep: $code"
for chunk in 'classic 3..5' 'classic 6..8' 'classic 9..9' 'coordinated 9..9'; do
    says "^$chunk: [0-9]+ events, [0-9]+ operations, 0 failures, [0-9.]+ s\$"
done
says "^both: 14 seeds, $(sum 3) events, $(sum 5) operations, 0 failures, [0-9.]+ s\$"
both=$(tail -n 1 "$world/out")
one=$("$sim" --mode classic --seeds 3..5 --events 2000)
says "^classic 3..5: $(awk '{print $3}' <<<"$one") events"

# The same again is not made again; other events, and another program, are.
run --sim "$sim" --seeds 3..9 --chunk 3
[ "$(grep -c '(kept)$' "$world/out")" -eq 6 ] || fail "not all is kept"
[ "$(tail -n 1 "$world/out")" = "$both" ] || fail "what is kept adds up to something else"
run --sim "$sim" --seeds 3..9 --chunk 3 --events 3000
if grep -q '(kept)$' "$world/out"; then fail "shorter runs are taken for longer ones"; fi

# A failure is told, and the sweep goes on behind it; what is kept tells it again.
printf '#!/bin/bash\nexec %q --bug minority-quorum "$@"\n' "$sim" >"$world/bad"
chmod +x "$world/bad"
run --sim "$world/bad" --seeds 1..7 --chunk 7 --mode classic
[ "$code" -eq 1 ] || fail "failures: $code"
failures=$(grep -c '^FAILED seed ' "$world/out") || fail "no failure"
[ "$failures" -ge 2 ] || fail "it ends at the first failure"
[ "$(grep -c '^  replay: dkv-sim --seed ' "$world/out")" -eq "$failures" ] || fail "no replays"
says "^classic: 7 seeds, .* $failures failures, "
run --sim "$world/bad" --seeds 1..7 --chunk 7 --mode classic
[ "$code" -eq 1 ] || fail "kept failures: $code"
[ "$(grep -c '^FAILED seed ' "$world/out")" -eq "$failures" ] || fail "a kept failure is not told"

# What is not understood is not taken for a clean sweep, nor kept for one.
for stand_in in 'echo hello' 'exit 3' 'echo "9 seeds, 9 events, 9 ops answered"; exit 1'; do
    printf '#!/bin/bash\n%s\n' "$stand_in" >"$world/odd"
    chmod +x "$world/odd"
    run --sim "$world/odd" --seeds 1..7 --mode classic
    [ "$code" -eq 2 ] || fail "$stand_in: $code"
    run --sim "$world/odd" --seeds 1..7 --mode classic
    if grep -q '(kept)$' "$world/out"; then fail "$stand_in: kept"; fi
done
echo "gates-test: fine"
