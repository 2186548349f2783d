#!/usr/bin/env bash
# failover.sh: how long nobody can write when one node dies, hangs, or is cut off from its peers.
#
# Three nodes, 64 clients that put all the time and give each attempt 0.25 s before they ask the next
# node. After 5 s one node is hit. Every node of every store in turn, each time from a new cluster;
# where one of them leads, that one comes first, since it matters most. Printed: the longest time
# without a completed put over all clients, the same over the clients of the other two nodes, and
# the slowest put; and how long the disk kept a bystander waiting for one sync meanwhile, since no
# store can complete a write while its disk stands still.
#
# The cut needs root, since it is made by iptables: a node's connections to its peers are told from
# those of clients by the group that the node runs in, marked as they begin, and dropped both ways
# while it lasts. Nothing else on the machine is touched.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=bench/clusters.sh
. bench/clusters.sh

usage() {
    cat <<'TEXT'
bench/failover.sh                        everything, about twenty minutes
bench/failover.sh --targets dkv --causes kill,stop --nodes 2 --seconds 10

  --targets LIST  of dkv, etcd, etcd-tuned, zookeeper (all)
  --causes LIST   of kill (-9), stop (SIGSTOP), cut (iptables), rules (dkv's own fault rules,
                  which cut it as well) (all)
  --nodes LIST    which nodes are hit, each in a run of its own; where one leads, it counts as
                  the first (1,2,3)
  --seconds N     how long a run is measured; the node is hit after 5 (20)
  --clients N     (64)
  --write         put the table into docs/performance.md, between its marks
  --keep FILE     add every run to FILE, one JSON object a line

etcd-tuned is etcd with --heartbeat-interval 20 --election-timeout 200.
BUILD=DIR is where dkv is built in release (build-release); DKV_FLAGS="--mode classic" what its nodes
are told; PORT=N the first of 40 ports (23790); TMPDIR where the data goes.
TEXT
}

targets=dkv,etcd,etcd-tuned,zookeeper
causes=kill,stop,cut,rules
nodes=1,2,3
seconds=20
clients=64
hit_after=5
flags_read "targets causes nodes seconds clients keep" "$@"
flags_number --seconds "$seconds" $((hit_after + 1)) 9999
flags_number --clients "$clients" 3 9999
IFS=, read -ra targets <<<"$targets"
IFS=, read -ra causes <<<"$causes"
IFS=, read -ra nodes <<<"$nodes"
flags_one_of target "dkv etcd etcd-tuned zookeeper" "${targets[@]}"
flags_one_of cause "kill stop cut rules" "${causes[@]}"
flags_one_of node "1 2 3" "${nodes[@]}"

clusters_begin "${targets[@]}"

# ---- The cut --------------------------------------------------------------------------------

mark_chain=DKV-BENCH-MARK
cut_chain=DKV-BENCH-CUT

# Ports of node $2 on which its peers reach it.
peer_ports() {
    case $1 in
    dkv) echo "${client_port[$2]}" ;;
    etcd*) echo "$((first_port + 10 + $2))" ;;
    zookeeper) echo "$((first_port + 10 + $2)) $((first_port + 20 + $2))" ;;
    esac
}

# shellcheck disable=SC2317 # A trap calls it.
cut_end() {
    local table chain hook
    for table in "mangle $mark_chain OUTPUT" "filter $cut_chain INPUT"; do
        read -r table chain hook <<<"$table"
        iptables -w -t "$table" -D "$hook" -i lo -j "$chain" 2>/dev/null ||
            iptables -w -t "$table" -D "$hook" -o lo -j "$chain" 2>/dev/null || true
        iptables -w -t "$table" -F "$chain" 2>/dev/null || true
        iptables -w -t "$table" -X "$chain" 2>/dev/null || true
    done
}

cut_begin() {
    [ "$(id -u)" -eq 0 ] || die "not root: iptables cannot cut anybody off; leave out --causes cut"
    clusters_install iptables
    clusters_at_exit=cut_end
    cut_end # What an earlier run left that was killed.
    iptables -w -t mangle -N "$mark_chain"
    iptables -w -t mangle -A OUTPUT -o lo -j "$mark_chain"
    iptables -w -N "$cut_chain"
    iptables -w -I INPUT -i lo -j "$cut_chain"
    node_group_base=62000
}

# What a connection that node i began to node j is marked with, in both directions.
pair_mark() { printf '0xd0%d%d' "$1" "$2"; }

