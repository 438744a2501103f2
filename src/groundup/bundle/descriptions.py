"""Small frozen descriptions (layers, update rules, schedules) as plain data.

They are dataclasses of a few numbers and words, so they are written as what they are:
``{"is": "Dense", "units": 64, "bias": true, "start": null}``.  The table below lists each kind with
the type of each of its fields.  A file can pick among them and fill in the fields; the class's own
checks then refuse what makes no sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from groundup.bundle.fields import (
    Choice,
    Field,
    Flag,
    Mismatch,
    OneOf,
    Sequence,
    Whole,
    number,
    optional,
)

if TYPE_CHECKING:
    from groundup.bundle.parts import PartReader, PartWriter

MOST_NESTED = 16


class Description(Field):
    """One of a table of dataclasses.

    Parameters
    ----------
    what : str
        What they are, in a word.
    module : str
        The module that has them all.
    """

    def __init__(self, what: str, module: str) -> None:
        self.wants, self.module = f"a {what}", module
        self.table: Mapping[str, Mapping[str, Field]] = {}

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        kind = type(value).__name__
        # A class of the same name is not enough.
        if kind not in self.table or self._class(kind) is not type(value):
            raise self.mismatch(value)
        fields = self.table[kind]
        return {
            "is": kind,
            **{key: item.encode(getattr(value, key), writer, name) for key, item in fields.items()},
        }

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        kind = data.get("is") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in self.table:
            raise self.mismatch(data)
        fields = self.table[kind]
        if data.keys() - {"is"} != fields.keys():
            raise Mismatch(f"does not have the entries of a {kind}", close=True)
        if reader.depth >= MOST_NESTED:
            raise Mismatch(f"is nested deeper than {MOST_NESTED} levels", close=True)
        values = {}
        reader.depth += 1
        try:
            for key, item in fields.items():
                values[key] = item.decode(data[key], reader, f"{where}.{key}")
        except Mismatch as mismatch:
            text = str(mismatch) if mismatch.close else f"has a {key} that {mismatch}"
            raise Mismatch(text, close=True) from None
        finally:
            reader.depth -= 1
        try:
            return self._class(kind)(**values)
        except (TypeError, ValueError) as error:
            raise Mismatch(f"is no {kind} ({error})", close=True) from None

    def _class(self, kind: str) -> Any:
        return getattr(import_module(self.module), kind)


_LARGE = 2**31 - 1
_SIZE = Whole(1, _LARGE)
_SHARE = number(0, 1)
_START = optional(Choice("he", "glorot", "small"))

LAYER = Description("layer", "groundup.neural_network.layers")
_INNER = Sequence(LAYER, as_tuple=True)
_POOLING: dict[str, Field] = {"size": _SIZE, "stride": optional(_SIZE)}
_RECURRENT: dict[str, Field] = {"units": _SIZE, "outputs": Choice("all", "last")}
_HEADS: dict[str, Field] = {"heads": _SIZE, "causal": Flag()}
LAYER.table = {
    "Dense": {"units": _SIZE, "bias": Flag(), "start": _START},
    "Relu": {},
    "Gelu": {},
    "Tanh": {},
    "Sigmoid": {},
    "Softmax": {},
    "Flatten": {},
    "Reshape": {"shape": Sequence(_SIZE, as_tuple=True)},
    "Dropout": {"rate": _SHARE},
    "Sequential": {"layers": _INNER},
    "Residual": {"layers": _INNER, "network_residuals": _SIZE},
    "Conv2d": {
        "channels": _SIZE,
        "size": _SIZE,
        "stride": _SIZE,
        "padding": OneOf(Whole(0, _LARGE), Choice("same")),
        "bias": Flag(),
        "start": _START,
    },
    "MaxPool2d": _POOLING,
    "AveragePool2d": _POOLING,
    "GlobalAverage": {},
    "Upsample2d": {"factor": _SIZE},
    "LayerNorm": {"epsilon": number(0)},
    "BatchNorm": {"momentum": _SHARE, "epsilon": number(0)},
    "Embedding": {"symbols": _SIZE, "size": _SIZE},
    "PositionalEmbedding": {},
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "MultiHeadAttention": _HEADS,
    "TransformerBlock": {
        **_HEADS,
        "expansion": _SIZE,
        "dropout": _SHARE,
        "network_residuals": _SIZE,
    },
}

RULE = Description("rule of updates", "groundup.optim")
RULE.table = {
    "Plain": {},
    "Momentum": {"momentum": _SHARE},
    "Nesterov": {"momentum": _SHARE},
    "RMSProp": {"decay": _SHARE, "epsilon": number(0)},
    "Adam": {"beta1": _SHARE, "beta2": _SHARE, "epsilon": number(0)},
    "Clipped": {"max_norm": number(0), "rule": RULE},
    "WeightDecay": {"decay": number(0), "rule": RULE},
}

SCHEDULE = Description("schedule of learning rates", "groundup.optim")
_RATE: dict[str, Field] = {"rate": number(0)}
SCHEDULE.table = {
    "Constant": _RATE,
    "StepDecay": {**_RATE, "factor": number(0), "every": _SIZE},
    "Exponential": {**_RATE, "decay": number(0)},
    "InverseScaling": {**_RATE, "power": number(0)},
    "InverseTime": {"curvature": number(0), "first": number(0)},
    "Cosine": {**_RATE, "updates": _SIZE, "final": number(0)},
    "OneCycle": {
        **_RATE,
        "updates": _SIZE,
        "warm_up": _SHARE,
        "start_divisor": number(0),
        "final_divisor": number(0),
    },
}
