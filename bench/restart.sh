#!/usr/bin/env bash
#
# restart.sh [BUILD [SLOTS [MODE]]]: how long a node takes to start on a log of so many slots
# (100,000) without a checkpoint, and how long a node that has none of them takes to catch up.
# MODE is coordinated or classic.
#
# Prints both in ms, with the processor time (in ms, in steps of 10) that it took. Listens on
# 127.0.0.1, ports $PORT + 1 to $PORT + 3 (7400).
set -euo pipefail
case ${1:-} in
-h | --help)
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
    exit 0
    ;;
esac
build=${1:-build}
if [ ! -x "$build/bench/make-log" ]; then
    echo "restart.sh: no bench/make-log below $build: which directory was it built in?" >&2
    exit 2
fi
slots=${2:-100000}
mode=${3:-coordinated}
port=${PORT:-7400}

dir=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap cleanup EXIT

now_ms() { echo $(($(date +%s%N) / 1000000)); }

cpu_ms() { awk '{ print ($14 + $15) * 10 }' "/proc/$1/stat"; }

start() { # ID: sets `pid`
    local peers='' i
    for i in 1 2 3; do
        [ "$i" = "$1" ] || peers+="${peers:+,}$i=127.0.0.1:$((port + i))"
    done
    # Should this script be killed with -9, the kernel kills the nodes.
    setpriv --pdeathsig KILL "$build/src/dkv-node" \
        --id "$1" --addr "127.0.0.1:$((port + $1))" --peers "$peers" \
        --data-dir "$dir/$1" --mode "$mode" >"$dir/$1.log" 2>&1 &
    pid=$!
    pids+=("$pid")
}

wait_for() { # WORDS FILE
    for _ in $(seq 6000); do
        ! grep -q "$1" "$2" 2>/dev/null || return 0
        sleep 0.005
    done
    echo "restart.sh: no '$1' within 30 s" >&2
    exit 1
}

applied() {
    "$build/cli/dkv-cli" --endpoints "127.0.0.1:$((port + $1))" status 2>/dev/null |
        sed -n 's/.*log *applied \([0-9]*\).*/\1/p'
}

flags=()
[ "$mode" != coordinated ] || flags=(-c)
for i in 1 2; do
    "$build/bench/make-log" "${flags[@]}" -s "$slots" "$i" "$dir/$i"
    began=$(now_ms)
    start "$i"
    wait_for restored "$dir/$i.log"
    echo "node $i: $slots slots replayed $(($(now_ms) - began)) ms after its start, $(cpu_ms "$pid") ms of CPU"
done
sleep 3 # Their first checkpoint is none of this.

# A NOOP at the end is nothing that a node would need: it learns of it with the next write.
last=$slots
[ "$mode" != coordinated ] || [ $((slots % 3)) != 2 ] || last=$((slots - 1))

began=$(now_ms)
start 3
until [ "$(applied 3)" = "$last" ]; do
    if [ $(($(now_ms) - began)) -gt 60000 ]; then
        echo "restart.sh: node 3 has not caught up within 60 s" >&2
        exit 1
    fi
done
echo "node 3: caught up $(($(now_ms) - began)) ms after its start, $(cpu_ms "$pid") ms of CPU"
