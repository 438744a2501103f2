"""Predict the next character of a text, and then write: a recurrent net and a transformer.

The idea: show a network a stretch of text and ask at every position which character comes next. No
labels are needed, since the text is its own answer, and to guess well one must know a lot: how
words are spelled, which words follow each other, that brackets are closed. This is how language
models are made; only the sizes differ. Two kinds of network read the same text:

    a recurrent net (LSTM)   reads as we do, a character at a time, and keeps a memory
    a transformer            looks at all earlier characters at once (attention)

Both give a probability for each character of the alphabet. Writing is then a loop: ask for the
probabilities, draw a character by them, append it, ask again.

How good is it? Bits a character: minus the binary logarithm of the probability that was given to
the character that did come, on average over text that was held back. Knowing nothing of 50
characters costs log2(50) = 5.6 bits; two baselines are to be beaten: how frequent each character
is, and how frequent each is behind the one before (bigrams).

The text is on your disk already: what NumPy, SciPy and scikit-learn say about themselves, in the
descriptions of their functions, paragraph by paragraph.

Run it: ``python examples/next_character.py``, or with one of the words ``recurrent`` and
``transformer`` behind. About two minutes each.

What to expect: 4.4 bits a character by frequencies, 3.6 by bigrams, and far less by the networks
(the exact figures depend on the versions of the three packages). Documentation repeats itself, so
part of that is phrases that the network knows by heart. What they write has the look of
documentation, with words that mostly exist and sentences that mostly say nothing: so much comes out
of a million characters.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import time

import numpy as np

from groundup.neural_network import NetworkClassifier
from groundup.neural_network.layers import (
    LSTM,
    Embedding,
    LayerNorm,
    PositionalEmbedding,
    TransformerBlock,
)
from groundup.optim import Adam, Clipped, OneCycle

ALPHABET = "\n abcdefghijklmnopqrstuvwxyz0123456789.,:;'\"()[]-=+*/<>_"
NUMBER_OF = {character: number for number, character in enumerate(ALPHABET)}
MODULES = (
    *("numpy", "numpy.linalg", "numpy.random", "numpy.fft", "numpy.ma", "numpy.polynomial"),
    *("scipy.linalg", "scipy.optimize", "scipy.signal", "scipy.ndimage", "scipy.spatial"),
    *("scipy.integrate", "scipy.interpolate", "scipy.special", "scipy.stats", "scipy.sparse"),
    *("sklearn.cluster", "sklearn.datasets", "sklearn.ensemble", "sklearn.linear_model"),
    *("sklearn.metrics", "sklearn.model_selection", "sklearn.preprocessing", "sklearn.svm"),
)


def paragraphs() -> list[str]:
    """Return the paragraphs of running text in the descriptions, in a fixed order.

    Of paragraphs that end alike one is kept: what was learned from must not come again, with
    another name at its beginning, in the text that is held back.
    """
    found: dict[str, str] = {}  # by the last 60 characters
    for module in map(importlib.import_module, MODULES):
        for name in sorted(dir(module)):
            thing = getattr(module, name)
            description = inspect.getdoc(thing) if callable(thing) else None
            for paragraph in re.split(r"\n\s*\n", description or ""):
                text = " ".join(paragraph.replace("`", "").lower().split())
                is_sentence = len(text) > 60 and text[0].isalpha() and text[-1] == "."
                if is_sentence and "---" not in text and set(text) <= NUMBER_OF.keys():
                    found.setdefault(text[-60:], text)
    return list(found.values())


def learn_and_held_out(n_characters: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the text to learn from, and paragraphs held back, as numbers of characters."""
    shuffled = np.random.default_rng(0).permutation(paragraphs())
    text = "\n".join(shuffled)[:n_characters]
    numbers = np.array([NUMBER_OF[character] for character in text])
    cut = len(numbers) * 9 // 10
    return numbers[:cut], numbers[cut:]


