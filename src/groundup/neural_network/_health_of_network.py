"""When a network is looked at while it trains, and what is handed to the checks in `_health.py`.

Before the first step: columns, targets, and what each layer makes of some rows.  After some of the
epochs: each layer's gradient beside its weights.  At the end: layers that have died.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groundup.neural_network._embedding import Embedding
from groundup.neural_network._findings import tell
from groundup.neural_network._health import (
    some_rows,
    watch_columns,
    watch_gradients,
    watch_outputs,
    watch_start,
    watch_targets,
)
from groundup.neural_network._network import Network, first_with_meaning


def look_at_start(
    network: Network,
    x: np.ndarray,
    numbers: np.ndarray | None,
    columns: Sequence[str] | None,
    told: set[str],
) -> None:
    """Warn of columns, targets and first weights with which a network can hardly learn.

    Parameters
    ----------
    network : Network
    x : ndarray of shape (n, *input_shape)
        The rows to learn from.
    numbers : ndarray of shape (n, ...) or None
        The targets, if they are numbers and not classes.
    columns : sequence of str or None
        The names of the columns.
    told : set of str
        What the user has been told of.
    """
    if not isinstance(first_with_meaning(network.model), Embedding):
        tell(watch_columns(x, columns), told)
    if numbers is not None:
        tell(watch_targets(numbers), told)
    names, kinds = names_and_kinds(network)
    some = some_rows(x)
    with np.errstate(over="ignore", invalid="ignore"):
        tell(watch_start(some, network.outputs(some), names, kinds), told)


def look_at_end(network: Network, x: np.ndarray, epoch: int, told: set[str]) -> None:
    """Warn of layers that have died in training; parameters as for `look_at_start`."""
    names, kinds = names_and_kinds(network)
    some = some_rows(x)
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = network.outputs(some)
        tell(watch_outputs(some, outputs, names, kinds, f"after epoch {epoch}"), told)


def names_and_kinds(network: Network) -> tuple[list[str], list[str]]:
    """Return what to call each layer, and what it is."""
    classes = [type(layer).__name__ for layer in network.layers]
    names = [f"layer {number} ({name})" for number, name in enumerate(classes)]
    return names, [name.lower() for name in classes]


class WeightedLayers:
    """The layers that have weights, and where these lie in the flat vector."""

    def __init__(self, network: Network):
        self.network = network
        ends: dict[int, int] = {}
        end = 0
        for name, array in network.parameters.named(network.weights):
            end += array.size
            ends[int(name.partition(".")[0])] = end
        self.bounds = [0, *ends.values()]
        self.names = [f"layer {i} ({type(network.layers[i]).__name__})" for i in ends]
        self.start_norms = self.norms(network.weights)

    def norms(self, vector: np.ndarray) -> list[float]:
        """Return the Euclidean norm of each layer's part."""
        pairs = zip(self.bounds[:-1], self.bounds[1:], strict=True)
        # in float64, where squares of float32 cannot overflow
        return [float(np.linalg.norm(vector[begin:end].astype(np.float64))) for begin, end in pairs]

    def look(self, told: set[str]) -> None:
        """Warn of gradients that vanish or explode, and of weights that have grown too large."""
        norms = self.norms(self.network.gradient), self.norms(self.network.weights)
        tell(watch_gradients(*norms, self.names, self.start_norms), told)
