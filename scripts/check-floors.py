#!/usr/bin/env python3
"""check-floors.py: the house of docs/architecture.md stands as drawn.

    check-floors.py includes [ROOT]             who includes whom, and which library stays where
    check-floors.py symbols ARCHIVE...           what the pure libraries import
    check-floors.py self-test                   both find what is wrong, when something is

Includes go down only: a folder includes its own headers and those of the folders in its list;
neighbours never see each other. In the plain build, what the archives of floors 1 and 2 leave
undefined, less what libbase (its log aside) and their own floors define, is mem* and __assert_fail.
"""
import os
import re
import subprocess
import sys
import tempfile

BELOW_NODE = ["base", "paxos", "kv", "history", "record", "replica", "store", "rpc", "wire"]

# Folder: what it may include besides its own.
ALLOWED = {
    "src/base": [],
    "src/paxos": ["base"],
    "src/kv": ["base"],
    "src/history": ["base"],
    "src/record": ["base", "paxos", "kv"],
    "src/replica": ["base", "paxos", "kv"],
    "src/store": ["base", "paxos", "kv", "record"],
    "src/wire": ["base", "paxos", "kv"],
    "src/rpc": ["base"],
    "src/node": BELOW_NODE,
    "src/service": BELOW_NODE + ["node"],
    "src/client": ["base", "kv", "wire", "rpc", "dkv"],
    "src": BELOW_NODE + ["node", "service"],
    "cli": ["base", "history", "client", "dkv"],
    "cli/bench": ["base", "client", "dkv", "rpc", "cli"],
    "sim": ["base", "paxos", "kv", "record", "replica", "history"],
    "bench": ["base", "kv", "store", "client", "cli"],
}

# What a header's name looks like, and the only folder that may include it, with the folder's own
# unit tests. The first match counts. What measures a library against our use of it knows both.
LIBRARIES = [
    (re.compile(r"\.pb-c\.h$"), "src/wire"),
    (re.compile(r"(^|/)lmdb\.h$"), "src/store"),
    (re.compile(r"^grpc(pp)?/"), "src/rpc"),
]
MEASURES = {"bench/commit_bench.c"}

# The pure rooms, and those whose symbols each may use.
PURE = {
    "paxos": ["base"],
    "kv": ["base"],
    "history": ["base"],
    "record": ["base", "paxos", "kv"],
    "replica": ["base", "paxos", "kv"],
}
PURE_IMPORTS = re.compile(r"^(mem[a-z]+|__assert_fail|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail)$")
IMPURE_BASE = "log"

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SKIPPED = re.compile(r"^(\.git|build.*|data)$")


def sources(root):
    """C files below root, as paths relative to it."""
    for folder, subfolders, names in os.walk(root):
        if folder == root:
            subfolders[:] = [s for s in subfolders if not SKIPPED.match(s)]
        for name in names:
            if name.endswith((".c", ".h")):
                yield os.path.relpath(os.path.join(folder, name), root)


def folder_of(path):
    """The folder of the table that a file belongs to, or None: unit/, integration/, fuzz/ ..."""
    parts = path.split("/")[:-1]
    for n in (2, 1):
        folder = "/".join(parts[:n])
        if folder in ALLOWED:
            return folder
    return None


def room_of_include(root, includer, name, is_quoted):
    """The room that an include names, or None when it is none of ours."""
    if is_quoted:
        local = os.path.normpath(os.path.join(os.path.dirname(includer), name))
        if os.path.exists(os.path.join(root, local)):
            folder = folder_of(local)
            return os.path.basename(folder) if folder else local.split("/")[0]
    first = name.split("/")[0]
    ours = {os.path.basename(f) for f in ALLOWED} | {"dkv", "unit", "integration"}
    return first if "/" in name and first in ours else None


