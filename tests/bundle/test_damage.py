"""A damaged or tampered bundle is refused in one line: no other error, model or code."""

from __future__ import annotations

import json
import os
import random
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from bundle.pipelines import make_pipeline, make_table, make_target, schema_of
from bundle.tampering import read_tree, sign, tampered, write_tree

from groundup.bundle import BundleError, load_bundle, save_bundle
from groundup.bundle.arrays import pack_arrays, unpack_arrays
from groundup.bundle.load import _load
from groundup.bundle.manifest import ARRAYS, GOLDEN, MANIFEST, MAX_BYTES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
CASES = [(2, "multiclass"), (3, "regression"), (10, "multiclass"), (11, "regression")]


def saved(folder: Path, seed: int, task: str, n_golden: int = 3) -> Path:
    frame = make_table(seed)
    pipeline = make_pipeline(seed, task).fit(frame, make_target(seed, frame, task))
    return save_bundle(
        folder,
        pipeline,
        schema=schema_of(frame),
        task=task,
        target="y",
        golden=frame.head(n_golden),
        score={"metric": "some", "score": 0.5},
    )


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[1]}-{case[0]}")
def original(request, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("bundle") / "model", *request.param)


@pytest.fixture
def bundle(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "model"))


def refused(folder: Path, saying: str = "") -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 800
    assert saying in message
    return message


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS, GOLDEN])
def test_any_changed_byte_is_noticed(bundle, name):
    random_state = random.Random(name)
    data = (bundle / name).read_bytes()
    for _ in range(40):
        place, bit = random_state.randrange(len(data)), random_state.randrange(8)
        changed = bytearray(data)
        changed[place] ^= 1 << bit
        (bundle / name).write_bytes(changed)
        refused(bundle, name)
    for length in (0, 1, 8, 100, len(data) // 2, len(data) - 1):
        (bundle / name).write_bytes(data[:length])
        refused(bundle, name)
    for more in (data + b"\0", data + b"\n", data + data, b" " + data):
        (bundle / name).write_bytes(more)
        refused(bundle, name)
    (bundle / name).write_bytes(data)
    load_bundle(bundle)


def test_a_manifest_edited_with_a_new_digest(bundle):
    """What passes the digest has to pass every other check, or to be the same model."""
    tree = read_tree(bundle)
    random_state = random.Random(str(tree["task"]))
    outcomes = {"refused": 0, "loaded": 0}
    for _ in range(120):
        try:
            write_tree(bundle, tampered(tree, random_state))
        except RecursionError:  # the writer of this test cannot nest that deep
            continue
        try:
            loaded = _load(bundle)  # without the net that load_bundle has
        except BundleError:
            outcomes["refused"] += 1
        else:
            assert loaded.replay.identical
            outcomes["loaded"] += 1
    assert outcomes["refused"] > 80
    assert outcomes["loaded"] > 0  # the score, a date, a parameter that fits: nothing to refuse


def test_arrays_edited_with_new_hashes(bundle):
    tree = read_tree(bundle)
    random_state = random.Random(str(tree["task"]))
    for name in (ARRAYS, GOLDEN):
        data = (bundle / name).read_bytes()
        for _ in range(40):
            arrays = unpack_arrays(data, name)
            key = random_state.choice(sorted(arrays))
            array = arrays[key]
            numbers = [0, 1, -1, np.nan, np.inf, 10**9] if array.dtype.kind == "f" else [0, 1, 100]
            edited = array.copy().reshape(-1)
            if edited.size:
                edited[random_state.randrange(edited.size)] = random_state.choice(numbers)
            arrays[key] = random_state.choice(
                [
                    array[:-1],
                    np.concatenate([array, array]),
                    np.clip(np.nan_to_num(array), 0, 99).astype(
                        random_state.choice(["float64", "uint8"])
                    ),
                    array[None],
                    edited.reshape(array.shape),
                ]
            )
            if random_state.random() < 0.1:
                arrays["0.Pipeline.more"] = array
            (bundle / name).write_bytes(pack_arrays(arrays))
            write_tree(bundle, tree)
            try:
                loaded = _load(bundle)
            except BundleError:
                continue
            else:  # the golden rows do not touch what was changed, or not by much
                assert loaded.replay.difference < 1e-9
        (bundle / name).write_bytes(data)


def test_hostile_manifests(bundle):
    tree = read_tree(bundle)
    text = (bundle / MANIFEST).read_text(encoding="utf-8")

    def with_kind(kind):
        write_tree(bundle, {**tree, "pipeline": {"kind": kind, "params": {}, "fitted": {}}})

    for kind in ("os.system", "builtins.eval", "sklearn.svm.SVC", "NuSVC", "__class__", "", "Kind"):
        with_kind(kind)
        refused(bundle, "a kind that this version does not know")
    deep = tree["pipeline"]
    for _ in range(200):
        deep = {
            "kind": "Pipeline",
            "params": {"steps": [["a", deep]], "transform_input": None},
            "fitted": {},
        }
    write_tree(bundle, {**tree, "pipeline": deep})
    refused(bundle, "nested deeper")
    digest_first = '{\n  "digest": "' + "0" * 64 + '",\n  "format": 1,\n'
    sign(bundle, digest_first + '  "x": ' + "[" * 100_000)
    refused(bundle, MANIFEST)
    sign(bundle, digest_first + '  "x": "\ud800"}')
    refused(bundle, MANIFEST)
    write_tree(bundle, {**tree, "format": 2})
    refused(bundle, "format 2")
    sign(bundle, json.dumps({**tree, "digest": "0" * 64}))  # in another layout
    refused(bundle, "not the manifest of a bundle")
    write_tree(bundle, {**tree, "more": 1})
    refused(bundle, "schema")
    assert text  # the original was one that loads
    (bundle / MANIFEST).write_text(text, encoding="utf-8")
    load_bundle(bundle)


def test_no_code_runs(bundle, tmp_path):
    """Strings that would do something, put wherever a string stands."""
    witness = tmp_path / "witness"
    code = f"__import__('pathlib').Path({str(witness)!r}).touch()"
    tree = read_tree(bundle)

    def replaced(value, depth=0):
        if isinstance(value, dict):
            return {k: replaced(v) for k, v in value.items() if k not in ("files", "digest")}
        if isinstance(value, list):
            return [replaced(v) for v in value]
        return code if isinstance(value, str) else value

    for key in tree:
        if key not in ("files", "digest", "format"):
            write_tree(bundle, {**tree, key: replaced(tree[key])})
            with suppress(BundleError):
                load_bundle(bundle)
    assert not witness.exists()


def test_other_answers_are_refused_and_rounding_is_not(bundle):
    arrays = unpack_arrays((bundle / GOLDEN).read_bytes(), GOLDEN)
    key = "answer.predict_proba" if "answer.predict_proba" in arrays else "answer.predict"
    tree = read_tree(bundle)
    for factor, accepted in ((1 + 1e-12, True), (1 + 1e-6, False)):
        (bundle / GOLDEN).write_bytes(pack_arrays({**arrays, key: arrays[key] * factor}))
        write_tree(bundle, tree)
        if accepted:
            loaded = load_bundle(bundle)
            assert not loaded.replay.identical
            assert "agree to" in loaded.replay.words
        else:
            refused(bundle, "differ from the recorded ones")
    write_tree(bundle, {**tree, "versions": {**tree["versions"], "numpy": "1.0"}})
    refused(bundle, "what changed since: numpy 1.0 is now")


def test_what_is_no_bundle(tmp_path, bundle):
    refused(tmp_path / "nowhere", "no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", f"there is no {MANIFEST}")
    (tmp_path / "file").write_text("hello")
    refused(tmp_path / "file", "no such folder")
    (bundle / ARRAYS).unlink()
    refused(bundle, f"there is no {ARRAYS}")
    (bundle / ARRAYS).mkdir()
    refused(bundle, ARRAYS)
    os.rmdir(bundle / ARRAYS)
    if hasattr(os, "mkfifo"):
        os.mkfifo(bundle / ARRAYS)
        refused(bundle, "is not a file")


def test_a_file_beyond_the_limit_is_not_read(bundle):
    with open(bundle / MANIFEST, "r+b") as file:
        file.truncate(MAX_BYTES[MANIFEST] + 1)  # sparse: takes no room on the disk
    refused(bundle, "the limit is 64")
