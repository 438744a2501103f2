"""Every example runs at small size, and learns something: it beats what it is compared with."""

from __future__ import annotations

import importlib.util
import re

import numpy as np
import pytest
from conftest import ROOT

SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))


def example(name):
    """Return the script `examples/<name>.py` as a module, without running it."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_first_network_tells_two_spirals_apart(capsys):
    assert example("first_network").main(small=True) > 0.97
    drawing = capsys.readouterr().out
    assert "#" in drawing and "." in drawing


def test_the_spirals_cannot_be_told_apart_by_a_line():
    module = example("first_network")
    points, spiral = module.two_spirals(2000, np.random.default_rng(0))
    best = np.linalg.lstsq(np.c_[points, np.ones(2000)], 2 * spiral - 1.0, rcond=None)[0]
    assert ((np.c_[points, np.ones(2000)] @ best > 0) == spiral).mean() < 0.75


def test_the_convolutional_net_beats_the_linear_model():
    scores = example("digits_convolution").main(small=True)
    assert scores["convolution"] > scores["linear"]
    assert scores["convolution"] > 0.97


def test_a_shifted_image_is_the_image_shifted():
    module = example("digits_convolution")
    image = np.zeros((8, 8))
    image[3, 5] = 1.0
    X, y = module.in_five_positions(image.reshape(1, 64), np.array([7]))
    places = {tuple(np.argwhere(row.reshape(8, 8))[0]) for row in X}
    assert places == {(3, 5), (2, 5), (4, 5), (3, 4), (3, 6)}
    assert y.tolist() == [7] * 5
    np.testing.assert_array_equal(X[0], image.ravel())


def test_the_autoencoder_beats_principal_components():
    result = example("digits_autoencoder").main(small=True)
    assert result["autoencoder"] < 0.85 * result["components"]
    assert result["autoencoder, neighbours"] > 0.85


@pytest.mark.parametrize("kind", ["recurrent", "transformer"])
def test_the_networks_for_text_beat_frequencies(kind, capsys):
    result = example("next_character").main(small=True, kinds=(kind,))
    assert result["bigrams"] < result["frequencies"]
    assert result[kind] < result["frequencies"] - 0.4
    assert "it writes:\n\nthe " in capsys.readouterr().out


def test_bits_of_knowing_nothing_and_of_knowing_all():
    module = example("next_character")
    assert module.bits(np.full(10, 1 / 64)) == pytest.approx(6.0)
    assert module.bits(np.ones(10)) == 0.0


def test_windows_ask_for_the_character_behind_each():
    X, y = example("next_character").windows(np.arange(20), length=4, every=4)
    np.testing.assert_array_equal(y, X + 1)
    np.testing.assert_array_equal(X[:, 0], [0, 4, 8, 12])


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_example_is_named_in_the_readme_and_says_how_to_run_it(name):
    text = (ROOT / "examples" / f"{name}.py").read_text()
    for words in (f"python examples/{name}.py", "Run it:", "What to expect:", "The idea:"):
        assert words in text, words
    assert re.search(rf"examples/{name}\.py", (ROOT / "README.md").read_text())


def test_what_the_readme_says_of_networks_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it writes a file
    section = (ROOT / "README.md").read_text().split("## Neural networks")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names: dict = {}
    for block in blocks:
        block = block.replace("max_epochs=20", "max_epochs=4")
        exec(compile(block, "README.md", "exec"), names)
    assert names["model"].score(names["X_new"], names["y_new"]) > 0.95
    assert names["network"].score(names["X_new"] / 16, names["y_new"]) > 0.96
    assert "[2. 4. 6.]" in capsys.readouterr().out
