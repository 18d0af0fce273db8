#!/usr/bin/env python3
"""Compiles each public header alone: check_headers.py FOLDER COMPILER [ARGUMENT ...]"""

import pathlib
import subprocess
import sys
import tempfile

FLAGS = ["-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]


def compile_alone(compiler, include, header, folder):
    """The compiler's words, or None when it accepts the header, included twice."""
    source = folder / "alone.c"
    line = f"#include <{header.relative_to(include).as_posix()}>\n"
    source.write_text(line + line + "int unused_by_anyone;\n", encoding="utf-8")
    run = subprocess.run([*compiler, *FLAGS, f"-I{include}", str(source)],
                         capture_output=True, text=True, check=False)
    return None if run.returncode == 0 else run.stdout + run.stderr


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    include, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
    headers = sorted(include.rglob("*.h"))
    if not headers:
        sys.exit(f"there is no header in {include}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for header in headers:
            words = compile_alone(compiler, include, header, pathlib.Path(folder))
            if words is not None:
                failed += 1
                print(f"{header} does not compile alone:\n{words}")
    print(f"{len(headers) - failed} of {len(headers)} public headers compile alone")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
