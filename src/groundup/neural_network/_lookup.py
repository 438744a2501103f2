"""Rows of a table: how symbols become vectors that can be learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup._kernel import kernel
from groundup.neural_network._plain import plain
from groundup.neural_network.autodiff import Tensor, record


@kernel
def _add_rows(
    gradient,  # (n, d) float32 in
    rows,  # (n,) int64 in
    total,  # (k, d) inout
):
    for i in range(rows.shape[0]):
        row = np.uint64(rows[i])
        for j in range(np.uint64(total.shape[1])):
            total[row, j] += gradient[i, j]


def embedding(table: Tensor, indices: Any) -> Tensor:
    """Look up rows of a table; a row that is taken several times gets all the gradients.

    Parameters
    ----------
    table : Tensor of shape (k, d)
        One row for each symbol.
    indices : array-like of whole numbers, of any shape
        Symbols, 0 to k - 1.

    Returns
    -------
    Tensor of shape (*indices.shape, d)

    Raises
    ------
    TypeError
        If the indices are not whole numbers.
    ValueError
        If one of them is below 0 or above k - 1.

    Examples
    --------
    >>> table = Tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> embedding(table, [1, 1, 0]).data
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    rows = indices.data if isinstance(indices, Tensor) else np.asarray(indices)
    if rows.dtype.kind not in "iu":
        raise TypeError(f"Indices into a table must be whole numbers, these are {rows.dtype}.")
    if rows.size and (rows.min() < 0 or rows.max() >= len(table)):
        wrong = rows.min() if rows.min() < 0 else rows.max()
        raise ValueError(
            f"Index {wrong} is not in a table of {len(table)} rows: 0 to {len(table) - 1}."
        )
    if table.dtype != np.float32 or table.ndim != 2:
        return table[rows]
    flat = plain(rows.reshape(-1), np.int64)

    def backward(gradient):
        total = np.zeros(table.shape, np.float32)
        _add_rows(plain(gradient.reshape(len(flat), table.shape[1])), flat, total)
        return [total]

    return record(table.data[rows], [table], backward)
