#!/usr/bin/env bash
# check-tidy.sh BUILD-DIR: clang-tidy over what the build compiles, unit tests aside.
set -euo pipefail
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A file that no build compiles is unknown to the database, and of no use to anybody. One that is
# compiled twice (the simulator's planted bugs) is read once, as the product has it.
mapfile -t files < <(python3 - "$build" "$work/compile_commands.json" <<'PYTHON'
import json, os, sys
build, out, root = sys.argv[1], sys.argv[2], os.getcwd()
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as database:
    entries = json.load(database)
chosen = {}
for entry in sorted(entries, key=lambda e: "DKV_PLANTED" in e["command"]):
    name = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
    if name.startswith(("src/", "cli/", "sim/", "bench/", "integration/")):
        chosen.setdefault(name, entry)
with open(out, "w", encoding="utf-8") as database:
    json.dump(list(chosen.values()), database)
print(*sorted(chosen), sep="\n")
PYTHON
)
[ -n "${files[0]}" ] || { echo "check-tidy: no files found" >&2; exit 1; }

# One file a core. The commands are gcc's: clang does not know all of its warnings. What it says on
# stderr is how many warnings it did not show.
# shellcheck disable=SC2317 # xargs calls it.
check() {
    clang-tidy --quiet -p "$1" --extra-arg=-Wno-unknown-warning-option "$2" 2>/dev/null
}
export -f check
said=$work/said
status=0
printf '%s\0' "${files[@]}" |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'check "$@"' check "$work" >"$said" || status=1
cat "$said"
if [ "$status" -ne 0 ]; then
    echo "check-tidy: in short:"
    grep -E ': (error|fatal error):' "$said" | sed "s|^.*\.\./||" | sort -u
fi
echo "check-tidy: ${#files[@]} files"
exit "$status"
