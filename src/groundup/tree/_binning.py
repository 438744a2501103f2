"""Binning: every column's values become small whole numbers, once, before any tree is grown.

A tree asks of a value only on which side of a threshold it lies, so the value's rank says as much
as the value, and a rank among at most 255 bins fits a byte.  A column with no more distinct values
than bins keeps one bin for each of them: then splits on bins are exact.  Otherwise

- a value that fills more than its share of the rows has a bin to itself (the zeros of a column that
  is mostly zero, say), and the share of the others is counted anew without it;
- the runs of rows between such values get bins in proportion to their rows, at least one each, and
  are cut into parts as equal as the distinct values allow.

The ranks are exact: every column is sorted.  So bins depend on the set of the values alone, not on
the order of the rows, nor on the number of threads, and a change of scale does not change them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groundup._blocks import block_bounds, over_threads
from groundup._kernel import kernel
from groundup.tree._codes import MOST_BORDERS, WIDTH, encode
from groundup.tree._packing import read_only
from groundup.tree._sorting import bits_of_key, ordered_key, sort_keys

FEW_VALUES = 20_000  # values of a table below which threads cost more than they bring
MOST_EXACT = (
    2**22
)  # values of a table up to which any number of distinct ones is kept by the kernel


@dataclass(frozen=True, eq=False)
class Binning:
    """The bins of every column.

    Bin b of column f holds the values from ``lowest[offsets[f] + b]`` to
    ``highest[offsets[f] + b]``, as seen in training.  Between two bins the border is halfway.
    A missing value has the code ``n_bins[f]``, one past the bins.

    Parameters
    ----------
    n_bins : ndarray of shape (n_features,), dtype int32
        Bins of each column; missing values are not counted.  0 for a column with no value at all.
    offsets : ndarray of shape (n_features + 1,), dtype int64
        Where a column's bins start in `lowest` and `highest`.
    lowest, highest : ndarray of shape (offsets[-1],), dtype float64
        The least and the greatest training value in each bin.
    is_categorical : ndarray of shape (n_features,), dtype bool
        Columns whose bins are categories: a value that was not seen counts as missing.
    """

    n_bins: np.ndarray
    offsets: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    is_categorical: np.ndarray

    def borders(self, feature: int) -> np.ndarray:
        """Return the (n_bins - 1,) borders of a column: bin b holds values up to border b."""
        bins = slice(self.offsets[feature], self.offsets[feature + 1])
        return between(self.highest[bins][:-1], self.lowest[bins][1:])

    def codes(self, X: np.ndarray, n_threads: int = 1) -> np.ndarray:
        """Return the bin of every value: (n, p), uint8, or uint32 where a column has over 255."""
        if self.n_bins.max(initial=0) > MOST_BORDERS:
            return self._wide_codes(X)
        codes = np.empty(X.shape, dtype=np.uint8)
        borders, missing = self._padded_borders(), self.n_bins.astype(np.uint8)
        X = read_only(X)
        bounds = block_bounds(
            len(X), 1 + FEW_VALUES // max(1, X.shape[1]), max_blocks=4 * n_threads
        )

        def encode_block(block: int) -> None:
            start, stop = bounds[block], bounds[block + 1]
            encode(X, start, stop, borders, missing, self.is_categorical, codes[start:stop])

        over_threads(encode_block, range(len(bounds) - 1), n_threads)
        return codes

    def _padded_borders(self) -> np.ndarray:
        """Return the borders, or the categories, of all columns: (p, WIDTH), padded with NaN."""
        padded = np.full((len(self.n_bins), WIDTH), np.nan)
        column = np.repeat(np.arange(len(self.n_bins)), self.n_bins)
        b = np.arange(len(column)) - self.offsets[column]
        values = np.append(between(self.highest[:-1], self.lowest[1:]), np.nan)[: len(column)]
        values[b == self.n_bins[column] - 1] = np.nan  # nothing bounds the last bin
        if self.is_categorical.any():
            values = np.where(self.is_categorical[column], self.lowest, values)
        padded[column, b] = values
        return padded

    def _wide_codes(self, X: np.ndarray) -> np.ndarray:
        codes = np.empty(X.shape, dtype=np.uint32)
        for f in range(X.shape[1]):
            x = X[:, f]
            if self.is_categorical[f]:
                known = self.lowest[self.offsets[f] : self.offsets[f + 1]]
                code = np.searchsorted(known, x)
                seen = known[np.minimum(code, len(known) - 1)] == x if len(known) else x != x
                code = np.where(seen, code, self.n_bins[f])
            else:
                code = np.searchsorted(self.borders(f), x, side="left")
            codes[:, f] = np.where(np.isnan(x), self.n_bins[f], code)
        return codes


@kernel
def _distinct_values(
    keys,  # (>= n,) in: ascending
    n,  # int in
    most,  # int in
    starts,  # (>= most,) out: where each value's rows start
):
    """Count the distinct values; return ``most + 1`` where there are more than `most`."""
    count = 0
    for i in range(n):
        if i == 0 or keys[i] != keys[i - 1]:
            if count == most:
                return most + 1
            starts[count] = i
            count += 1
    return count


@kernel
def _rows_of(
    keys,  # (>= n,) in: ascending
    n,  # int in
    i,  # int in
):
    """Return where the rows with the value of row i start and stop."""
    start, stop = i, i + 1
    while start > 0 and keys[start - 1] == keys[i]:
        start -= 1
    while stop < n and keys[stop] == keys[i]:
        stop += 1
    return start, stop


@kernel
def _heavy_values(
    keys,  # (>= n,) in: ascending
    n,  # int in
    max_bins,  # int in
    heavy_start,  # (max_bins,) out: where the rows of each heavy value start
    heavy_stop,  # (max_bins,) out
):
    """Find the values with more rows than a bin of the others; return their number, their rows."""
    n_heavy, heavy_rows = 0, 0
    while True:
        light_rows, light_bins = n - heavy_rows, max_bins - n_heavy
        # A value with more than `size` rows has one at a multiple of `size`: look only there.
        size = light_rows // light_bins
        count, rows, probe = 0, 0, 0
        while probe < n:
            start, stop = _rows_of(keys, n, probe)
            if (stop - start) * light_bins > light_rows:
                heavy_start[count], heavy_stop[count] = start, stop
                count += 1
                rows += stop - start
            probe = (stop + size - 1) // size * size
        if count == n_heavy:  # without them a share is smaller: there were no more to find
            return n_heavy, heavy_rows
        n_heavy, heavy_rows = count, rows


@kernel
def _cut_evenly(
    keys,  # (>= n,) in: ascending
    n,  # int in
    start,  # int in: rows start, ..., stop - 1
    stop,  # int in
    n_parts,  # int in
    starts,  # (max_bins,) out
    first,  # int in: the number of the first part
):
    """Cut rows where the value changes into parts about as large; return how many there are."""
    part = 0
    while start < stop:
        starts[first + part] = start
        part += 1
        if part == n_parts:
            break
        target = start + max(1, (stop - start) // (n_parts - part + 1))
        if target >= stop:
            break
        below, above = _rows_of(keys, n, target)
        start = below if start < below and target - below <= above - target else above
    return part


@kernel
def _bin_starts(
    keys,  # (>= n,) in: ascending
    n,  # int in
    max_bins,  # int in: fewer than there are distinct values
    heavy_start,  # (max_bins,) scratch
    heavy_stop,  # (max_bins,) scratch
    starts,  # (max_bins,) out: where each bin's rows start
):
    """Return the number of bins."""
    n_heavy, heavy_rows = _heavy_values(keys, n, max_bins, heavy_start, heavy_stop)
    n_runs = 0  # of light rows
    for h in range(n_heavy + 1):
        start = 0 if h == 0 else heavy_stop[h - 1]
        n_runs += start < (n if h == n_heavy else heavy_start[h])
    if n_runs > max_bins - n_heavy:  # not even one bin for each run
        n_heavy, heavy_rows, n_runs = 0, 0, 1
    bins_left, rows_left, n_bins = max_bins - n_heavy, n - heavy_rows, 0
    for h in range(n_heavy + 1):
        start = 0 if h == 0 else heavy_stop[h - 1]
        stop = n if h == n_heavy else heavy_start[h]
        if start < stop:
            n_runs -= 1
            parts = (bins_left * (stop - start) + rows_left // 2) // rows_left
            parts = max(1, min(parts, bins_left - n_runs))
            used = _cut_evenly(keys, n, start, stop, parts, starts, n_bins)
            n_bins, bins_left = n_bins + used, bins_left - used
            rows_left -= stop - start
        if h < n_heavy:
            starts[n_bins] = heavy_start[h]
            n_bins += 1
    return n_bins


@kernel
def _sorted_column(
    bits,  # (n, p) int64 in: of the values
    f,  # int in: the column
    keys,  # (n,) uint64 scratch
    spare,  # (n,) uint64 scratch
):
    """Return the keys of the values that are there, ascending, and their number."""
    n = 0
    for i in range(bits.shape[0]):
        x = bits[i, f]
        keys[n] = ordered_key(x)
        n += (x & 0x7FFFFFFFFFFFFFFF) <= 0x7FF0000000000000  # at most infinity: no NaN
    return sort_keys(keys, n, spare), n


@kernel
def _bin_column(
    keys,  # (>= n,) in: ascending
    n,  # int in
    most,  # int in: bins
    exact,  # bool in: a bin for each value, or none at all
    starts,  # (3, most + 1) scratch
    lowest,  # (most,) int64 out: bits of the least value of each bin
    highest,  # (most,) int64 out: of the greatest
):
    """Return the number of bins; -1 where it would have to be greater than `most`."""
    starts, heavy_start, heavy_stop = starts
    n_bins = _distinct_values(keys, n, most, starts)
    if n_bins > most:
        if exact:
            return -1
        n_bins = _bin_starts(keys, n, most, heavy_start, heavy_stop, starts)
    starts[n_bins] = n
    for b in range(n_bins):
        lowest[b] = bits_of_key(keys[starts[b]])
        highest[b] = bits_of_key(keys[starts[b + 1] - 1])
    return n_bins


def between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return thresholds t with low <= t < high, halfway where that is possible."""
    with np.errstate(invalid="ignore", over="ignore"):
        middle = low / 2 + high / 2
        # Rounding may reach `high`, and infinity has no middle.
        middle = np.where(np.isinf(low) & np.isfinite(high), np.nextafter(high, -np.inf), middle)
    return np.where(~(middle < high) | ~(middle >= low), low, middle)


