#!/usr/bin/env python3
"""Breaks the library on purpose, one formula at a time, and expects the judges to notice.

usage: mutants.py scalar [--cc CC] [--only TEXT] [--jobs N]
       mutants.py kernel --oracle TEST_ORACLE [--only TEXT] [--jobs N]

mutants.json holds the rows: {name, file, old, new, breaks}, and `case`, the arguments of test_oracle
that come to the mutant soonest: always for kernels, and for the library where they do not follow
from the file; `source`, where a header has no source of its own, whose copy of it is changed. `old` must occur exactly once in the file. `judge` names another judge than those
below: around, guard, checkpoint_around, store, correction, copy, update_list (these two at small
sizes).

scalar: the sources of the library are compiled once, without OpenCL, and the judges are linked to it
once; a mutant recompiles its file, links the library anew, and is judged by that case of
test_oracle, by test_golden, test_schedule, test_part and test_presets, and by all of test_oracle.
kernel: TEST_ORACLE, built with OpenCL, runs on the device with TIKHONOV_CL_PATH at a mutated copy of
cl/. There the library's own known-answer run may refuse the kernel first, or find it bounded where
it was exact, which counts as caught. What no plain program calls, cl/correction.cl, is judged by
test_correction, beside it, in the same way; what takes many tensors in buffers of their own,
cl/many.cl, by test_update_list.

Exit status 0: every mutant was caught. 1: one survived, did not compile, or crashed the judge, or
the judges fail without any mutant. 77: kernel mutants, and no device to run them on.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
SKIP = 77
# Cases of test_oracle for files that are no rule's.
SOONEST = dict.fromkeys(("ball", "group", "group_lasso", "simplex", "spans"), "shapes")
SOONEST["diagonal"] = "adam"
SOONEST["norm"] = "clip"
SOONEST.update(dict.fromkeys(("iterate", "matrices", "run"), "muon"))
SOONEST["lines"] = "adafactor"
LIMIT = 300  # seconds for one run of a judge
JUDGES = ("oracle", "golden", "schedule", "part", "presets")
OTHERS = ("around", "guard", "checkpoint_around", "copy", "store")
SMALL = ("copy", "update_list")  # at small sizes
SUPPORT = ("suite", "checkpoint_fixture", "scratch", "foreign", "preset_calls")  # beside judge*.c
# What the library quotes of a build log: a kernel that does not compile is no mutant.
BUILD_FAILED = re.compile(r"CL_BUILD_PROGRAM_FAILURE|\berror: ")
FLAGS = "-std=c11 -O1 -fPIC -ffp-contract=off -D_POSIX_C_SOURCE=200809L -w".split()
LIBRARY = "libtikhonov.so"
# How a shared library is given the name that it is found by, and where it is looked for.
DARWIN = sys.platform == "darwin"
NAMED = f"-Wl,{'-install_name' if DARWIN else '-soname'},{LIBRARY}"
LOOKED_FOR = "DYLD_LIBRARY_PATH" if DARWIN else "LD_LIBRARY_PATH"


class Broken(Exception):
    """A mutant or the bench is at fault, not the library."""


def run(command, env=None):
    """Exit status and output of a command; a negative status is a signal."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            env=dict(os.environ, CK_FORK="no", **(env or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Broken(f"{command[0]} took more than {LIMIT} s")
    return done.returncode, done.stdout.decode(errors="replace")


def sizes(judge):
    return {"TIKHONOV_TEST_SIZES": "small"} if judge in SMALL else {}


def must(command):
    status, output = run(command)
    if status != 0:
        raise Broken(f"{shlex.join(str(part) for part in command)}\n{output}")
    return output


def mutate(row, text):
    count = text.count(row["old"])
    if count != 1:
        raise Broken(f"`old` occurs {count} times in {row['file']}, should occur once")
    if row["old"] == row["new"]:
        raise Broken("`new` is `old`")
    return text.replace(row["old"], row["new"])


def first_failure(output):
    """The judge's own words: Check's line of the first failing test, else the first line."""
    found = re.search(r"^.*:[FE]:[^:]*:[^:]*:\d+: (.*)$", output, re.MULTILINE)
    return found.group(1) if found else (output.strip().splitlines() or ["no output"])[0]


def verdict(status, output):
    """True when the judge noticed; a crash is no verdict."""
    if status not in (0, 1):
        raise Broken(f"the judge ended with status {status}\n{output[-2000:]}")
    return status == 1