cut_mark() {
    local target=$1 i j port
    iptables -w -t mangle -F "$mark_chain"
    for i in 1 2 3; do
        for j in 1 2 3; do
            [ "$i" -ne "$j" ] || continue
            for port in $(peer_ports "$target" "$j"); do
                iptables -w -t mangle -A "$mark_chain" -p tcp --syn --dport "$port" \
                    -m owner --gid-owner "$((node_group_base + i))" \
                    -j CONNMARK --set-mark "$(pair_mark "$i" "$j")"
            done
        done
    done
}

cut_off() {
    local node=$1 other pair
    for other in 1 2 3; do
        [ "$other" -ne "$node" ] || continue
        for pair in "$(pair_mark "$node" "$other")" "$(pair_mark "$other" "$node")"; do
            iptables -w -A "$cut_chain" -m connmark --mark "$pair" -j DROP
        done
    done
}

# Also tells when there was nothing to drop: that would have been no cut.
cut_mend() {
    local dropped
    dropped=$(iptables -w -nvxL "$cut_chain" | awk '/DROP/ { sum += $1 } END { print sum + 0 }')
    iptables -w -F "$cut_chain"
    [ "$dropped" -gt 0 ] || die "the cut dropped no packet of node $1: its figures mean nothing"
}

rules_off() {
    local node=$1 other rules=""
    for other in 1 2 3; do
        [ "$other" -eq "$node" ] || rules+=",$other:1.0"
    done
    "$build/cli/dkv-cli" drop-rules --addr "127.0.0.1:${client_port[node]}" --rules "${rules#,}" \
        >/dev/null
}

# ---- One run --------------------------------------------------------------------------------

pauses_pid=""

pauses_begin() {
    setpriv --pdeathsig KILL python3 bench/pauses.py "$work/pauses" >"$work/pauses.json" &
    pauses_pid=$!
}

# What it found is in $work/pauses.json then.
pauses_end() {
    kill -TERM "$pauses_pid"
    wait "$pauses_pid" || die "the bystander of the disk failed"
    pauses_pid=""
}

hit() {
    local cause=$1 node=$2
    case $cause in
    kill)
        kill -KILL "${node_pids[node]}"
        # Without the redirection, bash itself would comment on a node that was killed.
        { wait "${node_pids[node]}" || true; } 2>/dev/null
        unset "node_pids[node]" # Another process may have that number by the time all are ended.
        ;;
    stop) kill -STOP "${node_pids[node]}" ;;
    cut) cut_off "$node" ;;
    rules) rules_off "$node" ;;
    esac
}

run_one() {
    local target=$1 cause=$2 which=$3 node leader
    dkv_flags=()
    [ "$cause" != rules ] || dkv_flags=(--enable-fault-injection)
    if [ "$cause" = cut ]; then cut_mark "$target"; fi
    cluster_start "$target"
    # Caches, connections, what a JVM compiles; and ZooKeeper's keys.
    bench_start "$target" put --clients "$clients" --duration 4s
    bench_wait
    leader=$(cluster_leader "$target")
    node=$(((which + (leader == 0 ? 1 : leader) - 2) % 3 + 1))
    bench_start "$target" put --clients "$clients" --duration "${seconds}s" --warm-up 1s \
        --attempt-timeout 250ms --timeout 60s
    pauses_begin
    sleep "$((1 + hit_after))"
    hit "$cause" "$node"
    bench_wait
    pauses_end
    case $cause in
    stop) kill -CONT "${node_pids[node]}" ;;
    cut) cut_mend "$node" ;;
    esac
    cluster_stop
    cat "$work/bench.json" "$work/pauses.json" |
        python3 bench/tables.py add "$results" "$cause" "$target" "$node" "$leader"
    tail -n 1 "$results" | python3 bench/tables.py line
}

case " ${causes[*]} " in *" cut "*) cut_begin ;; esac
about=$(clusters_describe)
say "$about"
for target in "${targets[@]}"; do
    for cause in "${causes[@]}"; do
        if [ "$cause" = rules ] && [ "$target" != dkv ]; then continue; fi
        for node in "${nodes[@]}"; do run_one "$target" "$cause" "$node"; done
    done
done
about="$about. $(targets_versions "${targets[@]}"); $clients clients, attempts of 0.25 s, $seconds s \
a run, the node is hit after $hit_after s."
clusters_report failover "$about"
