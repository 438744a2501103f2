"""Exponentials and logarithms that the compiler can turn into vector instructions.

A loss over a million rows spends most of its time in e^x and log(1 + x) where they are calls of the
C library, one number after the other.  Here they are polynomials without a branch or a call, so a
loop over an array runs eight numbers at a time, and the largest possible error is stated.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

LOG_2 = 0.6931471805599453
ONE_BY_LOG_2 = 1.4426950408889634
LARGEST = 700.0  # beyond it the results would leave the range of a float64: e^709 = 8e307

# The same for float32, whose range ends at e^88.7; numba counts in float64 unless told otherwise.
ONE_BY_LOG_2_32 = np.float32(ONE_BY_LOG_2)
LOG_2_32 = np.float32(LOG_2)
LARGEST_32 = np.float32(87.0)
EXPONENT_OF_1, FRACTION_BITS = np.int32(127), np.int32(23)
HALF, ONE = np.float32(0.5), np.float32(1.0)
BY_3, BY_4, BY_5, BY_6 = (np.float32(1 / f) for f in (6, 24, 120, 720))


@kernel
def exp_of_minus(a, size, bits, power, result):
    """result = e^-a, without a branch or a call.

    With k = a / log 2 rounded and r = k log 2 - a, so that |r| <= log(2) / 2 = 0.347,

        e^-a = 2^-k e^r,    e^r = 1 + r + r^2/2! + ... + r^13/13!.

    The first term left out is below 0.347^14/14! < 5e-18. The rounding of k log 2 is that of `a`
    itself, so the relative error is below (2 + |a|) 1.2e-16 (where multiply and add are rounded
    once, as compiled; plain Python, which rounds twice, comes a little above it).
    2^-k is written down directly as the exponent bits of a float64. From a = 700 on the result is
    e^-700 = 1e-304, below a = -700 it is e^700 = 1e304; NaN stays NaN.

    a : (size or more,)  # in
    bits : (size or more,) int64, and power : the same memory seen as float64  # out
    result : (size or more,)  # out
    """
    for i in range(size):
        x = LARGEST if a[i] > LARGEST else a[i]
        x = -LARGEST if x < -LARGEST else x
        k = np.floor(x * ONE_BY_LOG_2 + 0.5)
        r = k * LOG_2 - x
        # 2^-k: an exponent of -k is stored as 1023 - k above the 52 bits of the fraction
        bits[i] = (1023 - np.int64(k)) << 52
        # Horner: 1 + r (1 + r (1/2! + r (1/3! + ... r/13!)))
        s = 1.0 / 6227020800.0
        s = s * r + 1.0 / 479001600.0
        s = s * r + 1.0 / 39916800.0
        s = s * r + 1.0 / 3628800.0
        s = s * r + 1.0 / 362880.0
        s = s * r + 1.0 / 40320.0
        s = s * r + 1.0 / 5040.0
        s = s * r + 1.0 / 720.0
        s = s * r + 1.0 / 120.0
        s = s * r + 1.0 / 24.0
        s = s * r + 1.0 / 6.0
        s = s * r + 0.5
        s = s * r + 1.0
        result[i] = s * r + 1.0
    for i in range(size):
        result[i] *= power[i]


@kernel
def log_of_one_plus(e):
    """log(1 + e) for 0 <= e <= 1.

    With t = e / (2 + e) <= 1/3,

        log(1 + e) = 2 artanh(t) = 2 t (1 + t^2/3 + t^4/5 + ... + t^32/33).

    The terms left out sum to less than (1/9)^17 / 35 * 9/8 < 2e-18, and small e keep all digits.
    """
    t = e / (2.0 + e)
    q = t * t
    s = 1.0 / 33.0
    s = s * q + 1.0 / 31.0
    s = s * q + 1.0 / 29.0
    s = s * q + 1.0 / 27.0
    s = s * q + 1.0 / 25.0
    s = s * q + 1.0 / 23.0
    s = s * q + 1.0 / 21.0
    s = s * q + 1.0 / 19.0
    s = s * q + 1.0 / 17.0
    s = s * q + 1.0 / 15.0
    s = s * q + 1.0 / 13.0
    s = s * q + 1.0 / 11.0
    s = s * q + 1.0 / 9.0
    s = s * q + 1.0 / 7.0
    s = s * q + 1.0 / 5.0
    s = s * q + 1.0 / 3.0
    return 2.0 * t * (s * q + 1.0)


@kernel
def exp_float32(x):
    """e^x in float32, without a branch or a call.

    With k = x / log 2 rounded and r = x - k log 2, so that |r| <= log(2) / 2 = 0.347,

        e^x = 2^k e^r,    e^r = 1 + r + r^2/2! + ... + r^6/6!.

    The first term left out is below 0.347^7/7! < 2e-7, the relative error below 5e-7. Beyond
    x = 87 the result is e^87 = 6e37, below -87 it is e^-87 = 2e-38; NaN stays NaN.
    """
    x = LARGEST_32 if x > LARGEST_32 else x
    x = -LARGEST_32 if x < -LARGEST_32 else x
    k = np.floor(x * ONE_BY_LOG_2_32 + HALF)
    r = x - k * LOG_2_32
    s = BY_6 * r + BY_5
    s = s * r + BY_4
    s = s * r + BY_3
    s = s * r + HALF
    s = s * r + ONE
    s = s * r + ONE
    # 2^k: an exponent of k is stored as 127 + k above the 23 bits of the fraction
    return s * np.int32((np.int32(k) + EXPONENT_OF_1) << FRACTION_BITS).view(np.float32)
