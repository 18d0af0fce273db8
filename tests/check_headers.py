#!/usr/bin/env python3
"""Compiles each public header alone: check_headers.py [OPTION ...] FOLDER COMPILER [ARGUMENT ...]

    --cxx COMPILER     as C++ too
    --library LIBRARY  and a C++ program that calls the library is linked to it and run
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

FLAGS = ["-pedantic", "-Wall", "-Wextra", "-Werror"]
PROGRAM = """#include <tikhonov/tikhonov.h>

int main()
{
    tik_policy *policy = nullptr;
    const tik_status status = tik_policy_create("adamw", &policy);
    tik_policy_destroy(policy);
    return status == TIK_OK && tik_version()[0] != 0 ? 0 : 1;
}
"""


class Language:
    def __init__(self, name, standard, suffix, compiler):
        self.name, self.standard, self.suffix, self.compiler = name, standard, suffix, compiler

    def compile(self, include, folder, text, *arguments):
        """The compiler's words, or None when it accepts the text."""
        source = folder / f"alone{self.suffix}"
        source.write_text(text, encoding="utf-8")
        command = [*self.compiler, self.standard, *FLAGS, f"-I{include}", source, *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        return None if run.returncode == 0 else run.stdout + run.stderr


def check_headers(language, include, folder):
    """Each alone, included twice; how many do not compile."""
    headers = sorted(include.rglob("*.h"))
    if not headers:
        sys.exit(f"there is no header in {include}")
    failed = 0
    for header in headers:
        line = f"#include <{header.relative_to(include).as_posix()}>\n"
        text = line + line + "int unused_by_anyone;\n"
        words = language.compile(include, folder, text, "-fsyntax-only")
        if words is not None:
            failed += 1
            print(f"{header} does not compile alone as {language.name}:\n{words}")
    print(f"{len(headers) - failed} of {len(headers)} public headers compile alone as "
          f"{language.name}")
    return failed


def check_program(language, include, folder, library):
    """1 where the program does not link, or does not run as it should."""
    program, place = folder / "program", library.resolve().parent
    words = language.compile(include, folder, PROGRAM, "-o", program, library,
                             f"-Wl,-rpath,{place}")
    if words is None:
        words = "" if subprocess.run([program], check=False).returncode != 0 else None
    if words is not None:
        print(f"a {language.name} program that calls {library.name} fails:\n{words}")
        return 1
    print(f"a {language.name} program calls {library.name}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cxx")
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("include", type=pathlib.Path)
    parser.add_argument("compiler", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    if not chosen.compiler:
        parser.error("no compiler")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        failed = check_headers(Language("C", "-std=c11", ".c", chosen.compiler), chosen.include,
                               folder)
        if chosen.cxx:
            cxx = Language("C++", "-std=c++11", ".cpp", [chosen.cxx])
            failed += check_headers(cxx, chosen.include, folder)
            if chosen.library:
                failed += check_program(cxx, chosen.include, folder, chosen.library)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
