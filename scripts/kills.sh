#!/usr/bin/env bash
# kills.sh [--mode coordinated|classic] [--kills N] [--seed S] ...: kill -9 of random nodes under load.
#
# Builds what is missing in build/ (BUILD=DIR: there), and hands its arguments to
# integration/kills.py, whose head says what is done, printed and returned. Each kill takes about
# two seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

build=${BUILD:-build}
scripts/setup.sh test
if [ ! -f "$build/build.ninja" ]; then
    meson setup "$build" . >/dev/null
fi
ninja -C "$build" src/dkv-node cli/dkv-cli integration/history-load integration/pb2.stamp >/dev/null

build=$(cd "$build" && pwd)
export DKV_NODE=$build/src/dkv-node DKV_CLI=$build/cli/dkv-cli
export HISTORY_LOAD=$build/integration/history-load
export PYTHONPATH=$build/integration/pb2 PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 integration/kills.py "$@"
