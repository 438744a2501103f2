"""The health of a network: what goes wrong silently, found by looking and said in words.

A network whose weights start badly does not fail. It trains, slowly or not at all, and its loss
curve does not say why. What a practitioner would look at are two lists of numbers: how large the
outputs of each layer are, and how large the gradient of each layer is next to its weights. In a
healthy network both stay within a few powers of ten from the first layer to the last,

    spread of a layer's outputs        about 1, in every layer
    |gradient| / |weights|             about the same in every layer

because each layer hands on what it gets at about the size at which it got it. Everything that is
found here is a breach of one of these two lines:

================= ================================================================================
constant          a layer gives every row the same: zero weights, or every unit dead
symmetric         all units of a layer compute the same, so that they learn the same, for ever
tiny, huge        weights drawn far too small or too large: the signal fades or blows up
saturated         tanh and sigmoid where they are flat: no gradient gets through
dead              rectified units that are 0 for every row: no gradient gets through
vanishing         the first layers' gradient is next to nothing beside the last layers'
exploding         the gradient or the weights are out of all proportion, or not finite any more
unscaled          columns or targets in units in which a network can hardly learn
================= ================================================================================

Columns and targets are looked at once before the start, the outputs of some rows once after the
start, norms once an epoch. That costs a forward pass of a few hundred rows, and norms.

The limits are far out on purpose: an ordinary network, deep or shallow, at the start or after
long training, is not near them (the tests train such networks). A finding is therefore worth
reading, and silence means only that nothing is grossly wrong.

References
----------
.. [1] Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural
   networks, AISTATS.
.. [2] He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, ICCV.
.. [3] Pascanu, Mikolov and Bengio (2013), On the difficulty of training recurrent neural
   networks, ICML.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groundup.neural_network import _findings as say
from groundup.neural_network._findings import Finding, TrainingWarning, tell

__all__ = [
    "Finding",
    "TrainingWarning",
    "some_rows",
    "tell",
    "watch_columns",
    "watch_gradients",
    "watch_outputs",
    "watch_start",
    "watch_targets",
]

#: Rows that are enough to look at: of more, callers pass `some_rows`.
ENOUGH_ROWS = 256

_TINY, _HUGE = 1e-2, 30.0  # spread of a layer's outputs over the spread of what it was given
_FADED, _BLOWN_UP = 1e-3, 1e3  # the same from the first layer to the last
_FLAT = 0.99  # |tanh| beyond which its slope is below 0.02
_MOST_FLAT, _MOST_DEAD = 0.5, 0.75  # the share of values, of units, from which a finding speaks
_VANISHED, _EXPLODED = 1e-4, 1e4  # |gradient| / |weights| against the other layers'
_LARGE_GRADIENT = 1e3  # |gradient| / |weights|
_AT_REST = 1e-6  # |gradient| / |weights| below which there is nothing left to learn
_WEIGHTS_GREW = 100.0
_LARGE_COLUMN, _LARGE_TARGET = 50.0, 100.0  # root mean square
_SMALL_COLUMN = 1e-3  # spread

#: Layers without weights of their own: they hand on what they get, and are not to blame for it.
_WEIGHTLESS = {
    *("relu", "gelu", "tanh", "sigmoid", "logistic", "softmax", "identity", "dropout"),
    *("flatten", "reshape", "transpose", "maxpool2d", "averagepool2d", "avgpool2d"),
}
#: Layers whose outputs have a size of their own, whatever came in.
_SIZE_OF_THEIR_OWN = {"embedding", "layernorm", "softmax", "tanh", "sigmoid"}
_SIZE_OF_THEIR_OWN |= {"logistic", "lstm", "gru"}


def watch_columns(X: np.ndarray, names: Sequence[str] | None = None) -> list[Finding]:
    """Look for columns in units that a network cannot work with.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        What the network is given. Not to be called where the columns are indices of an embedding.
    names : sequence of str, default=None
        The columns' names; their numbers by default.
    """
    rows = some_rows(X, 4 * ENOUGH_ROWS).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(np.mean(np.square(rows), axis=0))  # (d,)
        spread = rows.std(axis=0)  # (d,)

    def name(column: int) -> str:
        return f"column {column}" if names is None else f"column {names[column]!r}"

    largest, widest = int(np.argmax(size)), int(np.argmax(spread))
    if size[largest] > _LARGE_COLUMN:
        column = rows[:, largest]
        return [say.large_column(name(largest), column.min(), column.max())]
    if 0 < spread[widest] < _SMALL_COLUMN:
        return [say.small_columns(name(widest), spread[widest])]
    return []


def watch_targets(y: np.ndarray) -> list[Finding]:
    """Look for targets of a regression that are far from where a network starts.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        The targets of a regression.
    """
    rows = some_rows(y, 4 * ENOUGH_ROWS).astype(np.float64)
    with np.errstate(over="ignore"):
        size = float(np.sqrt(np.mean(np.square(rows))))
    return [say.large_targets(rows.min(), rows.max())] if size > _LARGE_TARGET else []


def watch_start(
    inputs: np.ndarray,
    outputs: Sequence[np.ndarray],
    names: Sequence[str],
    kinds: Sequence[str],
) -> list[Finding]:
    """Look at what every layer makes of some rows, before the first step.

    Parameters
    ----------
    inputs : ndarray of shape (n_rows, ...)
        What the first layer is given. A few hundred rows are enough.
    outputs : sequence of ndarray, each of shape (n_rows, ...)
        What each layer gives, in prediction (no dropout).
    names : sequence of str
        How to call each layer: ``"layer 2 (Dense)"``.
    kinds : sequence of str
        What each layer is, in lower case, by its class: ``"dense"``, ``"relu"``, ``"conv2d"``. A
        layer with its activation inside is both: ``"dense relu"``.

    Returns
    -------
    list of Finding
        Empty for a healthy network.
    """
    findings: list[Finding] = []
    if len(inputs) < 2 or _spread(inputs) == 0.0:
        return findings  # rows that are all the same cannot tell layers apart
    words = [set(kind.split()) for kind in kinds]
    weighted = [i for i, kind in enumerate(words) if kind - _WEIGHTLESS]
    last = weighted[-1] if weighted else -1
    came = entered = _spread(inputs)
    entered_at = "what the network is given"
    size_is_known = not any("embedding" in kind for kind in words)  # indices have no size
    symmetric_input = _is_symmetric(inputs)
    for i, (values, name, kind) in enumerate(zip(outputs, names, words, strict=True)):
        if "batchnorm" in kind:
            break  # its averages are learned in training: before, its prediction means nothing
        spread = _spread(values)
        findings += _dead(values, name, kind, "at the start")
        findings += _saturated(values, name, kind)
        # The last layer may start from zeros: it gets a gradient, and then hands one back.
        if i < last and not spread > 0.0:
            return findings or [say.constant(name, values.flat[0], "at the start")]
        if i < last and not symmetric_input and _is_symmetric(values):
            return [*findings, say.symmetric(name, len(_by_unit(values)))]
        if kind & _SIZE_OF_THEIR_OWN:
            entered, entered_at, size_is_known = spread, f"the output of {name}", True
        elif size_is_known and i in weighted:
            findings = (
                findings
                or _out_of_size(name, came, spread, i == last)
                or _drifted(name, entered_at, entered, spread, i == last)
            )
        if findings:
            return findings  # what follows in later layers follows from this
        came = spread
    return findings


def watch_outputs(
    inputs: np.ndarray,
    outputs: Sequence[np.ndarray],
    names: Sequence[str],
    kinds: Sequence[str],
    when: str,
) -> list[Finding]:
    """Look for layers that have died in training.

    Parameters
    ----------
    inputs, outputs, names, kinds
        As in `watch_start`.
    when : str
        How to call the moment: ``"after epoch 3"``.
    """
    if len(inputs) < 2 or _spread(inputs) == 0.0:
        return []
    for values, name, kind in zip(outputs, names, kinds, strict=True):
        if findings := _dead(values, name, set(kind.split()), when):
            return findings
        if _spread(values) == 0.0:
            return [say.constant(name, values.flat[0], when)]
    return []


def watch_gradients(
    gradient_norms: Sequence[float],
    weight_norms: Sequence[float],
    names: Sequence[str],
    start_norms: Sequence[float] | None = None,
) -> list[Finding]:
    """Compare the gradients of the layers that have weights, from the first to the last.

    Parameters
    ----------
    gradient_norms, weight_norms : sequence of float
        The Euclidean norm of each layer's gradient, of one batch, and of its weights.
    names : sequence of str
        How to call each of these layers.
    start_norms : sequence of float, default=None
        The norms of the weights before the first step.

    Returns
    -------
    list of Finding
        Empty for a healthy network.
    """
    gradients = np.asarray(gradient_norms, dtype=np.float64)  # (l,)
    weights = np.asarray(weight_norms, dtype=np.float64)  # (l,)
    finite = np.isfinite(gradients) & np.isfinite(weights)
    if not finite.all():
        return [say.not_finite(names[int(np.argmin(finite))])]
    if start_norms is not None:
        start = np.asarray(start_norms, dtype=np.float64)
        growth = np.divide(weights, start, out=np.ones_like(weights), where=start > 0)
        if growth.max(initial=0.0) > _WEIGHTS_GREW:
            return [say.weights_grew(names[int(np.argmax(growth))], float(growth.max()))]
    known = [layer for layer in range(len(names)) if weights[layer] > 0]
    if not known:
        return []
    names, gradients, weights = [names[layer] for layer in known], gradients[known], weights[known]
    # r_l = |gradient_l| / |weights_l|
    ratio = gradients / weights  # (l,)
    steepest = int(np.argmax(ratio))
    if ratio[steepest] > _LARGE_GRADIENT:
        return [say.large_gradient(names[steepest], gradients[steepest], weights[steepest])]
    if ratio[steepest] < _AT_REST:
        return []
    for layer in range(steepest):
        if ratio[layer] < _VANISHED * ratio[steepest]:
            if gradients[layer] == 0.0:
                return [say.no_gradient(names[layer], names[steepest], gradients[steepest])]
            behind = names[steepest], gradients[steepest]
            return [say.vanishing(names[layer], gradients[layer], *behind)]
    if 0 < _EXPLODED * ratio[-1] < ratio[steepest]:
        return [say.exploding(names[steepest], gradients[steepest], names[-1], gradients[-1])]
    return []


def some_rows(array: np.ndarray, at_most: int = ENOUGH_ROWS) -> np.ndarray:
    """Return evenly spaced rows: the first ones may be all of one class, or all of one day."""
    return array[:: -(-len(array) // at_most)]  # rounded up


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation over the rows, as a root mean square over the outputs."""
    rows = values.reshape(len(values), -1)  # (n, outputs)
    # The first row is taken off first, so that equal rows have no spread at all.
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.sqrt((rows - rows[0]).var(axis=0, dtype=np.float64).mean()))
    return spread if np.isfinite(spread) else np.inf


