#!/usr/bin/env bash
# next-to-etcd.sh: the table of docs/performance.md, measured here and now.
#
# Three nodes of etcd and three of dkv, one after the other, with their data below one directory and
# so on one disk, under the same load: `dkv-cli scenario loadtest` and its twin build/bench/etcd-load.
# Needs the packages etcd-server and a build (scripts/test.sh or scripts/run.sh makes one). Takes
# about two minutes. Everything is on loopback, and ended and removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}
seconds=${SECONDS_PER_CELL:-5}
port=${PORT:-23790}
command -v etcd >/dev/null || { echo "etcd is missing: apt-get install etcd-server" >&2; exit 1; }
[ -x "$build/bench/etcd-load" ] || { echo "$build/bench/etcd-load is missing: ninja -C $build" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/dkv-next-to-etcd.XXXXXX")
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

echo "# $(nproc) cores, $(uname -m), kernel $(uname -r); $(etcd --version | head -n 1); $(date -u +%F)"
echo "## etcd"
cluster=""
endpoints=""
for i in 1 2 3; do
    cluster="$cluster,n$i=http://127.0.0.1:$((port + 10 + i))"
    endpoints="$endpoints,127.0.0.1:$((port + i))"
done
for i in 1 2 3; do
    ETCD_UNSUPPORTED_ARCH=$(uname -m) etcd --name "n$i" --data-dir "$work/etcd-$i" \
        --listen-client-urls "http://127.0.0.1:$((port + i))" \
        --advertise-client-urls "http://127.0.0.1:$((port + i))" \
        --listen-peer-urls "http://127.0.0.1:$((port + 10 + i))" \
        --initial-advertise-peer-urls "http://127.0.0.1:$((port + 10 + i))" \
        --initial-cluster "${cluster#,}" --logger zap --log-level error \
        >"$work/etcd-$i.log" 2>&1 &
    pids+=($!)
done
sleep 4
"$build/bench/etcd-load" --endpoints "${endpoints#,}" --seconds "$seconds" \
    --pids "$(IFS=,; echo "${pids[*]}")"
for pid in "${pids[@]}"; do kill "$pid"; done
for pid in "${pids[@]}"; do wait "$pid" || true; done
pids=()

echo "## dkv"
"$build/cli/dkv-cli" scenario loadtest
