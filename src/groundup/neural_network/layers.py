"""The layers that networks are made of. Read them in this order, from simple to advanced:

1. `_layer.py`                 what a layer is: sizes that never change, weights that live apart
2. `_dense.py`                 dense layers and activations: the classic network
3. `_reshaping.py`             the same numbers in another shape; dropout
4. `_composites.py`            one layer after another, and around a short cut
5. `_convolutional.py`         images: weights that are used again at every place; pooling
6. `_normalisation_layers.py`  numbers of one scale inside the network
7. `_embedding.py`             symbols as vectors, positions as vectors
8. `_recurrent.py`             sequences, one position at a time: LSTM and GRU
9. `_attention.py`             sequences, all positions at once: attention and transformer blocks

A transposed convolution is left out: `Upsample2d` with a `Conv2d` behind it does the same work.
How weights begin is in `initialisation.py`, how a network holds them in `_parameters.py`.
"""

from __future__ import annotations

from groundup.neural_network._attention import MultiHeadAttention, TransformerBlock
from groundup.neural_network._composites import Residual, Sequential
from groundup.neural_network._convolutional import (
    AveragePool2d,
    Conv2d,
    GlobalAverage,
    MaxPool2d,
    Upsample2d,
)
from groundup.neural_network._dense import Dense, Gelu, Relu, Sigmoid, Softmax, Tanh
from groundup.neural_network._embedding import Embedding, PositionalEmbedding
from groundup.neural_network._layer import Layer, ShapeError
from groundup.neural_network._normalisation_layers import BatchNorm, LayerNorm
from groundup.neural_network._recurrent import GRU, LSTM
from groundup.neural_network._reshaping import Dropout, Flatten, Reshape

__all__ = [
    "GRU",
    "LSTM",
    "AveragePool2d",
    "BatchNorm",
    "Conv2d",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Gelu",
    "GlobalAverage",
    "Layer",
    "LayerNorm",
    "MaxPool2d",
    "MultiHeadAttention",
    "PositionalEmbedding",
    "Relu",
    "Reshape",
    "Residual",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "TransformerBlock",
    "Upsample2d",
]
