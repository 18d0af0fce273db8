#!/usr/bin/env python3
"""Writes optimizer trajectories computed by Optax in float64, for tests/test_foreign.c.

    make_optax.py optax.json          needs optax 0.2.8, jax 0.10.2, numpy

What a case's fields mean is in README.md. Where a matrix has units (AGC, balls by row), Optax sees
the transpose of the stored 5 x 8 tensor, because its unit is a column: ours is then the row.
"""
import functools
import os
import sys

os.environ['JAX_PLATFORMS'] = 'cpu'

import jax
import jax.numpy as jnp
import numpy as np
import optax

import foreign

jax.config.update('jax_enable_x64', True)
PARAMS, GRADS = foreign.fixture()
LR, DECAY, EPS = 0.1, 0.05, 1e-3
BETAS = dict(b1=0.9, b2=0.95)
OUR_BETAS = dict(beta1=0.9, beta2=0.95)


def trajectory(make, dtype, shape=(40,), transpose=False, after=lambda p: p, grads=GRADS):
    """The parameters after each of the steps; after() is applied to what the optimizer left."""
    turn = (lambda x: x.T) if transpose else (lambda x: x)
    p = turn(jnp.asarray(PARAMS, dtype).reshape(shape))
    optimizer = make()
    state = optimizer.init(p)
    trace = []
    for g in grads:
        g = turn(jnp.asarray(g, dtype).reshape(shape))
        updates, state = optimizer.update(g, state, p)
        p = after(optax.apply_updates(p, updates))
        assert p.dtype == dtype
        trace.append(np.asarray(turn(p)))
    return trace


def in_width(run):
    """JAX without 64 bits for float32: some of its functions widen otherwise."""
    def wrapped(dtype):
        with jax.enable_x64(dtype == np.float64):
            return run(dtype)
    return wrapped


def make_case(name, foreign_text, make, ours, shape=(40,), **how):
    run = in_width(lambda dtype: trajectory(make, dtype, shape=shape, **how))
    return foreign.case(name, foreign_text, ours, run, PARAMS, shape)


def of(function, shape=(40,), **options):
    """The optimizer, and how its call reads."""
    text = ', '.join(f'{key}={value}' for key, value in options.items())
    return f'{function.__name__}({text})', functools.partial(function, **options)


def rule(name, function, options, our_rule, our_options, shape=(40,)):
    text, make = of(function, **options)
    return make_case(name, text, make, dict(rule=our_rule, options=our_options), shape)


def adaptive_rules():
    for d in (0.0, DECAY):
        yield rule('lion', optax.lion, dict(learning_rate=LR, b1=0.9, b2=0.95, weight_decay=d),
                   'lion', dict(lr=LR, beta1=0.9, beta2=0.95, weight_decay=d))
        yield rule('adamw', optax.adamw, dict(learning_rate=LR, **BETAS, eps=EPS, weight_decay=d),
                   'adamw', dict(lr=LR, **OUR_BETAS, eps=EPS, weight_decay=d))
    for eps, root in ((EPS, 1e-4), (1e-4, 1e-2)):
        yield rule('adabelief', optax.adabelief,
                   dict(learning_rate=LR, **BETAS, eps=eps, eps_root=root), 'adabelief',
                   dict(lr=LR, **OUR_BETAS, eps=eps, eps_root=root))
    yield rule('adagrad', optax.adagrad,
               dict(learning_rate=LR, initial_accumulator_value=0.1, eps=0.0), 'adagrad',
               dict(lr=LR, initial_accumulator_value=0.1, eps=0.0))
    yield rule('adamax', optax.adamax, dict(learning_rate=LR, **BETAS, eps=EPS), 'adamax',
               dict(lr=LR, **OUR_BETAS, eps=EPS))
    yield rule('adadelta', optax.adadelta, dict(learning_rate=1.0, rho=0.9, eps=EPS), 'adadelta',
               dict(lr=1.0, rho=0.9, eps=EPS))
    for nesterov in (False, True):
        yield rule('sgd', optax.sgd, dict(learning_rate=LR, momentum=0.9, nesterov=nesterov),
                   'sgd', dict(lr=LR, momentum=0.9, nesterov=nesterov))


def rmsprop():
    """With eps outside the root as PyTorch, and inside it, Optax's default."""
    for inside in (False, True):
        for centered in (False, True):
            for momentum in (None, 0.9):
                ours = dict(lr=LR, alpha=0.95, eps=EPS, centered=centered, momentum=momentum or 0.0)
                if inside:
                    ours['eps_placement'] = 'inside'
                if centered and not inside:
                    continue  # v - a^2 may round below 0 in Optax's root: NaN
                yield rule('rmsprop', optax.rmsprop,
                           dict(learning_rate=LR, decay=0.95, eps=EPS, centered=centered,
                                momentum=momentum, eps_in_sqrt=inside), 'rmsprop', ours)


