#!/usr/bin/env python3
"""Steps of Tikhonov beside those of torch.optim, on the same sizes, threads and machine.

    compare_torch.py --tikhonov build/tools/tikhonov [--out PREFIX] [--pairs N] [--case NAME] ...

torch runs in this process, fused and foreach, and DeepSpeed's CPUAdam and bitsandbytes' AdamW
(32 bits) where they are installed, each with the number of threads that is best for it; `tikhonov
bench` runs in a process of its own. They take turns: a pair is one run of each, and the one that
begins changes from pair to pair, so that the machine's drift meets both. A ratio is the median over
the pairs of the other's seconds by Tikhonov's: above 1, Tikhonov is faster.

Prints a table, and writes it to PREFIX.md with everything measured in PREFIX.json. torch's fused
optimizers for the CPU need torch 2.4; with an older one the foreach ones are measured alone.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("compare_torch.py: this Python has no torch; on Debian it is in python3-torch")

from torch.optim.swa_utils import get_ema_multi_avg_fn

try:
    from deepspeed.ops.adam import DeepSpeedCPUAdam
except ImportError:
    DeepSpeedCPUAdam = None

try:
    import bitsandbytes
except ImportError:
    bitsandbytes = None

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


class TorchStep:
    """One way to take the step of a case with torch, and its seconds."""

    def __init__(self, case, kind, ema="lerp", to_none=True):
        rule, policy, tensors, elements, self.calls = CASES[case]
        self.kind, self.ema_call, self.to_none = kind, ema, to_none
        self.params = [torch.zeros(elements, requires_grad=True) for _ in range(tensors)]
        self.grads = [torch.full((elements,), 1e-3) for _ in range(tensors)]
        self.ema = [torch.zeros(elements) for _ in range(tensors if "ema" in self.calls else 0)]
        self.average = get_ema_multi_avg_fn(EMA_DECAY)
        self.optimizer = self.make_optimizer(rule, policy)

    def make_optimizer(self, rule, policy):
        if self.kind == "deepspeed":
            return DeepSpeedCPUAdam(self.params, lr=1e-3, weight_decay=1e-2, adamw_mode=True)
        if self.kind == "bitsandbytes":
            return bitsandbytes.optim.AdamW(self.params, lr=1e-3, weight_decay=1e-2)
        flags = {"fused": self.kind == "fused", "foreach": self.kind == "foreach"}
        if rule == "sgd":
            momentum = float(policy.split("=")[1]) if policy else 0.0
            return torch.optim.SGD(self.params, lr=1e-3, momentum=momentum, **flags)
        return torch.optim.AdamW(self.params, lr=1e-3, weight_decay=1e-2, **flags)

    def name(self):
        parts = [self.kind]
        if "ema" in self.calls:
            parts.append("_foreach_lerp_" if self.ema_call == "lerp" else "get_ema_multi_avg_fn")
        if "zero_grad" in self.calls:
            parts.append("zero_grad(set_to_none=%s)" % self.to_none)
        return ", ".join(parts)

    def average_params(self):
        with torch.no_grad():
            if self.ema_call == "lerp":
                torch._foreach_lerp_(self.ema, self.params, 1 - EMA_DECAY)
            else:
                self.average(self.ema, self.params, None)

    def step(self):
        if "clip" in self.calls:
            torch.nn.utils.clip_grad_norm_(self.params, MAX_NORM, foreach=True)
        self.optimizer.step()
        if "ema" in self.calls:
            self.average_params()
        if "zero_grad" in self.calls:
            self.optimizer.zero_grad(set_to_none=self.to_none)

    def seconds(self, rounds):
        """The median of `rounds` steps after one that is not counted; gradients come back first."""
        taken = []
        for _ in range(rounds + 1):
            for param, grad in zip(self.params, self.grads):
                param.grad = grad
            begin = time.perf_counter()
            self.step()
            taken.append(time.perf_counter() - begin)
        return statistics.median(taken[1:])


def kinds_of(case, fused):
    kinds = ["fused", "foreach"] if fused else ["foreach"]
    others = {"deepspeed": DeepSpeedCPUAdam, "bitsandbytes": bitsandbytes}
    if CASES[case][0] == "adamw":
        kinds += [name for name, found in others.items() if found is not None]
    return kinds


def variants(case):
    """What torch offers for the calls of a case."""
    calls = CASES[case][4]
    emas = ["lerp", "swa"] if "ema" in calls else ["lerp"]
    zeros = [True, False] if "zero_grad" in calls else [True]
    return [(ema, to_none) for ema in emas for to_none in zeros]


def best_variant(case, kind, most_threads, rounds):
    """The fastest variant and number of threads of one kind of optimizer: (step, threads)."""
    best = None
    for ema, to_none in variants(case):
        step = TorchStep(case, kind, ema, to_none)
        for threads in range(1, most_threads + 1):
            torch.set_num_threads(threads)
            seconds = step.seconds(rounds)
            if best is None or seconds < best[0]:
                best = (seconds, threads, ema, to_none)
        del step
    _, threads, ema, to_none = best
    return TorchStep(case, kind, ema, to_none), threads


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


def measure_pairs(chosen, case, contestants, rounds):
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
            for kind, (step, threads) in contestants.items():
                torch.set_num_threads(threads)
                seconds.setdefault(kind, []).append(step.seconds(rounds))
    return seconds, rows


def ratio(seconds, kind):
    return statistics.median(a / b for a, b in zip(seconds[kind], seconds["tikhonov"]))


def measure_case(chosen, case):
    rule, policy, tensors, elements, calls = CASES[case]
    found = {"case": case, "rule": rule, "policy": policy, "tensors": tensors}
    found["parameters"] = tensors * elements
    rounds = chosen.rounds or (3 if tensors * elements >= 16 * MI else 20)
    _, error = run_tikhonov(chosen, case, 1)
    if error:
        return dict(found, error=error)
    kinds = kinds_of(case, chosen.fused)
    contestants = {kind: best_variant(case, kind, chosen.threads, rounds) for kind in kinds}
    seconds, rows = measure_pairs(chosen, case, contestants, rounds)
    found["rounds"], found["seconds"], found["rows"] = rounds, seconds, rows
    found["tikhonov"] = statistics.median(seconds["tikhonov"])
    found["limit_ratio"] = statistics.median(row["limit_ratio"] for row in rows)
    for kind, (step, threads) in contestants.items():
        found[kind] = {
            "calls": step.name(),
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


def describe(chosen, cases):
    device = next((found["rows"][0]["device"] for found in cases if "rows" in found), "nothing")
    return (
        "tikhonov on %s, %d threads; torch %s, each of the others with its best number of threads;"
        " Python %s; %s; medians of %d pairs, ratios are the others' seconds by tikhonov's"
        % (
            device,
            chosen.threads,
            torch.__version__,
            platform.python_version(),
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
    parser.add_argument("--out", default="compare_torch", help="PREFIX of .md and .json")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--rounds", type=int, help="steps of a turn; default by size")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="scalar", help="of tikhonov")
    parser.add_argument("--case", action="append", choices=list(CASES), help="repeatable")
    chosen = parser.parse_args()
    if chosen.pairs < 1 or chosen.threads < 1:
        parser.error("--pairs and --threads are at least 1")
    version = [int(part) for part in torch.__version__.split("+")[0].split(".")[:2]]
    chosen.fused = version >= [2, 4]
    return chosen


def main():
    chosen = read_arguments()
    kinds = kinds_of("adamw", chosen.fused)
    lines = table_head(kinds)
    print("\n".join(lines))
    cases = []
    for case in chosen.case or CASES:
        cases.append(measure_case(chosen, case))
        lines.append(table_row(cases[-1], kinds))
        print(lines[-1], flush=True)
    about = describe(chosen, cases)
    print("\n" + about)
    with open(chosen.out + ".md", "w") as file:
        file.write("\n".join(lines) + "\n\n" + about + "\n")
    with open(chosen.out + ".json", "w") as file:
        json.dump({"about": about, "cases": cases}, file, indent=1)


if __name__ == "__main__":
    main()
