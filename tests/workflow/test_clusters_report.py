"""The report on clusters: made-up records, with hostile names, and of runs that were stopped."""

from __future__ import annotations

import copy
import re

import altair as alt
import numpy as np
import pytest
from workflow.made_up_runs import HOSTILE

from groundup.workflow.clusters.dendrogram import tree_layout
from groundup.workflow.clusters.report_glossary import CLUSTER_GLOSSARY
from groundup.workflow.report import render_report
from groundup.workflow.report_glossary import GLOSSARY

PARTS = (("data", "rows"), ("columns",), ("prepare",), ("explore",), ("evidence",), ("describe",))


def make_clustering(names=("length", "depth", "kind"), n_clusters=3, family="hierarchy"):
    """Return a run without a target as `groundup run --cluster` records it."""
    rng = np.random.default_rng(0)
    sizes = [60 - 10 * (c % 5) for c in range(n_clusters)]
    measures = {"silhouette": 0.4, "gap": 0.9, "bic": None, "stability": 0.9}
    chosen = {"family": family, "title": f"{family}, {n_clusters} groups", "params": {}}
    chosen |= {"n_clusters": n_clusters, "measures": measures, "class": "X"}
    ks = [2, 3, 4]
    curve = {"k": ks, "silhouette": [0.3, 0.4, None], "gap": [0.1, 0.2, 0.3]}
    curve |= {"gap_se": [0.01] * 3, "bic": [9.0, 8.0, 8.5], "stability": [1.0, 0.9, 0.5]}
    null = {"statistic": "depth", "observed": 5.0, "draws": rng.random(60).tolist()}
    null |= {"p_value": 0.01, "level": 0.02, "words": "No single crowd explains it."}
    traits = [
        {"column": name, "kind": "number", "value": None, "strength": 0.8, "effect": effect}
        | {"inside": 2.0, "outside": 1.0, "words": f"Higher {name}: median 2, elsewhere 1"}
        for name, effect in zip(names, (0.8, -0.5, 0.1), strict=False)
    ]
    typical = {"columns": list(names), "rows": [{"line": 2, "distance": 0.1}]}
    typical["rows"][0]["values"] = [1.5, None, names[0]]
    portraits = [
        {"number": c + 1, "name": f"high {names[c % len(names)]}", "size": sizes[c]}
        | {
            "share": sizes[c] / sum(sizes),
            "sure": 0.7,
            "outliers": c,
            "traits": traits[: 3 - c % 4],
        }
        | {"typical": typical}
        for c in range(n_clusters)
    ]
    boxes = [
        {"label": str(c + 1), "count": 9, "min": 0.0, "q25": 1.0, "median": 2.0, "q75": 3.0}
        | {"max": 4.0}
        for c in range(n_clusters)
    ]
    linkage = np.array([[i, 40 if i == 1 else 38 + i, i, i + 1] for i in range(1, 40)], float)
    linkage[0, :2] = 0, 1
    points = [[*rng.normal(size=2), c % n_clusters + 1 if n_clusters else 0, c] for c in range(50)]
    found = n_clusters > 0
    return {
        "groundup": "0",
        "task": "clustering",
        "command": "groundup run a.csv --cluster",
        "seed": 0,
        "created": "2026-01-02T03:04:05+00:00",
        "data": {"name": names[0], "format": "csv", "bytes": 99, "encoding": "utf-8"},
        "rows": {"file": 300, "loaded": 300, "repaired": 0, "rejected": 0},
        "findings": [
            {"code": "x", "stage": "audit", "severity": s, "message": names[0], "why": names[0]}
            | {"action": names[0], "columns": [], "evidence": {}}
            for s in ("warning", "note")
        ],
        "seconds": {"read": 0.1, "find": 2.0, "total": 2.2},
        "columns": [
            {"name": name, "kind": "number", "role": role, "why": names[0], "missing": 2}
            | {"distinct": 9, "summary": {"min": 0.0, "max": 1.0}, "histogram": None}
            for name, role in zip(names, ("feature", "described", "dropped"), strict=False)
        ],
        "prepare": [{"columns": [names[0]], "steps": ["scaled"], "why": "Because."}],
        "features_out": 3,
        "explore": {
            "correlations": {
                "columns": list(names[:3]),
                "matrix": np.eye(3).tolist(),
            }
        },
        "evidence": {
            "n_clusters": n_clusters,
            "verdict": f"There are {n_clusters} clusters.",
            "reasons": [f"A reason with {names[0]}."],
            "chosen": chosen if found else None,
            "candidates": [chosen] if found else [],
            "curves": {"k-means": curve, family: curve, "mixture": curve, "density": curve},
            "null": null,
            "sizes": sizes,
            "unassigned": 40 if found else 0,
            "stability": [0.9, 0.5, None][:n_clusters] + [0.8] * max(0, n_clusters - 3),
        },
        "describe": {
            "maps": [
                {"kind": "pca", "axes": ["one", "two"], "shares": [0.5, 0.2], "rows": 300}
                | {"points": points},
                {"kind": "tsne", "axes": ["", ""], "shares": [], "rows": 300, "points": points},
            ],
            "dendrogram": tree_layout(_chain(40), 3)
            | {"title": "hierarchy", "n_clusters": 3, "is_chosen": False, "rows": 40},
        }
        | (
            {
                "clusters": portraits,
                "associations": [],
                "pictures": [
                    {"column": names[0], "kind": "boxes", "of": "column", "groups": boxes}
                ],
                "compared": [
                    {"column": names[0], "kind": "number"}
                    | {
                        "values": [{"value": names[0], "share": 0.5}]
                        + [{"value": 1.5}] * n_clusters
                    }
                ],
                "outliers": {"count": 1, "of_no_cluster": 1}
                | {"rows": [{"line": 7, "cluster": -1, "times": 2.5, "odd": [names[0]]}]},
                "left_out": [
                    {"column": names[0], "agreement": 0.95, "values": [names[0], "b"]}
                    | {"numbers": [1, -1], "counts": [[1, 2], [3, 4]]}
                ],
            }
            if found
            else {}
        ),
        "next": ["groundup predict x new.csv", "python x/train.py"] if found else [],
    }


