#!/usr/bin/env python3
"""Counts the results in Meson's test log, and ends with "N passed, N failed, N skipped".

usage: count.py build/meson-logs/testlog.json

Fails when a test failed or none was run; with CI=true also when one was skipped, since a skip there
means that a device or a tool which CI is to have was not found.
"""
import json
import os
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


def main(path):
    results = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            results = [json.loads(line) for line in file if line.strip()]
    passed = [r["name"] for r in results if r["result"] in PASSED]
    skipped = [r["name"] for r in results if r["result"] in SKIPPED]
    failed = [f"{r['name']} ({r['result']})" for r in results
              if r["result"] not in PASSED | SKIPPED]
    for name in failed:
        print(f"failed: {name}")
    for name in skipped:
        print(f"skipped: {name}")
    forbidden = bool(skipped) and os.environ.get("CI") == "true"
    if forbidden:
        print("CI=true: a skipped test counts as a failure of this run")
    if not results:
        print("no test was run")
    print(f"{len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or forbidden or not results else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
