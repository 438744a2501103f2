"""What is kept of principal components and singular directions, and how it must fit together."""

from __future__ import annotations

from typing import Any

import numpy as np

from groundup.bundle.array_fields import FLOATS, INPUT, Array
from groundup.bundle.fields import (
    FINITE,
    SEED,
    Choice,
    Field,
    Flag,
    Nothing,
    OneOf,
    Real,
    Whole,
    number,
    optional,
)
from groundup.bundle.parts import Below, Kind, PartReader, PartWriter, need


class CentredMoments(Field):
    """What further rows are merged with: the rows' weight, means and scatter so far."""

    wants = "[weight, mean, second]"
    _fields = (FINITE, Array("float64"), Array("float64", ndim=2))

    def encode(self, value: Any, writer: PartWriter, name: str) -> list[Any]:
        if not isinstance(value, tuple) or len(value) != len(self._fields):
            raise self.mismatch(value)
        pairs = zip(self._fields, value, strict=True)
        return [field.encode(item, writer, f"{name}.{i}") for i, (field, item) in enumerate(pairs)]

    def decode(self, data: Any, reader: PartReader, where: str) -> Any:
        from groundup.linear_model._moments import Moments

        if not isinstance(data, list) or len(data) != len(self._fields):
            raise self.mismatch(data)
        pairs = zip(self._fields, data, strict=True)
        items = [field.decode(x, reader, f"{where}[{i}]") for i, (field, x) in enumerate(pairs)]
        return Moments(*items)


def _their_pca() -> type:
    from sklearn.decomposition import PCA

    return PCA


def _our_pca() -> type:
    from groundup.decomposition._pca import PCA

    return PCA


def _check_pca(part: Any, n_features: int, where: str, below: Below) -> int:
    k = len(part.components_)
    need(part.components_.shape == (k, n_features), where, "has components for other columns")
    need(0 < k <= n_features, where, "has components for other columns")
    need(part.n_components_ == k, where, "contradicts its number of components")
    need(part.mean_.shape == (n_features,), where, "has means of other columns")
    for name in ("explained_variance_", "explained_variance_ratio_", "singular_values_"):
        value = getattr(part, name)
        need(value.shape == (k,), where, f"has {name} for other components")
        fine = (value >= 0.0) | np.isnan(value)  # the ratio is 0 / 0 where all rows are equal
        need(fine.all(), where, f"has {name} below zero")
    gram = part.components_ @ part.components_.T
    need(np.allclose(gram, np.eye(k), atol=1e-6), where, "has components that are not orthonormal")
    return k


def _check_our_pca(part: Any, n_features: int, where: str, below: Below) -> int:
    moments = part._moments
    if moments is not None:
        d = n_features
        fits = moments.mean.shape == (d,) and moments.second.shape == (d, d) and moments.weight > 0
        need(fits, where, "has moments of other columns")
        need((np.diagonal(moments.second) >= 0.0).all(), where, "has moments below zero")
    return _check_pca(part, n_features, where, below)


def _their_truncated_svd() -> type:
    from sklearn.decomposition import TruncatedSVD

    return TruncatedSVD


def _our_truncated_svd() -> type:
    from groundup.decomposition._truncated_svd import TruncatedSVD

    return TruncatedSVD


def _check_truncated_svd(part: Any, n_features: int, where: str, below: Below) -> int:
    n_components, n_columns = part.components_.shape
    need(n_columns == n_features and n_components > 0, where, "has components for other columns")
    return n_components


_SVD_PARAMS: dict[str, Field] = {
    "algorithm": Choice("randomized", "arpack"),
    "n_components": Whole(1),
    "n_iter": Whole(0),
    "n_oversamples": Whole(0),
    "power_iteration_normalizer": Choice("auto", "QR", "LU", "none"),
    "random_state": SEED,
    "tol": number(0),
}
_SVD_FITTED: dict[str, Field] = {
    **INPUT,
    "components_": Array(*FLOATS, ndim=2),
    "explained_variance_": Array(*FLOATS),
    "explained_variance_ratio_": Array(*FLOATS, finite=False),
    "singular_values_": Array(*FLOATS),
}
_PCA_PARAMS: dict[str, Field] = {
    "n_components": OneOf(Nothing(), Whole(0), Real(0, 1), Choice("mle")),
    "copy": Flag(),
    "whiten": Flag(),
    "svd_solver": Choice("auto", "full", "covariance_eigh", "arpack", "randomized"),
    "tol": number(0),
    "iterated_power": OneOf(Choice("auto"), Whole(0)),
    "n_oversamples": Whole(1),
    "power_iteration_normalizer": Choice("auto", "QR", "LU", "none"),
    "random_state": SEED,
}
_PCA_FITTED: dict[str, Field] = {
    **_SVD_FITTED,
    "mean_": Array(*FLOATS),
    "n_components_": Whole(1),
    "n_samples_": Whole(1),
    "noise_variance_": FINITE,
    "_fit_svd_solver": Choice("full", "covariance_eigh", "arpack", "randomized"),
}

KINDS = {
    "PCA": Kind(_their_pca, params=_PCA_PARAMS, fitted=_PCA_FITTED, check=_check_pca),
    "groundup.PCA": Kind(
        _our_pca,
        params=_PCA_PARAMS,
        fitted={**_PCA_FITTED, "_moments": optional(CentredMoments())},
        check=_check_our_pca,
    ),
    "TruncatedSVD": Kind(
        _their_truncated_svd, params=_SVD_PARAMS, fitted=_SVD_FITTED, check=_check_truncated_svd
    ),
    "groundup.TruncatedSVD": Kind(
        _our_truncated_svd, params=_SVD_PARAMS, fitted=_SVD_FITTED, check=_check_truncated_svd
    ),
}
