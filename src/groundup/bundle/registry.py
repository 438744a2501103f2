"""The table of everything that a bundle can hold.

A name that is not here cannot be loaded, whatever a file says. To add a class: declare its
parameters and fitted attributes in one of the modules below, with a check of how they fit together,
and add it to the round-trip tests.
"""

from __future__ import annotations

from typing import Any

from groundup.bundle import (
    baselines,
    clusters,
    composites,
    decompositions,
    encoders,
    linear_models,
    naive_bayes,
    neighbors,
    networks,
    perceptrons,
    scalers,
    support_vectors,
    target_scale,
    transformers,
    trees,
)
from groundup.bundle.parts import Kind, check_part

KINDS: dict[str, Kind] = {
    **composites.KINDS,
    **transformers.KINDS,
    **scalers.KINDS,
    **encoders.KINDS,
    **baselines.KINDS,
    **linear_models.KINDS,
    **neighbors.KINDS,
    **trees.KINDS,
    **naive_bayes.KINDS,
    **support_vectors.KINDS,
    **perceptrons.KINDS,
    **networks.KINDS,
    **target_scale.KINDS,
    **clusters.KINDS,
    **decompositions.KINDS,
}


def check_model(pipeline: Any, n_features: int) -> None:
    """Check that every part of a model fits the columns that reach it.

    Raises
    ------
    BundleError
        Attributes that contradict each other or their input.
    """
    check_part(KINDS, pipeline, n_features, "the model")
