#!/usr/bin/env bash
# model.sh [full | list | tell NAME | NAME...]: checks docs/model/coordinated.pml with Spin.
#
#   (nothing)    the model at small bounds, all states of it, and every planted mistake: two minutes
#   full         that, and the model at larger bounds: docs/model/README.md says how long it takes
#   list         the names of what is run without an argument
#   NAME...      only these configurations, small or large
#   tell NAME    the shortest way to what a planted mistake breaks, step by step
#
# Prints a row for each configuration. Ends with 0 only if the correct model holds in all
# its states, and each planted mistake breaks an invariant.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$PWD/docs/model/coordinated.pml

# NAME DEFINE...: a mistake is looked for where it takes the fewest states.
quick=(
    "one-slot           SLOTS=1 REVOCATIONS=2 CRASHES=1"
    "two-slots          SLOTS=2 REVOCATIONS=1 CRASHES=1"
    "three-revocations  SLOTS=1 REVOCATIONS=3 CRASHES=1 SYNC_AT_ONCE"
    "two-coordinators   SLOTS=2 REVOCATIONS=1 CRASHES=1 SYNC_AT_ONCE COORDINATORS=2"
    "two-crashes        SLOTS=2 REVOCATIONS=1 CRASHES=2"
    "one-slot-queued    SLOTS=1 REVOCATIONS=3 CRASHES=1"
    "duel-of-two        SLOTS=2 REVOCATIONS=2 CRASHES=1 SYNC_AT_ONCE COORDINATORS=2"
    "three-slots        SLOTS=3 REVOCATIONS=1 CRASHES=0 SYNC_AT_ONCE"
    "bug-1              SLOTS=1 REVOCATIONS=0 CRASHES=1 BUG_1"
    "bug-2              SLOTS=1 REVOCATIONS=0 CRASHES=1 BUG_2"
    "bug-3              SLOTS=2 REVOCATIONS=0 CRASHES=0 BUG_3"
    "bug-6              SLOTS=1 REVOCATIONS=1 CRASHES=0 BUG_6"
    "bug-10             SLOTS=1 REVOCATIONS=1 CRASHES=1 BUG_10"
    "bug-20             SLOTS=1 REVOCATIONS=1 CRASHES=0 BUG_20"
    "bug-27             SLOTS=1 REVOCATIONS=1 CRASHES=1 BUG_27"
    "bug-29-unreported  SLOTS=1 REVOCATIONS=2 CRASHES=0 BUG_29=1"
    "bug-29-hidden      SLOTS=1 REVOCATIONS=2 CRASHES=0 BUG_29=2"
    "bug-29-covered     SLOTS=1 REVOCATIONS=1 CRASHES=0 BUG_29=3"
    "bug-30             SLOTS=2 REVOCATIONS=1 CRASHES=0 BUG_30"
    "bug-31             SLOTS=1 REVOCATIONS=0 CRASHES=1 BUG_31"
    "bug-33             SLOTS=1 REVOCATIONS=1 CRASHES=0 BUG_33"
)
large=(
    "duel               SLOTS=2 REVOCATIONS=2 CRASHES=1 SYNC_AT_ONCE"
)

die() {
    printf 'model: %s\n' "$*" >&2
    exit 2
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# explore DEFINE...: leaves $work/out, and $work/coordinated.pml.trail if something is violated.
explore() {
    local tool
    for tool in spin gcc; do
        command -v "$tool" >/dev/null || die "$tool is not installed: scripts/setup.sh test"
    done
    # All states, depth first, with those of each node stored once.
    local options=(-O2 -DCOLLAPSE)
    # Breadth first: the shortest way. It is so short that -O2 would cost more than it saves.
    if [[ $* == *BUG_* ]]; then options=(-O0 -DBFS); fi
    rm -rf "${work:?}"/*
    cp "$model" "$work"
    (
        cd "$work"
        spin -a "${@/#/-D}" coordinated.pml
        gcc -w -DSAFETY -DNOREDUCE -DMEMLIM=12000 "${options[@]}" -o pan pan.c
        ./pan -m100000
    ) >"$work/out" 2>&1 || true # Judged by what it prints.
}

# tell DEFINE...: each step of the violation last found, in words, and what it violates.
tell() {
    (cd "$work" && spin -t -T "${@/#/-D}" coordinated.pml) | sed '/^spin: trail ends/,$d'
}

# The comment above the assert that failed says what is violated.
violated() {
    local line
    line=$(tell "$@" | sed -n 's/^spin: coordinated.pml:\([0-9]*\), Error: assertion violated$/\1/p')
    [ -n "$line" ] && sed -n "1,${line}s|^ */\* \(.*[^ ]\) \*/$|\1|p" "$model" | tail -n 1
}

# check NAME DEFINE...: one row.
check() {
    local name=$1 began=${EPOCHREALTIME/[.,]/} states result=FAILED
    shift
    explore "$@"
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$work/out")
    if [[ $* == *BUG_* ]]; then
        if grep -q 'assertion violated' "$work/out"; then
            result="found: $(violated "$@")"
        fi
    elif grep -q 'errors: 0$' "$work/out" && ! grep -qE 'not completed|too small' "$work/out"; then
        result=holds
    fi
    local ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
    printf '%-18s %-60s %10s %4d.%d  %s\n' "$name" "$*" "${states:--}" $((ms / 1000)) \
        $((ms % 1000 / 100)) "$result"
    if [ "$result" = FAILED ]; then
        failed=1
        if [ -e "$work/coordinated.pml.trail" ]; then tell "$@"; else tail -n 40 "$work/out"; fi
    fi
}

# lookup NAME: sets `defines`.
lookup() {
    local row name rest
    for row in "${quick[@]}" "${large[@]}"; do
        read -r name rest <<<"$row"
        if [ "$name" = "$1" ]; then
            read -ra defines <<<"$rest"
            return
        fi
    done
    die "no configuration '$1'; there are: $(printf '%s\n' "${quick[@]}" "${large[@]}" |
        cut -d ' ' -f 1 | xargs)"
}

case "${1:-}" in
list)
    printf '%s\n' "${quick[@]%% *}"
    exit
    ;;
tell)
    lookup "${2:-}"
    explore "${defines[@]}"
    [ -e "$work/coordinated.pml.trail" ] || die "$2: nothing to tell, no invariant is violated"
    tell "${defines[@]}"
    printf 'violated: %s\n' "$(violated "${defines[@]}")"
    exit
    ;;
'') names=("${quick[@]%% *}") ;;
full) names=("${quick[@]%% *}" "${large[@]%% *}") ;;
*) names=("$@") ;;
esac

printf '%-18s %-60s %10s %6s  %s\n' configuration bounds states seconds result
for name in "${names[@]}"; do
    lookup "$name"
    check "$name" "${defines[@]}"
done
exit "$failed"
