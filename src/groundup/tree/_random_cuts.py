"""Random cuts: one threshold a column, drawn between its least and greatest value in the node.

Extremely randomised trees (`groundup.ensemble._forest`) cut every column that they look at at one
random place and make the best of these cuts.  Nothing has to be tallied by code or sorted for that:
one pass over the node's rows finds a column's range, a second one adds up what lies on the left.

    t = least + u (greatest - least),       u uniform on [0, 1)

Missing values go to a side that is drawn as well.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel
from groundup.tree._sample import NO_SPLIT, Split, random_code
from groundup.tree._sampling import SIDE, draw, number, take_back, unit
from groundup.tree._splitting import cut_gain


@kernel
def code_range(
    codes,  # (., p) in
    f,
    missing,
    rows,  # (2, n) in
    half,
    start,
    end,
):
    """Return the least and the greatest code in the node, and whether one is missing."""
    least, greatest, has_missing = missing, np.int64(-1), False
    for i in range(np.uint64(start), np.uint64(end)):
        code = np.int64(codes[rows[half, i], f])
        is_value = code != missing
        least = min(least, code)
        greatest = max(greatest, code if is_value else np.int64(-1))
        has_missing |= not is_value
    return least, greatest, has_missing


@kernel
def add_up_left(
    table,
    f,
    last,
    missing_code,  # the code of missing values if they go left, else -1
    rows,  # (2, n) in
    half,
    start,
    end,
    is_class,
    centre,
    left,  # (1 + n_sums,) out: rows, then the weight of each class, or W and S
):
    """Add up the rows that go left."""
    codes, target, weight = table.codes, table.target, table.weight
    for s in range(left.shape[0]):
        left[s] = 0.0
    if is_class:
        for i in range(np.uint64(start), np.uint64(end)):
            row = rows[half, i]
            code = np.int64(codes[row, f])
            share = np.float64((code <= last) | (code == missing_code))  # a jump would be guessed
            left[0] += share
            left[1 + np.uint64(target[row])] += share * weight[row]
        return
    n, W, S = 0.0, 0.0, 0.0
    for i in range(np.uint64(start), np.uint64(end)):
        row = rows[half, i]
        code = np.int64(codes[row, f])
        share = np.float64((code <= last) | (code == missing_code))
        w = share * weight[row]
        n += share
        W += w
        S += w * (target[row] - centre)
    left[0], left[1], left[2] = n, W, S


@kernel
def find_random_split(
    growth,
    columns,
    table,
    rows,  # (2, n) in: the node's rows stand from start to end
    half,
    start,
    end,
    is_class,
    centre,
    seed,
    features,  # (p,) inout: the same before and after
    work,  # work.total holds the node's sums
):
    """Return the best of one random cut for each of `max_features` columns that vary in the node.

    Columns are drawn as in `_splitting.find_split`.
    """
    p = table.codes.shape[1]
    wanted = min(growth.max_features, p)
    best = NO_SPLIT
    found = False
    n_drawn = 0
    while n_drawn < p and (n_drawn < wanted or not found):
        draw(features, n_drawn, seed)
        f = np.int64(features[n_drawn])
        n_drawn += 1
        missing = np.int64(columns.n_bins[f])
        least, greatest, has_missing = code_range(table.codes, f, missing, rows, half, start, end)
        if greatest < 0 or (least == greatest and not has_missing):
            continue
        found = True
        last = random_code(columns, f, least, greatest, seed)
        side = np.int64(2)
        if has_missing:
            side = np.int64(unit(seed, number(f, SIDE)) < 0.5)
        missing_code = missing if side == 1 else np.int64(-1)
        add_up_left(
            table, f, last, missing_code, rows, half, start, end, is_class, centre, work.left
        )
        gain = cut_gain(growth, work, is_class)
        if gain > best.gain:
            best = Split(gain, f, last, last + 1, side)
    take_back(features, n_drawn, seed)
    return best
