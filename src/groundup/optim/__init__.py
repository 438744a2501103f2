"""Optimisation: how the parameters that make a cost small are found.

Every method here is a generator: it takes a function `cost_and_gradient(w, rows) -> (cost,
gradient)` and a start, and yields its state after every step. Use one by hand,

    for step in gradient_descent(cost_and_gradient, start, learning_rate=0.1):
        print(step["cost"])

or let an estimator drain it. Read the files in this order, from simple to advanced:

1. `descent.py`      the textbook loop: batch, mini-batch and stochastic gradient descent
2. `rules.py`        what to do with a gradient: momentum, Nesterov, RMSProp, Adam
3. `schedules.py`    how the length of a step changes over time
4. `stopping.py`     when it has settled, and when it has gone wrong
5. `line_search.py`  how far to go along a direction, found out instead of chosen
6. `newton.py`       use the curvature: few, exact, expensive steps
7. `lbfgs.py`        learn the curvature from the steps: the same for many parameters
"""

from __future__ import annotations

from groundup.optim.descent import ALL_ROWS, batches, gradient_descent
from groundup.optim.lbfgs import lbfgs
from groundup.optim.newton import newton
from groundup.optim.rules import (
    Adam,
    Clipped,
    Momentum,
    Nesterov,
    Plain,
    RMSProp,
    Rule,
    WeightDecay,
)
from groundup.optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    InverseTime,
    OneCycle,
    Schedule,
    StepDecay,
)
from groundup.optim.stopping import DivergenceError, Plateau, RisingCost

__all__ = [
    "ALL_ROWS",
    "Adam",
    "Clipped",
    "Constant",
    "Cosine",
    "DivergenceError",
    "Exponential",
    "InverseScaling",
    "InverseTime",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "Plain",
    "Plateau",
    "RMSProp",
    "RisingCost",
    "Rule",
    "Schedule",
    "StepDecay",
    "WeightDecay",
    "batches",
    "gradient_descent",
    "lbfgs",
    "newton",
]
