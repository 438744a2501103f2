"""Sorting a column by its bits: leading digits first of all, and most columns need no more.

The bits of a float, read as a whole number, are in the order of the floats once those of negative
numbers are turned around.  Such keys are sorted by counting, digit by digit from the least of the
leading digits to the greatest [1]_: 3 passes order everything but keys that agree in about 33
leading bits, and an insertion sort, which costs little on what is nearly sorted, does the rest.
Where it would cost much (many different values very close together, beside one far away), all the
digits are counted instead.

Cost: 5 passes over the keys, where a sort by comparisons takes log2(n).

References
----------
.. [1] D. E. Knuth, "The Art of Computer Programming", volume 3, section 5.2.5.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

SIGN = np.uint64(1 << 63)
SMALL = 64  # fewer keys are sorted by insertion alone
MOST_MOVES = 8  # a key, by insertion; more are cheaper by digits
LARGE = 4096  # keys from which on a digit has 11 bits rather than 8: counts for the level-1 cache


@kernel
def ordered_key(
    bits,  # int64 in: of a float that is not NaN
):
    """Return an unsigned number that is greater for a greater float, and the same for 0 and -0."""
    # -0.0 has the least of all int64 for its bits.
    bits = bits if bits != np.int64(-0x8000000000000000) else np.int64(0)
    return np.uint64(bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)) ^ SIGN


@kernel
def bits_of_key(
    key,  # uint64 in
):
    """Return the int64 bits of the float whose `ordered_key` is given."""
    bits = np.int64(key ^ SIGN)
    return bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)


@kernel
def _by_digit(
    keys,  # (>= n,) in
    n,  # int in
    least,  # uint64 in: subtracted from every key
    shift,  # int in: of the digit's lowest bit
    digit_bits,  # int in
    counts,  # (2 ** digit_bits,) scratch
    ordered,  # (>= n,) out: the keys by that digit, otherwise in their old order
):
    mask = (np.uint64(1) << np.uint64(digit_bits)) - np.uint64(1)
    for digit in range(counts.shape[0]):
        counts[digit] = 0
    for i in range(n):
        counts[((keys[i] - least) >> np.uint64(shift)) & mask] += 1
    place = 0
    for digit in range(counts.shape[0]):
        place, counts[digit] = place + counts[digit], place
    for i in range(n):
        digit = ((keys[i] - least) >> np.uint64(shift)) & mask
        ordered[counts[digit]] = keys[i]
        counts[digit] += 1


@kernel
def _by_insertion(
    keys,  # (>= n,) inout
    n,  # int in
    most_moves,  # int in
):
    """Sort; give up after `most_moves` moves, and return whether it was enough."""
    moves = 0
    for i in range(1, n):
        key = keys[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key
        moves += i - j
        if moves > most_moves:
            return False
    return True


@kernel
def sort_keys(
    keys,  # (>= n,) uint64 inout
    n,  # int in
    spare,  # (>= n,) uint64 inout
):
    """Sort the first n keys; return the array in which they are now, one of the two."""
    least, greatest = ~np.uint64(0), np.uint64(0)
    for i in range(n):
        least, greatest = min(least, keys[i]), max(greatest, keys[i])
    width = 0  # bits in which the keys differ
    while width < 64 and n > 0 and ((greatest - least) >> np.uint64(width)) != np.uint64(0):
        width += 1
    digit_bits = 11 if n >= LARGE else 8
    counts = np.empty(1 << digit_bits, np.int64)
    # The three leading digits; for few keys none.
    n_digits = 3 if n > SMALL else 0
    shift = max(0, width - n_digits * digit_bits)
    while True:
        for digit in range(n_digits):
            _by_digit(keys, n, least, shift + digit * digit_bits, digit_bits, counts, spare)
            keys, spare = spare, keys
        if _by_insertion(keys, n, MOST_MOVES * n if n_digits > 0 else n * n):
            return keys
        n_digits, shift = (width + digit_bits - 1) // digit_bits, 0
