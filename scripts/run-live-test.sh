#!/usr/bin/env bash
# run-live-test.sh: the first five minutes of the README, with the real programs: run.sh, a put and
# a get, kill -9 of a node, the command that run.sh prints to start it again, Ctrl-C, and once more
# with the same data.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

world=$(mktemp -d)
run_pid=
node_pid=
cleanup() {
    for pid in $node_pid $run_pid; do kill -TERM "$pid" 2>/dev/null; done
    wait
    rm -rf "$world"
}
trap cleanup EXIT

fail() {
    echo "run-live-test: line ${BASH_LINENO[0]}: $*" >&2
    sed 's/^/    /' "$world/out" >&2
    exit 1
}

await() {
    for _ in $(seq 600); do
        if grep -q -- "$1" "$world/out"; then return; fi
        if grep -q '^run: ' "$world/out"; then break; fi
        sleep 0.1
    done
    fail "never said: $1"
}

start() {
    scripts/run.sh --port "$port" --data "$world/data" >"$world/out" 2>&1 </dev/null &
    run_pid=$!
    await 'Ctrl-C stops the cluster'
    grep -q '^PASS' "$world/out" || fail "no PASS of the basic scenario"
}

stop() {
    kill -TERM "$run_pid"
    wait "$run_pid" || fail "run.sh ended with $?"
    run_pid=
}

# cli NODE ARGUMENT...
cli() {
    local node=$1
    shift
    build/cli/dkv-cli "$@" --addr "localhost:$((port + node - 1))"
}

# gets NODE: what the key has there; a node that has just come back gets some time.
gets() {
    for _ in $(seq 100); do
        if cli "$1" get greeting 2>"$world/error"; then return; fi
        sleep 0.1
    done
    fail "node $1 gives nothing: $(cat "$world/error")"
}

port=$(scripts/free-ports.py 3) || fail "no ports"

start
cli 1 put greeting hello >/dev/null || fail "put"
[ "$(gets 3)" = hello ] || fail "get through node 3"

kill -KILL "$(sed -n 's/^node 2: pid \([0-9]*\),.*/\1/p' "$world/out")"
await 'node 2 ended with code 137'
cli 1 put greeting "still here" >/dev/null || fail "put with two nodes"
[ "$(gets 3)" = "still here" ] || fail "get with two nodes"

command=$(sed -n 's/^  \(build\/src\/dkv-node --id 2 .*\)/\1/p' "$world/out" | tail -n 1)
# shellcheck disable=SC2086 # Words, as a shell would read them.
$command 2>"$world/node-2.log" </dev/null &
node_pid=$!
[ "$(gets 2)" = "still here" ] || fail "get through the node that came back"

stop
kill -TERM "$node_pid"
wait "$node_pid" || fail "node 2 ended with $?"
node_pid=

start
for node in 1 2 3; do
    [ "$(gets $node)" = "still here" ] || fail "node $node after a restart of all"
done
stop

echo "run-live-test: all as promised"
