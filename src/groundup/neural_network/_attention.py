"""Sequences, all positions at once: attention, and the transformer block made of it.

A recurrent layer hands what it knows from position to position.  In attention every position looks
directly at all others: it sends out a query, each position offers a key and a value, and what comes
back is the mean of the values, weighted by how well the keys answer the query

    attention(q, k, v) = softmax(q k^T / sqrt(d)) v

Several heads look for several things.  With `causal` a position sees only those before it and
itself, so that the network can be asked at every position at once what comes next.

Cost: O(T^2 d) for T positions, all of it in matrix products.

References
----------
.. [1] Vaswani et al. (2017), Attention is all you need, NeurIPS.
.. [2] Xiong et al. (2020), On layer normalization in the transformer architecture, ICML.
.. [3] Radford et al. (2019), Language models are unsupervised multitask learners: residual weights
   that begin smaller by the root of their number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np

from groundup.neural_network._attention_product import attention_of_product
from groundup.neural_network._dense import Dense
from groundup.neural_network._gelu import gelu
from groundup.neural_network._layer import (
    Layer,
    ShapeError,
    Weights,
    require_share,
    require_whole,
)
from groundup.neural_network._linear import linear
from groundup.neural_network._normalisation_layers import LayerNorm
from groundup.neural_network._reshaping import dropout
from groundup.neural_network.initialisation import glorot


@dataclass(frozen=True, repr=False)
class MultiHeadAttention(Layer):
    """Every position asks, every position answers; several heads side by side.

    Parameters
    ----------
    heads : int
        How many heads; they share the features, so their number divides that of the features.
    causal : bool, default=False
        Whether a position sees only those before it and itself.

    Notes
    -----
    Weights begin by Glorot, those for queries, keys and values each for themselves.
    """

    heads: int
    causal: bool = False

    def __post_init__(self):
        require_whole(self, "heads")

    def build(self, shape, generator):
        require_sequences(self, shape, self.heads)
        d = shape[1]
        columns = [glorot(generator, (d, d), d, d) for _ in range(3)]
        weights = {
            "queries_keys_values": {"weights": np.hstack(columns), "bias": np.zeros(3 * d)},
            "output": {"weights": glorot(generator, (d, d), d, d), "bias": np.zeros(d)},
        }
        return weights, shape

    def forward(self, weights, x, training=None):
        asked, output = weights["queries_keys_values"], weights["output"]
        # one product for the queries, keys and values of all heads: (n, T, 3 d)
        parts = linear(x, asked["weights"], asked["bias"])
        seen = attention_of_product(parts, self.heads, self.causal)  # (n, T, d)
        return linear(seen, output["weights"], output["bias"])


@dataclass(frozen=True, repr=False)
class TransformerBlock(Layer):
    """Look at the other positions, then think about what was seen; add both to what came.

    x <- x + attention(norm(x))
    x <- x + dense(gelu(dense(norm(x))))

    The norms stand inside the two branches (pre-norm), so that what was put in at the bottom and
    the gradient from the top pass by all blocks unchanged.

    Parameters
    ----------
    heads : int
        How many heads; their number divides that of the features.
    causal : bool, default=False
        Whether a position sees only those before it and itself.
    expansion : int, default=4
        How many times as many units as features stand between the two dense layers.
    dropout : float, default=0.0
        The share of each branch's output that is set to zero in training.
    network_residuals : int, default=2
        How many residuals the network has, two for each block; it counts them itself.

    Notes
    -----
    The last weights of each branch begin smaller by the root of `network_residuals`, so that the
    sum of all branches has the size of one.
    """

    heads: int
    causal: bool = False
    expansion: int = 4
    dropout: float = 0.0
    network_residuals: int = 2

    def __post_init__(self):
        require_whole(self, "heads", "expansion", "network_residuals")
        require_share(self, "dropout")

    def placed(self, following, n_residuals):
        return replace(self, network_residuals=max(1, n_residuals))

    def count_residuals(self):
        return 2

    def build(self, shape, generator):
        require_sequences(self, shape, self.heads)
        d = shape[1]
        attend = MultiHeadAttention(self.heads, self.causal)
        weights: Weights = {
            "attention_norm": LayerNorm().build(shape, generator)[0],
            "attention": attend.build(shape, generator)[0],
            "dense_norm": LayerNorm().build(shape, generator)[0],
            "expand": Dense(self.expansion * d, start="he").build(shape, generator)[0],
            "contract": Dense(d, start="glorot").build((self.expansion * d,), generator)[0],
        }
        for last in (weights["attention"]["output"], weights["contract"]):
            last["weights"] = last["weights"] / sqrt(self.network_residuals)
        return weights, shape

    def forward(self, weights, x, training=None):
        norm, attend = LayerNorm(), MultiHeadAttention(self.heads, self.causal)
        # x <- x + attention(norm(x))
        seen = norm.forward(weights["attention_norm"], x)
        seen = attend.forward(weights["attention"], seen)
        x = x + dropout(seen, self.dropout, training)
        # x <- x + dense(gelu(dense(norm(x))))
        thought = norm.forward(weights["dense_norm"], x)
        expand, contract = weights["expand"], weights["contract"]
        thought = gelu(linear(thought, expand["weights"], expand["bias"]))
        thought = linear(thought, contract["weights"], contract["bias"])
        return x + dropout(thought, self.dropout, training)


def require_sequences(layer: Layer, shape: tuple[int, ...], heads: int) -> None:
    """Raise a ShapeError unless rows are sequences whose features the heads can share."""
    if len(shape) != 2:
        raise ShapeError(
            layer,
            shape,
            "sequences of (positions, features)",
            "Put Embedding(symbols, size) or Reshape((positions, features)) in front of it.",
        )
    if shape[1] % heads:
        raise ShapeError(
            layer,
            shape,
            f"a number of features that its {heads} heads can share",
            f"Use a multiple of {heads} features, or a number of heads that divides {shape[1]}.",
        )