def layerwise():
    for d in (0.0, DECAY):
        yield rule('lamb', optax.lamb, dict(learning_rate=LR, **BETAS, eps=EPS, weight_decay=d),
                   'lamb', dict(lr=LR, **OUR_BETAS, eps=EPS, weight_decay=d, variant='optax'),
                   (5, 8))
        yield rule('lars', optax.lars,
                   dict(learning_rate=LR, weight_decay=d, trust_coefficient=0.02, eps=EPS,
                        momentum=0.9), 'lars',
                   dict(lr=LR, weight_decay=d, trust_coefficient=0.02, eps=EPS, momentum=0.9,
                        variant='optax'), (5, 8))


def warm(horizon, beta1, beta3, alpha):
    """The warm-up of alpha and beta3 in the paper; Optax counts steps from 0, the paper from 1."""
    def alpha_at(count):
        return jnp.minimum(alpha * (count + 1) / horizon, alpha)

    def beta3_at(count):
        x = (count + 1) / horizon
        low, high = jnp.log(beta1), jnp.log(beta3)
        return jnp.minimum(jnp.exp(low * high / ((1 - x) * high + x * low)), beta3)
    return alpha_at, beta3_at


def ademamix():
    for d in (0.0, DECAY):
        yield rule('ademamix', optax.contrib.ademamix,
                   dict(learning_rate=LR, **BETAS, b3=0.99, alpha=5.0, eps=EPS, weight_decay=d),
                   'ademamix',
                   dict(lr=LR, **OUR_BETAS, beta3=0.99, alpha=5.0, eps=EPS, weight_decay=d))
    alpha, b3 = warm(8, 0.9, 0.99, 5.0)
    make = functools.partial(optax.contrib.ademamix, learning_rate=LR, **BETAS, b3=b3, alpha=alpha,
                             eps=EPS)
    yield make_case('ademamix warming up', 'ademamix(b3 and alpha warmed up over 8 steps)', make,
                    dict(rule='ademamix', options=dict(lr=LR, **OUR_BETAS, beta3=0.99, alpha=5.0,
                                                       eps=EPS, horizon=8)))


def schedule_free():
    """Without a warm-up: Optax's takes lr of step t - 1 for the step and lr of step t for the
    weight, the authors' the same lr for both. The parameters are y in both."""
    for d in (0.0, DECAY):
        yield rule('schedule_free_adamw', optax.contrib.schedule_free_adamw,
                   dict(learning_rate=LR, **BETAS, eps=EPS, weight_decay=d), 'schedule_free_adamw',
                   dict(lr=LR, **OUR_BETAS, eps=EPS, weight_decay=d))


SGD = dict(lr=LR, momentum=0.9)
ADAMW = dict(lr=LR, **OUR_BETAS, eps=EPS, weight_decay=DECAY)


def make_sgd():
    return optax.sgd(LR, momentum=0.9)


def make_adamw():
    return optax.adamw(LR, **BETAS, eps=EPS, weight_decay=DECAY)


def clipping():
    for text, clip, around in (
            ('clip(0.5)', lambda: optax.clip(0.5), dict(clip_value=0.5)),
            ('clip_by_global_norm(20)', lambda: optax.clip_by_global_norm(20.0),
             dict(max_norm=20.0)),
            ('clip_by_global_norm(1e6)', lambda: optax.clip_by_global_norm(1e6),
             dict(max_norm=1e6))):
        for name, make, options in (('sgd', make_sgd, SGD), ('adamw', make_adamw, ADAMW)):
            yield make_case(f'{text}, {name}', f'chain({text}, {name})',
                            lambda c=clip, m=make: optax.chain(c(), m()),
                            dict(rule=name, options=options, around=around))
    for clipping, eps in ((0.05, 1e-3), (0.01, 8.0), (0.01, 20.0)):
        make = lambda c=clipping, e=eps: optax.chain(optax.adaptive_grad_clip(c, e), make_sgd())
        for shape in ((5, 8), (40,)):
            yield make_case('adaptive_grad_clip, sgd',
                            f'chain(adaptive_grad_clip({clipping}, {eps}), sgd)', make,
                            dict(rule='sgd', options=SGD, around=dict(agc=clipping, agc_eps=eps)),
                            shape, transpose=len(shape) == 2)


