#!/usr/bin/env bash
# far.sh: how fast three nodes are that are far apart.
#
# Messages between nodes are held back by dkv's own fault rules, half a round trip each way; clients
# are next to their nodes. Printed for each mode and round trip: puts with the clients spread over
# the nodes, and with all of them at one.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/clusters.sh
. bench/clusters.sh

usage() {
    cat <<'TEXT'
bench/far.sh                             a minute and a half
bench/far.sh --modes coordinated --trips 10,200 --clients 64

  --modes LIST    of coordinated, classic (both)
  --trips LIST    there and back between any two nodes, in ms: even numbers (8,40,160)
  --clients N     (6)
  --seconds N     how long each is measured (5)

BUILD=DIR is where dkv is built in release (build-release); PORT=N the first of 40 ports (23790);
TMPDIR where the data goes.
TEXT
}

modes=coordinated,classic
trips=8,40,160
clients=6
seconds=5
flags_read "modes trips clients seconds" "$@"
flags_number --clients "$clients" 1 9999
flags_number --seconds "$seconds" 1 9999
IFS=, read -ra modes <<<"$modes"
IFS=, read -ra trips <<<"$trips"
flags_one_of mode "coordinated classic" "${modes[@]}"
for trip in "${trips[@]}"; do
    flags_number --trips "$trip" 2 10000
    [ $((trip % 2)) -eq 0 ] || die "--trips takes even numbers, not $trip"
done

hold_back() {
    local ms=$1 i j
    for i in 1 2 3; do
        for j in 1 2 3; do
            [ "$i" -eq "$j" ] || "$build/cli/dkv-cli" faults set --direction out --peer "$j" \
                --addr "127.0.0.1:${client_port[i]}" --delay "${ms}ms" >/dev/null
        done
    done
}

# measure WHAT WHERE
measure() {
    local what=$1
    endpoints=$2
    bench_start dkv put --clients "$clients" --duration "${seconds}s"
    bench_wait
    python3 -c '
import json, sys
run = json.load(sys.stdin)
print("%-8s %6.0f puts/s  p50 %4.0f ms  p99 %4.0f ms  longest %4.0f ms  %d errors" % (
    sys.argv[1], run["ops_per_s"], run["p50_ms"], run["p99_ms"], run["max_ms"], run["errors"]))' \
        "$what" <"$work/bench.json"
}

clusters_begin dkv
say "$(clusters_describe)"
for mode in "${modes[@]}"; do
    for trip in "${trips[@]}"; do
        dkv_flags=(--mode "$mode" --enable-fault-injection)
        cluster_start dkv
        everywhere=$endpoints
        hold_back "$((trip / 2))"
        echo "$mode mode, round trips of $trip ms, $clients clients:"
        measure spread "$everywhere"
        measure "at one" "127.0.0.1:${client_port[1]}"
        cluster_stop
    done
done