class ScalarBench:
    """The library without OpenCL and the judges, compiled once."""

    def __init__(self, compiler, folder):
        self.compiler, self.folder = shlex.split(compiler), folder
        packages = ["check", "libcjson"]
        self.libraries = must(["pkg-config", "--libs", *packages]).split()
        self.flags = FLAGS + must(["pkg-config", "--cflags", *packages]).split()
        self.flags += [f"-I{ROOT / 'include'}", f"-I{ROOT / 'cl'}"]
        self.flags += ['-DTIK_VERSION="mutant"', f'-DTEST_DATA="{TESTS}"']
        src = ROOT / "src"
        self.sources = [
            *(one for one in sorted(src.glob("*.c")) if one.name != "pages_linux.c"),
            *sorted((src / "rules").glob("*.c")),
            *sorted((src / "penalties").glob("*.c")),
            *sorted((src / "scalar").glob("*.c")),
            src / "scalar" / "blas" / "none.c",
            src / "opencl" / "absent.c",
        ]
        self.judges = sorted(TESTS.glob("judge*.c")) + sorted((TESTS / "oracle").glob("*.c"))
        self.judges += [TESTS / f"{name}.c" for name in SUPPORT]
        self.mains = {name: TESTS / f"test_{name}.c" for name in JUDGES + OTHERS}

    def object(self, source):
        return self.folder / (str(source.relative_to(ROOT)).replace("/", "_") + ".o")

    def compile(self, source, text_from, output):
        """Compiles as if `text_from` lay where `source` lies."""
        place = ["-iquote", source.parent, "-iquote", ROOT / "src"]
        must([*self.compiler, *self.flags, *place, "-c", text_from, "-o", output])

    def prepare(self, jobs):
        every = self.sources + self.judges + list(self.mains.values())
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda one: self.compile(one, one, self.object(one)), every))
            self.link(self.folder, None, None)
            list(pool.map(self.link_judge, self.mains))

    def soonest(self, source):
        """The case of the oracle that notices soonest: the rule's whose file it is, or its kind's."""
        if source.stem in SOONEST:
            return [SOONEST[source.stem]]
        stem = source.stem if (ROOT / "cl" / f"{source.stem}.h").exists() else "sgd"
        return [stem] if (TESTS / "oracle" / f"{stem}.c").exists() else []

    def runs(self, row, source):
        """Judges and cases, the likeliest and the shortest first, the whole oracle last."""
        if "judge" in row:
            return [(row["judge"], [])]
        if source.stem.startswith("preset"):  # of them their own judge alone knows anything
            return [("presets", [])]
        first = ("oracle", row.get("case") or self.soonest(source))
        others = [(name, []) for name in JUDGES if name != "oracle"]
        return [first, *others, ("oracle", [])]

    def link(self, folder, replaced, mutated):
        """The library in a folder, one object replaced."""
        library = [mutated if one == replaced else self.object(one) for one in self.sources]
        must([*self.compiler, "-shared", NAMED, *library, "-o", folder / LIBRARY, *self.libraries]
             + ["-lm", "-lpthread"])

    def link_judge(self, name):
        objects = [self.object(self.mains[name]), *map(self.object, self.judges)]
        must([*self.compiler, *objects, "-o", self.folder / f"test_{name}", self.folder / LIBRARY]
             + [*self.libraries, "-lm", "-lpthread"])

    def judge(self, folder, runs):
        """
        Runs judges with the library of a folder, up to the first that fails: its name and output.
        """
        for name, case in runs:
            program = [self.folder / f"test_{name}", "scalar", *case]
            status, output = run(program, {LOOKED_FOR: str(folder), **sizes(name)})
            if verdict(status, output):
                return name, output
        return None

    def baseline(self):
        failed = self.judge(self.folder, [(name, []) for name in JUDGES + OTHERS])
        if failed:
            raise Broken(f"the judges fail without a mutant: {first_failure(failed[1])}")

    def trial(self, row):
        """A header is changed for one source alone: that of its stem, or the row's `source`."""
        place = ROOT / row["file"]
        text = mutate(row, place.read_text())
        source = ROOT / row["source"] if "source" in row else place.with_suffix(".c")
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = pathlib.Path(name)
            changed, output = folder / source.name, folder / "mutant.o"
            changed.write_text(source.read_text())
            (folder / place.name).write_text(text)
            self.compile(source, changed, output)
            self.link(folder, source, output)
            caught = self.judge(folder, self.runs(row, source))
        return caught and (caught[0], first_failure(caught[1]))


