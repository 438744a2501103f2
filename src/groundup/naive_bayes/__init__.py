"""Naive Bayes: each column speaks for itself, and their evidence is added up."""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "BernoulliNB": "_bernoulli",
        "CategoricalNB": "_categorical",
        "GaussianNB": "_gaussian",
        "MultinomialNB": "_multinomial",
    },
)
