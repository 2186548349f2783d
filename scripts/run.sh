#!/usr/bin/env bash
# run.sh: a cluster on this machine, from nothing. Installs what is missing, builds, starts the
# nodes, runs the basic scenario against them, says what to try next, and serves until Ctrl-C.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    cat <<'TEXT'
scripts/run.sh                       three nodes on ports 5001 to 5003, data under ./data
scripts/run.sh --nodes 5 --port 7001 five nodes on ports 7001 to 7005

  --nodes N    how many nodes, 1 to 9 (3)
  --port P     port of the first; the others follow it (5001)
  --data DIR   where the nodes keep their data and their logs (data)

Ctrl-C stops the nodes; the next run goes on with their data.
Exit codes: 0 stopped, 1 error, 2 usage, 8 the basic scenario failed.
TEXT
}

say() { printf '%s\n' "$*"; }
die() {
    printf 'run: %s\n' "$*" >&2
    exit 1
}
die_usage() {
    printf 'run: %s (see scripts/run.sh --help)\n' "$*" >&2
    exit 2
}

is_number_in() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ "$((10#$1))" -ge "$2" ] && [ "$((10#$1))" -le "$3" ]; }

nodes=3
port=5001
data=data
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --nodes | --port | --data) [ $# -ge 2 ] || die_usage "$1 wants a value" ;;&
    --nodes) nodes=$2 ;;
    --port) port=$2 ;;
    --data) data=$2 ;;
    *) die_usage "unknown argument '$1'" ;;
    esac
    shift 2
