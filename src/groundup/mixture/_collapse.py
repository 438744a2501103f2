"""Components that collapse: what is said of them.

A density has no limit where a component shrinks onto one row, onto fewer distinct rows than it has
dimensions, or onto a plane: its variance across goes to zero and the likelihood to infinity.
reg_covar stops it there.  What comes out is then the answer to the question asked, but its
likelihood says more about reg_covar than about the rows.
"""

from __future__ import annotations

import numpy as np

from groundup.mixture._covariance import Shape, least_variances


def _named(components: np.ndarray | list[int]) -> str:
    listed = ", ".join(str(k) for k in components)
    return f"Component {listed} has" if len(components) == 1 else f"Components {listed} have"


def largest_to_square(n_samples: int, n_features: int) -> float:
    """Return the largest number that the rows may hold, so that sums of squares are finite.

    Examples
    --------
    >>> print(f"{largest_to_square(100, 4):.0e}")
    3e+152
    """
    # sum over n d entries of (x - m)^2 <= (2 max)^2
    return float(np.sqrt(np.finfo(np.float64).max / (4.0 * n_samples * n_features)))


#: Rows that differ by less than this have variances without all their digits, or of zero.
LEAST_TO_SQUARE = 1e-150


def check_squares(X: np.ndarray) -> None:
    """Refuse rows whose squares leave the range of numbers."""
    greatest = max(float(X.max()), -float(X.min()))
    if greatest > largest_to_square(*X.shape):
        raise ValueError(
            f"X holds numbers too large to be squared (up to {greatest:g}), so it has no "
            "covariances. Scale the columns first (StandardScaler)."
        )
    if greatest < LEAST_TO_SQUARE and X.min() < X.max():
        raise ValueError(
            f"X holds numbers too small to be squared (at most {greatest:g}), so it has no "
            "covariances. Scale the columns first (StandardScaler)."
        )


def overflow() -> ValueError:
    """Return the error for covariances that are not finite."""
    return ValueError(
        "The covariances of the mixture overflowed: X, means_init or precisions_init hold numbers "
        "too large to be squared. Scale the columns first (StandardScaler)."
    )


def nowhere() -> ValueError:
    """Return the error for a start from which a row is infinitely far."""
    return ValueError(
        "Where the mixture starts, a row is so many standard deviations from every component that "
        "the number has no square. Give means_init nearer to the rows, smaller precisions_init, or "
        "a larger reg_covar."
    )


def underflow(reg_covar: float) -> ValueError:
    """Return the error for covariances so small that their inverses overflow."""
    return ValueError(
        "A covariance of the mixture is too small to be inverted (a variance below 1e-300 along "
        "some direction). Scale the columns first (StandardScaler), or raise reg_covar (now "
        f"{reg_covar:g})."
    )


def refusal(component: int | None, counts: np.ndarray, reg_covar: float) -> ValueError:
    """Return the error for a covariance that is not positive definite; None: the shared one."""
    if component is None:
        which = "The covariance that the components share is"
    else:
        which = f"Component {component}, which holds {counts[component]:.4g} rows, has"
        which += " a covariance that is"
    return ValueError(
        f"{which} not positive definite: its rows are equal, fewer than the columns ask for, or "
        "lie on a plane (a constant column, a column that is the sum of others). Give fewer "
        f"components, drop such columns, bring the columns to one scale (StandardScaler), or raise "
        f"reg_covar (now {reg_covar:g})."
    )


def warning_about(
    shape: Shape, weights: np.ndarray, covariances: np.ndarray, X: np.ndarray, reg_covar: float
) -> str | None:
    """Return what to warn of in a fitted mixture, or None."""
    said = []
    n = len(X)
    empty = np.flatnonzero(weights == 0.0)
    if len(empty):
        said.append(
            f"{_named(empty)} no rows at all: there are more components than clouds, or fewer "
            "distinct rows than components. Give fewer components."
        )
    # The scatter's own share of a variance is what lies above reg_covar.
    thin = np.flatnonzero(least_variances(shape, covariances) < 2.0 * reg_covar)
    if len(thin):
        constant = np.flatnonzero(np.ptp(X, axis=0) == 0.0)
        if len(constant):
            cause = f"X is constant in column {', '.join(map(str, constant))}. Drop it"
        else:
            cause = (
                "Their rows are equal, very few, or lie on a plane. Give fewer components, drop "
                "columns that follow from others, or scale the columns"
            )
        if shape.is_shared:
            which = "The covariance that the components share has"
        else:
            held = ", ".join(f"{n * weights[k]:.4g}" for k in thin)
            which = f"{_named(thin)} collapsed (they hold {held} of {n} rows): the covariance has"
        said.append(
            f"{which} a variance of about reg_covar={reg_covar:g} along some direction, so the "
            f"likelihood depends on reg_covar. {cause}."
        )
    return " ".join(said) or None
