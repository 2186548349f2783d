#!/usr/bin/env python3
"""pauses.py FILE: how long the disk under FILE keeps a bystander waiting.

Syncs a page of FILE, which it makes, every 5 ms, until SIGTERM; then prints {"disk_pause_ms": N}:
the longest that one sync took. Whoever else commits to that disk at that moment waits as long, so a
gap of a store that is no longer than this one is the disk's. A sync goes over a page that is there
already, as in a log that is reused, so that it waits for the device and not for the file system.
"""
import json
import os
import signal
import sys
import time

PAGE = bytes(4096)
PAGES = 256
REST_S = 0.005


def main(path):
    is_over = False

    def end(_signal, _frame):
        nonlocal is_over
        is_over = True

    signal.signal(signal.SIGTERM, end)
    longest_ns = 0
    f = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    os.pwrite(f, PAGE * PAGES, 0)
    os.fsync(f)
    page = 0
    while not is_over:
        os.pwrite(f, PAGE, page * len(PAGE))
        began_ns = time.monotonic_ns()
        os.fdatasync(f)
        longest_ns = max(longest_ns, time.monotonic_ns() - began_ns)
        page = (page + 1) % PAGES
        time.sleep(REST_S)
    print(json.dumps({"disk_pause_ms": longest_ns / 1e6}))


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    main(sys.argv[1])
