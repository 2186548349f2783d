# shellcheck shell=bash
# clusters.sh: three nodes of dkv, etcd or ZooKeeper on this machine. Sourced by versus.sh and
# failover.sh, which set -euo pipefail and stand in the project's folder.
#
#   flags_read NAMES WORD...      a script's own flags: --NAME VALUE, --write, --help (its usage)
#   flags_number, flags_one_of    what is wrong with a value of theirs
#   clusters_begin TARGET...      $work, $results in it, and a trap that ends and removes all of it;
#                                 all that these need is installed and built
#   clusters_install PACKAGE...   what is missing, without apt starting a service
#   clusters_describe             a line about this machine
#   clusters_report TABLE ABOUT   prints what is in $results; --keep and --write have their way
#   cluster_start TARGET          three nodes with empty directories; waits until all serve
#   cluster_leader TARGET         the number of the node that leads, or 0
#   cluster_stop                  ends them, and removes their directories
#   bench_start TARGET FLAG...    the load generator with these flags
#   bench_wait                    until it ends; its one object is in $work/bench.json
#
# A TARGET is dkv, etcd, etcd-tuned (a short heartbeat and election timeout) or zookeeper. While a
# cluster runs, node_pids[1..3], client_port[1..3] and endpoints tell how to reach it.

build=${BUILD:-build-release}
first_port=${PORT:-23790} # And the 39 above it.
work=""
results=""
node_pids=()
bench_pid=""
client_port=("" "$((first_port + 1))" "$((first_port + 2))" "$((first_port + 3))")
endpoints=""
# More flags for dkv-node; and node i runs in group node_group_base + i, if that is set.
read -ra dkv_flags_given <<<"${DKV_FLAGS:-}"
dkv_flags=()
dkv_mode="" # Once it runs.
dkv_commit=unknown
node_group_base=""
policy=/usr/sbin/policy-rc.d
policy_mark="# dkv's bench/clusters.sh put this here, and removes it when it ends."
policy_is_ours=no
# What else there is to undo at the end.
clusters_at_exit=:

say() { printf '%s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

# ---- Flags ----------------------------------------------------------------------------------

write=no # The table into docs/performance.md?
keep=""  # Where every run is added.

# Each --NAME VALUE sets the variable of that name; $1 has the names, with blanks between them.
flags_read() {
    local names=" $1 "
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --write)
            write=yes
            shift
            continue
            ;;
        esac
        case $names in
        *" ${1#--} "*) [ "$1" != "${1#--}" ] || die "unknown argument '$1' (see --help)" ;;
        *) die "unknown argument '$1' (see --help)" ;;
        esac
        [ $# -ge 2 ] || die "$1 wants a value"
        printf -v "${1#--}" '%s' "$2"
        shift 2
    done
}

flags_number() {
    local flag=$1 value=$2 low=$3 high=$4
    if ! [[ $value =~ ^[1-9][0-9]{0,8}$ ]] || [ "$value" -lt "$low" ] || [ "$value" -gt "$high" ]
    then
        die "$flag takes a number from $low to $high, not '$value'"
    fi
}

# flags_one_of WHAT "KNOWN ..." VALUE...
flags_one_of() {
    local what=$1 known=" $2 " value
    shift 2
    for value in "$@"; do
        case $known in *" $value "*) ;; *) die "there is no $what '$value':${known% }" ;; esac
    done
}

# ---- What must be there ---------------------------------------------------------------------

policy_restore() {
    [ "$policy_is_ours" = yes ] || return 0
    rm -f "$policy"
    if [ -e "$policy.dkv-kept" ]; then mv "$policy.dkv-kept" "$policy"; fi
    policy_is_ours=no
}

# One that a run left which was killed with -9 goes when this one ends.
policy_adopt() {
    [ "$(id -u)" -eq 0 ] || return 0
    if grep -qsxF "$policy_mark" "$policy"; then policy_is_ours=yes; fi
}

# Debian starts a service when its package is installed, unless policy-rc.d answers 101.
policy_forbid() {
    local answer=0
    [ "$policy_is_ours" = no ] || return 0
    if [ -x "$policy" ]; then
        "$policy" etcd start || answer=$?
        [ "$answer" -ne 101 ] || return 0
    fi
    if [ -e "$policy" ]; then mv "$policy" "$policy.dkv-kept"; fi
    policy_is_ours=yes
    # In one step: it is whole, and has its mark, or is not there.
    printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy.dkv-new"
    chmod 755 "$policy.dkv-new"
    mv "$policy.dkv-new" "$policy"
}

