"""Made-up records of runs, as `groundup run` writes them: ordinary, huge, hostile, stopped."""

from __future__ import annotations

import numpy as np

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "--><svg onload=alert(3)>",
    '" onmouseover="alert(4)" x="',
    "a.b[0]['c']\"d\\",
    "datum['x']; alert(5)",
    "{{ 7 * 7 }}{% raw %}",
    "line\nbreak\u2028and\u0000nul",
    "\u202egnp.exe",
    "\ud800 alone",
    "javascript:alert(6)",
    "url(https://example.org/x.png)",
    "",
    "x" * 5000,
]
PARTS = (  # the keys of run.json that each stage adds, in the order of the stages
    ("data", "rows", "rejected", "repaired", "target", "task", "task_reason", "findings"),
    ("columns",),
    ("split", "classes", "positive"),
    ("prepare", "features_out"),
    ("explore",),
    ("metric", "models", "chosen", "chosen_title", "chosen_why"),
    ("tune", "chosen_params"),
    ("diagnose",),
    ("explain",),
    ("test", "inside", "next", "memory_mb"),
)


def make_tree(names, classes, rng, depth=4):
    """Return a tree with all its leaves on one level, as `small_tree` writes it down."""
    nodes = []
    for i in range(2 ** (depth + 1) - 1):
        value = [1e5 * rng.normal()] if classes is None else rng.dirichlet(np.ones(len(classes)))
        nodes.append({"rows": 320 >> (i + 1).bit_length(), "value": list(value)})
        if i < 2**depth - 1:
            test = ["≤ 1,234.5", f"is {names[i % len(names)]}"][i % 2]
            nodes[i] |= {"column": names[i % len(names)], "test": test}
            nodes[i] |= {"kind": ["average", "category"][i % 2], "yes": 2 * i + 1, "no": 2 * i + 2}
    return {"nodes": nodes, "classes": classes, "rows": 160, "is_chosen": False, "score": 0.79} | {
        "words": f"{names[0]} goes further."
    }


