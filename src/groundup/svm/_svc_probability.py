"""Probability curves for the machines of all pairs, fitted to rows that were held out.

See `_platt` for the idea.  Each pair of classes is trained five times more, on four fifths of its
rows; the kernel of the pair is the same for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from groundup._blocks import single_blas_thread
from groundup.svm._one_vs_one import pairs_of
from groundup.svm._pair_machines import PairMachines
from groundup.svm._platt import held_out_decisions, platt_curve

Array = NDArray[np.float64]


def pair_curves(
    machines: PairMachines, weights: Array, random_state: Any = None
) -> tuple[Array, Array]:
    """Return a and b of p(f) = 1 / (1 + exp(a f + b)) for each pair.

    Parameters
    ----------
    machines : PairMachines
    weights : ndarray of shape (n,)
        How often each row counts.
    random_state : int, RandomState instance or None, default=None
        Seeds the folds.

    Returns
    -------
    a, b : ndarray of shape (k (k - 1) / 2,)
    """
    random_state = check_random_state(random_state)
    curves = []
    for i, j in pairs_of(len(machines.of_class)):
        samples = machines.samples(i, j)
        with single_blas_thread():
            kernel = machines.kernel(i, j)
        is_first = np.arange(len(samples)) < len(machines.of_class[i])

        sizes = [0.0]

        def decide(train, test, samples=samples, kernel=kernel, is_first=is_first, sizes=sizes):
            n_first = int(np.count_nonzero(is_first[train]))  # they come first
            for state in machines.train(kernel.subset(train), samples[train], n_first):
                last = state
            b, support = last["b"], np.flatnonzero(last["b"])
            sizes.append(float(np.abs(b).sum()))
            f = np.zeros(len(samples))
            with single_blas_thread():
                kernel.add_to(f, train[support], b[support], samples=test)
            return f[test] - last["rho"]

        held_out = held_out_decisions(decide, is_first, random_state)
        curves.append(platt_curve(held_out, is_first, weights[samples], max(sizes)))
    a, b = np.array(curves).T
    return a.copy(), b.copy()
