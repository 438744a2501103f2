"""What is kept of each transformer that no other module here has, and how it must fit together.

The private attributes here (with a leading underscore) are those that scikit-learn's ``transform``
reads. A test compares this table with what is on the fitted objects, so that a release of
scikit-learn that adds one is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groundup.bundle.array_fields import (
    FLOATS,
    INPUT,
    Array,
    ElementType,
    Label,
    Labels,
    Names,
    Vocabulary,
)
from groundup.bundle.fields import (
    COUNT_OR_SHARE,
    Absent,
    Choice,
    Field,
    Flag,
    Nothing,
    OneOf,
    Part,
    Sequence,
    Text,
    Whole,
    optional,
)
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need


class Disguises(Field):
    """The values that stand for missing: a list for each of some columns."""

    wants = "a list of values for each column"
    _values = Sequence(Label())

    def encode(self, value: Any, writer: PartWriter, name: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.mismatch(value)
        return {
            Text().accept(column): self._values.encode(list(values), writer, name)
            for column, values in value.items()
        }

    def decode(self, data: Any, reader: PartReader, where: str) -> dict[str, list[Any]]:
        if not isinstance(data, dict):
            raise self.mismatch(data)
        return {name: self._values.decode(values, reader, where) for name, values in data.items()}


# --- groundup's own -------------------------------------------------------------------------------


def _disguised_missing() -> type:
    from groundup.workflow.disguised_missing import DisguisedMissing

    return DisguisedMissing


def _check_disguised_missing(part: Any, n_features: int, where: str, below: Below) -> int:
    known = set(part.feature_names_in_)
    named = {*(part.values or {}), *part.empty_text}
    need(named <= known, where, "names a column that is not there")
    return n_features


def _date_features() -> type:
    from groundup.workflow.date_features import DateFeatures

    return DateFeatures


def _check_date_features(part: Any, n_features: int, where: str, below: Below) -> int:
    from groundup.workflow.date_features import PARTS

    need(part.first_.shape == (n_features,), where, "lacks the first date of a column")
    need(part.varies_.shape == (n_features, len(PARTS)), where, "lacks the parts of a column")
    return int(part.varies_.sum())


# --- SimpleImputer and its MissingIndicator -------------------------------------------------------


def _simple_imputer() -> type:
    from sklearn.impute import SimpleImputer

    return SimpleImputer


def _check_simple_imputer(part: Any, n_features: int, where: str, below: Below) -> int:
    statistics = part.statistics_
    need(
        len(statistics) == n_features,
        where,
        f"has {len(statistics)} values for {n_features} columns",
    )
    # A column that was empty in training has NaN as its value and is left out.
    empty = sum(value != value for value in statistics.tolist())
    n_out = n_features if part.keep_empty_features else n_features - empty
    need((part.indicator_ is not None) == part.add_indicator, where, "contradicts its indicator")
    if part.indicator_ is not None:
        n_out += below(part.indicator_, n_features, f"{where} indicator")
    return n_out


def _missing_indicator() -> type:
    from sklearn.impute import MissingIndicator

    return MissingIndicator


def _check_missing_indicator(part: Any, n_features: int, where: str, below: Below) -> int:
    features = part.features_
    inside = ((features >= 0) & (features < n_features)).all()
    need(
        inside and len(np.unique(features)) == len(features),
        where,
        "marks a column that is not there",
    )
    need(part._n_features == n_features, where, "contradicts its number of columns")
    return len(features)


# --- text -----------------------------------------------------------------------------------------


def _tfidf_vectorizer() -> type:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer


def _check_tfidf_vectorizer(part: Any, n_features: int, where: str, below: Below) -> int:
    need(n_features == 1, where, "takes one column of text")
    low, high = part.ngram_range
    need(low <= high, where, "has a range of n-grams that is empty")
    need(
        part.analyzer != "word" or part.token_pattern is not None, where, "lacks its token pattern"
    )
    return below(part._tfidf, len(part.vocabulary_), f"{where} weights")


def _tfidf_transformer() -> type:
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer


def _check_tfidf_transformer(part: Any, n_features: int, where: str, below: Below) -> int:
    if part.use_idf:
        idf = getattr(part, "idf_", None)
        need(idf is not None and len(idf) == n_features, where, "has weights for other terms")
    return n_features


_TFIDF: dict[str, Field] = {
    "norm": optional(Choice("l1", "l2")),
    "use_idf": Flag(),
    "smooth_idf": Flag(),
    "sublinear_tf": Flag(),
}

KINDS = {
    "DisguisedMissing": Kind(
        _disguised_missing,
        params={"values": optional(Disguises()), "empty_text": Sequence(Text(), as_tuple=True)},
        fitted={"n_features_in_": Whole(1, 10_000_000), "feature_names_in_": Names()},
        check=_check_disguised_missing,
    ),
    "DateFeatures": Kind(
        _date_features,
        params={},
        fitted={
            "n_features_in_": Whole(1, 10_000_000),
            "feature_names_in_": Names(),
            "first_": Array("int64"),
            "varies_": Array("bool", ndim=2),
        },
        check=_check_date_features,
    ),
    "SimpleImputer": Kind(
        _simple_imputer,
        params={
            "missing_values": Label(),
            "strategy": Choice("mean", "median", "most_frequent", "constant"),
            "fill_value": Label(),
            "copy": Flag(),
            "add_indicator": Flag(),
            "keep_empty_features": Flag(),
        },
        fitted={
            **INPUT,
            "statistics_": OneOf(Array(*FLOATS, "int64", finite=False), Labels()),
            "_fit_dtype": ElementType(
                *FLOATS, "int64", "int32", "bool", "object", "str", as_class=False
            ),
            "_fill_dtype": ElementType(
                *FLOATS, "int64", "int32", "bool", "object", "str", as_class=False
            ),
            "indicator_": optional(Part("MissingIndicator")),
        },
        check=_check_simple_imputer,
    ),
    "MissingIndicator": Kind(
        _missing_indicator,
        params={
            "missing_values": Label(),
            "features": Choice("missing-only", "all"),
            "sparse": OneOf(Flag(), Choice("auto")),
            "error_on_new": Flag(),
        },
        fitted={
            **INPUT,
            "features_": Array("int64"),
            "_n_features": Whole(1),
            "_precomputed": Flag(),
        },
        check=_check_missing_indicator,
    ),
    "TfidfVectorizer": Kind(
        _tfidf_vectorizer,
        params={
            "input": Choice("content"),  # "filename" would open files that the data names
            "encoding": Choice("utf-8"),
            "decode_error": Choice("strict", "ignore", "replace"),
            "strip_accents": optional(Choice("ascii", "unicode")),
            "preprocessor": Nothing(),
            "tokenizer": Nothing(),
            "analyzer": Choice("word", "char", "char_wb"),
            "lowercase": Flag(),
            # A pattern of the file's own could be one that takes for ever.
            "token_pattern": optional(Choice(r"(?u)\b\w\w+\b", r"(?u)\b\w+\b")),
            "stop_words": OneOf(Nothing(), Choice("english"), Sequence(Text())),
            "max_df": COUNT_OR_SHARE,
            "min_df": COUNT_OR_SHARE,
            "max_features": optional(Whole(1)),
            "ngram_range": Sequence(Whole(1, 20), length=2, as_tuple=True),
            "binary": Flag(),
            "dtype": ElementType(*FLOATS, as_class=True),
            **_TFIDF,
        },
        fitted={
            "vocabulary_": Vocabulary(),
            "fixed_vocabulary_": Flag(),
            "_tfidf": Part("TfidfTransformer"),
        },
        dropped=frozenset(["vocabulary"]),  # vocabulary_ is what counts once fitted
        check=_check_tfidf_vectorizer,
    ),
    "TfidfTransformer": Kind(
        _tfidf_transformer,
        params=_TFIDF,
        fitted={**INPUT, "idf_": Absent(Array(*FLOATS))},
        check=_check_tfidf_transformer,
    ),
}
