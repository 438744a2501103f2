"""Union-find: sets that grow together, and the question whether two things are in the same one.

Every set is a tree of pointers to a parent, and its root stands for it.  `find` walks up to the
root, and `unite` hangs one root below another.  One habit keeps the trees flat, so that a walk
takes a few steps however many sets there are, and another makes the answer plain:

- *path halving*: on its way up, `find` lets every thing it passes point to its grandparent;
- *the lower number stays root*: what `unite` was told, in whatever order, the root of a set is its
  lowest member, so the answer depends neither on that order nor on the number of threads.

Cost: n numbers of memory; O(log n) a walk in the worst case with path halving alone, and close to
one step in practice.

References
----------
.. [1] R. E. Tarjan and J. van Leeuwen, "Worst-case analysis of set union algorithms", Journal of
   the ACM 31(2), 1984.
"""

from __future__ import annotations

from groundup._kernel import kernel


@kernel
def find(
    parent,  # (n,) inout: everything points to itself at the start
    i,  # int in
):
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def unite(
    parent,  # (n,) inout
    a,  # int in
    b,  # int in
):
    a, b = find(parent, a), find(parent, b)
    root = min(a, b)
    parent[max(a, b)] = root
    return root