done
is_number_in "$nodes" 1 9 || die_usage "--nodes takes 1 to 9, not '$nodes'"
nodes=$((10#$nodes))
is_number_in "$port" 1 "$((65536 - nodes))" ||
    die_usage "--port takes 1 to $((65536 - nodes)) with $nodes nodes, not '$port'"
port=$((10#$port))
[ -n "$data" ] || die_usage "--data wants a folder"

port_of() { echo "$((port + $1 - 1))"; }
ids() { seq 1 "$nodes"; }

# Somebody listens there already: tell before anything is touched.
for id in $(ids); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$(port_of "$id")") 2>/dev/null; then
        die "port $(port_of "$id") is taken: stop what listens there, or choose others with --port"
    fi
done

# Members are decided when a directory is new, and a node refuses to start among others.
had=0
for directory in "$data"/node-[0-9]; do
    if [ -d "$directory" ]; then had=$((had + 1)); fi
done
if [ "$had" -ne 0 ] && [ "$had" -ne "$nodes" ]; then
    die "$data holds a cluster of $had nodes: say --nodes $had, or another --data, or remove $data"
fi

scripts/setup.sh build
# ninja notices a meson.build that changed, but not a new one.
if [ ! -f build/build.ninja ] ||
    [ -n "$(find . -name meson.build -newer build/build.ninja -print -quit)" ]; then
    say "configuring build/"
    mkdir -p build
    reconfigure=()
    [ ! -f build/build.ninja ] || reconfigure=(--reconfigure)
    meson setup "${reconfigure[@]}" build . >build/setup.log 2>&1 || {
        tail -n 20 build/setup.log >&2
        die "meson setup failed, see build/setup.log"
    }
fi
say "building"
ninja -C build src/dkv-node cli/dkv-cli >build/run.log 2>&1 || {
    tail -n 20 build/run.log >&2
    die "the build failed, see build/run.log"
}
node=build/src/dkv-node
cli=build/cli/dkv-cli

# The command that starts a node, for us and for the person who wants it back. In node_command.
set_node_command() {
    local id=$1 peers="" other
    for other in $(ids); do
        [ "$other" -eq "$id" ] || peers+="${peers:+,}$other=localhost:$(port_of "$other")"
    done
    node_command=("$node" --id "$id" --addr ":$(port_of "$id")" ${peers:+--peers "$peers"}
        --data-dir "$data/node-$id" --enable-fault-injection)
}

declare -A id_of_pid=()

# shellcheck disable=SC2317 # A trap calls it.
stop_nodes() {
    local pid waited=0
    trap '' INT TERM HUP
    [ ${#id_of_pid[@]} -gt 0 ] || return 0
    for pid in "${!id_of_pid[@]}"; do
        # A paused node gets its SIGTERM only when it goes on.
        kill -TERM "$pid" 2>/dev/null || true
        kill -CONT "$pid" 2>/dev/null || true
    done
    for pid in "${!id_of_pid[@]}"; do
        while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 100 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        if kill -0 "$pid" 2>/dev/null; then
            say "node ${id_of_pid[$pid]} does not stop: kill -9"
            kill -KILL "$pid" 2>/dev/null || true
        fi
        wait "$pid" 2>/dev/null || true
    done
    id_of_pid=()
}
trap stop_nodes EXIT
trap 'exit 0' INT TERM HUP

mkdir -p "$data"
endpoints=""
for id in $(ids); do
    set_node_command "$id"
    endpoints+="${endpoints:+,}localhost:$(port_of "$id")"
    # Should this script be killed with -9, the kernel stops the nodes.
    setpriv --pdeathsig TERM "${node_command[@]}" >>"$data/node-$id.log" 2>&1 </dev/null &
    id_of_pid[$!]=$id
    say "node $id: pid $!, port $(port_of "$id"), log $data/node-$id.log"
done

# Every node answers that it is healthy, or tells in its log why it cannot.
deadline=$((SECONDS + 30))
for pid in "${!id_of_pid[@]}"; do
    id=${id_of_pid[$pid]}
    until answer=$("$cli" health --addr "localhost:$(port_of "$id")" 2>&1); do
        if ! kill -0 "$pid" 2>/dev/null; then
            tail -n 5 "$data/node-$id.log" >&2
            die "node $id did not start; its last words are above"
        fi
        [ "$SECONDS" -lt "$deadline" ] ||
            die "node $id is not healthy after 30 s, see $data/node-$id.log: $answer"
        sleep 0.1
    done
done

if [ "$nodes" -ge 3 ]; then
    say ""
    if ! "$cli" scenario basic --endpoints "$endpoints"; then
        printf 'run: the basic scenario FAILED; the logs are in %s/\n' "$data" >&2
        exit 8
    fi
fi

last=$(port_of "$nodes")
set_node_command 2
cat <<TEXT

The cluster is ready. In another terminal, from $(pwd):

  $cli put greeting hello --addr localhost:$port
  $cli get greeting --addr localhost:$last
  $cli status --endpoints $endpoints
  $cli --help
TEXT
if [ "$nodes" -ge 2 ]; then
    for pid in "${!id_of_pid[@]}"; do
        [ "${id_of_pid[$pid]}" -ne 2 ] || pid_of_2=$pid
    done
    cat <<TEXT

Kill a node, read and write through the others, and start it again:

  kill -9 $pid_of_2
  ${node_command[@]}
TEXT
fi
say ""
say "Ctrl-C stops the cluster."

# Nodes are there to be killed: the others serve on.
while [ ${#id_of_pid[@]} -gt 0 ]; do
    status=0
    ended=
    # Without the redirection, bash itself would comment on a node that was killed.
    { wait -n -p ended "${!id_of_pid[@]}" || status=$?; } 2>/dev/null
    # Of those that end at the same moment bash names one, and forgets the others.
    for pid in "${!id_of_pid[@]}"; do
        [ -z "${ended-}" ] || break
        if ! kill -0 "$pid" 2>/dev/null; then
            ended=$pid
            status=0
            wait "$pid" 2>/dev/null || status=$?
        fi
    done
    [ -n "${ended-}" ] || continue
    id=${id_of_pid[$ended]}
    unset "id_of_pid[$ended]"
    set_node_command "$id"
    say "node $id ended with code $status; start it again with:"
    say "  ${node_command[*]}"
done
die "all nodes have ended"
