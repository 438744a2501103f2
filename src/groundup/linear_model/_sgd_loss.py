"""The losses that stochastic gradient descent can minimise, with their derivatives.

A loss says how bad the prediction z = w'x + b is for the target y: -1 or +1 for a class, any number
in regression. For classes all of them are functions of the margin m = y z, which is positive where
the prediction has the right sign:

======================== ===================================== ==================================
for classes              loss                                  what it is for
======================== ===================================== ==================================
hinge                    max(0, 1 - m)                         the support vector machine
perceptron               max(0, -m)                            Rosenblatt's perceptron
squared_hinge            max(0, 1 - m)^2                       a smooth one, hard on outliers
modified_huber           max(0, 1 - m)^2, or -4 m if m < -1    the same, easier on outliers
log_loss                 log(1 + e^-m)                         logistic regression
======================== ===================================== ==================================

============================ ================================= ==================================
for numbers, r = z - y       loss                              what it is for
============================ ================================= ==================================
squared_error                r^2 / 2                           least squares
huber                        r^2 / 2, or e (|r| - e / 2)       least squares without the outliers
                             if |r| > e
epsilon_insensitive          max(0, |r| - e)                   support vector regression
squared_epsilon_insensitive  max(0, |r| - e)^2                 the same, smooth
============================ ================================= ==================================
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

# a kernel chooses its loss by number: a function passed to it would be compiled anew each time
LOSSES = {
    "hinge": 0,
    "perceptron": 1,
    "squared_hinge": 2,
    "modified_huber": 3,
    "log_loss": 4,
    "squared_error": 5,
    "huber": 6,
    "epsilon_insensitive": 7,
    "squared_epsilon_insensitive": 8,
}
REGRESSION_LOSSES = (
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
)


@kernel
def loss_and_slope(loss, z, y, epsilon):
    """Return the loss of predicting `z` for `y`, and its derivative by `z`.

    loss : int, a value of LOSSES  # in
    z, y : prediction and target  # in
    epsilon : where huber and the insensitive losses change their form  # in
    """
    if loss <= 4:
        m = y * z
        if loss == 0:  # max(0, 1 - m)
            return (1.0 - m, -y) if m <= 1.0 else (0.0, 0.0)
        if loss == 1:  # max(0, -m)
            return (-m, -y) if m <= 0.0 else (0.0, 0.0)
        if loss == 2:  # max(0, 1 - m)^2
            return ((1.0 - m) ** 2, -2.0 * y * (1.0 - m)) if m < 1.0 else (0.0, 0.0)
        if loss == 3:  # max(0, 1 - m)^2, and beyond m = -1 its tangent
            if m < -1.0:
                return -4.0 * m, -4.0 * y
            return ((1.0 - m) ** 2, -2.0 * y * (1.0 - m)) if m < 1.0 else (0.0, 0.0)
        # log(1 + e^-m), slope -y / (1 + e^m): the exponential is taken of -|m|
        e = np.exp(-abs(m))
        if m > 0.0:
            return np.log1p(e), -y * e / (1.0 + e)
        return np.log1p(e) - m, -y / (1.0 + e)
    r = z - y
    sign = 1.0 if r > 0.0 else -1.0
    if loss == 5:  # r^2 / 2
        return 0.5 * r * r, r
    if loss == 6:  # r^2 / 2, and beyond |r| = e its tangent
        if abs(r) <= epsilon:
            return 0.5 * r * r, r
        return epsilon * (abs(r) - 0.5 * epsilon), epsilon * sign
    beyond = abs(r) - epsilon
    if beyond <= 0.0:
        return 0.0, 0.0
    if loss == 7:  # max(0, |r| - e)
        return beyond, sign
    return beyond * beyond, 2.0 * beyond * sign  # max(0, |r| - e)^2
