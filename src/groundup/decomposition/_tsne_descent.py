r"""The descent of t-SNE: a gradient with momentum, and a step size of its own for each coordinate.

    gain    += 0.2 where the last move went downhill here too,  *= 0.8 elsewhere
    move     = momentum * move - learning_rate * gain * gradient
    y       += move

A gain grows while the gradient keeps its sign, which crosses flat parts fast, and shrinks when it
turns, which stops a point from swinging across a narrow valley.

When the exaggeration ends, gains and moves start anew: those learnt on the exaggerated slope are
too small, or too large, for the one that follows.

References
----------
.. [1] R. A. Jacobs, "Increased rates of convergence through learning rate adaptation", Neural
   Networks 1, 1988.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from groundup._estimator import Steps
from groundup._kernel import kernel

EXPLORATION = 250  # steps with exaggerated P
FARTHEST = 1e15  # beyond it squares of distances come near the end of single precision
CHECK_EVERY = 50  # steps between two looks at the divergence

# (pull (n, d), push (n, d + 1)) at the points Y (n, d), and the divergence there
Forces = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Divergence = Callable[[np.ndarray, float], float]


@kernel
def move(
    pull,  # (n, d) in
    push,  # (n, d + 1) in
    total,  # float in: Z
    exaggeration,  # float in: what P is multiplied by
    freedom,  # float in: v
    momentum,  # float in
    learning_rate,  # float in
    Y,  # (n, d) inout
    last,  # (n, d) inout: the last move
    gains,  # (n, d) inout
):
    """Take a step; return the length of the gradient times the gains, and the sum of all |y|."""
    square = reach = 0.0
    for i in range(Y.shape[0]):
        for f in range(Y.shape[1]):
            # dC/dy = 2 (v + 1) / v (pull - push / Z)
            slope = exaggeration * pull[i, f] - push[i, f] / total
            slope *= 2.0 * (freedom + 1.0) / freedom
            agree = last[i, f] * slope < 0.0  # the last move went downhill here too
            gain = gains[i, f] + 0.2 if agree else gains[i, f] * 0.8
            gains[i, f] = max(gain, 0.01)
            slope *= gains[i, f]
            last[i, f] = momentum * last[i, f] - learning_rate * slope
            Y[i, f] += last[i, f]
            square += slope * slope
            reach += abs(Y[i, f])
    return np.sqrt(square), reach


def _flown_apart(step: int, learning_rate: float, early_exaggeration: float) -> ValueError:
    return ValueError(
        f"The map flew apart in step {step}: its points are so far from each other, or from zero, "
        f"that their distances leave the range of numbers. learning_rate ({learning_rate:g}) or "
        f"early_exaggeration ({early_exaggeration:g}) is too large, or init spreads the points too "
        "far. Use learning_rate='auto', early_exaggeration=12, and an init of a size near 1e-4."
    )


def descend(
    forces: Forces,
    divergence: Divergence,
    Y: np.ndarray,
    freedom: float,
    learning_rate: float,
    early_exaggeration: float,
    max_iter: int,
    patience: int,
    min_grad_norm: float,
    report: Callable[[int, float, float], None],
) -> Steps:
    """Move the points downhill; yields them after every step.

    Parameters
    ----------
    forces : callable
        ``forces(Y)`` returns pull (n, d) and push (n, d + 1), as in `_tsne_forces`.
    divergence : callable
        ``divergence(Y, Z)`` returns the Kullback-Leibler divergence.
    Y : ndarray of shape (n, d)
        Where the points start; they are moved in place.
    freedom : float
        Degrees of freedom v of the map's heavy tail.
    learning_rate, early_exaggeration : float
    max_iter : int
        The most steps, the first 250 of them with exaggerated P.
    patience : int
        Stop after so many steps without a smaller divergence; not in the first 250.
    min_grad_norm : float
        Stop where the gradient is not longer than this.
    report : callable
        Told the step, the divergence and the length of the gradient at every look.

    Yields
    ------
    dict
        ``embedding_``, ``kl_divergence_`` (at the last look; NaN before the first), ``n_iter_`` and
        ``learning_rate_``.

    Raises
    ------
    ValueError
        Where the points fly so far apart that no forces are left between them.
    """
    step, kl = 0, np.nan
    for exaggeration, momentum, until in (
        (early_exaggeration, 0.5, min(EXPLORATION, max_iter)),
        (1.0, 0.8, max_iter),
    ):
        last, gains = np.zeros_like(Y), np.ones_like(Y)
        best, best_step = np.inf, step
        while step < until:
            step += 1
            pull, push = forces(Y)
            total = push[:, -1].sum()
            if not 0.0 < total < np.inf:
                raise _flown_apart(step, learning_rate, early_exaggeration)
            looks = step % CHECK_EVERY == 0 or step == max_iter
            if looks:
                # sum e p log(e p / q) = e (sum p log(p / q) + log e)
                kl = exaggeration * (divergence(Y, total) + np.log(exaggeration))
            length, reach = move(
                pull, push, total, exaggeration, freedom, momentum, learning_rate, Y, last, gains
            )
            if not (np.isfinite(length) and reach < FARTHEST * Y.size):
                raise _flown_apart(step, learning_rate, early_exaggeration)
            if looks:
                report(step, kl, length)
            yield {
                "embedding_": Y,
                "kl_divergence_": kl,
                "n_iter_": step,
                "learning_rate_": learning_rate,
            }
            if not looks:
                continue
            if kl < best:
                best, best_step = kl, step
            elif step - best_step > patience and exaggeration == 1.0:
                break
            if length <= min_grad_norm:
                break
