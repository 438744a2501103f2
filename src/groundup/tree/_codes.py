"""Values to one-byte codes: how many of a column's borders lie below the value.

A search by halves, without jumps: the border in the middle of what is left decides whether half of
it is stepped over, by arithmetic alone.  Eight steps cover 255 borders; the values of a column do
not wait for each other, so their searches overlap in the processor.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

MOST_BORDERS = 255
WIDTH = 256  # a row of borders: 255 at most, padded with NaN, which no value exceeds
CHUNK = 256  # rows whose values are in the first-level cache while the columns take their turns


@kernel
def encode(
    X,  # (n, >= p) in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    borders,  # (p, WIDTH) in: ascending, then NaN
    missing,  # (p,) uint8 in: the code of a missing value
    is_category,  # (p,) bool in: codes of equal values alone; what equals no border is missing
    codes,  # (>= stop - start, p) uint8 out
):
    """Write the codes; return whether a value was missing."""
    some_missing = False
    for first in range(start, stop, CHUNK):
        for f in range(borders.shape[0]):
            for i in range(first, min(stop, first + CHUNK)):
                x = X[i, f]
                below = np.uint64(0)
                for step in range(7, -1, -1):
                    half = np.uint64(1) << np.uint64(step)
                    # Shifted, not chosen: a jump would have to be guessed.  NaN is below nothing.
                    below += np.uint64(borders[f, below + half - np.uint64(1)] < x) << np.uint64(
                        step
                    )
                known = borders[f, below] == x if is_category[f] else x == x
                codes[i - start, f] = below if known else missing[f]
                some_missing |= not known
    return some_missing
