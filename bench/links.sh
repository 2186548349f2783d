#!/usr/bin/env bash
#
# links.sh [--rate RATE] [--clients N,...] [--value-size BYTES] [--seconds S] [--build DIR]
#
# How many large values a second three nodes take when the network is the narrow place: each node in
# a network namespace of its own, with a link of RATE (1gbit) in either direction to one switch, and
# the clients behind it on a link without a bound. Prints a line for each mode and number of clients
# (1,6), of values of so many bytes (1048576). A put crosses the link of its node twice, on its way
# to both peers: more than 60 a second of 1 MiB a node cannot send on 1gbit.
#
# Needs root, and the programs ip and tc (package iproute2). Namespaces are dkv-links-1 to -4 and -sw.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
    printf 'links: %s\n' "$*" >&2
    exit 2
}

rate=1gbit
clients=1,6
size=1048576
seconds=5
build=build
while [ $# -gt 0 ]; do
    case $1 in
    --help)
        sed -n '3,/^set /{s/^# \{0,1\}//p}' "$0"
        exit
        ;;
    --rate | --clients | --value-size | --seconds | --build)
        [ $# -ge 2 ] || die "$1 needs a value"
        name=${1#--}
        [ "$name" != value-size ] || name=size
        declare "$name=$2"
        shift 2
        ;;
    *) die "what is '$1'? see links.sh --help" ;;
    esac
done
[ -x "$build/src/dkv-node" ] || die "there is no $build/src/dkv-node: build first"
[ "$(id -u)" -eq 0 ] || die "namespaces are made by root"
command -v tc >/dev/null || die "there is no tc: install iproute2"

dir=$(mktemp -d)
pids=()
stop_nodes() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    pids=()
}
cleanup() {
    stop_nodes
    for name in 1 2 3 4 sw; do ip netns del "dkv-links-$name" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap cleanup EXIT

within() { # NAME COMMAND...
    local name=dkv-links-$1
    shift
    ip netns exec "$name" "$@"
}

ip netns add dkv-links-sw
within sw ip link add name switch0 type bridge
within sw ip link set switch0 up
for i in 1 2 3 4; do
    ip netns add "dkv-links-$i"
    ip link add eth0 netns "dkv-links-$i" type veth peer name "port$i" netns dkv-links-sw
    within sw ip link set "port$i" master switch0 up
    within "$i" ip addr add "10.77.0.$i/24" dev eth0
    within "$i" ip link set eth0 up
    within "$i" ip link set lo up
    [ "$i" -ne 4 ] || continue
    within "$i" tc qdisc add dev eth0 root tbf rate "$rate" burst 128k limit 1m
    within sw tc qdisc add dev "port$i" root tbf rate "$rate" burst 128k limit 1m
done

start_nodes() { # MODE
    local i j peers
    rm -rf "${dir:?}"/*
    for i in 1 2 3; do
        peers=''
        for j in 1 2 3; do [ "$i" = "$j" ] || peers="$peers,$j=10.77.0.$j:5001"; done
        # Not through `within`: the pid of a function is that of a shell around it.
        ip netns exec "dkv-links-$i" "$build/src/dkv-node" --id "$i" --addr "10.77.0.$i:5001" \
            --peers "${peers#,}" --mode "$1" --insecure --data-dir "$dir/$i" 2>"$dir/$i.log" &
        pids+=($!)
    done
    sleep 2
}

printf 'values of %s bytes, links of %s\n' "$size" "$rate"
for mode in coordinated classic; do
    for n in ${clients//,/ }; do
        start_nodes "$mode"
        within 4 "$build/cli/dkv-cli" bench put --clients "$n" --value-size "$size" --keys 20 \
            --endpoints 10.77.0.1:5001,10.77.0.2:5001,10.77.0.3:5001 --duration "${seconds}s" -o json |
            python3 -c '
import json, sys
row = json.load(sys.stdin)
print("%-11s  %2d clients  %5.1f puts/s  p50 %4.0f ms  p99 %4.0f ms  %d errors" % (
    sys.argv[1], row["clients"], row["ops_per_s"], row["p50_ms"], row["p99_ms"], row["errors"]))' \
                "$mode"
        stop_nodes
    done
done
