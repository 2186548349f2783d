#!/usr/bin/env bash
# shellcheck disable=SC2016 # The stand-ins expand their own variables.
#
# run-test.sh: what run.sh promises, with stand-ins for the build and the two programs: arguments,
# ports, data of another cluster, a node that does not start, one that is killed, and the end.
set -uo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)

world=$(mktemp -d)
run_pid=
cleanup() {
    [ -z "$run_pid" ] || kill -TERM "$run_pid" 2>/dev/null
    wait
    rm -rf "$world"
}
trap cleanup EXIT

fail() {
    echo "run-test: line ${BASH_LINENO[0]}: $*" >&2
    sed 's/^/    /' "$world/out" >&2
    exit 1
}

stand_in() {
    printf '#!/bin/bash\n%s\n' "$2" >"$world/$1"
    chmod +x "$world/$1"
}

mkdir -p "$world/scripts" "$world/bin" "$world/build/src" "$world/build/cli"
cp "$scripts/run.sh" "$world/scripts/"
touch "$world/build/build.ninja"
stand_in scripts/setup.sh 'echo "$0 $*" >>calls'
stand_in bin/ninja 'echo "ninja $*" >>calls'
# A node says how it was called and lives until SIGTERM; node 3 fails where the test wants it to.
stand_in build/src/dkv-node '
trap "echo stopped; exit 0" TERM
echo "$@"
if [ "$2" = 3 ] && [ -e fail-node ]; then echo "the disk is on fire"; exit 1; fi
touch "up-localhost$4"
while :; do sleep 0.02; done'
stand_in build/cli/dkv-cli 'echo "dkv-cli $*" >>calls
if [ "$1" = scenario ] && [ -e fail-scenario ]; then exit 8; fi
if [ "$1" = health ]; then [ -e "up-$3" ]; fi'
PATH=$world/bin:$PATH

# run ARGUMENT...: to its end. Output in $world/out, exit code in $code.
run() {
    rm -f "$world/calls" "$world"/up-*
    timeout 30 "$world/scripts/run.sh" "$@" >"$world/out" 2>&1 </dev/null
    code=$?
}

# start ARGUMENT...: until the cluster is ready.
start() {
    rm -f "$world/calls" "$world"/up-*
    "$world/scripts/run.sh" "$@" >"$world/out" 2>&1 </dev/null &
    run_pid=$!
    await 'Ctrl-C stops the cluster'
}

await() {
    for _ in $(seq 200); do
        if grep -q -- "$1" "$world/out"; then return; fi
        sleep 0.05
    done
    fail "never said: $1"
}

# stop: as Ctrl-C would. No node is left behind.
stop() {
    kill -TERM "$run_pid"
    wait "$run_pid"
    code=$?
    run_pid=
    [ "$code" -eq 0 ] || fail "ended with $code"
}

said() { grep -q -- "$1" "$world/out" || fail "did not say: $1"; }
pid_of() { sed -n "s/^node $1: pid \([0-9]*\),.*/\1/p" "$world/out"; }

port=$("$scripts/free-ports.py" 5) || fail "no ports"

# Arguments: nothing is touched.
for bad in "--nodes 0" "--nodes 10" "--nodes x" "--nodes" "--port 0" "--port 65534" "--port -1" \
    "--port 99999999999999999999" "--frobnicate" "3"; do
    # shellcheck disable=SC2086 # Words.
    run $bad
    [ "$code" -eq 2 ] || fail "$bad: exit code $code"
    said "^run: .*${bad%% *}"
done
[ ! -e "$world/data" ] || fail "bad arguments made a data folder"
[ ! -e "$world/calls" ] || fail "bad arguments went on to set-up"
run --help
[ "$code" -eq 0 ] || fail "--help: exit code $code"
said "--nodes N"