def _by_unit(values: np.ndarray) -> np.ndarray:
    """Return the values of each unit as a row: channels of images, else the last axis."""
    axis = 1 if values.ndim == 4 else -1
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)  # (units, ...)


def _is_symmetric(values: np.ndarray) -> bool:
    units = _by_unit(values)
    if len(units) < 2 or not np.isfinite(values).all():
        return False
    return bool(np.abs(units - units[0]).max() <= 1e-5 * np.abs(units).max() > 0)


def _dead(values: np.ndarray, name: str, kind: set[str], when: str) -> list[Finding]:
    if "relu" not in kind or len(values) < 32:
        return []
    units = _by_unit(values)
    dead = int((units == 0.0).all(axis=1).sum())
    if dead <= _MOST_DEAD * len(units):
        return []
    return [say.dead(name, dead, len(units), when)]


def _saturated(values: np.ndarray, name: str, kind: set[str]) -> list[Finding]:
    if "tanh" in kind:
        height = np.abs(values)
    elif kind & {"sigmoid", "logistic"}:
        height = np.abs(2.0 * values - 1.0)
    else:
        return []
    flat = float((height > _FLAT).mean())
    return [say.saturated(name, flat)] if flat > _MOST_FLAT else []


def _out_of_size(name: str, came: float, spread: float, is_last: bool) -> list[Finding]:
    # The last layer may start small: every answer is then equally likely, which is a fair start.
    if spread < _TINY * min(1.0, came) and not is_last:
        return [say.tiny_weights(name, came, spread)]
    if spread > _HUGE * max(1.0, came):
        return [say.huge_weights(name, came, spread)]
    return []


def _drifted(
    name: str, entered_at: str, entered: float, spread: float, is_last: bool
) -> list[Finding]:
    factor = spread / entered if entered > 0 else 1.0
    faded = factor < _FADED and not is_last
    blown_up = factor > _BLOWN_UP and spread > _HUGE
    return [say.drifted(name, entered_at, entered, spread)] if faded or blown_up else []
