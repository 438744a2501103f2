"""Random numbers of a node: a hash of the tree's seed, the path to the node and a counter.

They do not depend on the order in which nodes are grown, so a tree comes out the same whether it is
grown level by level, depth first, or on several threads.

References
----------
.. [1] Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
"""

from __future__ import annotations

import numpy as np

from groundup._kernel import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

TO_LEFT, TO_RIGHT = 1, 2  # counters of the children's seeds
DRAW, CUT, SIDE = 3, 4, 5  # purposes of a node's numbers


@kernel
def number(i, purpose):
    """Return the counter of the i-th number for a purpose."""
    return 3 * np.int64(i) + purpose


@kernel
def mixed(seed, counter):
    """Return 64 random bits for a seed (uint64) and a counter."""
    z = seed + _GOLDEN * np.uint64(counter)
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@kernel
def below(seed, counter, n):
    """Return a random whole number from 0 to n - 1, for n < 2^32."""
    return np.int64(((mixed(seed, counter) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@kernel
def unit(seed, counter):
    """Return a random number from 0 to 1, 1 excluded."""
    return np.float64(mixed(seed, counter) >> np.uint64(11)) * 2.0**-53


@kernel
def draw(
    features,  # (p,) inout
    i,
    seed,
):
    """Make the i-th step of a shuffle: put a random one of the columns not drawn yet at place i."""
    j = i + below(seed, number(i, DRAW), features.shape[0] - i)
    features[i], features[j] = features[j], features[i]


@kernel
def take_back(
    features,  # (p,) inout
    n_drawn,
    seed,
):
    """Undo the first steps of a shuffle, so that the next node's starts from the same order."""
    for i in range(n_drawn - 1, -1, -1):
        draw(features, i, seed)
