"""All weights of a network in one flat vector, and the layers' own views of it.

An update rule does not care which layer a weight belongs to: ``w <- w - rate * gradient`` is the
same line for all of them.  So all weights lie one after another in one vector, and so do their
gradients; one call of the rule moves the whole network.  A layer sees the same memory as tensors of
the shapes that it asked for, so nothing is ever copied back and forth:

    vector    [ layer 0's weights | its bias | layer 1's weights | ... | running averages ]
    gradient  [ layer 0's weights | its bias | layer 1's weights | ... ]

Running averages (of `BatchNorm`) are no weights, since no gradient moves them, but they belong to
what a network is; they stand at the end of the vector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import numpy as np

from groundup.neural_network._layer import RUNNING, Shape, Weights
from groundup.neural_network.autodiff import Tensor


class Parameters:
    """The weights of a network: a flat vector, and a tree of tensors that look into it.

    Parameters
    ----------
    vector : ndarray of shape (p + q,)
        p learned weights and q running averages. It is not copied: who changes it changes the
        network.
    shapes : mapping of str to tuple of int
        The name and shape of each array, in the order in which they lie in the vector. A name is a
        path, such as "2.attention.output.bias".
    learning : bool, default=True
        Whether gradients are wanted.

    Attributes
    ----------
    tree : dict of str to Tensor or dict
        The same arrays by name, nested as the layers are.
    learned : ndarray of shape (p,)
        View of the learned weights.
    gradient : ndarray of shape (p,)
        What `Tensor.backward` adds to; only with `learning`.
    """

    def __init__(self, vector: np.ndarray, shapes: Mapping[str, Shape], learning: bool = True):
        n_numbers = sum(map(prod, shapes.values()))
        if vector.shape != (n_numbers,):
            raise ValueError(
                f"The network has {n_numbers} numbers, the vector has shape {vector.shape}."
            )
        self.vector, self.shapes, self.learning = vector, dict(shapes), learning
        p = sum(prod(shape) for name, shape in shapes.items() if not is_running(name))
        self.learned = vector[:p]  # (p,)
        self.gradient = np.zeros(p if learning else 0, vector.dtype)
        self.tree: Weights = {}
        begin = 0
        for name, shape in shapes.items():
            end = begin + prod(shape)
            tensor = Tensor(vector[begin:end].reshape(shape))
            if learning and not is_running(name):
                tensor.requires_grad = True
                tensor.grad = self.gradient[begin:end].reshape(shape)
            *outer, last = name.split(".")
            branch = self.tree
            for step in outer:
                branch = branch.setdefault(step, {})
            branch[last] = tensor
            begin = end

    # Copied or pickled as they stand, the tree's tensors would get arrays of their own, which the
    # vector no longer reaches: a copy is built around the copied vector instead.

    def __reduce__(self) -> Any:
        return Parameters, (self.vector, self.shapes, self.learning), self.gradient

    def __setstate__(self, gradient: np.ndarray) -> None:
        self.gradient[:] = gradient

    def named(self, vector: np.ndarray | None = None) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the name of each array and its view of `vector`, of the weights by default."""
        vector = self.vector if vector is None else vector
        begin = 0
        for name, shape in self.shapes.items():
            end = begin + prod(shape)
            if end > len(vector):
                return  # a gradient has no running averages
            yield name, vector[begin:end].reshape(shape)
            begin = end


def is_running(name: str) -> bool:
    """Tell whether a name is that of a running average, which no gradient moves."""
    return name.rpartition(".")[2].startswith(RUNNING)


def flattened(weights: Weights, dtype: str | np.dtype) -> tuple[np.ndarray, dict[str, Shape]]:
    """Return nested arrays as one vector, and the name and shape of each; running averages last.

    Examples
    --------
    >>> vector, shapes = flattened({"0": {"running_mean": np.ones(1), "gain": np.zeros(2)}}, "f4")
    >>> vector
    array([0., 0., 1.], dtype=float32)
    >>> shapes
    {'0.gain': (2,), '0.running_mean': (1,)}
    """
    named = sorted(_leaves(weights), key=lambda leaf: is_running(leaf[0]))  # keeps the order else
    parts = [np.ravel(array).astype(dtype) for _, array in named]
    vector = np.concatenate(parts) if parts else np.zeros(0, dtype)
    return vector, {name: array.shape for name, array in named}


def _leaves(weights: Weights, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for name, value in weights.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value
