"""Linear models by stochastic gradient descent: any of many losses, one row at a time.

Use them where there are too many rows for the other linear models, where rows keep coming
(`partial_fit`), or for a loss that the others do not have. Scale the columns first.

Read in this order: `_sgd_loss` (what is minimised), `_sgd_descent` (the algorithm, one row at a
time), `_sgd_model` (from parameters to a descent), then the two estimators.
"""

from groundup.linear_model._sgd_classifier import SGDClassifier
from groundup.linear_model._sgd_regressor import SGDRegressor

__all__ = ["SGDClassifier", "SGDRegressor"]
