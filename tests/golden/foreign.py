"""What make_optax.py, make_keras.py and make_sklearn.py share: the inputs, the metric, the file.

The inputs are those of pytorch.json, which lies beside this file: float32 values, so that a float32
implementation reads exactly what the other library read.
"""
import json
import pathlib

import numpy as np

STEPS = (1, 2, 3, 12)


def fixture():
    """40 initial parameters and 12 gradient tables, in float64."""
    golden = json.loads((pathlib.Path(__file__).parent / 'pytorch.json').read_text())
    return np.array(golden['params']), np.array(golden['grads'])


def largest_error(exact, single, start):
    """Of one trajectory against another, relative to max(|p|, |p - p0|), after each step."""
    errors = {}
    for step in exact:
        e, s = np.array(exact[step]), np.array(single[step], np.float64)
        scale = np.maximum(np.abs(e), np.abs(e - start))
        difference = np.abs(e - s)
        assert np.all(difference[scale == 0] == 0)
        errors[step] = float(np.max(difference / np.where(scale > 0, scale, 1)))
    return errors


def kept(trace, steps=STEPS):
    """trace[t - 1] is the result after step t; as lists, by the step's number."""
    out = {str(t): [float(x) for x in np.asarray(trace[t - 1]).reshape(-1)] for t in steps}
    assert all(np.all(np.isfinite(values)) for values in out.values())
    return out


def case(name, foreign, ours, run, start, shape=(40,), steps=STEPS):
    """One case. run(dtype) returns the results after each step, in the library's own arithmetic."""
    exact, single = kept(run(np.float64), steps), kept(run(np.float32), steps)
    return dict(name=name, foreign=foreign, **ours, shape=list(shape), after=exact,
                float32_error=largest_error(exact, single, start))


def write(path, source, cases, **inputs):
    with open(path, 'w') as file:
        json.dump(dict(source=source, **inputs, cases=cases), file, separators=(',', ':'))
        file.write('\n')
    print(len(cases), 'cases')
