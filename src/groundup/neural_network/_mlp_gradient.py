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

IDENTITY, LOGISTIC, TANH, RELU, EXP, SOFTMAX = 0, 1, 2, 3, 4, 5
HIDDEN = {"identity": IDENTITY, "logistic": LOGISTIC, "tanh": TANH, "relu": RELU}

# What bends the last layer decides the loss: half the squared error, half the Poisson deviance,
# the log loss of yes or no, the log loss of one class of many.
OUTPUTS = {"identity": IDENTITY, "exp": EXP, "logistic": LOGISTIC, "softmax": SOFTMAX}

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
    Z,  # (m, n) inout: sums without their bias, becomes f(Z + b)
    b,  # (n,) in
    activation,
    bits,  # (m * n or more,) int64 scratch
    power,  # the same memory seen as float64
):
    """A = f(Z + b); all f but relu are made of e^-x."""
    m, n = Z.shape
    real = Z.dtype.type
    one, two = real(1.0), real(2.0)
    if activation == RELU:
        for i in range(m):
            for j in range(n):
                z = Z[i, j] + b[j]
                Z[i, j] = real(0.0) if z < real(0.0) else z  # NaN stays NaN, and is seen
        return
    # tanh z is made of e^-2z, and e^z of e^-(-z)
    scale = real(2.0) if activation == TANH else (real(-1.0) if activation == EXP else one)
    for i in range(m):
        for j in range(n):
            Z[i, j] = scale * (Z[i, j] + b[j])
    if activation == IDENTITY:
        return
    if activation == SOFTMAX:
        for i in range(m):
            largest = Z[i, 0]
            for j in range(1, n):
                largest = max(largest, Z[i, j])
            for j in range(n):
                Z[i, j] = largest - Z[i, j]
    z = Z.reshape(m * n)
    exp_of_minus(z, m * n, bits, power, z)
    if activation == LOGISTIC:
        # 1 / (1 + e^-z)
        for i in range(m * n):
            z[i] = one / (one + z[i])
    elif activation == TANH:
        # (1 - e^-2z) / (1 + e^-2z), written for z < 0 so that infinity over infinity is avoided
        for i in range(m * n):
            z[i] = (one - z[i]) / (one + z[i]) if z[i] < one else two / (one + z[i]) - one
    elif activation == SOFTMAX:
        # e^(z - max) / sum
        for i in range(m):
            total = real(0.0)
            for j in range(n):
                total += Z[i, j]
            for j in range(n):
                Z[i, j] /= total


@kernel
def times_slope(
    D,  # (m, n) inout: slopes at the activation's outputs, becomes those at Z
    A,  # (m, n) in: outputs of the activation
    activation,
    db,  # (n,) out: sums over the rows, the slopes at the biases
):
    """D = D * f'(Z), with f' told from A = f(Z), and dJ/db = D' 1."""
    m, n = D.shape
    real = D.dtype.type
    zero, one = real(0.0), real(1.0)
    for j in range(n):
        db[j] = zero
    if activation == RELU:
        for i in range(m):
            for j in range(n):
                d = D[i, j] if A[i, j] > zero else zero
                D[i, j] = d
                db[j] += d
        return
    for i in range(m):
        if activation == LOGISTIC:
            for j in range(n):
                D[i, j] *= A[i, j] * (one - A[i, j])
        elif activation == TANH:
            for j in range(n):
                D[i, j] *= one - A[i, j] * A[i, j]
        for j in range(n):
            db[j] += D[i, j]


@kernel
def forward(
    units,  # (L + 1,) in: columns of X, units of each layer
    w,  # (p,) in: all weights, layer by layer, then all intercepts
    m,  # rows
    activation,  # of the hidden layers
    output,  # of the last one
    values,  # (m * sum(units) or more,) inout: m rows of X in, each layer's outputs behind them
    bits,
    power,
):
    """Fill `values` with what each layer makes of the rows."""
    n_layers = units.shape[0] - 1
    at, weights, bias = 0, 0, 0
    for layer in range(n_layers):
        bias += units[layer] * units[layer + 1]
    for layer in range(n_layers):
        k, n = units[layer], units[layer + 1]
        A = values[at : at + m * k].reshape((m, k))
        Z = values[at + m * k : at + m * (k + n)].reshape((m, n))
        # A of the next layer = f(A W + b)
        np.dot(A, w[weights : weights + k * n].reshape((k, n)), Z)
        f = activation if layer < n_layers - 1 else output
        bend(Z, w[bias : bias + n], f, bits, power)
        at += m * k
        weights += k * n
        bias += n


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
    output,
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
        if output == SOFTMAX:
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
                if output == IDENTITY:
                    cost += 0.5 * (q - y) * (q - y) / n
                elif output == EXP:
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
    f = IDENTITY  # the slope of the last layer's output is in D already
    for layer in range(n_layers - 1, -1, -1):
        k, n = units[layer], units[layer + 1]
        D = deltas[here : here + m * n].reshape((m, n))
        bias -= n
        times_slope(D, values[at : at + m * n].reshape((m, n)), f, gradient[bias : bias + n])
        at -= m * k
        weights -= k * n
        # dJ/dW = A' D
        A = values[at : at + m * k].reshape((m, k))
        np.dot(A.T, D, gradient[weights : weights + k * n].reshape((k, n)))
        if layer > 0:
            # the slope at the layer below's outputs, D W'
            W = w[weights : weights + k * n].reshape((k, n))
            np.dot(D, W.T, deltas[other : other + m * k].reshape((m, k)))
            here, other = other, here
            f = activation


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
    output,
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
    d, n_outputs = units[0], units[units.shape[0] - 1]
    before = 0  # values of a row that stand before its prediction
    for layer in range(units.shape[0] - 1):
        before += units[layer]
    for start in range(first, last, CHUNK_ROWS):
        m = min(CHUNK_ROWS, last - start)
        A = values[: m * d].reshape((m, d))
        for i in range(m):
            row = order[start + i]
            for j in range(d):
                A[i, j] = X[row, j]
        forward(units, w, m, activation, output, values, bits, power)
        p = values[m * before :]
        loss_and_slope(p, deltas, m, n_outputs, Y, weight, order, start, output, sums)
        own = gradient if start == first else more
        backward(units, w, m, activation, values, deltas, own)
        if start > first:
            for j in range(w.shape[0]):
                gradient[j] += own[j]