clusters_install() {
    local package missing=()
    policy_adopt
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || die "not root: have root install: ${missing[*]}"
    say "installing ${missing[*]}"
    policy_forbid
    local step
    for step in update "install --no-install-recommends ${missing[*]}"; do
        # shellcheck disable=SC2086 # Words are meant.
        DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 $step \
            </dev/null >"$work/apt.log" 2>&1 || {
            tail -n 15 "$work/apt.log" >&2
            die "apt-get $step failed"
        }
    done
    policy_restore
}

# What these targets need.
clusters_install_for() {
    local target packages=()
    for target in "$@"; do
        case $target in
        etcd*) packages+=(etcd-server etcd-client) ;;
        zookeeper) packages+=(default-jre-headless zookeeper libzookeeper-st-dev) ;;
        esac
    done
    clusters_install "${packages[@]}"
}

# dkv in release, asserts on, in $build; and what loads the targets.
clusters_build() {
    scripts/setup.sh build
    # Asserts stay on; a newer compiler's warning is no reason not to measure.
    if [ ! -f "$build/build.ninja" ]; then
        meson setup "$build" . -Dbuildtype=release -Db_ndebug=false -Dwerror=false \
            >"$work/setup.log" 2>&1 || {
            tail -n 20 "$work/setup.log" >&2
            die "meson setup $build failed"
        }
    fi
    python3 - "$build/meson-info/intro-buildoptions.json" <<'PYTHON' ||
import json, sys
with open(sys.argv[1], encoding="utf-8") as f:
    options = {o["name"]: o["value"] for o in json.load(f)}
is_so = options["buildtype"] == "release" and options["b_ndebug"] == "false"
sys.exit(0 if is_so and options["b_sanitize"] == "none" else 1)
PYTHON
        die "$build is not built in release with asserts on: give BUILD another folder"
    local goals=(src/dkv-node cli/dkv-cli)
    case " $* " in *" zookeeper "*) goals+=(bench/zk-load) ;; esac
    say "building $build"
    # The library may have come after the last configuration.
    ninja -C "$build" "${goals[@]}" >"$work/build.log" 2>&1 ||
        { meson setup --reconfigure "$build" . && ninja -C "$build" "${goals[@]}"; } \
            >"$work/build.log" 2>&1 || {
        tail -n 20 "$work/build.log" >&2
        die "the build in $build failed"
    }
    # Of what was built just now: the checkout may be another when the figures are there.
    if dkv_commit=$(git -c safe.directory='*' log -1 --format=%h 2>/dev/null); then
        git -c safe.directory='*' diff --quiet HEAD -- src proto cli || dkv_commit+=-dirty
    else
        dkv_commit=unknown
    fi
    "$build/cli/dkv-cli" bench --help >/dev/null || die "$build/cli/dkv-cli has no bench"
}

# ---- Begin and end --------------------------------------------------------------------------

# shellcheck disable=SC2317 # A trap calls it.
clusters_end() {
    trap '' INT TERM HUP
    if [ -n "$bench_pid" ]; then
        kill -KILL "$bench_pid" 2>/dev/null || true
        { wait "$bench_pid" || true; } 2>/dev/null
    fi
    cluster_stop
    "$clusters_at_exit"
    policy_restore
    if [ -n "$work" ]; then rm -rf "$work"; fi
}

clusters_begin() {
    work=$(mktemp -d "${TMPDIR:-/tmp}/dkv-bench.XXXXXX")
    trap clusters_end EXIT
    trap 'exit 130' INT TERM HUP
    clusters_install_for "$@"
    clusters_build "$@"
    results=$work/results.jsonl
    : >"$results"
}

