"""Sixty-four pixels in eight numbers: an autoencoder, against principal components.

The idea: a network is to give back what it was given, through a narrow middle of eight numbers. It
can only do that by finding what digits have in common, so the eight numbers become a description
of the digit: a code. Nobody said what to describe.

Principal components are the best that can be done with straight lines: the eight directions from
which the pixels can be told with the smallest error by a weighted sum. An autoencoder may bend, so
it can do better with as many numbers.

Run it: ``python examples/digits_autoencoder.py``. A few seconds.

What to expect: images that were held out come back with about half the squared error that they
have with principal components (which of both wins depends on the number of dimensions: with very
many, straight lines are enough). A few are drawn as text. And the code is a useful description:
the nearest neighbours among the codes have the same digit nearly as often as among all 64 pixels.
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from groundup.decomposition import PCA
from groundup.neighbors import KNeighborsClassifier
from groundup.neural_network import NetworkRegressor
from groundup.neural_network.layers import Dense, Gelu
from groundup.optim import OneCycle

SHADES = " .:-=+*#%@"


def drawn(images: list[np.ndarray]) -> str:
    """Return 8 x 8 images of values from 0 to 1 side by side as text."""
    shades = [np.clip(image.reshape(8, 8) * 9.99, 0, 9).astype(int) for image in images]
    lines = (
        "   ".join("".join(SHADES[s] * 2 for s in im[row]) for im in shades) for row in range(8)
    )
    return "\n".join(lines)


def main(small: bool = False, n_codes: int = 8) -> dict[str, float]:
    """Return the mean squared error on held-out images, and how well codes tell the digits."""
    X, y = load_digits(return_X_y=True)
    X = X / 16  # pixels from 0 to 1
    X, X_new, y, y_new = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)

    epochs, batch_size = (30, 32) if small else (300, 32)
    network = NetworkRegressor(
        [
            Dense(128),
            Gelu(),
            Dense(n_codes),  # layer 2: the code
            Dense(128),
            Gelu(),
        ],
        learning_rate=OneCycle(0.005, epochs * -(-len(X) // batch_size)),
        batch_size=batch_size,
        max_epochs=epochs,
        tol=0.0,
        random_state=0,
    )
    network.fit(X, X)  # the target is the input
    pca = PCA(n_components=n_codes).fit(X)

    def codes_of_network(rows: np.ndarray) -> np.ndarray:
        return network.layer_output(rows, 2)  # (n, n_codes)

    def told_by_neighbours(codes: np.ndarray, codes_new: np.ndarray) -> float:
        return float(KNeighborsClassifier().fit(codes, y).score(codes_new, y_new))

    back = {
        "autoencoder": network.predict(X_new),
        "components": pca.inverse_transform(pca.transform(X_new)),
    }
    codes = {
        "autoencoder": (codes_of_network(X), codes_of_network(X_new)),
        "components": (pca.transform(X), pca.transform(X_new)),
    }
    result = {}
    print(f"{n_codes} numbers an image; {len(X_new)} images that were held out")
    for name in back:
        result[name] = float(((back[name] - X_new) ** 2).mean())
        result[f"{name}, neighbours"] = told_by_neighbours(*codes[name])
        print(
            f"{name:12} squared error a pixel {result[name]:.4f}; "
            f"digits told by neighbours {result[f'{name}, neighbours']:.1%}"
        )
    print(f"{'all pixels':12} digits told by neighbours {told_by_neighbours(X, X_new):.1%}")
    print("\nheld-out image, back from the autoencoder, back from the components")
    for i in range(3):
        print(drawn([X_new[i], back["autoencoder"][i], back["components"][i]]), end="\n\n")
    return result


if __name__ == "__main__":
    main()
