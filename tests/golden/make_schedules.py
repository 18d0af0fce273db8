#!/usr/bin/env python3
"""Writes multipliers of lr as PyTorch's schedulers compute them, for tests/test_schedule.c.

    make_schedules.py schedules.json          needs torch

Each case: our name of the kind, our fields, and lr/lr_max of steps 1, 2, ... as torch.optim.
lr_scheduler gives them (lr = 1, so that its lr is the multiplier).
"""
import json
import sys
import warnings

import torch
from torch.optim import lr_scheduler as s

STEPS = 60


def trace(make, lr=1.0):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    out = []
    for _ in range(STEPS):
        out.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        try:
            scheduler.step()
        except ValueError:
            break
    return out


CASES = [
    ('constant', {}, lambda o: s.ConstantLR(o, factor=1.0)),
    ('step', dict(step_size=7, gamma=0.3), lambda o: s.StepLR(o, 7, 0.3)),
    ('cosine', dict(total_steps=40, final=0.05),
     lambda o: s.SequentialLR(o, [s.CosineAnnealingLR(o, 40, eta_min=0.05),
                                  s.ConstantLR(o, 0.05, 1000)], [40])),
    ('linear', dict(total_steps=25, final=0.2),
     lambda o: s.LinearLR(o, start_factor=1.0, end_factor=0.2, total_iters=25)),
    ('polynomial', dict(total_steps=30, power=2.5), lambda o: s.PolynomialLR(o, 30, 2.5)),
    ('exponential', dict(gamma=0.93), lambda o: s.ExponentialLR(o, 0.93)),
    ('piecewise', dict(gamma=0.4, milestones=[5, 12, 13, 40]),
     lambda o: s.MultiStepLR(o, [5, 12, 13, 40], 0.4)),
    ('cosine_restarts', dict(step_size=6, cycle_mult=1, final=0.01),
     lambda o: s.CosineAnnealingWarmRestarts(o, 6, 1, eta_min=0.01)),
    ('cosine_restarts', dict(step_size=4, cycle_mult=3, final=0.0),
     lambda o: s.CosineAnnealingWarmRestarts(o, 4, 3)),
    ('one_cycle', dict(total_steps=50, pct_start=0.3, div_factor=25, final_div_factor=1e4),
     lambda o: s.OneCycleLR(o, 1.0, total_steps=50)),
    ('one_cycle', dict(total_steps=40, pct_start=0.5, div_factor=10, final_div_factor=100),
     lambda o: s.OneCycleLR(o, 1.0, total_steps=40, pct_start=0.5, div_factor=10,
                            final_div_factor=100)),
]


def main():
    warnings.simplefilter('ignore')
    cases = [dict(kind=kind, fields=fields, after=trace(make)) for kind, fields, make in CASES]
    for case in cases:
        if case['kind'] == 'one_cycle':  # PyTorch's has no lr after its last step
            del case['after'][case['fields']['total_steps']:]
    with open(sys.argv[1], 'w') as file:
        json.dump(dict(source=f'PyTorch {torch.__version__}, torch.optim.lr_scheduler',
                       cases=cases), file, separators=(',', ':'))
        file.write('\n')


main()
