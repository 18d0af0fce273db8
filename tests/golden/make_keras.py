#!/usr/bin/env python3
"""Writes optimizer trajectories computed by Keras and TensorFlow in float64, for test_foreign.c.

    make_keras.py keras.json          needs keras 3.15.1, jax 0.10.2, tensorflow-cpu 2.21.0, numpy

Keras runs on JAX: on TensorFlow its ScheduleFreeAdamW keeps a reference to z where it means the
value before the step. TensorFlow's own optimizers are its kernels in C++, by tf.raw_ops:
tf.compat.v1.train's proximal ones hand them float32 options beside float64 parameters. What
a case's fields mean is in README.md.
"""
import functools
import os
import sys

os.environ['KERAS_BACKEND'] = 'jax'
os.environ['JAX_PLATFORMS'] = 'cpu'
os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import jax
import keras
import numpy as np
import tensorflow as tf

import foreign

jax.config.update('jax_enable_x64', True)
PARAMS, GRADS = foreign.fixture()
LR, DECAY, EPS = 0.1, 0.05, 1e-3
NO_EPS = 1e-20  # where Keras has eps elsewhere: so small that its place is of no effect


def keras_trajectory(make, dtype, shape=(40,), average=False):
    """The parameters after each step, or Keras's own average of them."""
    keras.config.set_floatx(np.dtype(dtype).name)
    p = keras.Variable(PARAMS.reshape(shape), dtype=np.dtype(dtype).name)
    optimizer = make()
    optimizer.build([p])
    trace = []
    for g in GRADS:
        optimizer.apply([keras.ops.convert_to_tensor(g.reshape(shape), p.dtype)], [p])
        value = optimizer._model_variables_moving_average[0] if average else p
        trace.append(np.asarray(value.value).copy())
        assert trace[-1].dtype == dtype
    return trace


def tf_trajectory(apply, states, dtype):
    """apply(p, states, g, number): one call of TensorFlow's kernel."""
    p = tf.Variable(PARAMS, dtype=dtype)
    states = [tf.Variable(np.full_like(PARAMS, start), dtype=dtype) for start in states]
    trace = []
    for g in GRADS:
        apply(p.handle, [s.handle for s in states], tf.constant(g, dtype),
              lambda x: tf.constant(x, dtype))
        trace.append(p.numpy().copy())
    return trace


def text_of(name, options):
    return name + '(' + ', '.join(f'{key}={value}' for key, value in options.items()) + ')'


def of_keras(name, options, ours, shape=(40,), average=False):
    make = functools.partial(getattr(keras.optimizers, name), **options)
    run = lambda dtype: keras_trajectory(make, dtype, shape, average)
    return foreign.case(f'keras {name}', 'keras.optimizers.' + text_of(name, options), ours, run,
                        PARAMS, shape)


def of_tf(kernel, options, apply, ours, states=()):
    return foreign.case(f'tf {kernel}', 'tf.raw_ops.' + text_of(kernel, options), ours,
                        lambda dtype: tf_trajectory(apply, states, dtype), PARAMS)


def rule(name, **options):
    return dict(rule=name, options=options)


def tf_ftrl(ours, l1=0.0, l2=0.0, l2_shrinkage=0.0, lr_power=-0.5):
    def apply(p, states, g, number):
        tf.raw_ops.ResourceApplyFtrlV2(
            var=p, accum=states[0], linear=states[1], grad=g, lr=number(0.5), l1=number(l1),
            l2=number(l2), l2_shrinkage=number(l2_shrinkage), lr_power=number(lr_power))
    options = dict(lr=0.5, l1=l1, l2=l2, l2_shrinkage=l2_shrinkage, lr_power=lr_power)
    return of_tf('ResourceApplyFtrlV2', options, apply, ours, (0.1, 0.0))


def ftrl():
    rows = (dict(), dict(l1=0.5), dict(l2=0.3), dict(beta=0.7), dict(l2_shrinkage=0.2),
            dict(l1=0.5, l2=0.3, l2_shrinkage=0.2), dict(l1=0.5, l2=0.3, beta=0.7),
            dict(l1=0.5, l2=0.3, lr_power=-0.7))
    strength = dict(l1='l1_regularization_strength', l2='l2_regularization_strength',
                    l2_shrinkage='l2_shrinkage_regularization_strength', beta='beta',
                    lr_power='learning_rate_power')
    for row in rows:
        options = dict(learning_rate=0.5, initial_accumulator_value=0.1,
                       **{strength[key]: value for key, value in row.items()})
        ours = rule('ftrl', lr=0.5, initial_accumulator_value=0.1, **row)
        yield of_keras('Ftrl', options, ours)
        if 'beta' not in row:  # the kernel has none
            yield tf_ftrl(ours, **row)


def elastic(l1, l2, **more):
    """l1 ||p||_1 + l2/2 ||p||^2 as weight and l1_ratio."""
    return [dict(name='elastic_net', weight=l1 + l2, l1_ratio=l1 / (l1 + l2),
                 application='proximal', **more)]


def tf_proximal(l1, l2):
    def descend(p, states, g, number):
        tf.raw_ops.ResourceApplyProximalGradientDescent(
            var=p, alpha=number(LR), l1=number(l1), l2=number(l2), delta=g)

    def adagrad(p, states, g, number):
        tf.raw_ops.ResourceApplyProximalAdagrad(
            var=p, accum=states[0], lr=number(LR), l1=number(l1), l2=number(l2), grad=g)
    yield of_tf('ResourceApplyProximalGradientDescent', dict(alpha=LR, l1=l1, l2=l2), descend,
                dict(rule('sgd', lr=LR), penalties=elastic(l1, l2)))
    yield of_tf('ResourceApplyProximalAdagrad', dict(lr=LR, l1=l1, l2=l2), adagrad,
                dict(rule('adagrad', lr=LR, initial_accumulator_value=0.1, eps=0.0),
                     penalties=elastic(l1, l2, metric='diagonal')), (0.1,))


