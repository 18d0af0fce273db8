#!/usr/bin/env python3
"""Steps of Tikhonov beside those of torch.optim, on the same sizes, threads and machine.

    compare_torch.py --tikhonov build/tools/tikhonov [--python COMMAND] [--out PREFIX] [--pairs N]
                     [--case NAME] ...

torch runs in a process of its own (torch_steps.py), fused and foreach, and DeepSpeed's CPUAdam and
bitsandbytes' AdamW (32 bits) where they are installed, each with the number of threads that is best
for it; `tikhonov bench` runs in another. They take turns: a pair is one run of each, and the one
that begins changes from pair to pair, so that the machine's drift meets both. A ratio is the median
over the pairs of the other's seconds by Tikhonov's: above 1, Tikhonov is faster.

COMMAND is the Python that has torch, such as "chroot ROOT python3" for a newer system in a folder;
nothing of this one has to be seen from there. Prints a table, and writes it to PREFIX.md with
everything measured in PREFIX.json. torch's fused optimizers for the CPU need torch 2.4; with an
older one the foreach ones are measured alone.
"""

import argparse
import json
import os
import pathlib
import platform
import shlex
import statistics
import subprocess
import sys

MI = 1 << 20
MAX_NORM, EMA_DECAY = 1.0, 0.999
CLIP = "max_norm=%g" % MAX_NORM
WHOLE = CLIP + ",ema=%g,zero_grad=true" % EMA_DECAY

# name: rule, --policy, tensors, elements of each, torch's calls
CASES = {
    "sgd": ("sgd", "", 1, 64 * MI, ()),
    "momentum": ("sgd", "momentum=0.9", 1, 64 * MI, ()),
    "adamw": ("adamw", "", 1, 64 * MI, ()),
    "adamw-8000x8192": ("adamw", "", 8000, 8192, ()),
    "adamw-2000x8192": ("adamw", "", 2000, 8192, ()),
    "adamw-2000x256": ("adamw", "", 2000, 256, ()),
    "clip": ("adamw", CLIP, 1, 64 * MI, ("clip",)),
    "whole": ("adamw", WHOLE, 1, 64 * MI, ("clip", "ema", "zero_grad")),
}


