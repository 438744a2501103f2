"""What may be wrong with a network, in words: what was seen, why it is harmful, what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple


class TrainingWarning(UserWarning):
    """Something about a network or its data will keep it from learning as it could."""


class Finding(NamedTuple):
    """One thing that is wrong: its cause in a word, the layer's name, and the text for the user.

    What `text` advises can be done with any network; `with_layers` adds what a network that is
    given as a list of layers, with a rule of its own, can do besides.
    """

    cause: str
    layer: str
    text: str
    with_layers: str = ""


def tell(
    findings: Iterable[Finding],
    told: set[str],
    stacklevel: int = 2,
    *,
    has_layers: bool = True,
) -> None:
    """Warn of each finding whose cause was not told before in this fit; remember it in `told`.

    A cause is told once: where one layer is ill, its neighbours soon are too. `has_layers` tells
    whether the estimator is given its layers and its rule, as a perceptron is not.
    """
    for finding in findings:
        if finding.cause not in told:
            told.add(finding.cause)
            text = finding.text + (finding.with_layers if has_layers else "")
            warnings.warn(text, TrainingWarning, stacklevel=stacklevel + 1)


_SMALLER_STEPS = "Use a learning rate ten times smaller, and scale the columns and the targets."
_BOUND = " The gradient can be bounded as well: rule=Clipped(1.0, Adam())."
_DRAW = "by variance 2 / inputs before a rectified unit, by 2 / (inputs + outputs) else"
_HOW_TO_DRAW = ' A layer does so with start="he" or start="glorot".'


def large_column(name: str, low: float, high: float) -> Finding:
    return Finding(
        "unscaled columns",
        "",
        f"X has large values: {name} runs from {low:.3g} to {high:.3g}. A network starts with "
        "weights made for columns of about -2 to 2, so large columns drown the others and make "
        "every step too long or too short. Bring the columns to one scale first, by a "
        "StandardScaler in a Pipeline.",
    )


def small_columns(name: str, spread: float) -> Finding:
    return Finding(
        "unscaled columns",
        "",
        f"No column of X varies by more than {spread:.2g} ({name}). A network starts with weights "
        "made for columns of about -2 to 2: to it, all rows look the same. Bring the columns to "
        "one scale first, by a StandardScaler in a Pipeline.",
    )


def large_targets(low: float, high: float) -> Finding:
    return Finding(
        "unscaled targets",
        "",
        f"y has large values, from {low:.3g} to {high:.3g}. A network starts with answers of about "
        "-2 to 2 and moves by small steps, so it needs very many of them to get there. Scale the "
        "targets as well: TransformedTargetRegressor(network, transformer=StandardScaler()).",
    )


def constant(name: str, first: float, when: str) -> Finding:
    if when == "at the start":
        do = "Weights must be drawn at random, not set to zero."
    else:
        do = f"Its units have died, as long steps make them. {_SMALLER_STEPS}"
    with_layers = "" if when == "at the start" else _BOUND
    return Finding(
        "constant",
        name,
        f"{name} gives the same output for every row {when} (its first value is {first:.3g}). "
        "Nothing about a row gets past it, and no gradient gets back through it: the network can "
        f"only learn what holds for all rows, such as their mean. {do}",
        with_layers,
    )


def symmetric(name: str, n_units: int) -> Finding:
    return Finding(
        "symmetric",
        name,
        f"All {n_units} units of {name} give the same output as each other. Equal units get equal "
        "gradients, so they stay equal, and the layer is worth a single unit. Draw the weights at "
        "random, each unit its own.",
    )


def dead(name: str, n_dead: int, n_units: int, when: str) -> Finding:
    return Finding(
        "dead",
        name,
        f"{n_dead} of the {n_units} units of {name} are 0 for every row looked at {when}. A "
        "rectified unit that is always 0 has no slope, so it gets no gradient and cannot come "
        "back. Use a smaller learning rate, and scale the columns.",
        " Start the biases at 0, or take Gelu() in place of Relu().",
    )


def saturated(name: str, share: float) -> Finding:
    return Finding(
        "saturated",
        name,
        f"{share:.0%} of the outputs of {name} are at the ends of their range at the start. There "
        "the curve is flat, so that little gradient gets through and the layers before it "
        "learn slowly. Scale the columns.",
        ' Or draw the weights smaller (start="glorot").',
    )


def tiny_weights(name: str, came: float, spread: float) -> Finding:
    return Finding(
        "tiny",
        name,
        f"The weights of {name} start tiny: it was given values that vary by {came:.2g} and gives "
        f"values that vary by {spread:.2g}. What tells one row from another fades, and with it the "
        f"gradient. Draw the weights larger: {_DRAW}.",
        _HOW_TO_DRAW,
    )


def huge_weights(name: str, came: float, spread: float) -> Finding:
    return Finding(
        "huge",
        name,
        f"The weights of {name} start huge: it was given values that vary by {came:.2g} and gives "
        f"values that vary by {spread:.2g}. The first steps are thrown about by them. Draw the "
        f"weights smaller: {_DRAW}.",
        _HOW_TO_DRAW,
    )


def drifted(name: str, entered_at: str, entered: float, spread: float) -> Finding:
    cause, verb = ("tiny", "fades") if spread < entered else ("huge", "blows up")
    return Finding(
        cause,
        name,
        f"The signal {verb} on its way through the layers: {entered_at} varies by {entered:.2g}, "
        f"the output of {name} by {spread:.2g}. The gradient does the same on its way back, so "
        f"that some layers learn far too slowly or too fast. Draw the weights {_DRAW}.",
        f"{_HOW_TO_DRAW} Or put a LayerNorm between.",
    )


def not_finite(name: str) -> Finding:
    return Finding(
        "not finite",
        name,
        f"The gradient or the weights of {name} are not finite any more. Nothing can be learned "
        f"from there on. {_SMALLER_STEPS}",
        _BOUND,
    )


def weights_grew(name: str, growth: float) -> Finding:
    return Finding(
        "weights grew",
        name,
        f"The weights of {name} are {growth:.3g} times as large as at the start. The steps are so "
        f"long that they overshoot and throw the weights outward. {_SMALLER_STEPS}",
        _BOUND,
    )


def large_gradient(name: str, gradient: float, weights: float) -> Finding:
    return Finding(
        "exploding",
        name,
        f"The gradient of {name} explodes: its length is {gradient:.2g}, that of the weights "
        f"{weights:.2g}. A step along it throws the weights away. {_SMALLER_STEPS}",
        _BOUND,
    )


def exploding(name: str, gradient: float, last: str, last_gradient: float) -> Finding:
    return Finding(
        "exploding",
        name,
        f"The gradient explodes on its way back: its length is {last_gradient:.2g} in {last} and "
        f"{gradient:.2g} in {name}. No learning rate suits both. Use fewer layers, and scale the "
        "columns.",
        f"{_BOUND} Or draw the weights {_DRAW}, or put a LayerNorm between.",
    )


def vanishing(name: str, gradient: float, behind: str, behind_gradient: float) -> Finding:
    return Finding(
        "vanishing",
        name,
        f"The gradient vanishes on its way back: its length is {behind_gradient:.2g} in {behind} "
        f"and {gradient:.2g} in {name}, which therefore hardly learns. Use rectified units in "
        "place of tanh or logistic ones, or fewer layers.",
        f" A LayerNorm or a Residual between helps, as do weights drawn {_DRAW}.",
    )


def no_gradient(name: str, behind: str, behind_gradient: float) -> Finding:
    return Finding(
        "vanishing",
        name,
        f"No gradient reaches {name}: its length is 0, and {behind_gradient:.2g} in {behind}. "
        "What lies between passes nothing on: units that have died or saturated, or weights of "
        f"zero. {_SMALLER_STEPS}",
        _BOUND,
    )
