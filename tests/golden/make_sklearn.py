#!/usr/bin/env python3
"""Writes what scikit-learn makes of diabetes.csv in float64, for test_foreign.c and test_lasso.c.

    make_sklearn.py ../data/diabetes.csv sklearn.json      needs scikit-learn 1.9.1, numpy

cases: stochastic gradient descent over the first 12 patients, one step for each, from `params`, by
SGDRegressor and SGDClassifier without intercept at a constant learning rate. After step k are the
coefficients of a fit of one epoch over the first k, so that the cumulative l1 penalty, which begins
anew with each call, runs through. grads are the gradients of the loss at the parameters before the
step, rounded to float32; float32_error is scikit-learn's own float32 fit.

paths: end points. Lasso, ElasticNet and Ridge over all patients, in the units of this project: the
loss is 1/(2n) ||y - X w||^2, the columns of X and y are centred, those of X scaled to variance 1
(divided by n). At the chosen weights every coefficient that is 0 is so by a margin.
"""
import sys

import numpy as np
import sklearn
from sklearn.linear_model import ElasticNet, Lasso, Ridge, SGDClassifier, SGDRegressor

import foreign

ROWS, RATE, ALPHA = 12, 0.05, 0.4


def read(path):
    table = np.loadtxt(path, delimiter=',', skiprows=1)
    return table[:, :-1], table[:, -1]


def standardised(x, y):
    return (x - x.mean(0)) / x.std(0), y - y.mean()


def sgd_samples(x, y):
    """Float32 values in float64; the targets of size 1."""
    x, y = standardised(x, y)
    narrow = lambda a: a[:ROWS].astype(np.float32).astype(np.float64)
    return narrow(x), narrow(y / y.std())


def start(count):
    """Coefficients of size 0.05 to 1, one of them 0; the seed is one where none passes so near to 0
    that the rounding of the gradients shows (it is below 1e-6 in the metric)."""
    random = np.random.default_rng(5)
    w = random.uniform(0.05, 1, count) * random.choice([-1.0, 1.0], count)
    w[3] = 0.0
    return w.astype(np.float32).astype(np.float64)


def fit(make, x, y, w, steps, dtype):
    """Coefficients after one epoch over the first `steps` rows, in one call."""
    model = make()
    x = x.astype(dtype)
    y = y.astype(dtype) if y.dtype == np.float64 else y
    model.fit(x, y)  # allocates, and sees both classes
    model.coef_ = w.astype(dtype).reshape(model.coef_.shape)
    model.partial_fit(x[:steps], y[:steps])
    assert model.coef_.dtype == dtype
    return model.coef_.astype(np.float64).reshape(-1)


def check_gradients(penalties, weights, grads):
    """Without l1 the step is known: the gradients are those that scikit-learn took."""
    decay = sum(one['weight'] for one in penalties)
    for w, after, g in zip(weights, weights[1:], grads):
        assert np.allclose(after, w * (1 - RATE * decay) - RATE * g, rtol=1e-13, atol=1e-15)


def sgd_case(make, text, gradient, penalties, x, y):
    """gradient(w, row, target), by scikit-learn's own definition of the loss."""
    w0 = start(x.shape[1])
    exact = [w0] + [fit(make, x, y, w0, k + 1, np.float64) for k in range(ROWS)]
    single = [w0] + [fit(make, x, y, w0, k + 1, np.float32) for k in range(ROWS)]
    grads = [gradient(w, *sample) for w, *sample in zip(exact, x, y)]
    if all(one['name'] == 'l2' for one in penalties):
        check_gradients(penalties, exact, grads)
    steps = range(1, ROWS + 1)
    exact, single = (foreign.kept(trace[1:], steps) for trace in (exact, single))
    return dict(name=text.split('(')[0], foreign=text, rule='sgd', options=dict(lr=RATE),
                penalties=penalties, shape=[len(w0)], params=w0.tolist(),
                grads=np.array(grads, np.float32).astype(np.float64).tolist(), after=exact,
                float32_error=foreign.largest_error(exact, single, w0))


def squared(w, row, target):
    return (w @ row - target) * row


def logistic(w, row, target):
    sign = 1.0 if target else -1.0
    return -sign / (1 + np.exp(sign * (w @ row))) * row


def l2(weight):
    return dict(name='l2', weight=weight, application='decoupled', convention='lr')


def l1(weight):
    return dict(name='l1_cumulative', weight=weight, application='proximal')


def sgd_cases(x, y):
    x, y = sgd_samples(x, y)
    rows = ((dict(penalty=None), []), (dict(penalty='l2'), [l2(ALPHA)]),
            (dict(penalty='l1'), [l1(ALPHA)]),
            (dict(penalty='elasticnet', l1_ratio=0.3), [l2(0.7 * ALPHA), l1(0.3 * ALPHA)]))
    models = ((SGDRegressor, 'squared_error', squared, y), (SGDClassifier, 'log_loss', logistic,
                                                            y > 0))
    for model, loss, gradient, target in models:
        for options, penalties in rows:
            options = dict(loss=loss, alpha=ALPHA, **options)
            make = lambda m=model, o=options: m(
                **o, fit_intercept=False, max_iter=1, tol=None, shuffle=False,
                learning_rate='constant', eta0=RATE)
            text = ', '.join(f'{key}={value}' for key, value in options.items())
            yield sgd_case(make, f'{model.__name__}({text}, eta0={RATE})', gradient, penalties, x,
                           target)


def path_point(name, make, lam, l1_ratio, x, y):
    """The coefficients, and by how much the zeros are zeros: 1 - |gradient| / threshold."""
    w = make(lam).fit(x, y).coef_
    gradient = x.T @ (x @ w - y) / len(y)
    l1 = lam * l1_ratio
    zero = w == 0
    stationary = gradient + l1 * np.sign(w) + lam * (1 - l1_ratio) * w
    assert np.max(np.abs(stationary[~zero]), initial=0) < 1e-11 * np.max(np.abs(x.T @ y)) / len(y)
    margin = 1 - np.max(np.abs(gradient[zero]), initial=0) / l1 if l1 else 1.0
    smallest = np.min(np.abs(w[~zero]), initial=np.max(np.abs(w))) / np.max(np.abs(w))
    assert margin > 1e-3 and smallest > 1e-3, (name, lam, margin, smallest)
    return dict(weight=lam, coefficients=w.tolist())


def paths(x, y):
    x, y = standardised(x, y)
    n = len(y)
    tight = dict(fit_intercept=False, tol=1e-14, max_iter=10**6)
    exact = dict(fit_intercept=False, solver='cholesky')
    lasso_weights = [40.0, 30.0, 20.0, 15.0, 10.0, 7.0, 5.0, 3.0, 2.0, 1.0, 0.7, 0.4]
    other_weights = [30.0, 10.0, 3.0, 1.0, 0.3]
    rows = (('Lasso', lambda a: Lasso(alpha=a, **tight), 1.0, lasso_weights),
            ('ElasticNet', lambda a: ElasticNet(alpha=a, l1_ratio=0.6, **tight), 0.6,
             other_weights),
            ('Ridge', lambda a: Ridge(alpha=n * a, **exact), 0.0, other_weights))
    for name, make, l1_ratio, weights in rows:
        yield dict(model=name, l1_ratio=l1_ratio,
                   points=[path_point(name, make, a, l1_ratio, x, y) for a in weights])


def main():
    x, y = read(sys.argv[1])
    source = f'scikit-learn {sklearn.__version__}, float64'
    foreign.write(sys.argv[2], source, list(sgd_cases(x, y)), paths=list(paths(x, y)))


main()
