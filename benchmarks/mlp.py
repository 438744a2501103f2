"""Multi-layer perceptrons: epochs of Adam against scikit-learn and PyTorch, whole fits on iris.

PyTorch's loop is the one its users write, with nothing wasted: the tensors are made once, each
epoch is dealt out by one `index_select`, gradients are dropped rather than zeroed, Adam is the
fused one, and the loss is read once an epoch.  "Compiled" is `torch.compile` of the network and
its loss, compiled before the clock starts.  The first weights are drawn in the same way and the
penalty is the same; the random numbers differ.  Two classes take one unit whose logistic curve is
the probability of the second: the softmax of two units, with half the work in the last layer.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from itertools import pairwise

import numpy as np
from sklearn.datasets import load_iris
from sklearn.preprocessing import scale

from benchmarks._harness import Workload, estimator

HIDDEN, BATCH, ALPHA, RATE = (64, 64), 200, 1e-4, 1e-3


class _Torch:
    """A perceptron in PyTorch that learns for `max_iter` epochs."""

    def __init__(self, max_iter: int, threads: int, compiled: bool, regression: bool):
        self.max_iter, self.threads, self.compiled = max_iter, threads, compiled
        self.regression = regression
        self.torch = import_module("torch")
        self._loss = cache(self._make_loss)

    def _make_loss(self):
        F = self.torch.nn.functional

        def loss(x, y, parameters):
            for weight, bias in parameters[:-1]:
                x = F.relu(F.linear(x, weight, bias))
            z = F.linear(x, *parameters[-1])[:, 0]
            if self.regression:
                return 0.5 * F.mse_loss(z, y)
            return F.binary_cross_entropy_with_logits(z, y)

        return self.torch.compile(loss, dynamic=False) if self.compiled else loss

    def fit(self, X, y):
        torch = self.torch
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            return self._fit(torch.from_numpy(X), torch.from_numpy(y.astype(X.dtype)))
        finally:
            torch.set_num_threads(before)

    def _fit(self, X, y):
        torch = self.torch
        torch.manual_seed(0)
        units = [X.shape[1], *HIDDEN, 1]
        parameters = []
        for k, n in pairwise(units):
            bound = (6.0 / (k + n)) ** 0.5
            parameters.append(
                (
                    torch.empty(n, k).uniform_(-bound, bound).requires_grad_(),
                    torch.empty(n).uniform_(-bound, bound).requires_grad_(),
                )
            )
        # alpha/2 |W|^2 / batch is a decay of the weights alone
        adam = torch.optim.Adam(
            [
                {"params": [weight for weight, _ in parameters], "weight_decay": ALPHA / BATCH},
                {"params": [bias for _, bias in parameters]},
            ],
            lr=RATE,
            fused=True,
        )
        loss_of = self._loss()
        self.loss_curve_ = []
        for _ in range(self.max_iter):
            order = torch.randperm(len(X))
            total = torch.zeros(())
            for x, t in zip(
                X.index_select(0, order).split(BATCH),
                y.index_select(0, order).split(BATCH),
                strict=True,
            ):
                adam.zero_grad(set_to_none=True)
                loss = loss_of(x, t, parameters)
                loss.backward()
                adam.step()
                total += loss.detach() * len(x)
            self.loss_curve_.append(float(total) / len(X))
        self.loss_ = self.loss_curve_[-1]
        return self


def _quietly(call):
    def run():
        with warnings.catch_warnings():  # so few epochs do not converge, and are not meant to
            warnings.simplefilter("ignore")
            return call()

    return run


def _fitting(model, data):
    X, y = data
    return _quietly(lambda: model.fit(X, y))


def _loss(model, data):
    return {"loss of the last epoch": model.loss_}


def table(regression: bool):
    """100,000 x 30 in float32: two classes or a number, by a product and a sum of columns."""

    def data():
        rng = np.random.default_rng(0)
        X = rng.standard_normal((100_000, 30), dtype=np.float32)
        score = X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.standard_normal(len(X), dtype=np.float32)
        return X, score if regression else (score > 0).astype(np.int64)

    return data


def _iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def _epochs(name: str, max_iter: int) -> Workload:
    regression = name == "MLPRegressor"
    parameters = {
        "hidden_layer_sizes": HIDDEN,
        "batch_size": BATCH,
        "alpha": ALPHA,
        "max_iter": max_iter,
        "random_state": 0,
    }
    peers = {"scikit-learn": estimator("sklearn.neural_network", name, **parameters)}
    for threads in (1, 2):
        for compiled in (False, True):
            label = f"PyTorch {'compiled' if compiled else 'eager'}, {threads} thread"
            peers[label + "s" * (threads > 1)] = lambda threads=threads, compiled=compiled: _Torch(
                max_iter, threads, compiled, regression
            )
    return Workload(
        f"{name}, 30-64-64-1, 100,000 rows, batch {BATCH}, Adam, float32, {max_iter} epochs",
        table(regression),
        estimator("groundup.neural_network", name, **parameters),
        peers,
        _loss,
        {"loss of the last epoch": 0.05},
        _fitting,
    )


def _small(solver: str) -> Workload:
    parameters = {"solver": solver, "random_state": 0}
    return Workload(
        f"MLPClassifier, {solver}, 150 x 4 (iris), default parameters",
        _iris,
        estimator("groundup.neural_network", "MLPClassifier", **parameters),
        {"scikit-learn": estimator("sklearn.neural_network", "MLPClassifier", **parameters)},
        _loss,
        {"loss of the last epoch": 0.01},
        _fitting,
    )


WORKLOADS = [
    _epochs("MLPClassifier", 3),
    _epochs("MLPRegressor", 3),
    _small("adam"),
    _small("lbfgs"),
]
