"""The model on disk: plain data, no code.

A bundle is a folder of three files:

``manifest.json``
    What the model is, readable: format and library versions, task, target, classes, the input
    schema, the score, and the pipeline as a tree of objects with their parameters and small
    attributes. Starts with its own digest and holds the hashes of the two other files.
``arrays.safetensors``
    The arrays of the tree: coefficients, statistics, training rows of a neighbours model, the nodes
    of decision trees.
``golden.safetensors``
    A few rows of the training table and the answers that the model gave to them.

Nothing in it is executed. There is no pickle, and no name in a file chooses code: ``registry.py``
lists each kind of object that can be saved, with the type of each of its values, and a file can
only fill those in. What a bundle cannot hold (a function as a parameter, a class that is not
listed) is refused when it is saved.

Loading checks, in this order, and stops with one line at the first that fails:

1. sizes: each file is a regular one and below its limit;
2. the manifest's digest, its format number, and its schema (unknown entries are refused);
3. size and SHA-256 of the two other files;
4. every value against its declared type, every array used once;
5. how the values fit together: lengths, index ranges, column counts along the pipeline;
6. the golden rows: answers equal to the recorded ones to the bit, or within one part in 10^9 (other
   versions or another processor may round differently; 10^4 for networks in single precision),
   which is then said.

Saving writes a folder beside the target, flushes it, loads it, compares its answers with the
pipeline's, and then exchanges it for what was there. So a full disk or a crash leaves the old
bundle. A folder whose name starts with a dot and the bundle's name is what a crash may leave
behind; it can be deleted.

The files, from the inside out: ``fields.py``, ``array_fields.py`` (types of values), ``parts.py``
(objects), ``composites.py``, ``transformers.py``, ``encoders.py``, ``baselines.py``,
``linear_models.py``, ``neighbors.py``, ``tree_fields.py``, ``trees.py``, ``naive_bayes.py``,
``support_vectors.py``, ``perceptrons.py``, ``descriptions.py``, ``networks.py``,
``target_scale.py`` (what is kept of each class), ``registry.py`` (the list of them), ``arrays.py``,
``golden.py``, ``manifest.py`` (the three files), ``save.py``, ``load.py``.

Examples
--------
>>> import pandas as pd, tempfile
>>> from pathlib import Path
>>> from sklearn.dummy import DummyRegressor
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X = pd.DataFrame({"size": [40.0, 60.0, 80.0]})
>>> model = make_pipeline(StandardScaler(), DummyRegressor()).fit(X, [1.0, 2.0, 3.0])
>>> folder = save_bundle(
...     Path(tempfile.mkdtemp()) / "model",
...     model,
...     schema=[{"name": "size", "kind": "number"}],
...     task="regression",
...     target="price",
...     golden=X,
... )
>>> sorted(file.name for file in folder.iterdir())
['arrays.safetensors', 'golden.safetensors', 'manifest.json']
>>> load_bundle(folder).predict(X)
array([2., 2., 2.])
"""

from __future__ import annotations

from groundup.bundle.errors import BundleError
from groundup.bundle.load import Bundle, load_bundle
from groundup.bundle.save import save_bundle

__all__ = ["Bundle", "BundleError", "load_bundle", "save_bundle"]