# What a reader must know of the machine, and then of each target once it has run.
clusters_describe() {
    local began ended
    # Over what is there already, as a log does: a file that grows costs its file system more.
    dd if=/dev/zero of="$work/probe" bs=4k count=300 conv=fsync 2>/dev/null
    began=$(date +%s%N)
    dd if=/dev/zero of="$work/probe" bs=4k count=300 conv=notrunc oflag=dsync 2>/dev/null
    ended=$(date +%s%N)
    rm -f "$work/probe"
    printf '%s cores (%s), kernel %s, a synced write of 4 KiB takes %d µs, load average %s, %s' \
        "$(nproc)" "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" \
        "$(uname -r | cut -d- -f1)" "$(((ended - began) / 300000))" \
        "$(cut -d' ' -f1 /proc/loadavg)" "$(date -u +%F)"
}

target_version() {
    case $1 in
    dkv)
        printf '%s of commit %s, %s mode\n' "$("$build/src/dkv-node" --version)" "$dkv_commit" \
            "$dkv_mode"
        ;;
    etcd*) etcd --version | sed -n 's/^etcd Version: /etcd /p' ;;
    zookeeper) dpkg-query -W -f 'ZooKeeper ${Version}\n' zookeeper | sed 's/-[^-]*$//' ;;
    esac
}

targets_versions() {
    local target
    for target in "$@"; do target_version "$target"; done | uniq | paste -sd';' | sed 's/;/; /g'
}

clusters_report() {
    local table=$1 about=$2 into=()
    [ -z "$keep" ] || cat "$results" >>"$keep"
    [ "$write" = no ] || into=(--write docs/performance.md)
    python3 bench/tables.py "$table" "$results" "$about" "${into[@]}"
}

# ---- Nodes ----------------------------------------------------------------------------------

# Should the script be killed with -9, the kernel kills the nodes. A group of its own tells a
# node's connections from those of the others.
node_launch() {
    local i=$1 group=()
    shift
    if [ -n "$node_group_base" ]; then
        group=(--regid "$((node_group_base + i))" --clear-groups)
    fi
    setpriv "${group[@]}" --pdeathsig KILL "$@" >>"$work/node-$i.log" 2>&1 </dev/null &
    node_pids[i]=$!
}

dkv_launch() {
    local i=$1 j peers=""
    for j in 1 2 3; do
        [ "$j" -eq "$i" ] || peers+=",$j=127.0.0.1:${client_port[j]}"
    done
    node_launch "$i" "$build/src/dkv-node" --id "$i" --addr "127.0.0.1:${client_port[i]}" \
        --peers "${peers#,}" --data-dir "$work/node-$i" --log-level warn \
        "${dkv_flags_given[@]}" "${dkv_flags[@]}"
}

dkv_is_ready() {
    "$build/cli/dkv-cli" health --addr "127.0.0.1:${client_port[$1]}" >/dev/null 2>&1
}

etcd_launch() {
    local i=$1 j cluster="" peer="http://127.0.0.1:$((first_port + 10 + $1))"
    local client="http://127.0.0.1:${client_port[i]}"
    shift
    for j in 1 2 3; do cluster+=",n$j=http://127.0.0.1:$((first_port + 10 + j))"; done
    node_launch "$i" env "ETCD_UNSUPPORTED_ARCH=$(uname -m)" etcd --name "n$i" \
        --data-dir "$work/node-$i" --listen-client-urls "$client" \
        --advertise-client-urls "$client" --listen-peer-urls "$peer" \
        --initial-advertise-peer-urls "$peer" --initial-cluster "${cluster#,}" \
        --logger zap --log-level error "$@"
}

etcd_is_ready() {
    ETCDCTL_API=3 etcdctl --endpoints "127.0.0.1:${client_port[$1]}" endpoint health \
        >/dev/null 2>&1
}

# The settings of zoo_sample.cfg, and what three servers on one machine with more than 60
# connections from one address need.
zookeeper_launch() {
    local i=$1 j
    mkdir -p "$work/node-$i/data"
    echo "$i" >"$work/node-$i/data/myid"
    {
        printf 'tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\n'
        printf 'admin.enableServer=false\ndataDir=%s\n' "$work/node-$i/data"
        printf 'clientPort=%s\nclientPortAddress=127.0.0.1\n' "${client_port[i]}"
        for j in 1 2 3; do
            echo "server.$j=127.0.0.1:$((first_port + 10 + j)):$((first_port + 20 + j))"
        done
    } >"$work/node-$i/zoo.cfg"
    printf 'log4j.rootLogger=WARN, OUT\nlog4j.appender.OUT=org.apache.log4j.ConsoleAppender\n%s\n' \
        'log4j.appender.OUT.layout=org.apache.log4j.SimpleLayout' >"$work/node-$i/log4j.properties"
    node_launch "$i" java -Xmx512m -cp "$work/node-$i:/usr/share/java/zookeeper.jar" \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$work/node-$i/zoo.cfg"
}

