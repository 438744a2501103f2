r"""Kernel functions: an inner product in a space that nobody has to visit.

A support vector machine only ever asks for inner products of rows.  Replace x . z by a function
K(x, z) that is an inner product in some richer space, and the same algorithm draws curved borders:

    linear        x . z
    polynomial    (gamma x . z + coef0)^degree     all products of up to `degree` features
    rbf           exp(-gamma |x - z|^2)            a bell around each row; infinitely many features
    sigmoid       tanh(gamma x . z + coef0)        historical; not an inner product for all values
    precomputed   the caller brings K itself

All but the last need one matrix product for a whole block of pairs, and one pass over the result.
For the rbf kernel the product is made to hold the squared distance itself, by two more columns:

    [sqrt(2 g) x, -g |x|^2, 1] . [sqrt(2 g) z, 1, -g |z|^2] = -g |x - z|^2

The terms cancel where rows lie far from the origin, so they are centred first: distances do not
change.

References
----------
.. [1] B. Schoelkopf and A. Smola, "Learning with Kernels", MIT Press, 2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KERNELS = ("linear", "poly", "rbf", "sigmoid", "precomputed")


@dataclass(frozen=True)
class KernelFunction:
    """K(x, z) with its constants.

    Parameters
    ----------
    name : {"linear", "poly", "rbf", "sigmoid", "precomputed"}
    gamma : float, default=1.0
        Of "poly", "rbf" and "sigmoid".
    degree : int, default=3
        Of "poly", at least 0.
    coef0 : float, default=0.0
        Of "poly" and "sigmoid".

    Examples
    --------
    >>> import numpy as np
    >>> rbf = KernelFunction("rbf", gamma=0.5)
    >>> rows = rbf.left(np.array([[0.0], [2.0]]), center=1.0)
    >>> print(rbf.of(rows, rbf.right(np.array([[0.0]]), center=1.0)).round(3))  # exp(-0.5 * 4)
    [[1.   ]
     [0.135]]
    """

    name: str
    gamma: float = 1.0
    degree: int = 3
    coef0: float = 0.0

    def center(self, X: np.ndarray) -> np.ndarray | float:
        """Return where the origin is best moved to, for rows `X` of shape (n, d)."""
        return X.mean(axis=0) if self.name == "rbf" else 0.0

    def left(self, X: np.ndarray, center: np.ndarray | float, dtype: type = np.float64):
        """Return `X` of shape (n, d) as the left side of a product, shape (n, d) or (n, d + 2)."""
        return self._side(X, center, dtype, 1)

    def right(self, X: np.ndarray, center: np.ndarray | float, dtype: type = np.float64):
        """Return `X` of shape (n, d) as the right side of a product (before it is transposed)."""
        return self._side(X, center, dtype, 0)

    @np.errstate(over="ignore", invalid="ignore")  # `smo` looks for what is not finite
    def _side(self, X, center, dtype, place_of_one):
        if self.name in ("linear", "precomputed"):
            return np.ascontiguousarray(X, dtype)
        if self.name != "rbf":
            return np.asarray(X * self.gamma if place_of_one else X, dtype)
        n, d = X.shape
        side = np.empty((n, d + 2), dtype)
        Z = np.sqrt(2.0 * self.gamma) * (X - center)
        side[:, :d] = Z
        # |sqrt(2 g) z|^2 / 2 = g |z|^2
        side[:, d + 1 - place_of_one] = -0.5 * np.einsum("ij,ij->i", Z, Z)
        side[:, d + place_of_one] = 1.0
        return side

    @np.errstate(over="ignore", invalid="ignore")
    def of(self, A: np.ndarray, B: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Return K for every pair of a row of `A` (`left`) and a row of `B` (`right`).

        Parameters
        ----------
        A : ndarray of shape (m, p)
        B : ndarray of shape (n, p)
        out : ndarray of shape (m, n) or None
            Where to write.

        Returns
        -------
        ndarray of shape (m, n)
        """
        K = np.matmul(A, B.T, out=out)  # (m, p) @ (p, n)
        if self.name == "rbf":
            np.exp(K, out=K)
        elif self.name == "poly":
            K += K.dtype.type(self.coef0)
            _to_the_power(K, self.degree)
        elif self.name == "sigmoid":
            K += K.dtype.type(self.coef0)
            np.tanh(K, out=K)
        return K


def _to_the_power(K: np.ndarray, degree: int) -> None:
    """K <- K^degree in place, by repeated squaring."""
    base, result, left = K.copy(), None, degree
    while left:
        if left & 1:
            result = base.copy() if result is None else np.multiply(result, base, out=result)
        left >>= 1
        if left:
            np.multiply(base, base, out=base)
    K[...] = 1.0 if result is None else result
