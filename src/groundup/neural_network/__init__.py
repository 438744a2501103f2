"""Neural networks, from automatic differentiation to estimators.

An estimator for a table is one line, `MLPClassifier()`; a network of any layers is another,
`NetworkClassifier([Dense(64), Relu()])`. To see how they learn, read in this order:

1. `autodiff.py`        numbers that remember how they were made, and so know their derivatives
2. `layers.py`          what networks are made of, from dense layers to transformer blocks
3. `initialisation.py`  where weights begin
4. `losses.py`          how wrong an output is
5. `_training.py`       the loop: predict, compare, go back, take a step
"""

from __future__ import annotations

from groundup._lazy import loaded_on_use

__all__, __getattr__, __dir__ = loaded_on_use(
    __name__,
    {
        "MLPClassifier": "_mlp_classifier",
        "MLPRegressor": "_mlp_regressor",
        "Network": "_network",
        "NetworkClassifier": "_network_classifier",
        "NetworkRegressor": "_network_regressor",
        "Tensor": "autodiff",
        "TrainingWarning": "_findings",
        "attention": "_attention_product",
        "avg_pool2d": "_pooling",
        "concatenate": "_joining",
        "conv2d": "_convolution",
        "embedding": "_lookup",
        "gelu": "_gelu",
        "layer_norm": "_normalisation",
        "linear": "_linear",
        "max_pool2d": "_pooling",
        "maximum": "_joining",
        "no_grad": "autodiff",
        "record": "autodiff",
        "softmax_cross_entropy": "_cross_entropy",
        "stack": "_joining",
        "to_onnx": "_onnx",
        "where": "_joining",
    },
)
