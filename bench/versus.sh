#!/usr/bin/env bash
# versus.sh: dkv next to etcd and ZooKeeper, under the same load, on this machine's one disk.
#
# Starts three nodes of each in turn (A B C, then A B C again), runs the same rows against each, and
# prints the medians over the rounds and what dkv makes of each. Root is needed only where packages
# are missing. Everything is on loopback, below one temporary folder, and ended and removed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/clusters.sh
. bench/clusters.sh

usage() {
    cat <<'TEXT'
bench/versus.sh                          all rows, about a quarter of an hour
bench/versus.sh --seconds 3 --rounds 1 --only puts-64,half-64 --targets dkv,etcd

  --seconds N     measured for each row, after 1 s that does not count (10)
  --rounds N      how often each store is started anew (2)
  --targets LIST  of dkv, etcd, zookeeper, in the order to run them (all)
  --only LIST     rows (all): puts-64 puts-256 gets-64 gets-256 barrier-64 barrier-256 half-64
                  local-64 puts-1 batch-256 pinned-64
  --write         put the tables into docs/performance.md, between its marks
  --keep FILE     add every run to FILE, one JSON object a line

BUILD=DIR is where dkv is built in release (build-release); DKV_FLAGS="--mode classic" what its nodes
are told; PORT=N the first of 40 ports (23790); TMPDIR where the data goes: on the disk that is meant.
TEXT
}

# Name of a row, and its flags. LINEARIZABLE stands for the quickest linearizable read that a store
# has; ZooKeeper's is a sync and a get. Batch: 85 operations under way on each of 3 connections.
rows=(
    "puts-64      put   --clients 64"
    "puts-256     put   --clients 256"
    "gets-64      get   --clients 64  --consistency LINEARIZABLE"
    "gets-256     get   --clients 256 --consistency LINEARIZABLE"
    "barrier-64   get   --clients 64  --consistency barrier"
    "barrier-256  get   --clients 256 --consistency barrier"
    "half-64      50/50 --clients 64  --consistency LINEARIZABLE"
    "local-64     get   --clients 64  --consistency sequential"
    "puts-1       put   --clients 1"
    "batch-256    put   --clients 3   --pipeline 85"
    "pinned-64    put   --clients 64  --pin FIRST"
)

seconds=10
rounds=2
targets=dkv,etcd,zookeeper
only=""
flags_read "seconds rounds targets only keep" "$@"
flags_number --seconds "$seconds" 1 9999
flags_number --rounds "$rounds" 1 99
IFS=, read -ra targets <<<"$targets"
flags_one_of target "dkv etcd zookeeper" "${targets[@]}"
row_names=("${rows[@]%% *}")
# shellcheck disable=SC2086 # Words are meant.
flags_one_of row "${row_names[*]}" ${only//,/ }

clusters_begin "${targets[@]}"
quorum=linearizable
if "$build/cli/dkv-cli" bench --help | grep -q quorum; then quorum=quorum; fi

# Sets `flags`, or fails where a row is not for this target.
set_flags() {
    local target=$1 row=$2 best=linearizable
    local name=${row%% *}
    case ",$only," in ,, | *",$name,"*) ;; *) return 1 ;; esac
    [ "$target" != dkv ] || best=$quorum
    # Barriers are dkv's slower reads: where there are only those, the other rows have them.
    case $name in barrier-*) [ "$best" = quorum ] || return 1 ;; esac
    row=${row/LINEARIZABLE/$best}
    row=${row/FIRST/${endpoints%%,*}}
    read -ra flags <<<"${row#"$name"}"
}

run_target() {
    local target=$1 round=$2 row pids
    cluster_start "$target"
    pids=$(IFS=, && echo "${node_pids[*]}")
    # Caches, connections, what a JVM compiles: each gets going before anything counts.
    say "round $round: $target, warming up"
    bench_start "$target" 50/50 --clients 64 --duration 8s
    bench_wait
    for row in "${rows[@]}"; do
        set_flags "$target" "$row" || continue
        bench_start "$target" "${flags[@]}" --duration "${seconds}s" --pids "$pids"
        bench_wait
        python3 bench/tables.py add "$results" "${row%% *}" "$target" "$round" <"$work/bench.json"
        say "round $round: $(tail -n 1 "$results" | python3 bench/tables.py line)"
    done
    cluster_stop
}

about=$(clusters_describe)
say "$about"
for round in $(seq "$rounds"); do
    for target in "${targets[@]}"; do run_target "$target" "$round"; done
done
clusters_report versus \
    "$about. $(targets_versions "${targets[@]}"); $rounds rounds, $seconds s a row."