def bin_columns(
    X: np.ndarray,
    max_bins: int | None = 255,
    is_categorical: np.ndarray | None = None,
    n_threads: int = 1,
) -> Binning:
    """Find the bins of every column of `X` (n, p); NaN is missing.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float64
    max_bins : int or None, default=255
        The most bins of a column, missing values aside, 2 to 255.  None: one for every distinct
        value.
    is_categorical : ndarray of shape (n_features,), dtype bool, default=None
        Columns whose values are categories; each keeps a bin of its own.
    n_threads : int, default=1

    Returns
    -------
    Binning
    """
    n, p = X.shape
    if is_categorical is None:
        is_categorical = np.zeros(p, dtype=bool)
    exact = is_categorical | (max_bins is None)
    max_bins = MOST_BORDERS if max_bins is None else max_bins
    room = min(n, n if exact.any() and X.size <= MOST_EXACT else max_bins)
    most = np.where(exact, room, min(room, max_bins))
    bits = read_only(X).view(np.int64)
    n_bins = np.empty(p, dtype=np.int32)
    lowest, highest = np.empty((2, p, room))
    lowest_bits, highest_bits = lowest.view(np.int64), highest.view(np.int64)

    def bin_share(share: int) -> None:
        keys, spare = np.empty((2, n), dtype=np.uint64)
        starts = np.empty((3, room + 1), dtype=np.int64)
        for f in range(share, p, n_shares):
            ordered, n_present = _sorted_column(bits, f, keys, spare)
            n_bins[f] = _bin_column(
                ordered, n_present, most[f], exact[f], starts, lowest_bits[f], highest_bits[f]
            )

    n_shares = 1 if X.size < FEW_VALUES else min(p, n_threads)
    over_threads(bin_share, range(n_shares), n_shares)
    in_use = np.arange(room) < n_bins[:, None]
    bins = lowest[in_use], highest[in_use]
    if (n_bins < 0).any():
        columns = [
            np.unique(X[~np.isnan(X[:, f]), f]) if n_bins[f] < 0 else lowest[f, : n_bins[f]]
            for f in range(p)
        ]
        n_bins = np.array([len(values) for values in columns], dtype=np.int32)
        bins = np.concatenate(columns), np.concatenate(columns)
    return Binning(
        n_bins=n_bins,
        offsets=np.append(0, np.cumsum(n_bins, dtype=np.int64)),
        lowest=bins[0],
        highest=bins[1],
        is_categorical=is_categorical,
    )
