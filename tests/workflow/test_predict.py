"""Predicting a new file: every row comes out, every difference from the training file is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.workflow import predict
from groundup.workflow.audit import audit_table
from groundup.workflow.csv_output import OutputError
from groundup.workflow.predict import default_output, predict_file
from groundup.workflow.prepare import build_preparation
from groundup.workflow.read import read_table
from groundup.workflow.table import DataError
from groundup.workflow.unfamiliar import known_categories, with_ranges

N_ROWS = 90


def train(path: Path, target: str, task: str, folder: Path, ranges: bool = False) -> Path:
    """Do what a run does, in short: read, audit, prepare, fit, save."""
    from groundup.linear_model import LogisticRegression, Ridge

    table = read_table(path)
    frame = table.frame[table.frame[target].notna()]
    audit = audit_table(table, target, task)
    steps = build_preparation(frame, audit, seed=0).steps()
    model = Ridge() if task == "regression" else LogisticRegression()
    pipeline = Pipeline([*steps, ("model", model)]).fit(frame[audit.features], frame[target])
    kinds = {column.name: column.kind for column in table.columns}
    folder.mkdir(exist_ok=True)
    schema = [column for column in table.columns if column.name in audit.features]
    save_bundle(
        folder / "model",
        pipeline,
        schema=with_ranges(schema, frame, pipeline) if ranges else schema,
        task=task,
        target=target,
        target_kind=kinds[target],
        unused=[name for name in kinds if name != target and name not in audit.features],
        golden=frame.head(10),
    )
    return folder


def table_of(seed: int = 0, n: int = N_ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    town = rng.choice(["Ulm", "Rom", "Bern", "=SUM(A1)"], n)
    size = rng.normal(50, 10, n).round(2)
    day = pd.Timestamp("2024-01-20") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    price = 2 * size + 10 * (town == "Ulm") + rng.normal(size=n).round(3)
    return pd.DataFrame(
        {
            "town": town,
            "size m2": size,
            "sold": day.strftime("%d/%m/%Y"),
            "garden": rng.choice(["yes", "no"], n),
            "price": price.round(3),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a small table, and the table's file."""
    folder = tmp_path_factory.mktemp("run")
    table_of().to_csv(folder / "train.csv", index=False)
    return train(folder / "train.csv", "price", "regression", folder / "run")


