"""What sets a cluster apart: its rows against all other rows, column by column.

For a number, two figures say how different the two groups of values are:

    effect    P(inside > outside) - P(inside < outside)         Cliff's delta, from -1 to 1
    strength  max over t of |F_inside(t) - F_outside(t)|        Kolmogorov's distance, from 0 to 1

The effect has a direction: 1 says that every row inside is higher than every row outside. The
strength also sees a cluster that keeps to the middle, where the effect is 0. For a category, a
truth, a word or a missing value, both are the difference of the two shares, up to the sign. So all
traits stand on one scale, free of units, and no outlier weighs more than another row.

References
----------
N. Cliff, "Dominance statistics", Psychological Bulletin 114, 1993.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from groundup.workflow.association import as_numbers
from groundup.workflow.report_text import are_years, number, percent, plain

#: From here on a trait is told: Romano's bound between a negligible and a small effect.
LEAST_STRENGTH = 0.147
_DEGREES = ((0.7, "far "), (0.474, "much "), (0.33, ""), (0.0, "somewhat "))
_MOST_LEVELS = 30
_LEAST_ROWS = 5
_MOST_WORDS = 300
_LEAST_KNOWN = 0.25
# A number of so few values, with one of them in most rows of a cluster, is told by that value.
_FEW_VALUES = 10
_MOSTLY = 0.9


@dataclass(frozen=True)
class Trait:
    """One thing that sets a cluster apart.

    Parameters
    ----------
    column : str
    kind : {"number", "date", "category", "missing", "word"}
    value : str or None
        The category or the word.
    strength, effect : float
        See above.
    inside, outside : float or str
        The medians (of dates in ISO form), or the shares of rows.
    words : str
        The same in words, in the table's own units.
    """

    column: str
    kind: Literal["number", "date", "category", "missing", "word"]
    value: str | None
    strength: float
    effect: float
    inside: float | str
    outside: float | str
    words: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def traits(
    frame: Any,
    kinds: Mapping[str, str],
    clusters: np.ndarray,
    *,
    texts: Collection[str] = (),
) -> list[list[Trait]]:
    """Compare every cluster with all other rows in every column.

    Parameters
    ----------
    frame : DataFrame of shape (n, p)
        Missing values written as such.
    kinds : mapping of column name to {"number", "boolean", "date", "text"}
    clusters : int ndarray of shape (n,)
        1, 2, ...; -1 is none.
    texts : collection of str, default=()
        The columns of running text.

    Returns
    -------
    list of list of Trait
        For cluster 1, 2, ...: its traits, the strongest first; one a column, but for words.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"size": [1.0, 2, 3, 11, 12, 13] * 2, "kind": list("aaabba") * 2})
    >>> found = traits(frame, {"size": "number", "kind": "text"}, np.array([1, 1, 1, 2, 2, 2] * 2))
    >>> found[1][0].words
    'Far higher size: median 12, elsewhere 2'
    """
    n_clusters = int(clusters.max())
    masks = [clusters == c for c in range(1, n_clusters + 1)]
    found: list[list[Trait]] = [[] for _ in masks]
    for name, kind in kinds.items():
        for c, mask in enumerate(masks):
            if mask.all():
                continue
            of_column = list(_of_column(frame[name], name, kind, mask, name in texts))
            of_column.sort(key=lambda trait: (-trait.strength, trait.effect < 0))
            found[c] += of_column if name in texts else of_column[:1]
    for of_cluster in found:
        of_cluster.sort(key=lambda trait: -trait.strength)
    return found


def _of_column(x: Any, name: str, kind: str, mask: np.ndarray, is_text: bool) -> Iterator[Trait]:
    missing = x.isna().to_numpy()
    if missing.any():
        yield _share_trait(name, "missing", None, missing, mask)
    few = kind == "boolean" or (kind == "number" and _is_few_valued(x, mask))
    if is_text:
        yield from _words(x, name, mask)
    elif kind == "text" or few:
        for level, count in x.value_counts().head(_MOST_LEVELS).items():
            if count >= _LEAST_ROWS:
                shown = str(bool(level)).lower() if kind == "boolean" else _written(level)
                yield _share_trait(name, "category", shown, (x == level).to_numpy(), mask)
    else:
        yield from _number(as_numbers(x, kind), name, kind, mask)


def _is_few_valued(x: Any, mask: np.ndarray) -> bool:
    """Whether a number is told by its value: it has two, or one of few in most of the cluster."""
    if x.nunique() <= 2:
        return True
    inside = x[mask]
    if x.nunique() > _FEW_VALUES or inside.notna().sum() < _LEAST_ROWS:
        return False
    return bool(inside.value_counts(normalize=True, dropna=False).iloc[0] >= _MOSTLY)


def _words(x: Any, name: str, mask: np.ndarray) -> Iterator[Trait]:
    from sklearn.feature_extraction.text import CountVectorizer

    reader = CountVectorizer(binary=True, max_features=_MOST_WORDS, min_df=_LEAST_ROWS)
    try:
        has = reader.fit_transform(x.fillna("")).tocsc()  # (n, words)
    except ValueError:  # no word at all
        return
    for j, word in enumerate(reader.get_feature_names_out()):
        yield _share_trait(name, "word", str(word), has[:, [j]].toarray()[:, 0] > 0, mask)


def _share_trait(
    name: str, kind: Any, value: str | None, holds: np.ndarray, mask: np.ndarray
) -> Trait:
    inside, outside = float(holds[mask].mean()), float(holds[~mask].mean())
    column, share = plain(name, 60), _share(inside)
    if kind == "missing":
        what = f"{column} is missing in {share} of the rows"
    elif kind == "word":
        what = f"{share} of the texts in {column} have the word “{plain(value, 30)}”"
    else:
        what = f"{column} is {plain(value, 60)} in {share} of the rows"
    words = f"{what}, elsewhere in {_share(outside)}"
    effect = inside - outside
    return Trait(name, kind, value, abs(effect), effect, inside, outside, words)


def _number(x: np.ndarray, name: str, kind: str, mask: np.ndarray) -> Iterator[Trait]:
    known = np.isfinite(x)
    x, inside = x[known], mask[known]
    n_in = int(inside.sum())
    n_out = len(x) - n_in
    # The few known values of a column that is mostly missing say little about a cluster.
    if n_in < _LEAST_KNOWN * mask.sum() or n_out < _LEAST_KNOWN * (~mask).sum():
        return
    if n_in == 0 or n_out == 0:
        return
    order = np.argsort(x, kind="stable")
    values, is_in = x[order], inside[order]
    last = np.append(values[1:] != values[:-1], True)  # of each run of equal values
    below_in = np.cumsum(is_in)[last]
    below_out = np.cumsum(~is_in)[last]
    # strength = max_t |F_in(t) - F_out(t)|
    strength = float(np.abs(below_in / n_in - below_out / n_out).max())
    here_in, here_out = np.diff(below_in, prepend=0), np.diff(below_out, prepend=0)
    # effect = P(in > out) - P(in < out), over the runs of equal values
    above = float((here_in * (below_out - here_out)).sum())
    under = float((here_out * (below_in - here_in)).sum())
    effect = (above - under) / n_in / n_out
    middle = _middle(x[inside], x[~inside])
    written = [_of_kind(value, kind, x) for value in middle[1:]]
    column = plain(name, 60)
    if abs(effect) >= 0.5 * strength:
        words = (
            f"{(_degree(effect) + _direction(effect, kind)).capitalize()} {column}: "
            f"{middle[0]} {written[0]}, elsewhere {written[1]}"
        )
    else:
        quarters = [np.percentile(part, [25, 75]) for part in (x[inside], x[~inside])]
        spread = [f"{_of_kind(a, kind, x)} to {_of_kind(b, kind, x)}" for a, b in quarters]
        narrow = np.ptp(quarters[0]) < np.ptp(quarters[1])
        where = "Close to the middle" if narrow else "Far from the middle"
        words = f"{where} in {column}: half of its rows at {spread[0]}, elsewhere {spread[1]}"
    shown: list[Any] = [float(value) for value in middle[1:]] if kind != "date" else written
    kept: Any = "date" if kind == "date" else "number"
    yield Trait(name, kept, None, strength, effect, shown[0], shown[1], words)


def _middle(inside: np.ndarray, outside: np.ndarray) -> tuple[str, float, float]:
    """Return the medians, or the means where the medians are equal."""
    medians = float(np.median(inside)), float(np.median(outside))
    if medians[0] != medians[1]:
        return "median", *medians
    return "mean", float(inside.mean()), float(outside.mean())


def _of_kind(value: float, kind: str, x: np.ndarray) -> str:
    if kind == "date":
        return str(np.datetime64(round(value), "s")).split("T")[0]
    years = are_years(float(x.min()), float(x.max())) and bool((x == np.rint(x)).all())
    return str(round(value)) if years else number(float(value))


def _degree(effect: float) -> str:
    return next(words for least, words in _DEGREES if abs(effect) >= least)


def _direction(effect: float, kind: str) -> str:
    if kind == "date":
        return "later" if effect > 0 else "earlier"
    return "higher" if effect > 0 else "lower"


def _share(share: float) -> str:
    return "all" if share == 1 else "none" if share == 0 else percent(share)


def _written(level: Any) -> str:
    return plain(level.item() if hasattr(level, "item") else level, 200)


def put_together(of_cluster: list[Trait]) -> list[Trait]:
    """Tell in one sentence the categories that hold for the very same shares of rows."""
    kept: dict[object, list[Trait]] = {}
    for trait in of_cluster:
        alike = trait.kind == "category"
        key = (trait.inside, trait.outside) if alike else (trait.column, trait.kind, trait.value)
        kept.setdefault(key, []).append(trait)
    told = []
    for first, *others in kept.values():
        named = [f"{plain(t.column, 40)} {plain(t.value, 40)}" for t in others]
        more = f"; likewise {', '.join(named)}" if named else ""
        told.append(replace(first, words=first.words + more))
    return told


def short_name(of_cluster: list[Trait], taken: Collection[str] = ()) -> str:
    """Name a cluster after its strongest traits: two of them, or a third where that is taken.

    Examples
    --------
    >>> short_name([])
    'nothing stands out'
    """
    parts: list[str] = []
    columns: list[str] = []
    strong = [trait for trait in of_cluster if trait.strength >= LEAST_STRENGTH]
    # What a cluster is says more than what it is not.
    strong.sort(key=lambda t: (t.kind not in ("number", "date") and t.effect < 0, -t.strength))
    for trait in strong:
        if trait.column in columns and trait.kind != "word":
            continue
        columns.append(trait.column)
        parts.append(_short(trait))
        name = ", ".join(parts)
        if len(parts) >= 2 and name not in taken:
            return name
        if len(parts) >= 4:
            break
    name, again = ", ".join(parts) or "nothing stands out", 2
    while name in taken:
        name, again = f"{name.removesuffix(f' ({again - 1})')} ({again})", again + 1
    return name


def _short(trait: Trait) -> str:
    column = plain(trait.column.split(" (")[0].strip() or trait.column, 28)
    if trait.kind == "missing":
        return f"no {column}" if trait.effect > 0 else f"with {column}"
    if trait.kind == "word":
        return (
            f"“{plain(trait.value, 20)}”" if trait.effect > 0 else f"no “{plain(trait.value, 20)}”"
        )
    if trait.kind == "category":
        return f"{column} {'' if trait.effect > 0 else 'not '}{plain(trait.value, 24)}"
    if abs(trait.effect) < 0.5 * trait.strength:
        return f"middling {column}"
    if trait.kind == "date":
        return f"{'late' if trait.effect > 0 else 'early'} {column}"
    return f"{'high' if trait.effect > 0 else 'low'} {column}"
