#!/usr/bin/env python3
"""The targets of docs/performance.md in one table: what is due, and what this machine reached.

    table.py BUILD [--python COMMAND] [--large N] [--pairs N] [--only PART] ... [--out FILE]

BUILD is the build's folder, COMMAND the Python that has torch (as for compare_torch.py); rows
without torch are left open. --large is the size of the large rows, 64Mi unless a quick look is
wanted. On a machine that does nothing else it takes a quarter of an hour.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
RULES = "sgd,sgd:momentum=0.9,lion,adamw"
ONE, MANY, START_MS = 0.90, 0.85, 100.0


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.strip().splitlines()


class Table:
    def __init__(self, chosen):
        self.chosen, self.lines = chosen, []
        self.say("what", "at least", "measured", "reached")
        self.say("---", "---", "---", "---")

    def say(self, *cells):
        self.lines.append("| " + " | ".join(cells) + " |")
        print(self.lines[-1], flush=True)

    def row(self, what, due, values, reached):
        """`values`: what was measured, or one line that says why nothing was."""
        if isinstance(values, str):
            self.say(what, due, "not measured: " + values, "")
        else:
            self.say(what, due, ", ".join(values), "yes" if reached else "no")

    def bench(self, *arguments):
        """The rows, or why there are none."""
        command = self.chosen.build / "tools" / "tikhonov"
        code, out, errors = run(command, "bench", "--json", *arguments)
        return json.loads(out)["rows"] if code == 0 else (errors or ["no reason given"])[-1]


def label(row):
    return " ".join(filter(None, [row["rule"], row["policy"]]))


def limits(table, device, size, due, what):
    rows = table.bench("--rules", RULES, "--sizes", size, "--device", device)
    if isinstance(rows, str):
        return table.row(what, "%.2f" % due, rows, False)
    values = ["%s %.2f" % (label(row), row["limit_ratio"]) for row in rows]
    reached = all(row["limit_ratio"] >= due for row in rows)
    return table.row(what, "%.2f" % due, values, reached)


def all_limits(table):
    large = table.chosen.large
    for device in "scalar", "opencl":
        limits(table, device, large, ONE, "of the limit, %s, one tensor, %s" % (large, device))
        limits(table, device, "8000x8192", MANY, "of the limit, 8,000 of 8,192, %s" % device)


def beside_torch(table):
    """Once each: the fastest kind of torch's fused optimizer, pair by pair."""
    cases = (
        ("adamw-2000x256", "AdamW, 2,000 of 256, beside torch's fused", 20.0),
        ("adamw-2000x8192", "AdamW, 2,000 of 8,192, beside torch's fused", 2.0),
        ("whole", "clip + AdamW + average + zero, 64Mi, beside torch's calls", 1.3),
        ("adamw", "AdamW, 64Mi, beside torch's fused", 0.97),
    )
    chosen = table.chosen
    for case, what, due in cases:
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "torch"
            command = [sys.executable, HERE / "compare_torch.py", "--case", case, "--out", out]
            command += ["--tikhonov", chosen.build / "tools" / "tikhonov"]
            command += ["--python", chosen.python, "--pairs", chosen.pairs]
            code, _, errors = run(*command)
            if code != 0:
                table.row(what, "%g x" % due, (errors or ["no reason given"])[-1], False)
                continue
            found = json.loads(out.with_suffix(".json").read_text())["cases"][0]
        fused = found.get("fused")
        if fused is None:
            table.row(what, "%g x" % due, found.get("error", "torch 2.4 or later is due"), False)
            continue
        value = "%.2f x: %.2f ms, torch %.2f ms on %d" % (
            fused["ratio"], 1e3 * found["tikhonov"], 1e3 * fused["seconds"], fused["threads"])
        table.row(what, "%g x" % due, [value], fused["ratio"] >= due)


def small_step(table):
    what = "a step on 256 parameters by an empty kernel's launch"
    rows = table.bench("--rules", "adamw", "--sizes", "256", "--device", "opencl")
    if isinstance(rows, str):
        return table.row(what, "2 x at most", rows, False)
    ratio = rows[0]["seconds_median"] / rows[0]["empty_launch_seconds"]
    value = "%.2f x: %.1f us" % (ratio, 1e6 * rows[0]["seconds_median"])
    return table.row(what, "2 x at most", [value], ratio <= 2)


def growth(table):
    for device in "scalar", "opencl":
        what = "time a parameter, 256Mi by 64Mi, sgd, " + device
        rows = table.bench("--rules", "sgd", "--sizes", "64Mi,256Mi", "--device", device)
        if isinstance(rows, str):
            table.row(what, "within 10 %", rows, False)
            continue
        small, large = (row["seconds_median"] / row["parameters"] for row in rows)
        table.row(what, "within 10 %", ["%.3f" % (large / small)], abs(large / small - 1) <= 0.1)


def own_memory(table):
    for device in "scalar", "opencl":
        what = "own allocations within 1 MiB + 256 B a tensor + its name, " + device
        program = table.chosen.build / "tests" / "test_own_memory"
        if not program.exists():
            table.row(what, "all", "tests/test_own_memory is not built", False)
            continue
        code, out, _ = run(program, device)
        table.row(what, "all", [line for line in out.splitlines() if "Checks" in line], code == 0)


def start(table):
    what = "first step of a second process after its context began"
    code, out, errors = run(
        sys.executable, HERE / "start.py", table.chosen.build / "tests" / "bench_start")
    found = re.findall(r"\| ([^|]*), later ones \|.* ([0-9.]+) \|", out)
    if code != 0 or not found:
        return table.row(what, "%g ms" % START_MS, (errors or ["no reason given"])[-1], False)
    values = ["%s %s ms" % pair for pair in found]
    reached = all(float(value) <= START_MS for _, value in found)
    return table.row(what, "%g ms at most" % START_MS, values, reached)


PARTS = {
    "limits": all_limits,
    "torch": beside_torch,
    "small": small_step,
    "growth": growth,
    "memory": own_memory,
    "start": start,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--python", default=sys.executable, help="the one that has torch")
    parser.add_argument("--large", default="64Mi")
    parser.add_argument("--pairs", type=int, default=20, help="with torch")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="repeatable")
    parser.add_argument("--out", help="the table once more, as Markdown")
    chosen = parser.parse_args()
    table = Table(chosen)
    for name in chosen.only or PARTS:
        PARTS[name](table)
    if chosen.out:
        pathlib.Path(chosen.out).write_text("\n".join(table.lines) + "\n")


if __name__ == "__main__":
    main()
