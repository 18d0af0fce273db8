"""Steps of torch.optim and their seconds, as compare_torch.py asks for them.

A line of JSON comes in by standard input, a line of JSON goes out by standard output:

    {"do": "about"}                                     versions, kinds of optimizers
    {"do": "make", "kind", "rule", "policy", "tensors", "elements", "calls", "ema", "to_none"}
    {"do": "seconds", "kind", "threads", "rounds"}      the median of as many steps
    {"do": "drop", "kind"}
"""

import json
import platform
import statistics
import sys
import time

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

try:
    from deepspeed.ops.adam import DeepSpeedCPUAdam
except ImportError:
    DeepSpeedCPUAdam = None

try:
    import bitsandbytes
except ImportError:
    bitsandbytes = None

MAX_NORM, EMA_DECAY = 1.0, 0.999


def has_fused():
    return [int(part) for part in torch.__version__.split("+")[0].split(".")[:2]] >= [2, 4]


class TorchStep:
    """One way to take the step of a case with torch, and its seconds."""

    def __init__(self, kind, rule, policy, tensors, elements, calls, ema, to_none):
        self.kind, self.calls, self.ema_call, self.to_none = kind, calls, ema, to_none
        self.params = [torch.zeros(elements, requires_grad=True) for _ in range(tensors)]
        self.grads = [torch.full((elements,), 1e-3) for _ in range(tensors)]
        self.ema = [torch.zeros(elements) for _ in range(tensors if "ema" in calls else 0)]
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


def about():
    kinds = ["fused", "foreach"] if has_fused() else ["foreach"]
    others = {"deepspeed": DeepSpeedCPUAdam, "bitsandbytes": bitsandbytes}
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "kinds": kinds,
        "adamw_kinds": kinds + [name for name, found in others.items() if found is not None],
    }


def answer(steps, asked):
    do = asked.pop("do")
    if do == "about":
        return about()
    if do == "make":
        steps[asked["kind"]] = TorchStep(**asked)
        return {"name": steps[asked["kind"]].name()}
    if do == "seconds":
        torch.set_num_threads(asked["threads"])
        return {"seconds": steps[asked["kind"]].seconds(asked["rounds"])}
    steps.pop(asked["kind"], None)
    return {}


def main():
    steps = {}
    for line in sys.stdin:
        print(json.dumps(answer(steps, json.loads(line))), flush=True)


main()