class Torch:
    """The process that has torch."""

    def __init__(self, python):
        source = pathlib.Path(__file__).with_name("torch_steps.py").read_text()
        self.process = subprocess.Popen(
            shlex.split(python) + ["-c", source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self.ask(do="about")

    def ask(self, **asked):
        try:
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            sys.exit("compare_torch.py: the process with torch has ended; is torch in --python?"
                     " On Debian it is in python3-torch")
        return json.loads(line)

    def make(self, case, kind, ema="lerp", to_none=True):
        rule, policy, tensors, elements, calls = CASES[case]
        return self.ask(do="make", kind=kind, rule=rule, policy=policy, tensors=tensors,
                        elements=elements, calls=calls, ema=ema, to_none=to_none)["name"]

    def seconds(self, kind, threads, rounds):
        return self.ask(do="seconds", kind=kind, threads=threads, rounds=rounds)["seconds"]

    def kinds(self, case):
        return self.about["adamw_kinds" if CASES[case][0] == "adamw" else "kinds"]


def variants(case):
    """What torch offers for the calls of a case."""
    calls = CASES[case][4]
    emas = ["lerp", "swa"] if "ema" in calls else ["lerp"]
    zeros = [True, False] if "zero_grad" in calls else [True]
    return [(ema, to_none) for ema in emas for to_none in zeros]


def best_variant(torch, case, kind, most_threads, rounds):
    """Makes the fastest variant of one kind of optimizer; its name and best number of threads."""
    best = None
    for ema, to_none in variants(case):
        torch.make(case, kind, ema, to_none)
        for threads in range(1, most_threads + 1):
            seconds = torch.seconds(kind, threads, rounds)
            if best is None or seconds < best[0]:
                best = (seconds, threads, ema, to_none)
        torch.ask(do="drop", kind=kind)
    _, threads, ema, to_none = best
    return torch.make(case, kind, ema, to_none), threads


def run_tikhonov(chosen, case, rounds):
    """The row of one `tikhonov bench`, or what kept it from measuring."""
    rule, policy, tensors, elements, _ = CASES[case]
    command = [chosen.tikhonov, "bench", "--json", "--rules", rule, "--rounds", str(rounds)]
    command += ["--sizes", "%dx%d" % (tensors, elements), "--device", chosen.device]
    command += ["--threads", str(chosen.threads)] + (["--policy", policy] if policy else [])
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip()
    return json.loads(done.stdout)["rows"][0], None


def measure_pairs(chosen, torch, case, contestants, rounds):
    """Seconds by name, one a pair, and the rows of `tikhonov bench`."""
    seconds = {"tikhonov": []}
    rows = []
    for pair in range(chosen.pairs):
        for who in ("tikhonov", "torch") if pair % 2 == 0 else ("torch", "tikhonov"):
            if who == "tikhonov":
                row, error = run_tikhonov(chosen, case, rounds)
                if error:
                    raise SystemExit("compare_torch.py: " + error)
                rows.append(row)
                seconds[who].append(row["seconds_median"])
                continue
            for kind, (_, threads) in contestants.items():
                seconds.setdefault(kind, []).append(torch.seconds(kind, threads, rounds))
    return seconds, rows


def ratio(seconds, kind):
    return statistics.median(a / b for a, b in zip(seconds[kind], seconds["tikhonov"]))


def measure_case(chosen, torch, case):
    rule, policy, tensors, elements, calls = CASES[case]
    found = {"case": case, "rule": rule, "policy": policy, "tensors": tensors}
    found["parameters"] = tensors * elements
    rounds = chosen.rounds or (3 if tensors * elements >= 16 * MI else 20)
    _, error = run_tikhonov(chosen, case, 1)
    if error:
        return dict(found, error=error)
    contestants = {
        kind: best_variant(torch, case, kind, chosen.threads, rounds) for kind in torch.kinds(case)
    }
    seconds, rows = measure_pairs(chosen, torch, case, contestants, rounds)
    found["rounds"], found["seconds"], found["rows"] = rounds, seconds, rows
    found["tikhonov"] = statistics.median(seconds["tikhonov"])
    found["limit_ratio"] = statistics.median(row["limit_ratio"] for row in rows)
    for kind, (name, threads) in contestants.items():
        torch.ask(do="drop", kind=kind)
        found[kind] = {
            "calls": name,
            "threads": threads,
            "seconds": statistics.median(seconds[kind]),
            "ratio": ratio(seconds, kind),
        }
    return found


def cell(found, kind):
    if kind not in found:
        return ["-", "-"]
    data = found[kind]
    return ["%.3f ms on %d" % (1e3 * data["seconds"], data["threads"]), "%.2f" % data["ratio"]]


def table_row(found, kinds):
    name = " ".join(filter(None, [found["rule"], found["policy"]]))
    cells = [name, str(found["parameters"]), str(found["tensors"])]
    if "error" in found:
        cells += ["not measured: " + found["error"].splitlines()[0]] + [""] * (1 + 2 * len(kinds))
    else:
        cells += ["%.3f ms" % (1e3 * found["tikhonov"]), "%.2f" % found["limit_ratio"]]
        cells += sum((cell(found, kind) for kind in kinds), [])
    return "| " + " | ".join(cells) + " |"


def table_head(kinds):
    cells = ["step", "parameters", "tensors", "tikhonov", "of its limit"]
    for kind in kinds:
        cells += [kind + ", threads", "ratio"]
    return ["| " + " | ".join(cells) + " |", "|" + " --- |" * len(cells)]


def describe(chosen, about, cases):
    device = next((found["rows"][0]["device"] for found in cases if "rows" in found), "nothing")
    return (
        "tikhonov on %s, %d threads; torch %s, each of the others with its best number of threads;"
        " Python %s; %s; medians of %d pairs, ratios are the others' seconds by tikhonov's"
        % (
            device,
            chosen.threads,
            about["torch"],
            about["python"],
            processor(),
            chosen.pairs,
        )
    )


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def read_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tikhonov", required=True, help="the command, built")
    parser.add_argument("--python", default=sys.executable, help="the one that has torch")
    parser.add_argument("--out", default="compare_torch", help="PREFIX of .md and .json")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, help="steps of a turn; default by size")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="scalar", help="of tikhonov")
    parser.add_argument("--case", action="append", choices=list(CASES), help="repeatable")
    chosen = parser.parse_args()
    if chosen.pairs < 1 or chosen.threads < 1:
        parser.error("--pairs and --threads are at least 1")
    return chosen


def main():
    chosen = read_arguments()
    torch = Torch(chosen.python)
    kinds = torch.about["adamw_kinds"]
    lines = table_head(kinds)
    print("\n".join(lines))
    cases = []
    for case in chosen.case or CASES:
        cases.append(measure_case(chosen, torch, case))
        lines.append(table_row(cases[-1], kinds))
        print(lines[-1], flush=True)
    about = describe(chosen, torch.about, cases)
    print("\n" + about)
    with open(chosen.out + ".md", "w") as file:
        file.write("\n".join(lines) + "\n\n" + about + "\n")
    with open(chosen.out + ".json", "w") as file:
        json.dump({"about": about, "cases": cases}, file, indent=1)


if __name__ == "__main__":
    main()
