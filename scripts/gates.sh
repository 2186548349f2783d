#!/usr/bin/env bash
# gates.sh [OPTION...]: the long sweeps that docs/testing.md asks for. A person starts it, may stop it
# (Ctrl-C) and start it again: what is done is kept, as long as the simulator is the same program.
#
#   --mode MODE      classic, coordinated, or both: one after the other (both)
#   --seeds A..B     (1..20000)
#   --events N       of each run (50000)
#   --chunk N        so many seeds are swept, and then kept, at a time (250)
#   --sim PATH       the simulator (build/sim/dkv-sim); it takes all cores
#   --state DIR      where finished chunks are kept (build/gates)
#
# Prints a line for each chunk, the command that replays each failure, and at last the sum of all
# that was asked for, kept chunks included. A failure does not end it: the sweep goes on behind that
# seed. Ends with 0 if there was none, 1 if there was one, 2 if it could not be run.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
    printf 'gates: %s\n' "$*" >&2
    exit 2
}

mode=both
seeds=1..20000
events=50000
chunk=250
sim=build/sim/dkv-sim
state=build/gates
while [ $# -gt 0 ]; do
    case $1 in
    --help)
        sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    --mode | --seeds | --events | --chunk | --sim | --state)
        [ $# -ge 2 ] || die "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    *) die "what is '$1'? see gates.sh --help" ;;
    esac
done

number='[1-9][0-9]{0,17}'
[[ $mode =~ ^(classic|coordinated|both)$ ]] || die "no mode is called '$mode'"
[[ $seeds =~ ^($number)\.\.($number)$ ]] || die "seeds are A..B, not '$seeds'"
first=${BASH_REMATCH[1]}
last=${BASH_REMATCH[2]}
[ "$first" -le "$last" ] || die "seeds are A..B, not '$seeds'"
[[ $events =~ ^$number$ ]] || die "not a number of events: '$events'"
[[ $chunk =~ ^$number$ ]] || die "not a number of seeds: '$chunk'"
[ -x "$sim" ] || die "there is no '$sim'; build it, or name one with --sim"
modes=("$mode")
[ "$mode" != both ] || modes=(classic coordinated)

# What another program did says nothing of this one; and a build may go on meanwhile.
version=$(sha256sum "$sim")
kept=$state/${version:0:16}
mkdir -p "$kept"
[ -x "$kept/dkv-sim" ] || cp "$sim" "$kept/dkv-sim"
sim=$kept/dkv-sim

# sweep MODE FIRST LAST: "EVENTS OPS MILLISECONDS FAILURES", and a line for each failure. Seeds
# behind a failure that other processes had begun with are made, and counted, twice.
sweep() {
    local next=$2 done_events=0 done_ops=0 failures=0 told='' out code
    local began=${EPOCHREALTIME/[.,]/}
    while [ "$next" -le "$3" ]; do
        code=0
        out=$("$sim" --mode "$1" --seeds "$next..$3" --events "$events") || code=$?
        [[ $out =~ $'\n'?([0-9]+)" seeds, "([0-9]+)" events, "[^$'\n']*" "([0-9]+)" ops answered" ]] ||
            die "$sim ended with $code and says: $out"
        done_events=$((done_events + BASH_REMATCH[2]))
        done_ops=$((done_ops + BASH_REMATCH[3]))
        next=$(($3 + 1))
        if [ "$code" -ne 0 ]; then
            [[ $out =~ ^"FAILED seed "([0-9]+)" " ]] || die "$sim ended with $code and says: $out"
            next=$((BASH_REMATCH[1] + 1))
            failures=$((failures + 1))
            told+=$(head -n 2 <<<"$out")$'\n'
        fi
    done
    local ms=$(((${EPOCHREALTIME/[.,]/} - began) / 1000))
    printf '%d %d %d %d\n%s' "$done_events" "$done_ops" "$ms" "$failures" "$told"
}

total_seeds=0
total_events=0
total_ops=0
total_ms=0
total_failures=0
for m in "${modes[@]}"; do
    for ((at = first; at <= last; at += chunk)); do
        to=$((at + chunk - 1 < last ? at + chunk - 1 : last))
        file=$kept/$m-$events-$at..$to
        note=' (kept)'
        if [ ! -e "$file" ]; then
            note=
            sweep "$m" "$at" "$to" >"$file.part"
            mv "$file.part" "$file"
        fi
        read -r n_events n_ops n_ms n_failures <"$file"
        printf '%s %d..%d: %d events, %d operations, %d failures, %d.%d s%s\n' "$m" "$at" "$to" \
            "$n_events" "$n_ops" "$n_failures" $((n_ms / 1000)) $((n_ms % 1000 / 100)) "$note"
        tail -n +2 "$file"
        total_seeds=$((total_seeds + to - at + 1))
        total_events=$((total_events + n_events))
        total_ops=$((total_ops + n_ops))
        total_ms=$((total_ms + n_ms))
        total_failures=$((total_failures + n_failures))
    done
done
printf '%s: %d seeds, %d events, %d operations, %d failures, %d.%d s\n' "$mode" "$total_seeds" \
    "$total_events" "$total_ops" "$total_failures" $((total_ms / 1000)) $((total_ms % 1000 / 100))
[ "$total_failures" -eq 0 ]
