"""Golden rows: a few real inputs with the answers that the model gave when it was saved.

A model that loads may still be wrong: another version of a library, another processor, an encoder
whose attribute was forgotten. So some rows of the training table travel with the model, and loading
ends with asking it for their answers again.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from groundup.bundle.arrays import pack_text, unpack_text
from groundup.bundle.errors import BundleError

if TYPE_CHECKING:
    import pandas as pd

RELATIVE = 1e-9  # how far an answer may be off on another machine
SINGLE = 1e-4  # the same, for a network in single precision
_TEXT = ("str", "object")
_DATES = tuple(f"datetime64[{unit}]" for unit in ("s", "ms", "us", "ns"))
_NUMBERS = ("float64", "float32", "int64", "int32", "bool")


def pack_frame(frame: pd.DataFrame) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return a table as arrays, and the element type of each column.

    Dates become their integers (missing: the lowest integer), text its UTF-8 bytes.
    """
    arrays: dict[str, np.ndarray] = {}
    types = []
    for j, name in enumerate(frame.columns):
        column = frame[name]
        dtype = str(column.dtype)
        if dtype in _NUMBERS:
            arrays[f"input.{j}"] = column.to_numpy()
        elif dtype in _DATES:
            arrays[f"input.{j}"] = column.to_numpy().astype(np.int64)
        elif dtype in _TEXT:
            values = [None if is_missing(value) else value for value in column.tolist()]
            if not all(value is None or isinstance(value, str) for value in values):
                raise BundleError(
                    f"the column {name!r} of the golden rows mixes text with other values; "
                    "make it text or numbers"
                )
            data, starts, missing = pack_text(values)
            arrays[f"input.{j}"] = data
            arrays[f"input.{j}.starts"] = starts
            arrays[f"input.{j}.missing"] = missing
        else:
            raise BundleError(
                f"the column {name!r} of the golden rows holds {dtype}; "
                f"use one of {', '.join(_NUMBERS + _TEXT)} or dates without a time zone"
            )
        types.append(dtype)
    return arrays, types


def unpack_frame(
    arrays: dict[str, np.ndarray], names: list[str], types: list[str], n_rows: int
) -> pd.DataFrame:
    """Return the table that :func:`pack_frame` packed, taking its arrays out of ``arrays``.

    Raises
    ------
    BundleError
        The arrays are not those of such a table.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for j, (name, dtype) in enumerate(zip(names, types, strict=True)):
        stored = _take(arrays, f"input.{j}")
        other_count = BundleError(
            f"the golden rows of column {name!r} are not {n_rows}; train the model again"
        )
        if stored.ndim != 1 or (dtype not in _TEXT and len(stored) != n_rows):
            raise other_count
        if dtype in _TEXT:
            strings = unpack_text(
                stored, _take(arrays, f"input.{j}.starts"), _take(arrays, f"input.{j}.missing")
            )
            values = [np.nan if text is None else text for text in strings]
            columns[name] = pd.Series(values, dtype=dtype)
        elif dtype in _DATES and stored.dtype == np.int64:
            columns[name] = pd.Series(stored.view(dtype))
        elif dtype in _NUMBERS and stored.dtype.name == dtype:
            columns[name] = pd.Series(stored)
        else:
            raise BundleError(
                f"the golden rows of column {name!r} have the unknown type {dtype[:40]!r}; "
                "train the model again"
            )
        if len(columns[name]) != n_rows:
            raise other_count
    return pd.DataFrame(columns)


def is_missing(value: object) -> bool:
    """Return whether a cell of a text column is missing: None, NaN or pandas' NA."""
    return (
        value is None
        or type(value).__name__ == "NAType"
        or (isinstance(value, float) and value != value)
    )