def check_includes(root):
    """Lines that tell what is wrong, and how many files were read."""
    wrong = []
    count = 0
    for path in sorted(sources(root)):
        count += 1
        folder = folder_of(path)
        if path.startswith("src/") and path.count("/") > 1 and folder == "src":
            wrong.append(f"{path}: a folder that the table does not know")
        with open(os.path.join(root, path), encoding="utf-8") as source:
            for number, line in enumerate(source, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                name = match.group(2)
                where = f"{path}:{number}: {name}"
                home = next((home for library, home in LIBRARIES if library.search(name)), None)
                if home is not None:
                    tests = home.replace("src", "unit") + "/"
                    if folder != home and not path.startswith(tests) and path not in MEASURES:
                        wrong.append(f"{where}: only in {home}/")
                    continue
                room = room_of_include(root, path, name, match.group(1) == '"')
                if folder is None or room is None or room == os.path.basename(folder):
                    continue
                if room not in ALLOWED[folder]:
                    wrong.append(f"{where}: {folder}/ may include {ALLOWED[folder]}")
    return wrong, count


def symbols_of(archive):
    """(defined, undefined) of an archive: each a list of (object, symbol)."""
    listing = subprocess.run(["nm", "-A", "-P", archive], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    defined, undefined = [], []
    for line in listing.splitlines():
        match = re.match(r"^.*\[(.+?)\]: (\S+) (\S)", line)
        if match:
            kind = match.group(3)
            if kind in "Uvw":
                undefined.append(match.group(1, 2))
            elif kind.isupper():
                defined.append(match.group(1, 2))
    return defined, undefined


def room_of_archive(path):
    return re.sub(r"^lib|\.a$", "", os.path.basename(path))


def check_symbols(archives):
    """archives: of base and of every pure room that there is."""
    wrong = []
    symbols = {room_of_archive(a): symbols_of(a) for a in archives}
    for room in {"base", *symbols}:
        if not symbols.get(room, ([], []))[0]:
            wrong.append(f"{room}: no symbols found")
    for room in sorted(set(symbols) - {"base"}):
        known = set()
        for other in [room] + PURE[room]:
            for obj, symbol in symbols.get(other, ([], []))[0]:
                if other != "base" or not os.path.basename(obj).startswith(IMPURE_BASE + "."):
                    known.add(symbol)
        for obj, symbol in symbols[room][1]:
            if symbol not in known and not PURE_IMPORTS.match(symbol):
                wrong.append(f"{room}: {obj} imports {symbol}")
    return wrong


def missing_archives(root, archives):
    """Pure rooms with sources whose archive was not handed in: silence would look like purity."""
    given = {room_of_archive(a) for a in archives}
    return [f"{room}: has sources, but its archive is not checked" for room in ["base", *PURE]
            if room not in given and os.path.isdir(f"{root}/src/{room}")
            and any(n.endswith(".c") for n in os.listdir(f"{root}/src/{room}"))]


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


GOOD_INCLUDES = [
    ("src/paxos/x.c", '#include "base/err.h"'),
    ("src/paxos/x.c", '#include "paxos/y.h"'),
    ("src/paxos/x.c", '#include "y.h"'),
    ("src/store/x.c", "#include <lmdb.h>"),
    ("bench/commit_bench.c", "#include <lmdb.h>"),
    ("src/rpc/x.c", "#include <grpc/grpc.h>"),
    ("src/wire/x.c", '#include "dkv/v1/kv.pb-c.h"'),
    ("src/wire/x.c", '#include "grpc/health/v1/health.pb-c.h"'),
    ("src/main.c", '#include "service/kv.h"'),
    ("src/node/x.c", '#include "store/y.h"'),
    ("cli/x.c", '#include "dkv/dkv.h"'),
    ("unit/kv/x.c", '#include "paxos/y.h"'),
    ("unit/rpc/x.c", "#include <grpc/grpc.h>"),
    ("src/base/x.c", "#include <string.h>"),
]
BAD_INCLUDES = [
    ("src/base/x.c", '#include "paxos/y.h"'),
    ("src/paxos/x.c", '#include "kv/y.h"'),
    ("src/paxos/x.c", '  #  include  "kv/y.h"'),
    ("src/paxos/x.c", "#include <kv/y.h>"),
    ("src/paxos/x.c", '#include "../kv/y.h"'),
    ("src/kv/x.h", '#include "replica/y.h"'),
    ("src/replica/x.c", '#include "record/y.h"'),
    ("src/store/x.c", '#include "rpc/y.h"'),
    ("src/node/x.c", '#include "service/y.h"'),
    ("src/service/x.c", '#include "client/y.h"'),
    ("src/client/x.c", '#include "paxos/y.h"'),
    ("src/main.c", '#include "client/y.h"'),
    ("cli/x.c", '#include "replica/y.h"'),
    ("cli/scenarios/x.c", '#include "rpc/y.h"'),
    ("sim/x.c", '#include "store/y.h"'),
    ("src/node/x.c", "#include <lmdb.h>"),
    ("unit/node/x.c", "#include <lmdb.h>"),
    ("bench/x.c", "#include <lmdb.h>"),
    ("src/service/x.c", "#include <grpc/grpc.h>"),
    ("src/node/x.c", '#include "dkv/v1/kv.pb-c.h"'),
    ("src/attic/x.c", "#include <string.h>"),
]

# Name, source of src/paxos/x.c, whether it is pure.
LIBRARY_SOURCES = [
    ("mem*", "#include <string.h>\nvoid *f(void *a, void *b, size_t n) {return memmove(a, b, n);}", True),
    ("base", "int base_f(void);\nint f(void) {return base_f();}", True),
    ("base's log", "int log_f(void);\nint f(void) {return log_f();}", False),
    ("clock", "#include <time.h>\nlong f(void) {return (long)time(NULL);}", False),
    ("malloc", "#include <stdlib.h>\nvoid *f(void) {return malloc(1);}", False),
    ("a neighbour", "int kv_f(void);\nint f(void) {return kv_f();}", False),
]


def archive(root, room, sources_by_name):
    objects = []
    for name, text in sources_by_name.items():
        write(root, f"{room}/{name}.c", text)
        objects.append(f"{root}/{room}/{name}.c.o")
        subprocess.run(["cc", "-O1", "-c", "-o", objects[-1], f"{root}/{room}/{name}.c"], check=True)
    path = f"{root}/lib{room}.a"
    subprocess.run(["ar", "crT", path, *objects], check=True)
    return path


def self_test():
    wrong = []
    for cases, is_good in ((GOOD_INCLUDES, True), (BAD_INCLUDES, False)):
        for path, line in cases:
            with tempfile.TemporaryDirectory() as root:
                write(root, "src/paxos/y.h", "")
                write(root, "src/kv/y.h", "")
                write(root, path, line + "\n")
                found, _ = check_includes(root)
                if bool(found) == is_good:
                    wrong.append(f"self-test: {path} with {line}: found {found}")
    for name, text, is_pure in LIBRARY_SOURCES:
        with tempfile.TemporaryDirectory() as root:
            archives = [
                archive(root, "base", {"err": "int base_f(void) {return 1;}",
                                       "log": "int log_f(void) {return 1;}"}),
                archive(root, "kv", {"k": "int kv_f(void) {return 1;}"}),
                archive(root, "paxos", {"x": text}),
            ]
            found = check_symbols(archives)
            if bool(found) == is_pure:
                wrong.append(f"self-test: symbols: {name}: found {found}")
    with tempfile.TemporaryDirectory() as root:
        write(root, "src/kv/x.c", "")
        if not missing_archives(root, ["libbase.a"]):
            wrong.append("self-test: an archive that is missing was not missed")
    return wrong


def main(arguments):
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    if arguments[:1] == ["includes"]:
        wrong, count = check_includes(root)
        done = f"{count} files"
        if count == 0:
            wrong = ["no C files found"]
    elif arguments[:1] == ["symbols"]:
        wrong = missing_archives(root, arguments[1:]) or check_symbols(arguments[1:])
        done = f"{len(arguments) - 1} archives"
    elif arguments == ["self-test"]:
        wrong = self_test()
        done = f"{len(GOOD_INCLUDES) + len(BAD_INCLUDES) + len(LIBRARY_SOURCES) + 1} cases"
    else:
        sys.exit(__doc__)
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"check-floors: {done}, {len(wrong)} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
