"""What a cluster is called, and in which words it is described."""

from __future__ import annotations

import numpy as np
import pandas as pd

from groundup.workflow.clusters.report_words import cautions
from groundup.workflow.clusters.traits import put_together, short_name, traits


def test_a_number_of_few_values_is_told_by_its_value():
    clusters = np.repeat([1, 2, 3], 40)
    frame = pd.DataFrame({"pclass": np.repeat([2.0, 3.0, 1.0], 40), "sibsp": np.tile([0, 1], 60)})
    frame.loc[:39, "sibsp"] = 0
    second = traits(frame, {"pclass": "number", "sibsp": "number"}, clusters)[0]
    assert second[0].words == "pclass is 2 in all of the rows, elsewhere in none"
    assert short_name(second) == "pclass 2, sibsp 0"


def test_what_holds_for_the_same_rows_is_told_once():
    clusters = np.repeat([1, 2], 30)
    frame = pd.DataFrame({"net": np.repeat(["yes", "no"], 30), "tv": np.repeat(["on", "off"], 30)})
    told = put_together(traits(frame, {"net": "text", "tv": "text"}, clusters)[1])
    assert len(told) == 1
    assert "net is no in all of the rows" in told[0].words
    assert "tv off" in told[0].words


def test_a_cluster_that_is_one_value_of_a_compared_column_is_a_caution():
    trait = {"column": "net", "kind": "category", "value": "no", "effect": 1.0}
    run = {
        "columns": [{"name": "net", "role": "feature"}],
        "describe": {"clusters": [{"number": 1, "traits": []}, {"number": 2, "traits": [trait]}]},
    }
    said = [caution["message"] for caution in cautions(run)]
    assert said == ["One compared column alone makes cluster 2 (net is no)."]
    run["columns"][0]["role"] = "described"
    assert cautions(run) == []