def _take(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise BundleError(f"the golden rows lack {name!r}; copy the bundle again")
    return arrays.pop(name)


def answers(pipeline: Any, frame: pd.DataFrame, classes: list[Any] | None) -> dict[str, np.ndarray]:
    """Return what the model says about the golden rows.

    Returns
    -------
    dict
        ``"answer.predict"``: float64 (n_rows,), or int64 positions in ``classes``;
        ``"answer.predict_proba"``: float64 (n_rows, n_classes), where the model has it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unseen categories among the rows are no news here
        predicted = np.asarray(pipeline.predict(frame))
        if classes is None:
            return {"answer.predict": predicted.astype(np.float64)}
        if predicted.ndim != 1:
            raise BundleError(
                f"the model gives {predicted.shape[1:]} labels a row; a bundle keeps models with "
                "one answer a row"
            )
        position = {label: k for k, label in enumerate(classes)}
        found: dict[str, np.ndarray] = {
            "answer.predict": np.array([position[label] for label in predicted.tolist()], np.int64)
        }
        if hasattr(pipeline, "predict_proba"):
            probability = np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
            found["answer.predict_proba"] = probability  # (n_rows, n_classes)
        return found


@dataclass(frozen=True)
class Replay:
    """How the answers of a loaded model compare with the recorded ones.

    Attributes
    ----------
    identical : bool
        Every answer is the same to the last bit.
    difference : float
        The largest difference, relative to the recorded answer.
    words : str
        The same in one sentence.
    """

    identical: bool
    difference: float
    words: str


def replay(
    recorded: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
    written: Mapping[str, str],
    here: Mapping[str, str],
    relative: float = RELATIVE,
) -> Replay:
    """Compare answers with the recorded ones.

    Parameters
    ----------
    recorded, found : mapping of str to ndarray
        As :func:`answers` returns them.
    written, here : mapping of str to str
        Versions of the libraries and the processor: when the model was saved, and now.
    relative : float, default=1e-9
        How far an answer may be off.

    Raises
    ------
    BundleError
        An answer is further off than that.
    """
    changed = [
        f"{name} {written.get(name, 'absent')} is now {here.get(name, 'absent')}"
        for name in sorted(written.keys() | here.keys())
        if written.get(name) != here.get(name)
    ]
    remedy = (
        f"what changed since: {', '.join(changed)}; go back to that or train the model again"
        if changed
        else "train the model again"
    )
    if _layout(recorded) != _layout(found):
        raise BundleError(
            f"the model's answers are of another form than the recorded ones; {remedy}"
        )
    numbers = "answer.predict_proba" if "answer.predict_proba" in recorded else "answer.predict"
    expected, got = recorded[numbers], found[numbers]
    if all(_same_bits(recorded[name], found[name]) for name in recorded):
        return Replay(
            True, 0.0, f"all {len(expected)} golden rows give the recorded answers to the bit"
        )
    if expected.dtype.kind != "f" or not np.isfinite(got).all() or not np.isfinite(expected).all():
        wrong = int((recorded["answer.predict"] != found["answer.predict"]).sum())
        raise BundleError(
            f"the model gives other answers than recorded for {wrong} of {len(expected)} "
            f"golden rows; {remedy}"
        )
    # |found - recorded| / |recorded|; an answer near 0 is measured against the largest one.
    scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected).max())
    error = np.abs(got - expected)
    difference = float(np.divide(error, scale, out=np.zeros_like(error), where=error > 0).max())
    if not difference <= relative or not _same_choice(recorded, found, relative):
        raise BundleError(
            f"the model's answers differ from the recorded ones by {difference:.1g} (relative), "
            f"more than {relative:g}; {remedy}"
        )
    because = f" ({', '.join(changed)})" if changed else ""
    words = f"the golden rows agree to {difference:.1g}, not to the bit{because}"
    return Replay(False, difference, words)


def rounding(model: Any) -> float:
    """Return how far the answers of a model may be off on another machine, relative to them."""
    if isinstance(steps := getattr(model, "steps", None), list):  # of a pipeline
        return rounding(steps[-1][1])
    if hasattr(model, "regressor_"):
        return rounding(model.regressor_)
    weights = getattr(model, "weights_", None)  # of a network
    if weights is None:
        weights = next(iter(getattr(model, "coefs_", ())), None)  # of a perceptron
    return SINGLE if getattr(weights, "dtype", None) == np.float32 else RELATIVE


def _layout(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (array.dtype.name, array.shape) for name, array in arrays.items()}


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.tobytes() == b.tobytes()


def _same_choice(
    recorded: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], relative: float
) -> bool:
    """Whether each predicted class is the recorded one, or as probable as that."""
    if "answer.predict_proba" not in recorded:
        return True
    probability = recorded["answer.predict_proba"]  # (n_rows, n_classes)
    codes = [recorded["answer.predict"], found["answer.predict"]]
    if any(((c < 0) | (c >= probability.shape[1])).any() for c in codes):
        return False
    row = np.arange(len(probability))
    return bool((np.abs(probability[row, codes[0]] - probability[row, codes[1]]) <= relative).all())


def versions() -> dict[str, str]:
    """Return the versions of everything that can change an answer."""
    from importlib.metadata import PackageNotFoundError, version

    from groundup import __version__

    found = {"python": platform.python_version(), "groundup": __version__}
    for name in ("numpy", "pandas", "scikit-learn", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> str:
    """Return the processor's family, and the variant for which its linear algebra was chosen."""
    from threadpoolctl import threadpool_info

    variants = {str(info["architecture"]) for info in threadpool_info() if "architecture" in info}
    return " ".join([platform.system(), platform.machine(), *sorted(variants)])