def windows(text: np.ndarray, length: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Return stretches of the text (n, length) and, for each position, what comes next."""
    starts = np.arange(0, len(text) - length, every)
    places = starts[:, None] + np.arange(length)  # (n, length)
    return text[places], text[places + 1]


def bits(probabilities: np.ndarray) -> float:
    """Return the mean of -log2 p over the probabilities that were given to the truth."""
    return float(-np.log2(probabilities).mean())


def baselines(learn: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Return bits a character by frequencies alone, and by the one character before."""
    k = len(ALPHABET)
    pairs = np.full((k, k), 0.1)  # a little for pairs that were never seen
    np.add.at(pairs, (learn[:-1], learn[1:]), 1)
    single = pairs.sum(axis=0) / pairs.sum()
    after = pairs / pairs.sum(axis=1, keepdims=True)
    return {
        "frequencies": bits(single[held_out[1:]]),
        "bigrams": bits(after[held_out[:-1], held_out[1:]]),
    }


def layers(kind: str, small: bool) -> list:
    """Return the layers of one of the two networks; both give a vector at every position."""
    k = len(ALPHABET)
    if kind == "recurrent":
        return [Embedding(k, 32), LSTM(64 if small else 192)]
    width, depth = (32, 1) if small else (64, 3)
    blocks = [TransformerBlock(heads=4, causal=True) for _ in range(depth)]
    return [Embedding(k, width), PositionalEmbedding(), *blocks, LayerNorm()]


def write(model: NetworkClassifier, start: str, n: int, sharpness: float = 2.0) -> str:
    """Let the model continue `start` by n characters.

    Probabilities to the power of `sharpness`: above 1 it keeps to what it is sure of.
    """
    generator, length = np.random.default_rng(0), model.n_features_in_
    text = start
    for _ in range(n):
        seen = [NUMBER_OF[character] for character in text[-length:]]
        # What stands behind the text so far does not matter: no position sees what comes after it.
        row = np.pad(seen, (0, length - len(seen)))
        p = model.predict_proba(row[None])[0, len(seen) - 1] ** sharpness  # (classes,)
        text += ALPHABET[generator.choice(model.classes_, p=p / p.sum())]
    return text


def main(small: bool = False, kinds: tuple[str, ...] = ("recurrent", "transformer")) -> dict:
    """Train the networks, let each write, and return bits a character of everything tried."""
    length = 16 if small else 64
    learn, held_out = learn_and_held_out(20_000 if small else 1_000_000)
    print(f"{len(learn):,} characters to learn from, {len(held_out):,} held back.")
    result = baselines(learn, held_out)
    for name, value in result.items():
        print(f"{name:12} {value:.2f} bits a character")

    X, y = windows(learn, length, every=length)
    X_new, y_new = windows(held_out, length, every=length)
    batch_size, epochs = (16, 3) if small else (32, 4)
    for kind in kinds:
        rate = 0.01 if kind == "recurrent" else 0.005
        model = NetworkClassifier(
            layers(kind, small),
            rule=Clipped(1.0, Adam()),
            learning_rate=OneCycle(rate, epochs * -(-len(X) // batch_size), warm_up=0.1),
            batch_size=batch_size,
            max_epochs=epochs,
            random_state=0,
        )
        began = time.perf_counter()
        model.fit(X, y)
        p = model.predict_proba(X_new)  # (n, length, classes)
        # A character that was never seen in learning has no column; it gets next to nothing.
        column = np.searchsorted(model.classes_, y_new).clip(max=len(model.classes_) - 1)
        given = np.take_along_axis(p, column[..., None], axis=2)[..., 0]
        given = np.where(model.classes_[column] == y_new, given, 1e-6)
        result[kind] = bits(given)
        seconds = time.perf_counter() - began
        print(f"\n{kind:12} {result[kind]:.2f} bits a character ({seconds:.0f} s); it writes:\n")
        print(write(model, "the ", 40 if small else 400))
    return result


if __name__ == "__main__":
    main(kinds=tuple(sys.argv[1:]) or ("recurrent", "transformer"))