def proximal():
    for l1, l2 in ((0.5, 0.0), (0.0, 0.4), (0.5, 0.4)):
        yield from tf_proximal(l1, l2)


BETAS = dict(beta_1=0.9, beta_2=0.95)
OUR_BETAS = dict(beta1=0.9, beta2=0.95)


def adam():
    for amsgrad in (False, True):
        options = dict(learning_rate=LR, **BETAS, amsgrad=amsgrad)
        ours = dict(lr=LR, **OUR_BETAS, amsgrad=amsgrad)
        yield of_keras('Adam', dict(options, epsilon=NO_EPS), rule('adam', **ours, eps=NO_EPS))
        yield of_keras('Adam', dict(options, epsilon=EPS),
                       rule('adam', **ours, eps=EPS, eps_placement='before'))


def others():
    yield of_keras('Adagrad', dict(learning_rate=LR, initial_accumulator_value=0.1, epsilon=0.0),
                   rule('adagrad', lr=LR, initial_accumulator_value=0.1, eps=0.0))
    yield of_keras('Adagrad', dict(learning_rate=LR, initial_accumulator_value=0.0, epsilon=EPS),
                   rule('adagrad', lr=LR, initial_accumulator_value=0.0, eps=EPS,
                        eps_placement='inside'))
    yield of_keras('Adadelta', dict(learning_rate=1.0, rho=0.9, epsilon=EPS),
                   rule('adadelta', lr=1.0, rho=0.9, eps=EPS))
    yield of_keras('Nadam', dict(learning_rate=LR, **BETAS, epsilon=EPS),
                   rule('nadam', lr=LR, **OUR_BETAS, eps=EPS, momentum_decay=1.0))
    for centered in (False, True):
        yield of_keras('RMSprop', dict(learning_rate=LR, rho=0.95, momentum=0.9, epsilon=EPS,
                                       centered=centered),
                       rule('rmsprop', lr=LR, alpha=0.95, momentum=0.9, eps=EPS, centered=centered,
                            eps_placement='inside'))
    for momentum, nesterov in ((0.0, False), (0.9, False), (0.9, True)):
        yield of_keras('SGD', dict(learning_rate=LR, momentum=momentum, nesterov=nesterov),
                       rule('sgd', lr=LR, momentum=momentum, nesterov=nesterov))
    yield of_keras('Lion', dict(learning_rate=LR, beta_1=0.9, beta_2=0.95),
                   rule('lion', lr=LR, beta1=0.9, beta2=0.95))
    yield of_keras('Lamb', dict(learning_rate=LR, **BETAS, epsilon=EPS),
                   rule('lamb', lr=LR, **OUR_BETAS, eps=EPS, weight_decay=0.0, variant='optax'),
                   (5, 8))
    for shape in ((5, 8), (40,)):
        yield of_keras('Adafactor', dict(learning_rate=0.05),
                       rule('adafactor', lr=0.05, eps1=1e-30), shape)


def schedule_free():
    """Keras weighs the average by 1/t, which is weight_lr_power 0; its warm-up is the authors'."""
    for warmup in (0, 4):
        yield of_keras('ScheduleFreeAdamW',
                       dict(learning_rate=LR, **BETAS, epsilon=EPS, warmup_steps=warmup),
                       rule('schedule_free_adamw', lr=LR, **OUR_BETAS, eps=EPS,
                            warmup_steps=warmup, weight_lr_power=0.0))


def bases():
    """Rules for what is around the step: foreign name and options, ours."""
    yield 'SGD', dict(learning_rate=LR, momentum=0.9), rule('sgd', lr=LR, momentum=0.9)
    yield ('Adam', dict(learning_rate=LR, **BETAS, epsilon=NO_EPS),
           rule('adam', lr=LR, **OUR_BETAS, eps=NO_EPS))


def around():
    """weight_decay comes after clipping and before the rule; only one clip may be set. Of one
    variable clipnorm and global_clipnorm are the same."""
    decay = dict(penalties=[dict(name='l2', weight=DECAY, application='decoupled',
                                 convention='lr')])
    rows = ((dict(weight_decay=DECAY), decay),
            (dict(clipnorm=20.0), dict(around=dict(clip_norm=20.0))),
            (dict(global_clipnorm=20.0), dict(around=dict(max_norm=20.0))),
            (dict(clipvalue=0.5), dict(around=dict(clip_value=0.5))),
            (dict(weight_decay=DECAY, clipnorm=20.0), dict(decay, around=dict(clip_norm=20.0))),
            (dict(weight_decay=DECAY, global_clipnorm=20.0),
             dict(decay, around=dict(max_norm=20.0))),
            (dict(weight_decay=DECAY, clipvalue=0.5), dict(decay, around=dict(clip_value=0.5))))
    for name, options, ours in bases():
        for more, our_more in rows:
            yield of_keras(name, dict(options, **more), dict(ours, **our_more))


def averages():
    """Keras's average starts as the parameters after the first step."""
    for name, options, ours in bases():
        yield of_keras(name, dict(options, use_ema=True, ema_momentum=0.9),
                       dict(ours, around=dict(ema=0.9, ema_start='first'), reads='ema'),
                       average=True)


def main():
    parts = (ftrl, proximal, adam, others, schedule_free, around, averages)
    cases = [one for part in parts for one in part()]
    source = (f'Keras {keras.__version__} on JAX {jax.__version__}, '
              f'TensorFlow {tf.__version__}, float64')
    foreign.write(sys.argv[1], source, cases, params=PARAMS.tolist(), grads=GRADS.tolist())


main()
