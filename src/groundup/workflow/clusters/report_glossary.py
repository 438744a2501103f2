"""The words that only a report on clusters needs, each explained in a sentence or two."""

from __future__ import annotations

CLUSTER_GLOSSARY: dict[str, tuple[str, str]] = {
    "adjusted_rand": (
        "Adjusted Rand index",
        "Of all pairs of rows: how often do two groupings agree on whether the two belong "
        "together, beyond what chance brings about? 1 is the same groups, 0 is chance.",
    ),
    "bic": (
        "BIC",
        "The Bayesian information criterion: how badly a model fits, plus a price for each of its "
        "parameters. Lower is better. A further cluster must fit so much better that it pays its "
        "price.",
    ),
    "cluster": (
        "Cluster",
        "A group of rows that are more alike among themselves than they are to the other rows. "
        "Nobody has told the algorithm which groups there are.",
    ),
    "dendrogram": (
        "Dendrogram",
        "A drawing of a hierarchy: from the bottom up, groups merge with the group closest to "
        "them, at the height of their distance. A long way up without a merge means that the "
        "groups below are far apart.",
    ),
    "density": (
        "Density",
        "Clusters as crowds: where rows lie close together, with emptier space around them. They "
        "may have any shape, and rows in empty space belong to none.",
    ),
    "effect": (
        "Effect",
        "Take a row of the cluster and another row: how much more often is the former higher than "
        "lower? 1 is always, −1 is never, 0 is no difference. For categories, the difference of "
        "the two shares. (Cliff’s delta.)",
    ),
    "gap": (
        "Gap statistic",
        "How much tighter the clusters are than those that the same method finds in tables without "
        "any, spread over the same range.",
    ),
    "hierarchy": (
        "Hierarchy",
        "Clusters from the bottom up: every row begins alone, and the two closest groups merge "
        "until one is left. Cutting the tree of merges gives any number of clusters.",
    ),
    "k-means": (
        "k-means",
        "Every row belongs to the nearest of k centres, and every centre is the average of its "
        "rows; the two are settled in turn. It finds round clusters of similar size.",
    ),
    "mixture": (
        "Gaussian mixture",
        "The rows are taken for draws from several bell-shaped clouds, each with its own centre, "
        "width and direction. A row belongs to a cloud with a probability.",
    ),
    "null_test": (
        "Test against no clusters",
        "Tables without clusters are made that resemble this one, and searched in the same way. "
        "Only if this table comes out clearly above them is there something in it that chance does "
        "not bring about.",
    ),
    "outer_fence": (
        "Outer fence",
        "Tukey’s bound for what is far out: three times the width of the middle half beyond that "
        "half.",
    ),
    "pca": (
        "Principal components",
        "The directions in which the rows differ most, each at a right angle to those before it. "
        "Drawing the first two is looking at the rows from where they are spread out most.",
    ),
    "silhouette": (
        "Silhouette",
        "For each row, how much nearer it is to its own cluster than to the next one: 1 is deep "
        "inside, 0 on the border, below 0 in the wrong one. The figure is the average.",
    ),
    "stability": (
        "Stability",
        "Some rows are left out and the search begins again. 1 says that the same clusters are "
        "found every time, 0 that they have nothing in common.",
    ),
    "sure": (
        "Sure",
        "How clearly a row belongs to its cluster, from 0 to 100%: for centres, how much nearer "
        "its own is than the next; for a mixture, a probability; else the share of its nearest "
        "rows that are in the same cluster.",
    ),
    "tsne": (
        "t-SNE",
        "A map on which near neighbours stay near neighbours. Distances between groups, and their "
        "sizes, mean nothing on it.",
    ),
}
