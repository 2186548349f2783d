#!/usr/bin/env python3
"""count-tests.py LOG: what a run of `meson test` came to, from its JSON log.

The first line is "PASSED FAILED SKIPPED". Then, for a person, a line for each test that did not
pass, and the end of what those that failed had printed. A log that is not there is 0 tests.
"""
import json
import sys

PASSED = ("OK", "EXPECTEDFAIL")
SKIPPED = ("SKIP", "IGNORED")
LINES_SHOWN = 40


def tail(test):
    text = test.get("stdout", "") + test.get("stderr", "")
    return ["    " + line for line in text.splitlines()[-LINES_SHOWN:]]


def main(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            tests = [json.loads(line) for line in log if line.strip()]
    except FileNotFoundError:
        tests = []
    passed = failed = skipped = 0
    report = []
    for test in tests:
        result = test["result"]
        if result in PASSED:
            passed += 1
            continue
        report.append(f"  {result} {test['name']} after {test['duration']:.1f} s")
        if result in SKIPPED:
            skipped += 1
        else:
            failed += 1
            report += tail(test)
    print(passed, failed, skipped)
    print("\n".join(report))


if __name__ == "__main__":
    main(sys.argv[1])
