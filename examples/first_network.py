"""A first network, by hand: two spirals, told apart with nothing but `Tensor`.

The idea: no straight line separates two spirals. A network bends the plane until one does. Each of
its two hidden layers is a sum of inputs, weighted, and a bend (tanh); the weights begin at random,
and every step moves them a little downhill:

    guess -> how wrong? -> in which direction would each weight have helped? -> a step that way

The third is the gradient, and `loss.backward()` finds it. That is all that any network does to
learn; everything in `groundup.neural_network` is this loop, with more kinds of layers.

Run it: ``python examples/first_network.py``. It takes a few seconds.

What to expect: the loss falls from about 0.7, which is guessing, to near 0; in the drawing that
follows, the two spirals have a region each, and points that were not learned from are in the
right one (98% or more).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from groundup.neural_network import Tensor


def two_spirals(n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return n points (n, 2) and the spiral, 0 or 1, on which each lies (n,)."""
    spiral = generator.integers(0, 2, n)
    turn = np.sqrt(generator.uniform(0.05, 1.0, n)) * 3 * np.pi  # one and a half turns
    angle = turn + np.pi * spiral  # the second is the first, turned by half a circle
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * turn[:, None] / (3 * np.pi)
    return points + generator.normal(0.0, 0.01, (n, 2)), spiral


def main(small: bool = False, seed: int = 0) -> float:
    """Train, draw, and return the share of new points that the network gets right."""
    generator = np.random.default_rng(seed)
    points, spiral = two_spirals(240, generator)
    x, truth = Tensor(points * 2), spiral[:, None].astype(float)

    # Three layers: 2 -> 32 -> 32 -> 1. Weights begin at random, each unit its own.
    sizes = [2, 32, 32, 1]
    layers = []
    for inputs, outputs in pairwise(sizes):
        W = Tensor(generator.normal(0, 1.5 / np.sqrt(inputs), (inputs, outputs)), True)
        b = Tensor(generator.normal(0, 0.5, outputs), requires_grad=True)
        layers.append((W, b))
    weights = [tensor for layer in layers for tensor in layer]
    velocity = [np.zeros(tensor.shape) for tensor in weights]

    def predict(x: Tensor) -> Tensor:
        for W, b in layers[:-1]:
            x = (x @ W + b).tanh()  # (n, inputs) @ (inputs, outputs) + (outputs,), bent
        W, b = layers[-1]
        return (x @ W + b).sigmoid()  # the probability of spiral 1, (n, 1)

    for step in range(301 if small else 1001):
        p = predict(x)
        # Cross entropy: minus the logarithm of the probability that was given to the truth.
        loss = -(truth * (p + 1e-9).log() + (1 - truth) * (1 - p + 1e-9).log()).mean()
        loss.backward()
        for w, v in zip(weights, velocity, strict=True):
            v *= 0.9  # a heavy ball: what was downhill before counts on
            v -= 0.1 * w.grad
            w.data += v
            w.zero_grad()
        if step % 200 == 0:
            print(f"step {step:4d}   loss {loss.item():.4f}")

    new_points, new_spiral = two_spirals(1000, generator)
    right = (predict(Tensor(new_points * 2)).data[:, 0] > 0.5) == new_spiral
    across, down = np.meshgrid(np.linspace(-1.1, 1.1, 60), np.linspace(1.1, -1.1, 28))
    plane = predict(Tensor(np.stack([across, down], axis=-1).reshape(-1, 2) * 2)).data
    for line in plane.reshape(28, 60):
        print("".join("#" if p > 0.5 else "." for p in line))
    print(f"{right.mean():.1%} of 1,000 new points are told right.")
    return float(right.mean())


if __name__ == "__main__":
    main()
