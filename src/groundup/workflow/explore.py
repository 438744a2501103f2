"""Explore: what the training rows look like, column by column and against the target.

Only training rows are looked at: a choice that somebody makes after a look at the test rows is
something learned from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groundup.workflow.association import (
    Association,
    as_numbers,
    association,
    benjamini_hochberg,
    pooled_levels,
)
from groundup.workflow.folds import encode_target, sample_rows, take_rows
from groundup.workflow.metric import check_task
from groundup.workflow.score import plain

_BINS = 30
_TOP_VALUES = 10
_CORRELATED_COLUMNS = 25
_PICTURES = 8
_PICTURE_POINTS = 500
_PICTURE_GROUPS = 12

# Ranks of more cells than this take seconds and change nothing in the second digit.
_ASSOCIATION_CELLS = 5_000_000
_CORRELATION_ROWS = 10_000


def explore(
    X: Any, y: Any, task: str, kinds: Mapping[str, str], *, seed: int = 0
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Summarise every column, and measure it against the target.

    Parameters
    ----------
    X : (n, p) DataFrame
        The training rows of the features, with missing values written as such.
    y : (n,) Series or array
        The target.
    task : {"binary", "multiclass", "regression"}
    kinds : mapping of column name to {"number", "boolean", "date", "text"}
        The columns to explore, each with its kind.
    seed : int, default=0
        For the samples of rows that are taken of large tables, and for pictures.

    Returns
    -------
    columns : dict of str to dict
        For each column: ``{"missing", "distinct", "summary", "histogram"}``.
    part : dict
        The part ``"explore"`` of ``run.json``: associations (the strongest first), correlations,
        target, pictures.
    """
    check_task(task)
    labels, codes = encode_target(y, task)
    names = [name for name in X.columns if name in kinds]
    columns = {name: describe_column(X[name], kinds[name]) for name in names}

    rows = sample_rows(codes, max(2_000, _ASSOCIATION_CELLS // max(1, len(names))), seed)
    X_sample, y_sample = take_rows(X, rows), codes[rows]
    found = {name: association(X_sample[name], kinds[name], y_sample, task) for name in names}
    measured: dict[str, Association] = {
        name: one for name, one in found.items() if one is not None and np.isfinite(one.p)
    }
    strongest = sorted(measured, key=lambda name: -measured[name].strength)
    adjusted = benjamini_hochberg(np.array([measured[name].p for name in strongest]))
    associations = [
        {
            "column": name,
            "measure": measured[name].measure,
            "value": measured[name].value,
            "p": measured[name].p,
            "p_adjusted": float(p_adjusted),
            "strength": measured[name].strength,
        }
        for name, p_adjusted in zip(strongest, adjusted, strict=True)
    ]
    part = {
        "associations": associations,
        "correlations": correlations(X, y, kinds, strongest, seed),
        "target": describe_target(y, task),
        "pictures": [
            picture(X[name], kinds[name], codes, task, labels, seed)
            for name in strongest[:_PICTURES]
        ],
    }
    return columns, part


def describe_column(x: Any, kind: str) -> dict[str, Any]:
    """Return ``{"missing", "distinct", "summary", "histogram"}`` of one column.

    Parameters
    ----------
    x : (n,) Series
    kind : {"number", "boolean", "date", "text"}

    Returns
    -------
    description : dict
        The summary of a number: min, q25, median, q75, max, mean, std. Of a date: min, median, max,
        in ISO form. Of a text or boolean: the ten commonest values with their counts, as "top". A
        histogram is given for numbers and dates (its edges in ISO form for dates), else None.
    """
    description: dict[str, Any] = {
        "missing": int(x.isna().sum()),
        "distinct": int(x.nunique()),
        "summary": {},
        "histogram": None,
    }
    if kind == "number":
        values = x.to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            description["summary"] = summary(values)
            description["histogram"] = histogram(values)
    elif kind == "date":
        seconds = as_numbers(x, kind)
        seconds = seconds[np.isfinite(seconds)]
        if len(seconds):
            bins = histogram(seconds)
            description["summary"] = {
                "min": _iso(seconds.min()),
                "median": _iso(np.median(seconds)),
                "max": _iso(seconds.max()),
            }
            description["histogram"] = {
                "edges": [_iso(edge) for edge in bins["edges"]],
                "counts": bins["counts"],
            }
    else:
        top = x.value_counts().head(_TOP_VALUES)
        description["summary"] = {
            "top": [[_level(value, kind), int(count)] for value, count in top.items()]
        }
    return description


def summary(values: np.ndarray) -> dict[str, float]:
    """Return the quartiles, mean and standard deviation of finite numbers."""
    low, q25, median, q75, high = np.percentile(values, [0, 25, 50, 75, 100])
    with np.errstate(over="ignore"):
        mean, std = float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0
    result = {
        "min": low,
        "q25": q25,
        "median": median,
        "q75": q75,
        "max": high,
        "mean": mean,
        "std": std,
    }
    return {name: float(np.nan_to_num(value)) for name, value in result.items()}


def histogram(values: np.ndarray) -> dict[str, list[Any]]:
    """Return ``{"edges", "counts"}`` of finite numbers: at most 30 bins of equal width.

    Whole numbers over a short range get a bin each, centred on the number.

    Examples
    --------
    >>> histogram(np.array([1.0, 2.0, 2.0, 4.0]))
    {'edges': [0.5, 1.5, 2.5, 3.5, 4.5], 'counts': [1, 2, 0, 1]}
    """
    low, high = float(values.min()), float(values.max())
    if high - low < _BINS and np.all(values == np.rint(values)) and abs(high) < 2**52:
        edges = np.arange(low - 0.5, high + 1)
    else:
        n_bins = min(_BINS, max(5, int(np.ceil(np.sqrt(len(values))))))
        # by halves, as high - low may overflow
        edges = np.linspace(low / 2, high / 2, n_bins + 1) * 2
    if not np.all(np.diff(edges) > 0):  # a range too narrow for the precision of its numbers
        return {"edges": [low, high], "counts": [len(values)]}
    position = np.searchsorted(edges[1:-1], values, side="right")
    counts = np.bincount(position, minlength=len(edges) - 1)
    return {"edges": [float(edge) for edge in edges], "counts": counts.tolist()}


def describe_target(y: Any, task: str) -> dict[str, Any]:
    """Return the counts of the classes, or the histogram and summary of a number."""
    if task == "regression":
        values = np.asarray(y, dtype=np.float64)
        values = values[np.isfinite(values)]
        return {"histogram": histogram(values), "summary": summary(values)}
    labels, counts = np.unique(np.asarray(y), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {"counts": [[plain(labels[i]), int(counts[i])] for i in order]}


def correlations(
    X: Any, y: Any, kinds: Mapping[str, str], strongest: list[str], seed: int
) -> dict[str, Any]:
    """Return Spearman's correlations among the number columns that go most with the target.

    Returns
    -------
    correlations : dict
        ``{"columns", "matrix", "measure"}``; of at most 25 columns, and None in the matrix where a
        pair has no spread.
    """
    names = [name for name in strongest if kinds[name] in ("number", "date")]
    names = names[:_CORRELATED_COLUMNS]
    if len(names) < 2:
        return {"columns": [], "matrix": [], "measure": "Spearman's rho"}
    import pandas as pd

    n = len(X)
    rows = np.arange(n)
    if n > _CORRELATION_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(n, _CORRELATION_ROWS, replace=False))
    table = pd.DataFrame(
        {i: as_numbers(X[name].iloc[rows], kinds[name]) for i, name in enumerate(names)}
    )
    matrix = table.replace([np.inf, -np.inf], np.nan).corr(method="spearman", min_periods=3)
    return {
        "columns": names,
        "matrix": [
            [float(value) if np.isfinite(value) else None for value in row]
            for row in matrix.to_numpy()
        ],
        "measure": "Spearman's rho",
    }


def picture(
    x: Any, kind: str, codes: np.ndarray, task: str, labels: np.ndarray | None, seed: int
) -> dict[str, Any]:
    """Return what is needed to draw one column against the target.

    Returns
    -------
    picture : dict
        ``{"column", "kind", ...}`` where kind is

        - ``"points"``: ``points`` = up to 500 sampled ``[x, y]`` (numbers and dates against a
          number; ``x_kind`` is "number" or "date", a date in ISO form);
        - ``"boxes"``: ``groups`` = ``[{"label", "count", "min", "q25", "median", "q75",
          "max"}]``, the column's distribution in each class, or the target's at each level of the
          column (``of`` says which: "column" or "target"; min and max are the 5% and 95%
          quantiles);
        - ``"shares"``: ``groups`` = ``[{"label", "count", "shares": [..]}]``, the shares of the
          classes ``classes`` at each level of the column.
    """
    present = x.notna().to_numpy()
    x, codes = x[present], codes[present]
    head = {"column": str(x.name)}
    # A number with two values is a class of its own: boxes of zeros and ones would show nothing.
    two_values = kind == "number" and x.nunique() <= 2
    if kind in ("number", "date") and not two_values:
        values = as_numbers(x, kind)
        if task == "regression":
            rows = sample_rows(codes, _PICTURE_POINTS, seed)
            shown = [_iso(value) for value in values[rows]] if kind == "date" else values[rows]
            points = [
                [value if isinstance(value, str) else float(value), float(target)]
                for value, target in zip(shown, codes[rows], strict=True)
                if np.isfinite(target) and (isinstance(value, str) or np.isfinite(value))
            ]
            return {**head, "kind": "points", "x_kind": kind, "points": points}
        assert labels is not None
        common = np.argsort(-np.bincount(codes, minlength=len(labels)), kind="stable")
        groups = [
            _box(plain(labels[code]), values[codes == code], kind)
            for code in np.sort(common[:_PICTURE_GROUPS])
        ]
        return {**head, "kind": "boxes", "of": "column", "groups": [g for g in groups if g]}

    levels = pooled_levels(x)
    if len(np.unique(levels)) < 2:  # free text: by its length
        import pandas as pd

        length = pd.Series(x.astype(str).str.len().astype(float), name=x.name)
        drawn = picture(length, "number", codes, task, labels, seed)
        return {**drawn, "of": "length"}
    common = np.argsort(-np.bincount(levels), kind="stable")[:_PICTURE_GROUPS]
    names = {
        level: _level_name(x, levels, level, kind) for level in common if (levels == level).any()
    }
    if task == "regression":
        boxes = [_box(name, codes[levels == level], "number") for level, name in names.items()]
        return {**head, "kind": "boxes", "of": "target", "groups": [box for box in boxes if box]}
    assert labels is not None
    groups = []
    for level, name in names.items():
        counts = np.bincount(codes[levels == level], minlength=len(labels))
        shares = (counts / counts.sum()).tolist()
        groups.append({"label": name, "count": int(counts.sum()), "shares": shares})
    classes = [plain(label) for label in labels]
    return {**head, "kind": "shares", "classes": classes, "groups": groups}


def _box(label: Any, values: np.ndarray, kind: str) -> dict[str, Any] | None:
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None
    quantiles = np.percentile(values, [5, 25, 50, 75, 95])
    keys = ("min", "q25", "median", "q75", "max")
    shown = [_iso(value) if kind == "date" else float(value) for value in quantiles]
    return {"label": label, "count": len(values), **dict(zip(keys, shown, strict=True))}


def _level_name(x: Any, levels: np.ndarray, level: int, kind: str) -> Any:
    """Name a level by its value, or say that it is a pool of rare values."""
    inside = x[levels == level].unique()
    return _level(inside[0], kind) if len(inside) == 1 else f"({len(inside)} rarer values)"


def _level(value: Any, kind: str) -> Any:
    if kind == "boolean":
        return "true" if value else "false"
    value = plain(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _iso(seconds: float) -> str:
    """Return a moment in ISO form, without the time of day where it is midnight."""
    text = str(np.datetime64(round(float(seconds)), "s"))
    return text.removesuffix("T00:00:00")
