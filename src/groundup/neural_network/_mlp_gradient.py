r"""The gradient of a dense network, written out: forward through the layers, and back again.

A layer multiplies by its weights, adds its bias, and bends the result:

    Z_l = A_l W_l + 1 b_l'          A_l (m, k): what goes in,  Z_l (m, n): what comes out
    A_(l+1) = f(Z_l)                f: identity, logistic, tanh or relu; another one for the output

With D_l = dJ / dZ_l, the slope of the cost J at the output of layer l, the chain rule gives

    dJ / dW_l = A_l' D_l            each weight: its input times the slope at its output
    dJ / db_l = D_l' 1
    D_(l-1) = (D_l W_l') * f'(Z_(l-1))

so one walk back computes every derivative from what the walk forward left behind.  Each f here has
a slope that its own *output* a gives away: 1 (identity), a (1 - a) (logistic), 1 - a^2 (tanh),
[a > 0] (relu).  And each loss is paired with the output that makes its slope plain:

    half the squared error          p = z                   D = p - y
    half the Poisson deviance       p = e^z                 D = p - y
    log loss, two answers           p = 1 / (1 + e^-z)      D = p - y
    log loss, one class of many     p = softmax(z)          D = p - (1 where the class is y)

Cost: 6 operations a weight and row, nearly all of them in three matrix products a layer.  Memory: a
few rows' values at a time, whatever the number of rows.

`autodiff.py` finds the same gradients without being told a single derivative; the tests compare.

References
----------
.. [1] Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors,
   Nature 323.
"""

from __future__ import annotations

import numpy as np

from groundup._exponential import exp_of_minus
from groundup._kernel import kernel

IDENTITY, LOGISTIC, TANH, RELU = 0, 1, 2, 3
HIDDEN = {"identity": IDENTITY, "logistic": LOGISTIC, "tanh": TANH, "relu": RELU}

SQUARED_ERROR, POISSON, TWO_ANSWERS, ONE_OF_MANY = 0, 1, 2, 3
LOSSES = {
    "identity": SQUARED_ERROR,
    "exp": POISSON,
    "logistic": TWO_ANSWERS,
    "softmax": ONE_OF_MANY,
}

CHUNK_ROWS = 128  # rows that go through the network together: their values stay in the L2 cache


def weight_count(units: np.ndarray) -> int:
    """Return how many weights, without intercepts, lie between layers of so many units.

    Examples
    --------
    >>> weight_count(np.array([4, 10, 3]))
    70
    """
    return int(np.sum(units[:-1] * units[1:]))


@kernel
def bend(
    z,  # (size or more,) inout: becomes f(z)
    size,
    activation,
    bits,  # (size or more,) int64 scratch
    power,  # the same memory seen as float64
):
    """a = f(z), value by value."""
    real = z.dtype.type
    one = real(1.0)
    if activation == RELU:
        for i in range(size):
            z[i] = real(0.0) if z[i] < real(0.0) else z[i]  # NaN stays NaN, and is seen
    elif activation == LOGISTIC:
        # 1 / (1 + e^-z)
        exp_of_minus(z, size, bits, power, z)
        for i in range(size):
            z[i] = one / (one + z[i])
    elif activation == TANH:
        # tanh z = 2 / (1 + e^-2z) - 1
        for i in range(size):
            z[i] = z[i] + z[i]
        exp_of_minus(z, size, bits, power, z)
        for i in range(size):
            z[i] = (one - z[i]) / (one + z[i]) if z[i] < one else real(2.0) / (one + z[i]) - one


@kernel
def times_slope(
    d,  # (size or more,) inout
    a,  # (size or more,) in: outputs of the activation
    size,
    activation,
):
    """D = D * f'(z), the slope taken from a = f(z)."""
    one = d.dtype.type(1.0)
    if activation == RELU:
        for i in range(size):
            d[i] = d[i] if a[i] > 0.0 else d.dtype.type(0.0)
    elif activation == LOGISTIC:
        for i in range(size):
            d[i] *= a[i] * (one - a[i])
    elif activation == TANH:
        for i in range(size):
            d[i] *= one - a[i] * a[i]


@kernel
def forward(
    units,  # (L + 1,) in: columns of X, units of each layer
    w,  # (p,) in: all weights, layer by layer, then all intercepts
    m,  # rows
    activation,
    values,  # (m * sum(units) or more,) inout: m rows of X in, each layer's outputs behind them
    bits,
    power,
):
    """Fill `values` with what each layer makes of the rows; the last one's Z is not bent yet."""
    n_layers = units.shape[0] - 1
    at, weights, bias = 0, 0, 0
    for layer in range(n_layers):
        bias += units[layer] * units[layer + 1]
    for layer in range(n_layers):
        k, n = units[layer], units[layer + 1]
        A = values[at : at + m * k].reshape((m, k))
        Z = values[at + m * k : at + m * (k + n)].reshape((m, n))
        # Z = A W + b
        np.dot(A, w[weights : weights + k * n].reshape((k, n)), Z)
        for i in range(m):
            for j in range(n):
                Z[i, j] += w[bias + j]
        at += m * k
        if layer < n_layers - 1:
            bend(values[at:], m * n, activation, bits, power)
        weights += k * n
        bias += n