# A port that is taken, the second of three: named, and nothing is touched.
exec 9< <(python3 -c '
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("listening", flush=True)
time.sleep(60)' "$((port + 1))")
listener=$!
read -r _ <&9
run --port "$port"
[ "$code" -eq 1 ] || fail "taken port: exit code $code"
said "port $((port + 1)) is taken"
[ ! -e "$world/data" ] || fail "a taken port: made a data folder"
[ ! -e "$world/calls" ] || fail "a taken port: went on to set-up"
kill "$listener"
exec 9<&-

# A whole life: five nodes, one is killed, the rest serve on, the end leaves nobody behind.
start --nodes 5 --port "$port"
ends="localhost:$port,localhost:$((port + 1)),localhost:$((port + 2))"
ends+=",localhost:$((port + 3)),localhost:$((port + 4))"
grep -q "scenario basic --endpoints $ends\$" "$world/calls" || fail "no scenario"
grep -q "setup.sh build" "$world/calls" || fail "no setup"
grep -q "ninja -C build src/dkv-node cli/dkv-cli" "$world/calls" || fail "no build"
want="--id 2 --addr :$((port + 1)) --peers 1=localhost:$port,3=localhost:$((port + 2))"
want+=",4=localhost:$((port + 3)),5=localhost:$((port + 4)) --data-dir data/node-2"
grep -qxe "$want --enable-fault-injection" "$world/data/node-2.log" || fail "node 2's arguments"
pids=()
for id in 1 2 3 4 5; do pids+=("$(pid_of $id)"); done
said "kill -9 ${pids[1]}\$"
kill -KILL "${pids[1]}"
await "node 2 ended with code 137"
said "^  build/src/dkv-node $want --enable-fault-injection\$"
stop
for pid in "${pids[@]}"; do
    ! kill -0 "$pid" 2>/dev/null || fail "pid $pid is still there"
done
[ "$(cat "$world"/data/node-?.log | grep -c '^stopped$')" -eq 4 ] || fail "not stopped by SIGTERM"

# Another number of nodes on the same data.
mkdir "$world/data/node-"{1,2,3,4,5}
run --nodes 3 --port "$port"
[ "$code" -eq 1 ] || fail "other members: exit code $code"
said "data holds a cluster of 5 nodes: say --nodes 5"

# A node that does not start: its own words, and the others are stopped.
touch "$world/fail-node"
run --port "$port" --data other
[ "$code" -eq 1 ] || fail "failing node: exit code $code"
said "the disk is on fire"
said "node 3 did not start"
! kill -0 "$(pid_of 1)" 2>/dev/null || fail "node 1 is still there"
rm "$world/fail-node"

# The scenario fails.
touch "$world/fail-scenario"
run --port "$port" --data other
[ "$code" -eq 8 ] || fail "failing scenario: exit code $code"
said "scenario FAILED"
rm "$world/fail-scenario"

# One node, on its own; and all of them may end.
start --port "$port" --nodes 1 --data single
grep -qx -- "--id 1 --addr :$port --data-dir single/node-1 --enable-fault-injection" \
    "$world/single/node-1.log" || fail "the arguments of a single node"
kill -KILL "$(pid_of 1)"
wait "$run_pid"
code=$?
run_pid=
[ "$code" -eq 1 ] || fail "all ended: exit code $code"
said "all nodes have ended"

# All killed at the same moment: each is told of.
start --port "$port" --data at-once
kill -KILL "$(pid_of 1)" "$(pid_of 2)" "$(pid_of 3)"
wait "$run_pid"
code=$?
run_pid=
[ "$code" -eq 1 ] || fail "all killed at once: exit code $code"
for id in 1 2 3; do said "node $id ended with code 137"; done
said "all nodes have ended"

# Killed with -9 itself: the kernel stops the nodes.
start --port "$port" --data killed
kill -KILL "$run_pid"
wait "$run_pid" 2>/dev/null
run_pid=
for id in 1 2 3; do
    for _ in $(seq 100); do
        kill -0 "$(pid_of $id)" 2>/dev/null || continue 2
        sleep 0.05
    done
    fail "node $id outlives run.sh"
done

echo "run-test: all as promised"