def cells(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def predicted(run: Path, tmp_path: Path, text: str | pd.DataFrame, name: str = "new.csv"):
    """Predict a file with this content; return the summary and the rows that were written."""
    if isinstance(text, pd.DataFrame):
        text = text.to_csv(index=False)
    (tmp_path / name).write_text(text, encoding="utf-8")
    summary = predict_file(run, tmp_path / name, tmp_path / "out.csv")
    rows = cells(tmp_path / "out.csv")
    assert len(rows) == summary.rows == summary.predicted + summary.rejected
    assert all("\n" not in line for line in summary.lines())
    return summary, rows


def codes(summary) -> list[str]:
    return [found.code for found in summary.findings if found.stage == "predict"]


def said(summary) -> str:
    return "\n".join(summary.lines())


def test_the_training_file_gives_the_model_s_own_answers(run, tmp_path):
    frame = table_of()
    summary, rows = predicted(run, tmp_path, frame)
    bundle = load_bundle(run / "model")
    expected = bundle.predict(read_table(tmp_path / "new.csv").frame)
    assert [float(row["prediction"]) for row in rows] == expected.tolist()
    assert [int(row["line"]) for row in rows] == list(range(2, N_ROWS + 2))
    assert codes(summary) == []
    assert summary.score["rows"] == N_ROWS
    residual = frame["price"] - expected
    r2 = 1 - (residual**2).sum() / ((frame["price"] - frame["price"].mean()) ** 2).sum()
    assert summary.score["score"] == pytest.approx(r2, rel=1e-12)
    assert "the R² is" in said(summary)


def test_columns_in_another_order_and_more_of_them(run, tmp_path):
    frame = table_of(1)
    _, expected = predicted(run, tmp_path, frame)
    shuffled = frame[["garden", "price", "sold", "size m2", "town"]].assign(more=1)
    summary, rows = predicted(run, tmp_path, shuffled)
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    assert codes(summary) == ["extra-column"]
    assert "The column more is not known to the model. Ignored." in said(summary)


def test_an_absent_column_is_missing_in_every_row(run, tmp_path):
    frame = table_of(1)
    _, expected = predicted(run, tmp_path, frame.assign(**{"size m2": ""}))
    summary, rows = predicted(run, tmp_path, frame.rename(columns={"size m2": "Size_M2"}))
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    assert codes(summary) == ["absent-column", "extra-column"]
    assert "'Size_M2' may be 'size m2'" in said(summary)
    for name in ("town", "sold", "garden"):  # each kind of column
        summary, _ = predicted(run, tmp_path, frame.drop(columns=name))
        assert f"The column {name} is not in the file." in said(summary)


def test_no_column_of_the_model_is_an_error(run, tmp_path):
    frame = table_of(1)
    for content in (
        frame.rename(columns=str.upper).drop(columns="PRICE"),
        frame[["price"]].assign(other="x"),
    ):
        content.to_csv(tmp_path / "new.csv", index=False)
        with pytest.raises(DataError, match="none of the model's columns"):
            predict_file(run, tmp_path / "new.csv", tmp_path / "out.csv")
    frame.to_csv(tmp_path / "new.csv", index=False, header=False)
    with pytest.raises(DataError, match="has no header, and the model was trained on named"):
        predict_file(run, tmp_path / "new.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_rows_that_cannot_be_read_come_out_with_a_note(run, tmp_path, monkeypatch):
    lines = table_of(1).to_csv(index=False).splitlines()
    lines[4] += ",too,many,cells"
    lines[40] = lines[40] + ",one more"
    lines[-1] += ",x,y"
    lines[10] = lines[10].rpartition(",")[0]
    outputs = []
    for chunk in (50_000, 7, 1):
        monkeypatch.setattr(predict, "_CHUNK_ROWS", chunk)
        summary, rows = predicted(run, tmp_path, "\n".join(lines) + "\n")
        outputs.append(rows)
    assert [len(row) for row in outputs] == [N_ROWS] * 3
    for rows in outputs[1:]:
        assert [row["line"] for row in rows] == [row["line"] for row in outputs[0]]
        assert [row["note"] for row in rows] == [row["note"] for row in outputs[0]]
    assert [int(row["line"]) for row in rows] == list(range(2, N_ROWS + 2))
    empty = [int(row["line"]) for row in rows if not row["prediction"]]
    assert empty == [5, 41, N_ROWS + 1]
    assert all(row["note"].startswith("not read: ") for row in rows if not row["prediction"])
    assert rows[9]["note"].startswith("repaired: ")
    assert summary.rejected == 3
    assert "3 rows could not be read" in said(summary)


def test_unseen_categories_are_counted(run, tmp_path):
    frame = table_of(1)
    frame.loc[:11, "town"] = "Oslo"
    frame.loc[12, "town"] = None
    summary, rows = predicted(run, tmp_path, frame)
    assert codes(summary) == ["unseen-category"]
    assert summary.findings[-1].evidence == {"cells": 12, "examples": ["Oslo"]}
    assert "town has 12 cells with a value that the model has not seen (Oslo)" in said(summary)
    assert all(np.isfinite(float(row["prediction"])) for row in rows)


def test_cells_of_the_wrong_kind_are_missing(run, tmp_path):
    frame = table_of(1).astype({"size m2": object})
    emptied = frame.copy()
    frame.loc[:2, "size m2"] = "large"
    emptied.loc[:2, "size m2"] = None
    _, expected = predicted(run, tmp_path, emptied)
    summary, rows = predicted(run, tmp_path, frame)
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    assert codes(summary) == ["wrong-kind"]
    assert "size m2 has 3 cells that are no number: 'large' (line 2)" in said(summary)
    assert said(summary).count("no number") == 1  # told once
    assert [row["note"] for row in rows[:3]] == ["size m2: 'large' is no number"] * 3
    assert not any(row["note"] for row in rows[3:])


def test_what_cannot_be_is_said_of_the_file_and_of_its_rows(tmp_path):
    table_of().to_csv(tmp_path / "train.csv", index=False)
    run = train(tmp_path / "train.csv", "price", "regression", tmp_path / "run", ranges=True)
    size = {column.name: column for column in load_bundle(run / "model").schema}["size m2"]
    low, high = table_of()["size m2"].min(), table_of()["size m2"].max()
    assert (size.low, size.high) == (low, high)
    summary, rows = predicted(run, tmp_path, table_of())
    assert codes(summary) == []  # the training rows themselves
    frame = table_of().astype({"size m2": object})
    frame.loc[0, "size m2"] = 1e12
    frame.loc[1, "size m2"] = "large"
    frame.loc[2, "size m2"] = None
    frame.loc[1, "town"] = "Oslo"
    summary, rows = predicted(run, tmp_path, frame)
    assert codes(summary) == ["wrong-kind", "unseen-category", "beyond-range"]
    known = f"{low:.6g} to {high:.6g}"
    assert f"size m2 is outside of what was learned from ({known}) in 1 row" in said(summary)
    assert "size m2 has 1 cell that is no number: 'large' (line 3)." in said(summary)
    assert "town has 1 cell with a value" in said(summary)
    assert said(summary).count("'large'") == 1
    assert summary.findings[-1].severity == "warning"
    assert rows[0]["note"] == f"size m2: 1e+12 is outside of {known}"
    assert (
        rows[1]["note"] == "size m2: 'large' is no number; town: 'Oslo' is not known to the model"
    )
    assert not any(row["note"] for row in rows[2:])


def test_another_notation_of_dates_is_said(run, tmp_path):
    frame = table_of(1)
    frame["sold"] = "03/25/2024"
    summary, _ = predicted(run, tmp_path, frame)
    assert "other-notation" in codes(summary)


def test_one_row(run, tmp_path):
    frame = table_of(1)
    _, all_rows = predicted(run, tmp_path, frame)
    summary, rows = predicted(run, tmp_path, frame.drop(columns="price").head(1))
    assert float(rows[0]["prediction"]) == float(all_rows[0]["prediction"])
    assert summary.score is None
    assert summary.lines()[0] == "Predicted price for 1 row of new.csv."


def test_classes_and_their_probabilities(tmp_path):
    frame = table_of().rename(columns={"garden": "=class"})
    frame["=class"] = np.where(
        frame["price"] > 105, "=yes", np.where(frame.index % 7 < 3, "no", "b")
    )
    frame.to_csv(tmp_path / "train.csv", index=False)
    run = train(tmp_path / "train.csv", "=class", "multiclass", tmp_path / "run")
    bundle = load_bundle(run / "model")
    summary, rows = predicted(run, tmp_path, frame)
    names = [f"probability_{label}" for label in bundle.classes]
    assert list(rows[0]) == ["line", "prediction", *names, "note"]
    probability = np.array([[float(row[name]) for name in names] for row in rows])
    given = read_table(tmp_path / "new.csv").frame
    assert probability.tobytes() == np.ascontiguousarray(bundle.predict_proba(given)).tobytes()
    assert {row["prediction"] for row in rows} <= {"'=yes", "no", "b"}
    assert summary.score["metric"] == "accuracy"
    right = [row["prediction"].lstrip("'") for row in rows] == frame["=class"]
    assert summary.score["score"] == pytest.approx(right.mean())


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [1, 2], ["True", "False"]])
def test_a_binary_target_is_scored_whatever_its_labels(tmp_path, labels):
    frame = table_of().drop(columns="garden")
    frame["label"] = np.array(labels)[(frame["price"] > frame["price"].median()).astype(int)]
    frame.to_csv(tmp_path / "train.csv", index=False)
    run = train(tmp_path / "train.csv", "label", "binary", tmp_path / "run")
    summary, rows = predicted(run, tmp_path, frame)
    assert summary.score["metric"] == "roc_auc"
    assert summary.score["rows"] == N_ROWS
    assert summary.score["score"] > 0.9
    assert len(rows[0]) == 5
    assert all(not row["prediction"].endswith(".0") for row in rows)
    # A label that the model does not know cannot be scored; the others can.
    frame = frame.astype({"label": object})
    frame.loc[:4, "label"] = "7"
    summary, _ = predicted(run, tmp_path, frame)
    assert summary.score["rows"] == N_ROWS - 5


