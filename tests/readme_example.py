#!/usr/bin/env python3
"""The example of the README compiles, and prints what the README says.

usage: readme_example.py extract README.md OUT.c     the first ```c block
       readme_example.py run README.md PROGRAM       compares its output with the first ```text block
"""
import re
import subprocess
import sys


def block(path, language):
    with open(path, encoding="utf-8") as file:
        found = re.search(rf"^```{language}\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE)
    if found is None:
        sys.exit(f"{path}: there is no ```{language} block")
    return found.group(1)


def extract(readme, out):
    with open(out, "w", encoding="utf-8") as file:
        file.write(block(readme, "c"))


def run(readme, program):
    result = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False)
    expected = block(readme, "text")
    if result.returncode != 0 or result.stdout != expected:
        sys.exit(f"exit {result.returncode}, printed {result.stdout!r}, the README says {expected!r}")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("extract", "run"):
        sys.exit(__doc__)
    {"extract": extract, "run": run}[sys.argv[1]](sys.argv[2], sys.argv[3])
