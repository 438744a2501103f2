"""Mixtures: rows drawn from several distributions, and which one each came from."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {"GaussianMixture": "_gaussian_mixture"},
)
