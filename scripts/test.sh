#!/usr/bin/env bash
# test.sh: install what is missing, build in four ways, run every suite that there is for each.
#
#   build/        gcc      all suites: unit, sim, model, integration, style
#   build-asan/   gcc, address and undefined-behaviour sanitizers: unit, sim-smoke, integration-smoke
#   build-tsan/   gcc, thread sanitizer: threads, integration-smoke
#   build-clang/  clang    everything is compiled; unit
#
# The last line is "N passed, M failed"; the exit code is 0 only if M is 0. A build that breaks, or
# a suite without a test, counts as one failure. Each line before it tells a stage and its time.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
exec </dev/null

passed=0
failed=0
skipped=0

say() { printf '[%4d s] %s\n' "$SECONDS" "$*"; }

finish() {
    [ "$skipped" -eq 0 ] || printf '%d skipped\n' "$skipped"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
    exit
}

# A stage that did not get as far as running tests.
broken() {
    failed=$((failed + 1))
    say "$1 (all of it: $2)"
    # A compiler's errors come first, and ninja goes on a little.
    if grep -q '^FAILED' "$2"; then
        sed -n '/^FAILED/,$p' "$2" | cut -c 1-200 | head -n 40
    else
        tail -n 40 "$2"
    fi
}

# configure DIR [SETUP-ARGUMENT...]. ninja notices a meson.build that changed, but not a new one.
configure() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        [ -n "$(find . -name meson.build -newer "$dir/build.ninja" -print -quit)" ] || return 0
        set -- --reconfigure "$@"
    else
        rm -rf "$dir"
        mkdir -p "$dir"
    fi
    if ! meson setup "$dir" . "$@" >"$dir/setup.log" 2>&1; then
        broken "$dir: meson setup FAILED" "$dir/setup.log"
        return 1
    fi
}

# compile DIR: everything.
compile() {
    local dir=$1 began=$SECONDS
    if ! ninja -C "$dir" >"$dir/ninja.log" 2>&1; then
        broken "$dir: build FAILED" "$dir/ninja.log"
        return 1
    fi
    say "$dir: built in $((SECONDS - began)) s"
}

# run DIR SUITE [MESON-TEST-ARGUMENT...]: builds what the suite needs and is not built yet.
run() {
    local dir=$1 suite=$2 began=$SECONDS status=0 counts
    shift 2
    local log="$dir/meson-logs/$suite"
    rm -f "$log.json" "$log.txt"
    meson test -C "$dir" --suite "$suite" --logbase "$suite" "$@" >"$dir/$suite.log" 2>&1 || status=$?
    if [ "$status" -eq 125 ]; then
        broken "$dir: build FAILED" "$dir/$suite.log"
        return
    fi
    # Prints "PASSED FAILED SKIPPED", then what failed and how.
    counts=$(python3 scripts/count-tests.py "$log.json")
    local p f s
    read -r p f s <<<"${counts%%$'\n'*}"
    if [ "$((p + f + s))" -eq 0 ]; then
        broken "$dir: $suite: no test ran" "$dir/$suite.log"
        return
    fi
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
        broken "$dir: $suite: meson test ended with $status" "$dir/$suite.log"
    fi
    passed=$((passed + p))
    failed=$((failed + f))
    skipped=$((skipped + s))
    say "$dir: $suite: $p passed, $f failed in $((SECONDS - began)) s"
    if [ "$((f + s))" -gt 0 ]; then
        printf '%s\n(all of it: %s)\n' "${counts#*$'\n'}" "$log.txt"
    fi
}

if ! scripts/setup.sh test; then
    failed=1
    finish
fi
say "packages are there"

export ASAN_OPTIONS=halt_on_error=1:abort_on_error=1:detect_leaks=1
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

if configure build && compile build; then
    for suite in style unit sim model integration; do
        run build "$suite"
    done
fi

if configure build-asan -Db_sanitize=address,undefined -Db_lundef=false; then
    run build-asan unit --timeout-multiplier 4
    run build-asan sim-smoke --timeout-multiplier 4
    run build-asan integration-smoke --timeout-multiplier 4
fi

if configure build-tsan -Db_sanitize=thread -Db_lundef=false; then
    run build-tsan threads --timeout-multiplier 4
    run build-tsan integration-smoke --timeout-multiplier 4
fi

if CC=clang configure build-clang && compile build-clang; then
    run build-clang unit
fi

finish