zookeeper_mode() {
    {
        exec 3<>"/dev/tcp/127.0.0.1/${client_port[$1]}"
        printf srvr >&3
        timeout 2 cat <&3
    } 2>/dev/null | sed -n 's/^Mode: //p'
}

zookeeper_is_ready() {
    case $(zookeeper_mode "$1") in leader | follower) return 0 ;; esac
    return 1
}

# Which node leads; 0: there is no such thing.
cluster_leader() {
    local target=$1 i status
    [ "$target" != dkv ] || { echo 0; return; }
    for i in 1 2 3; do
        case $target in
        etcd*)
            status=$(ETCDCTL_API=3 etcdctl --endpoints "127.0.0.1:${client_port[i]}" \
                endpoint status -w simple | awk -F', ' '{ print $5 }')
            ;;
        zookeeper) status=$(zookeeper_mode "$i") ;;
        esac
        case $status in true | leader) echo "$i" && return ;; esac
    done
    die "no node of $target leads"
}

cluster_wait() {
    local target=$1 i deadline=$((SECONDS + 60))
    for i in 1 2 3; do
        until "${target}_is_ready" "$i"; do
            if ! kill -0 "${node_pids[i]}" 2>/dev/null; then
                tail -n 5 "$work/node-$i.log" >&2
                die "node $i of $target ended; its last words are above"
            fi
            [ "$SECONDS" -lt "$deadline" ] || {
                tail -n 5 "$work/node-$i.log" >&2
                die "node $i of $target does not serve after 60 s"
            }
            sleep 0.2
        done
    done
}

cluster_start() {
    local target=$1 i
    endpoints=""
    for i in 1 2 3; do
        # Somebody else's server would be measured.
        if (exec 3<>"/dev/tcp/127.0.0.1/${client_port[i]}") 2>/dev/null; then
            die "port ${client_port[i]} is taken: choose others with PORT=..."
        fi
        endpoints+="${endpoints:+,}127.0.0.1:${client_port[i]}"
    done
    for i in 1 2 3; do
        case $target in
        etcd-tuned) etcd_launch "$i" --heartbeat-interval 20 --election-timeout 200 ;;
        *) "${target}_launch" "$i" ;;
        esac
    done
    cluster_wait "${target%-tuned}"
    [ "$target" != dkv ] ||
        dkv_mode=$("$build/cli/dkv-cli" status --addr "127.0.0.1:${client_port[1]}" -o json |
            sed -n '/"mode"/{s/.*"mode": *"\([a-z]*\)".*/\1/p;q}')
}

cluster_stop() {
    local pid waited=0
    for pid in "${node_pids[@]}"; do
        # One that is paused gets its SIGTERM only when it goes on.
        kill -TERM "$pid" 2>/dev/null || true
        kill -CONT "$pid" 2>/dev/null || true
    done
    for pid in "${node_pids[@]}"; do
        while kill -0 "$pid" 2>/dev/null && [ "$waited" -lt 100 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        kill -KILL "$pid" 2>/dev/null || true
        { wait "$pid" || true; } 2>/dev/null
    done
    node_pids=()
    if [ -n "$work" ]; then rm -rf "$work"/node-*; fi
}

# ---- Load -----------------------------------------------------------------------------------

# In the background, so that a signal is heard at once.
bench_start() {
    local target=$1 program=("$build/cli/dkv-cli" bench --target "${1%-tuned}")
    [ "$target" != zookeeper ] || program=("$build/bench/zk-load" --target zookeeper)
    shift
    setpriv --pdeathsig KILL "${program[@]}" --endpoints "$endpoints" "$@" -o json \
        >"$work/bench.json" 2>"$work/bench.err" </dev/null &
    bench_pid=$!
}

# The one object is in $work/bench.json then.
bench_wait() {
    local status=0
    wait "$bench_pid" || status=$?
    bench_pid=""
    [ "$status" -eq 0 ] || {
        tail -n 5 "$work/bench.err" >&2
        die "the load generator ended with code $status"
    }
}