class KernelBench:
    """The judges on a device, with kernels from a mutated copy of cl/."""

    def __init__(self, oracle, folder, rows):
        self.folder = folder
        self.programs = pathlib.Path(oracle).resolve().parent
        self.cases = sorted({(row.get("judge", "oracle"), *row["case"]) for row in rows})
        self.jobs, self.exact = 1, False
        (folder / "pocl").mkdir()
        kept = os.environ.get("TIKHONOV_CACHE_DIR", "off")
        if os.path.isdir(kept):
            shutil.copytree(kept, folder / "programs")

    def judge(self, kernels, name, *case):
        """
        Programs are kept by their text: those without the mutant are compiled once, or were by the
        suites whose folder TIKHONOV_CACHE_DIR is, which stays as it is.
        """
        env = {
            "TIKHONOV_CL_PATH": str(kernels),
            "TIKHONOV_CACHE_DIR": str(self.folder / "programs"),
            "POCL_CACHE_DIR": str(self.folder / "pocl"),
            "POCL_EXTRA_BUILD_FLAGS": "-cl-opt-disable",  # a fifth of the compiler's time less
            **sizes(name),
        }
        return run([self.programs / f"test_{name}", "opencl", *case], env)

    def prepare(self, jobs):
        """Where there is no device, nothing is shown, and nothing passes."""
        self.jobs = jobs
        status, output = self.judge(ROOT / "cl", "oracle", "tables")
        if status == SKIP:
            print(output.strip())
            sys.exit(SKIP)

    def baseline(self):
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            results = list(pool.map(lambda case: self.judge(ROOT / "cl", *case), self.cases))
        for status, output in results:
            if verdict(status, output):
                raise Broken(f"the judge fails without a mutant: {first_failure(output)}")
        self.exact = all(
            " exact, " in output
            for case, (_, output) in zip(self.cases, results)
            if case[0] == "oracle"
        )

    def trial(self, row):
        text = mutate(row, (ROOT / row["file"]).read_text())
        judge = row.get("judge", "oracle")
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            kernels = pathlib.Path(name) / "cl"
            shutil.copytree(ROOT / "cl", kernels)
            (kernels / pathlib.Path(row["file"]).name).write_text(text)
            status, output = self.judge(kernels, judge, *row["case"])
        if BUILD_FAILED.search(output):
            raise Broken(f"the kernel does not compile\n{output[-2000:]}")
        if verdict(status, output):
            known = "known-answer run" in output
            judge = row.get("judge", "oracle")
            return "known-answer run" if known else judge, first_failure(output)
        if self.exact and " bounded, " in output:
            return "known-answer run", "a program is bounded, which was exact"
        return None


def attempt(bench, row):
    start = time.monotonic()
    try:
        caught = bench.trial(row)
        broken = None
    except Broken as error:
        caught, broken = None, str(error)
    return row, caught, broken, time.monotonic() - start


def report(row, caught, broken, seconds):
    title = f"{row['name']} ({row['file']})"
    if caught:
        print(f"caught    {title}, by {caught[0]}, {seconds:.1f} s: {caught[1][:160]}")
    elif broken:
        print(f"ERROR     {title}: {broken}")
    else:
        print(f"SURVIVED  {title}: {row['breaks']}")
    sys.stdout.flush()


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("scalar", "kernel"))
    parser.add_argument("--cc", default=os.environ.get("CC", "cc"))
    parser.add_argument("--oracle", help="the executable test_oracle, built with OpenCL")
    parser.add_argument("--only", default="", help="mutants whose name or file holds this text")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.kind == "kernel" and not chosen.oracle:
        parser.error("kernel mutants need --oracle TEST_ORACLE")
    return chosen


def main():
    chosen = options()
    rows = json.loads((TESTS / "mutants.json").read_text())[chosen.kind]
    rows = [row for row in rows if chosen.only in row["name"] or chosen.only in row["file"]]
    if not rows:
        sys.exit(f"no {chosen.kind} mutant's name or file holds {chosen.only!r}")
    with tempfile.TemporaryDirectory(prefix="tikhonov-mutants-") as name:
        folder = pathlib.Path(name)
        if chosen.kind == "scalar":
            bench = ScalarBench(chosen.cc, folder)
        else:
            bench = KernelBench(chosen.oracle, folder, rows)
        try:
            bench.prepare(chosen.jobs)
            bench.baseline()
        except Broken as error:
            sys.exit(str(error))
        with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
            results = []
            for result in pool.map(lambda row: attempt(bench, row), rows):
                report(*result)
                results.append(result)
    caught = sum(1 for result in results if result[1])
    print(f"mutants: {caught} caught of {len(rows)}")
    return 0 if caught == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