def _chain(n: int) -> np.ndarray:
    """Return the merges of rows that join one after the other."""
    first = [0, *range(n, 2 * n - 2)]
    return np.array([[first[i], i + 1, i + 1.0, i + 2] for i in range(n - 1)])


@pytest.fixture(scope="module")
def pages():
    runs = {
        "three": make_clustering(),
        "many": make_clustering(n_clusters=12, family="k-means"),
        "none": make_clustering(n_clusters=0),
        "hostile": make_clustering(names=tuple(HOSTILE)),
    }
    for k in range(len(PARTS)):
        stopped = copy.deepcopy(runs["three"]) | {"interrupted": "find"}
        for part in PARTS[k:]:
            for key in part:
                stopped.pop(key)
        runs[f"stopped after {k}"] = stopped
    return {name: render_report(run) for name, run in runs.items()}


def test_every_run_gives_a_page(pages):
    for html in pages.values():
        assert html.startswith("<!doctype html>")
        assert len(html) < 2_000_000


def test_the_verdict_stands_first(pages):
    def answer(name: str) -> str:
        return re.sub("<.*?>", "", re.search("<h1>(.*?)</h1>", pages[name])[1])

    assert "form 3 clusters" in answer("three")
    assert "no clusters" in answer("none")
    assert "stopped" in answer("stopped after 4")


@pytest.mark.parametrize(
    ("kind", "said"),
    [("no grouping holds", "more than one crowd"), ("cannot tell", "too few rows")],
)
def test_no_answer_is_not_none(kind, said):
    run = make_clustering(n_clusters=0)
    run["evidence"]["kind"] = kind
    html = render_report(run)
    heading = re.sub("<.*?>", "", re.search("<h1>(.*?)</h1>", html)[1])
    assert said in heading
    assert "no clusters" not in heading


def test_each_cluster_has_its_portrait(pages):
    assert pages["many"].count('<article class="portrait">') == 12
    assert '<article class="portrait">' not in pages["none"]
    assert "Higher length: median 2, elsewhere 1" in pages["three"]


def test_names_of_the_data_stay_text(pages):
    body = pages["hostile"].split("</style>", 1)[1]
    for text in ("<script>alert(1)</script>", "<img src=x", "<svg onload", 'onmouseover="alert'):
        assert text not in body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_what_one_should_beware_of_is_said(pages):
    assert "does not come back reliably" in pages["three"]
    assert "of the rows are in no cluster" in pages["three"]
    assert "repeat what a column says already" in pages["three"]


def test_the_terms_are_explained(pages):
    explained = set()
    for html in pages.values():
        in_text = set(re.findall(r'role="tooltip"><strong>(.*?)\.</strong>', html))
        in_glossary = set(re.findall(r"<dt>(.*?)</dt><dd>", html.partition('class="glossary"')[2]))
        assert in_text == in_glossary
        explained |= in_text
    assert {title for title, _ in CLUSTER_GLOSSARY.values()} <= explained
    assert not GLOSSARY.keys() & CLUSTER_GLOSSARY.keys()


@pytest.mark.parametrize("name", ["three", "many", "none", "hostile"])
def test_charts_are_valid_vega_lite(name):
    from groundup.workflow.clusters.report import cluster_charts
    from groundup.workflow.report_columns import column_rows

    run = {
        "three": lambda: make_clustering(),
        "many": lambda: make_clustering(n_clusters=12),
        "none": lambda: make_clustering(n_clusters=0),
        "hostile": lambda: make_clustering(names=tuple(HOSTILE)),
    }[name]()
    charts = cluster_charts(run, column_rows(run["columns"], 300, 300))
    assert {"map_pca", "map_tsne", "null", "dendrogram", "curve_silhouette"} <= charts.keys()
    for chart in charts.values():
        spec = {key: value for key, value in chart.spec.items() if key != "datasets"}
        alt.Chart.from_dict({**spec, "$schema": alt.SCHEMA_URL})