def make_run(task="binary", n_columns=8, n_classes=2, names=None, n=400):
    """Return a run as `groundup run` records it, filled with figures from a seeded generator."""
    rng = np.random.default_rng(0)
    names = names or [f"column {i}" for i in range(n_columns)]
    kinds = ["number", "text", "date", "boolean"]
    classes = None if task == "regression" else [names[k % len(names)] for k in range(n_classes)]
    if classes and len(set(classes)) < n_classes:
        classes = [f"class {k}" for k in range(n_classes)]
    metric = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "r2"}[task]
    bins = {"edges": np.linspace(-1, 1, 11).tolist(), "counts": rng.integers(0, 50, 10).tolist()}
    quartiles = {"min": -1.0, "q25": -0.5, "median": 0.0, "q75": 0.5, "max": 1.0}
    columns = [
        {"name": "target" if i < 0 else names[i], "role": "target" if i < 0 else "feature"}
        | {"kind": kinds[i % 4], "why": "", "missing": int(i % 3) * 7, "distinct": 5}
        | (
            {"summary": quartiles | {"mean": 0.1, "std": 0.4}, "histogram": bins}
            if i % 4 == 0
            else {"summary": {"top": [[name, 9] for name in names[:10]]}, "histogram": None}
        )
        for i in range(-1, len(names))
    ]
    columns[-1] |= {"role": "leak", "why": f"gives {names[0]} away"}
    columns[-2] |= {"role": "identifier", "why": "a different value in every row"}

    def finding(stage, severity, name):
        return {"code": "x", "stage": stage, "severity": severity, "columns": [name]} | {
            "message": f"{name} looks odd.",
            "why": f"Because of {name}.",
            "action": f"{name} was left out.",
            "evidence": {"score": 0.98, "value": name, "lines": [1, 2, 3], "by": {name: 3}},
        }

    boxes = [{"label": name, "count": 9, **quartiles} for name in names[:12]]
    if task == "regression":
        points = rng.normal(size=(500, 2)).tolist()
        pictures = [
            {"column": names[0], "kind": "points", "x_kind": "number", "points": points},
            {"column": names[1], "kind": "boxes", "of": "target", "groups": boxes},
            {
                "column": names[2],
                "kind": "points",
                "x_kind": "date",
                "points": [["2020-01-02", 1.0]],
            },
        ]
        about = {"histogram": bins, "summary": quartiles}
        residuals = {key: rng.normal(size=500).tolist() for key in ("predicted", "actual")}
        diagnosis = {"confusion": None, "calibration": None, "residuals": residuals}
        others = {"median_absolute_error": 12433.21, "mean_absolute_error": 19309.0}
        confusion = None
    else:
        in_classes = [{**box, "label": label} for box, label in zip(boxes, classes, strict=False)]
        shares = [
            {"label": name, "count": 50, "shares": rng.dirichlet(np.ones(n_classes)).tolist()}
            for name in names[:12]
        ]
        pictures = [
            {"column": names[0], "kind": "boxes", "of": "column", "groups": in_classes},
            {"column": names[1], "kind": "shares", "classes": classes, "groups": shares},
            {"column": names[2], "kind": "boxes", "of": "length", "groups": in_classes},
        ]
        about = {"counts": [[label, n - 3 * k] for k, label in enumerate(classes)]}
        matrix = rng.integers(0, 9, (n_classes, n_classes)) + 40 * np.eye(n_classes, dtype=int)
        confusion = {"labels": classes, "matrix": matrix.tolist()}
        curve = {"predicted": [0.1, 0.5, 0.9], "observed": [0.2, 0.45, 0.93], "count": [9, 9, 9]}
        diagnosis = {"confusion": confusion, "calibration": {**curve, "of": classes[-1]}}
        others = {"accuracy": 0.774, "log_loss": 0.46}
    matrix = np.corrcoef(rng.normal(size=(min(len(names), 25), 50)))
    models = [
        {"name": key, "title": title, "idea": "An idea.", "params": {}, "seconds": 0.2}
        | {"validation": score, "std": 0.01, "train": score + 0.05, "folds": [score - 0.01, score]}
        for key, title, score in (
            ("baseline", "Baseline", 0.5),
            ("logistic", names[0], 0.85),
            ("naive_bayes", "Naive Bayes", 0.78),
            ("tree", "Decision tree", 0.79),
            ("neighbors", "Nearest neighbours", 0.81),
            ("forest", "Random forest", 0.84),
            ("boosting", "Gradient boosting", 0.83),
            ("network", "Neural network", 0.82),
        )
    ]
    models.append({"name": "support_vectors", "title": "Support vectors", "validation": None})
    models[-1] |= {"idea": "An idea.", "left_out": "Its time grows with the square of the rows."}
    models.append({"name": "none", "title": "Failed", "validation": None, "failed": names[0]})
    trials = [
        {"number": i, "params": {"C": 0.1 * i, names[0]: "x"}, "validation": 0.8 + 0.001 * i}
        for i in range(20)
    ]
    return {
        "groundup": "0.1",
        "command": f"groundup run data.csv --target '{names[0]}'",
        "created": "2026-01-31T12:00:00+00:00",
        "seed": 0,
        "data": {"path": "data.csv", "name": names[0], "bytes": 53098, "sha256": "ab" * 32}
        | {"format": "csv", "encoding": "utf-8", "delimiter": ";", "decimal": ",", "header": False},
        "task": task,
        "task_reason": "it looks like it",
        "target": "target",
        "classes": classes,
        "positive": classes[-1] if classes else None,
        "rows": {"file": n, "loaded": n - 7, "repaired": 3, "rejected": 4},
        "rejected": [
            {"line": i, "reason": "too many cells", "text": name}
            for i, name in enumerate(names[:4])
        ],
        "repaired": [{"line": 8, "reason": names[0]}],
        "columns": columns,
        "findings": [
            finding(stage, severity, name)
            for stage in ("read", "audit", "split", "compare")
            for severity, name in zip(("warning", "note", "info"), names, strict=False)
        ],
        "split": {"method": "stratified", "why": names[0], "train": 300, "test": 93, "folds": 5},
        "prepare": [{"columns": names, "steps": ["median", names[0]], "why": names[1]}],
        "features_out": 3 * len(names),
        "explore": {
            "associations": [
                {"column": name, "measure": "eta", "value": 0.9, "strength": 0.9, "p": 0.1}
                | {"p_adjusted": 0.2}
                for name in names
            ],
            "correlations": {"columns": names[:25], "matrix": matrix.tolist()},
            "target": about,
            "pictures": pictures,
        },
        "metric": metric,
        "models": models,
        "chosen": "logistic",
        "chosen_title": names[0],
        "chosen_why": f"{names[0]} was best.",
        "tune": {"model": "logistic", "trials": trials, "seconds": 2.0, "before": 0.8}
        | {"after": 0.81, "words": f"{names[0]} was tuned."},
        "chosen_params": {"C": 1.0, names[1]: names[0]},
        "diagnose": {
            "verdict": "overfitting",
            "words": f"Overfitting: {names[0]}.",
            "train": 0.9,
            "validation": 0.85,
            "learning_curve": {"sizes": [20, 80, 300], "train": [1.0, 0.93, 0.9]}
            | {"validation": [0.7, 0.8, 0.85]},
            "loss_curve": {"loss": "log loss", "epochs": 40, "is_chosen": task == "binary"}
            | {"train": np.geomspace(0.9, 0.2, 40).tolist(), "words": "It has settled."}
            | {"validation": np.geomspace(1.0, 0.4, 40).tolist()},
            **diagnosis,
            "worst": [{"line": 9, "actual": names[0], "predicted": names[1], "probability": 0.01}],
        },
        "explain": {
            "method": "Permutation importance.",
            "words": f"It leans on {names[0]}.",
            "importances": [
                {"column": name, "mean": 0.1, "low": -0.01, "high": 0.2} for name in names
            ],
            "tree": make_tree(names, classes, rng),
        },
        "inside": {
            "binary": {"kind": "support_vectors", "support_vectors": 61, "rows": 300, "share": 0.2},
            "multiclass": {"kind": "naive_bayes", "classes": n_classes, "columns": 24},
            "regression": {"kind": "network", "layers": [24, 64, 64, 1], "weights": 5825}
            | {"epochs": 40},
        }[task],
        "test": {"score": 0.844, "low": 0.786, "high": 0.889, "level": 0.95, "rows": 93}
        | {"method": "Wilson", "words": f"On {names[0]}.", "baseline": 0.5 if classes else -1e-9}
        | {"others": others, "confusion": confusion},
        "seconds": {"read": 0.5, "audit": 0.1, "test": 0.01, "total": 12.3},
        "memory_mb": 321.5,
        "versions": {"python": "3.12", "numpy": "2.4"},
        "next": ["groundup predict out new.csv", "python out/train.py"],
    }


def stopped_after(run, n_stages):
    """Return what the run had recorded when it was stopped after so many stages."""
    gone = {key for keys in PARTS[n_stages:] for key in keys}
    return {key: value for key, value in run.items() if key not in gone}


STOPS = (0, 1, 5, 9)
RUNS = {
    "binary": make_run(),
    "26 classes": make_run("multiclass", n_classes=26),
    "30 classes": make_run("multiclass", n_classes=30, n_columns=3),
    "regression": make_run("regression"),
    "200 columns": make_run("multiclass", n_columns=200, n_classes=3),
    "5,000 columns": make_run("regression", n_columns=5000),
    "hostile": make_run(names=HOSTILE),
    "hostile classes": make_run("multiclass", names=HOSTILE, n_classes=len(HOSTILE)),
    "hostile regression": make_run("regression", names=HOSTILE),
    "nothing": {},
} | {f"stopped after {k}": stopped_after(make_run(), k) for k in STOPS}