@kernel
def answer(
    z,  # (m * n or more,) inout: Z of the last layer becomes its prediction p
    m,
    n,
    loss,
    bits,
    power,
):
    """p = z, e^z, 1 / (1 + e^-z) or softmax(z)."""
    if loss == TWO_ANSWERS:
        bend(z, m * n, LOGISTIC, bits, power)
    elif loss == POISSON:
        for i in range(m * n):
            z[i] = np.exp(z[i])
    elif loss == ONE_OF_MANY:
        # softmax: e^(z - max) / sum
        for i in range(m):
            largest = z[i * n]
            for j in range(1, n):
                largest = max(largest, z[i * n + j])
            for j in range(n):
                z[i * n + j] = largest - z[i * n + j]
        exp_of_minus(z, m * n, bits, power, z)
        for i in range(m):
            total = z.dtype.type(0.0)
            for j in range(n):
                total += z[i * n + j]
            for j in range(n):
                z[i * n + j] /= total


@kernel
def loss_and_slope(
    p,  # (m * n or more,) in: predictions
    d,  # (m * n or more,) out: dJ / dZ of the last layer
    m,
    n,
    Y,  # (n_rows, n) in; for one class of many (n_rows, 1), the class's number
    weight,  # (n_rows,) in, or (0,): all 1
    order,  # (n_rows,) in
    first,  # where these m rows begin in `order`
    loss,
    sums,  # (2,) inout: loss of the rows, their weight
):
    """Add up the weighted loss of m rows, and take its slope at each output."""
    real = p.dtype.type
    one = real(1.0)
    # A probability of 0 or 1 would cost infinitely much where it is wrong.
    smallest = real(np.finfo(p.dtype).eps)
    largest = one - smallest
    for i in range(m):
        row = order[first + i]
        v = real(weight[row]) if weight.shape[0] > 0 else one
        cost = 0.0
        if loss == ONE_OF_MANY:
            label = np.int64(Y[row, 0])
            for j in range(n):
                d[i * n + j] = v * p[i * n + j]
            d[i * n + label] -= v
            q = p[i * n + label]
            q = smallest if q < smallest else q
            q = largest if q > largest else q
            cost = -np.log(q)
        else:
            for j in range(n):
                y, q = Y[row, j], p[i * n + j]
                d[i * n + j] = v * (q - y)
                if loss == SQUARED_ERROR:
                    cost += 0.5 * (q - y) * (q - y) / n
                elif loss == POISSON:
                    cost += q - y
                    if y > 0.0:
                        cost += y * np.log(y / q)
                else:
                    q = smallest if q < smallest else q
                    q = largest if q > largest else q
                    cost -= np.log(q if y > 0.5 else one - q)
        sums[0] += v * cost
        sums[1] += v


@kernel
def backward(
    units,  # (L + 1,) in
    w,  # (p,) in
    m,
    activation,
    values,  # (m * sum(units) or more,) in: what `forward` left
    deltas,  # (2 * m * max(units) or more,) inout: D of the last layer in front
    gradient,  # (p,) out: summed over the rows
):
    """Walk back from the slope at the output to the slope of every weight."""
    n_layers = units.shape[0] - 1
    at, weights = 0, 0
    for layer in range(n_layers):
        at += m * units[layer]
        weights += units[layer] * units[layer + 1]
    bias = w.shape[0]
    here, other = 0, deltas.shape[0] // 2
    for layer in range(n_layers - 1, -1, -1):
        k, n = units[layer], units[layer + 1]
        at -= m * k
        weights -= k * n
        bias -= n
        A = values[at : at + m * k].reshape((m, k))
        D = deltas[here : here + m * n].reshape((m, n))
        # dJ/dW = A' D
        np.dot(A.T, D, gradient[weights : weights + k * n].reshape((k, n)))
        # dJ/db = D' 1
        for j in range(n):
            gradient[bias + j] = 0.0
        for i in range(m):
            for j in range(n):
                gradient[bias + j] += D[i, j]
        if layer > 0:
            # D of the layer below = (D W') * f'
            below = deltas[other : other + m * k]
            np.dot(D, w[weights : weights + k * n].reshape((k, n)).T, below.reshape((m, k)))
            times_slope(below, values[at:], m * k, activation)
            here, other = other, here


@kernel
def gradient_of_rows(
    X,  # (n_rows, d) in
    Y,  # (n_rows, n_outputs) in
    weight,  # (n_rows,) in, or (0,)
    order,  # (n_rows,) in
    first,  # the rows order[first:last]
    last,
    units,  # (L + 1,) in
    w,  # (p,) in
    activation,
    loss,
    values,  # (CHUNK_ROWS * sum(units),) scratch
    deltas,  # (2 * CHUNK_ROWS * max(units),) scratch
    bits,  # (CHUNK_ROWS * max(units),) int64 scratch
    power,  # the same memory seen as float64
    gradient,  # (p,) out
    more,  # (p,) scratch
    sums,  # (2,) out: loss of the rows, their weight
):
    """Sum the gradient over some rows, a chunk of them at a time."""
    sums[0] = 0.0
    sums[1] = 0.0
    if first == last:
        for j in range(w.shape[0]):
            gradient[j] = 0.0
    d = units[0]
    before = units[:-1].sum()
    for start in range(first, last, CHUNK_ROWS):
        m = min(CHUNK_ROWS, last - start)
        for i in range(m):
            row = order[start + i]
            for j in range(d):
                values[i * d + j] = X[row, j]
        forward(units, w, m, activation, values, bits, power)
        p = values[m * before :]
        answer(p, m, units[-1], loss, bits, power)
        loss_and_slope(p, deltas, m, units[-1], Y, weight, order, start, loss, sums)
        if start == first:
            backward(units, w, m, activation, values, deltas, gradient)
        else:
            backward(units, w, m, activation, values, deltas, more)
            for j in range(w.shape[0]):
                gradient[j] += more[j]
