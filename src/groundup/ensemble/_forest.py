r"""The forest: many trees that were made to differ, and the mean of what they say.

One tree grown to the end has little bias and much variance: other rows, another tree.  The mean of
T trees, each of variance s^2 and any two correlated by r, has the variance

    r s^2 + (1 - r) s^2 / T .

More trees shrink the second part to nothing; the first one shrinks only if the trees are less
alike.  So each tree is grown on a bootstrap of the rows (`_bootstrap`), each of its nodes looks at
a random few of the columns, and extremely randomised trees even cut at random thresholds.  A little
bias is paid for that, and a lot of variance is saved.

    bins, and the codes of all values         ``bin_columns``, ``Binning.codes``     once
    for each tree, on any thread:
        how often each row was drawn          ``Bootstrap.counts``                   n
        a tree on those rows                  ``grow_tree``                          q n log n
        its answers on the rows not drawn     ``out_of_bag_leaves``                  if asked for
    after every few trees: a step

with n rows and q columns looked at in a node.  A tree depends on its own seed alone, and answers
are added up in the order of the trees: the same bits for any number of threads.

More trees never overfit, they only take longer; 100 will do for most tables.  A forest needs no
scaling and next to no tuning, but it is large (each tree has about as many leaves as there are
rows), and like its trees it never predicts beyond the targets that it has seen.

References
----------
.. [1] L. Breiman, "Random forests", Machine Learning 45(1), 2001.
.. [2] P. Geurts, D. Ernst and L. Wehenkel, "Extremely randomized trees", Machine Learning 63(1),
   2006.
.. [3] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", 2nd
   edition, chapter 15, Springer, 2009.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from itertools import islice

import numpy as np

from groundup._blocks import in_order
from groundup.ensemble._bootstrap import Bootstrap
from groundup.ensemble._out_of_bag import OutOfBag, out_of_bag_leaves
from groundup.ensemble._tree_sequence import TreeSequence
from groundup.tree._binning import bin_columns
from groundup.tree._growing import Growth, grow_tree, to_tree
from groundup.tree._pruning import prune
from groundup.tree._tree import Tree

TREES_A_STEP = 5


def forest(
    X: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    growth: Growth,
    n_classes: int,
    seeds: np.ndarray,
    bootstrap: Bootstrap | None = None,
    balanced: bool = False,
    out_of_bag: OutOfBag | None = None,
    max_bins: int | None = 255,
    ccp_alpha: float = 0.0,
    n_threads: int = 1,
    trees: tuple[Tree, ...] = (),
) -> Generator[TreeSequence, None, None]:
    """Grow a forest; yields all trees so far after every `TREES_A_STEP` new ones.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Features; C-contiguous, float64, NaN where missing.
    y : ndarray of shape (n,)
        Codes of the classes (int64) or targets (float64).
    weight : ndarray of shape (n,)
        Weight of each row.  With a bootstrap, which has drawn by it, only the rows of weight 0
        matter here: no bin is made for them.
    growth : Growth
        Criterion and limits of each tree.
    n_classes : int
        0 for regression.
    seeds : ndarray of shape (n_trees,)
        One for each tree, also for those that are there already.
    bootstrap : Bootstrap or None
        How the rows of a tree are drawn; None: all trees see all rows.
    balanced : bool, default=False
        Whether the classes are given the same weight within each bootstrap.
    out_of_bag : OutOfBag or None
        Takes each tree's answers for the rows that it has not seen.
    max_bins : int or None, default=255
        The most bins of a column; None: one for each distinct value.
    ccp_alpha : float, default=0.0
        Price of a leaf.
    n_threads : int, default=1
        Threads; they do not change a bit of the result.
    trees : tuple of Tree
        Trees that are there already, grown with the first of the seeds.

    Yields
    ------
    TreeSequence
    """
    binning = bin_columns(X if weight.all() else X[weight > 0.0], max_bins, n_threads=n_threads)
    codes = binning.codes(X, n_threads)

    def grown(t: int) -> tuple[Tree, np.ndarray | None]:
        """Return tree t and, where that is asked for, the leaves of the rows out of its bag."""
        seed = int(seeds[t])
        in_tree = weight if bootstrap is None else bootstrap.counts(seed)
        if t < len(trees):
            tree = trees[t]
        else:
            balance = class_balance(in_tree, y, n_classes) if balanced else in_tree
            tree = to_tree(
                grow_tree(codes, binning, y, balance, growth, seed, n_classes),
                binning,
                midpoints=False,
            )
            tree = prune(tree, ccp_alpha)
        return tree, None if out_of_bag is None else out_of_bag_leaves(tree, X, in_tree)

    so_far: list[Tree] = [] if out_of_bag is not None else list(trees)
    with closing(in_order(grown, range(len(so_far), len(seeds)), n_threads)) as newly_grown:
        while True:
            n_more = TREES_A_STEP + max(0, len(trees) - len(so_far))
            for tree, leaf in islice(newly_grown, n_more):
                so_far.append(tree)
                if out_of_bag is not None and leaf is not None:
                    out_of_bag.add(tree, leaf)
            yield TreeSequence(so_far)
            if len(so_far) == len(seeds):
                return


def class_balance(counts: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return weights of the drawn rows such that each class has the same total: (n,)."""
    # w_i = count_i * N / (number of classes drawn * N_c),   N_c draws of class c
    drawn = np.bincount(y, weights=counts, minlength=n_classes)
    present = np.maximum(drawn, 1.0)
    return counts * (drawn.sum() / (np.count_nonzero(drawn) * present))[y]