def average(decay, debias):
    """The average of the parameters, after each step of adamw."""
    def run(dtype):
        p0 = jnp.asarray(PARAMS, dtype)
        if debias:
            ema = optax.ema(decay, debias=True)
            state = ema.init(p0)
        mean, trace = p0, []
        for p in trajectory(make_adamw, dtype):
            p = jnp.asarray(p, dtype)
            if debias:
                mean, state = ema.update(p, state)
            else:
                mean = optax.incremental_update(p, mean, 1 - decay)
            trace.append(np.asarray(mean))
        return trace
    return run


def averages():
    for debias in (False, True):
        text = 'ema(0.9, debias=True)' if debias else 'incremental_update(p, ema, 0.1) from p0'
        yield foreign.case('ema', f'{text} of adamw', dict(
            rule='adamw', options=ADAMW, around=dict(ema=0.9, debias=debias), reads='ema'),
                           in_width(average(0.9, debias)), PARAMS)


def by_row(projection):
    """Each row of a matrix for itself."""
    return lambda p: jnp.stack([projection(row) for row in p])


def projections():
    from optax import projections as q
    plain = lambda: optax.sgd(LR)
    rows = [
        ('projection_box(-0.5, 2)', lambda p: q.projection_box(p, -0.5, 2.0),
         dict(name='box', low=-0.5, high=2.0)),
        ('projection_non_negative', q.projection_non_negative, dict(name='box', low=0.0)),
        ('projection_l2_ball(5)', lambda p: q.projection_l2_ball(p, 5.0),
         dict(name='l2_ball', radius=5.0, unit='tensor')),
        ('projection_l2_ball(1e4)', lambda p: q.projection_l2_ball(p, 1e4),
         dict(name='l2_ball', radius=1e4, unit='tensor')),
        ('projection_l2_ball(3) by row', by_row(lambda p: q.projection_l2_ball(p, 3.0)),
         dict(name='l2_ball', radius=3.0, unit='row')),
        ('projection_l1_ball(20)', lambda p: q.projection_l1_ball(p, 20.0),
         dict(name='l1_ball', radius=20.0, unit='tensor')),
        ('projection_l1_ball(1e4)', lambda p: q.projection_l1_ball(p, 1e4),
         dict(name='l1_ball', radius=1e4, unit='tensor')),
        ('projection_l1_ball(6) by row', by_row(lambda p: q.projection_l1_ball(p, 6.0)),
         dict(name='l1_ball', radius=6.0, unit='row')),
        ('projection_simplex(15)', lambda p: q.projection_simplex(p, 15.0),
         dict(name='simplex', radius=15.0, unit='tensor')),
        ('projection_simplex(4) by row', by_row(lambda p: q.projection_simplex(p, 4.0)),
         dict(name='simplex', radius=4.0, unit='row')),
    ]
    for text, after, penalty in rows:
        yield make_case(text, f'{text} after sgd', plain, dict(
            rule='sgd', options=dict(lr=LR), penalties=[dict(penalty, application='proximal')]),
                        (5, 8), after=after)


def accumulated():
    """MultiSteps takes the mean of 3 gradients; in between the parameters stay."""
    for name, make, options in (('sgd', make_sgd, SGD), ('adamw', make_adamw, ADAMW)):
        yield make_case(f'MultiSteps, {name}', f'MultiSteps({name}, 3)',
                        lambda m=make: optax.MultiSteps(m(), 3, accumulator_dtype=np.float64),
                        dict(rule=name, options=options, around=dict(accumulate=3)))


POISON = [[2, 7, 'inf'], [3, 0, 'nan'], [6, 39, '-inf']]


def skipped():
    """apply_if_finite leaves out the steps whose gradient has a value that is not finite."""
    grads = GRADS.copy()
    for step, element, value in POISON:
        grads[step - 1, element] = float(value)
    for name, make, options in (('sgd', make_sgd, SGD), ('adamw', make_adamw, ADAMW)):
        yield make_case(f'apply_if_finite, {name}', f'apply_if_finite({name}, 5)',
                        lambda m=make: optax.apply_if_finite(m(), 5),
                        dict(rule=name, options=options, around=dict(nonfinite='skip'),
                             poison=POISON), grads=grads)


def main():
    parts = (adaptive_rules, rmsprop, layerwise, ademamix, schedule_free, clipping, averages,
             projections, accumulated, skipped)
    cases = [one for part in parts for one in part()]
    foreign.write(sys.argv[1], f'Optax {optax.__version__} on JAX {jax.__version__}, float64',
                  cases, params=PARAMS.tolist(), grads=GRADS.tolist())


main()
