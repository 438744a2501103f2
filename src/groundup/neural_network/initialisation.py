r"""Where a network begins: the size of its first weights decides whether it can learn at all.

A layer adds up `fan_in` products.  With weights of variance v its sums have the variance

    Var(sum) = fan_in v E[x^2]                                                                  (1)

so over many layers signals shrink to nothing or grow without bound unless ``fan_in v`` is near one;
on the way back the same holds for gradients, with ``fan_out``.  Hence

============== ================================ ================================================
`glorot`       v = 2 / (fan_in + fan_out)        tanh, sigmoid, no activation: the compromise
                                                 between the way there and the way back
`he`           v = 2 / fan_in                    relu, gelu: half of the signal is cut off, so the
                                                 other half has to be twice as strong
`orthogonal`   W^T W = I                         weights that are applied again at every position of
                                                 a sequence: they keep the length of what they turn
`unit_rows`    v = 1 / size                      embeddings: each symbol begins as a short vector of
                                                 length about one, in a direction of its own
============== ================================ ================================================

Weights must differ from each other, or all units of a layer would see the same gradient for ever
and stay the same unit.  Constants (biases) begin at zero; there is nothing to break.

References
----------
.. [1] Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural
   networks", AISTATS.
.. [2] He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", ICCV.
.. [3] Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning
   in deep linear neural networks", ICLR.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

__all__ = ["STARTS", "glorot", "he", "orthogonal", "small", "start_weights", "unit_rows"]


def glorot(
    generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> np.ndarray:
    """Return uniform weights of variance 2 / (fan_in + fan_out)."""
    # the variance of U(-a, a) is a^2 / 3
    limit = sqrt(6.0 / (fan_in + fan_out))
    return generator.uniform(-limit, limit, shape)


def he(
    generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> np.ndarray:
    """Return normal weights of variance 2 / fan_in."""
    return generator.normal(0.0, sqrt(2.0 / fan_in), shape)


def small(
    generator: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
) -> np.ndarray:
    """Return normal weights of variance 0.01^2 / fan_in: the layer begins as nearly nothing."""
    return generator.normal(0.0, 0.01 / sqrt(fan_in), shape)


def orthogonal(generator: np.random.Generator, size: int) -> np.ndarray:
    """Return a random (size, size) matrix with W^T W = I.

    Examples
    --------
    >>> W = orthogonal(np.random.default_rng(0), 3)
    >>> bool(np.allclose(W.T @ W, np.eye(3)))
    True
    """
    # Q of a normal matrix; R's diagonal made positive, or Q would favour some rotations
    Q, R = np.linalg.qr(generator.normal(size=(size, size)))
    return Q * np.sign(np.diag(R))


def unit_rows(generator: np.random.Generator, n_rows: int, size: int) -> np.ndarray:
    """Return (n_rows, size) normal numbers of variance 1 / size: rows of length about one."""
    return generator.normal(0.0, 1.0 / sqrt(size), (n_rows, size))


STARTS = {"he": he, "glorot": glorot, "small": small}


def start_weights(
    start: str | None,
    generator: np.random.Generator,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
) -> np.ndarray:
    """Return first weights by the name of their start; None is "glorot"."""
    return STARTS[start or "glorot"](generator, shape, fan_in, fan_out)
