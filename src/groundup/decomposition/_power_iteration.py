r"""The largest singular vectors by power iteration on a random subspace.

A matrix A stretches its leading singular directions most, so a random vector that is multiplied by
A^T A again and again turns towards them.  With l random vectors at once, kept at right angles so
that they do not all turn towards the first one, the subspace that they span approaches that of the
l leading singular vectors.  A step from l orthonormal directions Q, (p, l), is

    Y = orth(A Q)                      (m, l)
    W = A^T Y = V diag(s) U^T          (p, l): A restricted to Y, A ~ Y W^T = (Y U) diag(s) V^T
    Q = V

so every step ends with the best answer within its subspace, and the next one starts from it.

The error of direction i shrinks by (s_{l+1} / s_i)^2 in a step.  That is why some more directions
(`n_oversamples`) are carried than are wanted: the gap between s_k and s_{l+1} is wider than the one
between s_k and s_{k+1}.  It fails where there is no gap: for a flat spectrum the directions are not
determined, though what they explain is nearly the best that k directions can.

Cost: a step is two products with A, 4 m p l multiplications and additions for a dense one, and two
factorings of l columns.  Memory: (m + p) l numbers.

References
----------
.. [1] N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness: probabilistic
   algorithms for constructing approximate matrix decompositions", SIAM Review 53(2), 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from groundup._blocks import single_blas_thread


def leading_singular_vectors(
    times: Callable[[np.ndarray], np.ndarray],
    transposed_times: Callable[[np.ndarray], np.ndarray],
    shape: tuple[int, int],
    size: int,
    n_iter: int,
    random_state: np.random.RandomState,
    projected: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Yield singular values and right singular vectors after each of ``n_iter + 1`` steps.

    Parameters
    ----------
    times, transposed_times : callable
        A times (d, l) and A^T times (n, l).
    shape : tuple of int
        That of A, (n, d).
    size : int
        The number of directions l. With as many as there are the first step is exact, and the last.
    n_iter : int
        Steps after the first one.
    random_state : RandomState
    projected : bool, default=False
        Whether A V is asked for too: one more product after the last step.

    Yields
    ------
    singular : ndarray of shape (min(l, n, d),)
        In falling order.
    Vt : ndarray of shape (min(l, n, d), d)
    AV : ndarray of shape (n, min(l, n, d)) or None
    """
    n, d = shape
    # The random vectors live on the shorter side, where there are fewer numbers to draw.
    wide = n < d
    forth, back = (transposed_times, times) if wide else (times, transposed_times)
    Q = random_state.normal(size=(min(n, d), size))
    if size >= min(n, d):
        Q, n_iter = np.eye(min(n, d)), 0
    AV: np.ndarray | None = None
    for step in range(n_iter + 1):
        with single_blas_thread():  # the factorings have other bits, and are no faster, on several
            if step == 0 or wide or not projected:
                Y = forth(Q)
            Y = orthonormal(Y)  # (m, l)
            Q, singular, Ut = np.linalg.svd(back(Y), full_matrices=False)
            if wide:
                Vt, AV = Ut @ Y.T, Q * singular
            else:
                Vt = Q.T
                if projected:
                    Y = AV = forth(Q)
        yield singular, Vt, AV


def orthonormal(Y: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the span of the columns of `Y`, of shape (m, l), l <= m."""
    return np.linalg.qr(Y)[0]