def test_without_a_header_columns_are_matched_by_position(tmp_path):
    frame = table_of()[["price", "town", "size m2", "sold", "garden"]]
    frame.to_csv(tmp_path / "train.csv", index=False, header=False)
    run = train(tmp_path / "train.csv", "column_0", "regression", tmp_path / "run")
    text = frame.to_csv(index=False, header=False)
    whole, expected = predicted(run, tmp_path, text)
    assert codes(whole) == []
    # Without the target, the columns behind it move up by one.
    text = frame.drop(columns="price").to_csv(index=False, header=False)
    summary, rows = predicted(run, tmp_path, text)
    assert codes(summary) == ["target-left-out"]
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    # With another number of columns, places say nothing.
    for other in (frame.iloc[:, :3], frame.assign(more=1)):
        other.to_csv(tmp_path / "new.csv", index=False, header=False)
        with pytest.raises(DataError, match="the training file had 5: which is which"):
            predict_file(run, tmp_path / "new.csv", tmp_path / "out.csv")


def test_where_the_output_goes(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    table_of(1).to_csv("in/june.v2.csv", index=False)
    summary = predict_file(run / "model", "in/june.v2.csv")
    assert summary.out == Path("june.v2.predictions.csv")
    assert (tmp_path / "june.v2.predictions.csv").exists()
    assert summary.lines()[-1] == "Written: june.v2.predictions.csv"
    assert default_output(Path("x/y.tsv.gz")) == Path("y.predictions.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "in" / "june.v2.csv")
    for out in ("in/june.v2.csv", "in/../in/june.v2.csv", "link.csv"):
        with pytest.raises(DataError, match="would overwrite"):
            predict_file(run, "in/june.v2.csv", out)
    assert len(pd.read_csv("in/june.v2.csv")) == N_ROWS


def test_errors_are_one_line(run, tmp_path):
    table_of(1).to_csv(tmp_path / "new.csv", index=False)
    (tmp_path / "empty").mkdir()
    cases = [
        (tmp_path / "nowhere", tmp_path / "new.csv", None, BundleError, "there is no folder"),
        (tmp_path / "empty", tmp_path / "new.csv", None, BundleError, "there is no model in"),
        (tmp_path / "new.csv", tmp_path / "new.csv", None, BundleError, "there is no folder"),
        (run, tmp_path / "nowhere.csv", None, DataError, "nowhere.csv"),
        (run, tmp_path / "new.csv", tmp_path / "no" / "out.csv", OutputError, "does not exist"),
        (run, tmp_path / "new.csv", tmp_path / "empty", OutputError, "it is a folder"),
    ]
    if Path("/dev/full").exists():
        cases.append((run, tmp_path / "new.csv", Path("/dev/full"), OutputError, "disk is full"))
    for model, data, out, error, reason in cases:
        with pytest.raises(error, match=reason) as caught:
            predict_file(model, data, out or tmp_path / "out.csv")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_known_categories_are_the_encoders_own(run):
    found = {
        name: categories
        for name, categories, _ in known_categories(load_bundle(run / "model").pipeline)
    }
    assert sorted(found["town"]) == ["=SUM(A1)", "Bern", "Rom", "Ulm"]


DATA = Path(__file__).parents[3] / "shared" / "data"
REAL = ["titanic", "penguins_raw", "montreal_bikes", "air_quality_uci"]


@pytest.mark.skipif(not DATA.exists(), reason="needs the real tables, which are not in a clone")
@pytest.mark.parametrize("name", REAL)
def test_real_tables_through_a_rough_journey(tmp_path, name):
    """Columns shuffled and dropped, cells garbled, rows torn: as many rows come out as went in."""
    described = next(
        d for d in json.loads((DATA / "datasets.json").read_text()) if d["name"] == name
    )
    path = DATA / described["file"]
    run = train(path, described["target"], described["task"], tmp_path / "run")
    bundle = load_bundle(run / "model")
    assert bundle.replay.identical
    table = read_table(path)
    summary = predict_file(run, path, tmp_path / "out.csv")
    assert summary.rows == table.rows.file == len(cells(tmp_path / "out.csv"))
    assert codes(summary) == []

    rng = np.random.default_rng(0)
    frame = table.frame.astype(object).sample(300, replace=True, random_state=0)
    frame = frame[rng.permutation(frame.columns)].drop(columns=bundle.schema[0].name)
    for column in frame.columns[:5]:
        frame.loc[rng.random(len(frame)) < 0.2, column] = "never seen"
    lines = frame.to_csv(index=False).splitlines()
    lines[7] += ",".join("x" * 30)
    summary, rows = predicted(run, tmp_path, "\n".join(lines) + "\n")
    assert "absent-column" in codes(summary)
    assert len(rows) == read_table(tmp_path / "new.csv").rows.file
    assert all(row["prediction"] or row["note"] for row in rows)
