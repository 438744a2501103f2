"""The JavaScript that draws the charts: Vega, Vega-Lite and Vega-Embed in one text, kept on disk.

Bundling it starts a whole JavaScript engine (vl-convert's): 2.5 seconds and 130 MB. So that is done
once for each version, in a process of its own, and the result is kept in the user's cache folder.
Its SHA-256 is in its name: a file that was cut short is made again.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

_BUNDLE = """
import sys, vl_convert
sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())
"""


@functools.lru_cache
def chart_script() -> str:
    """Return the JavaScript that defines ``vegaEmbed``, safe to stand in a ``<script>`` element.

    Returns
    -------
    str
        About 0.9 MB of JavaScript.

    Raises
    ------
    RuntimeError
        If vl-convert cannot make the bundle.
    """
    # both are imported late: numba, behind _kernel, takes a second that a finished run has spent
    from groundup._kernel import cache_folder, private_folder

    folder = cache_folder()
    stem = f"charts-{version('vl-convert-python')}-"
    trusted = private_folder(folder)
    if trusted and (script := _kept(folder, stem)):
        return script
    script = _bundle().replace("</script", r"<\/script").replace("<!--", r"<\!--")
    if trusted:
        _keep(folder, stem, script)
    return script


def _bundle() -> str:
    # -P: a file named vl_convert.py in the user's folder is not what is meant
    done = subprocess.run([sys.executable, "-P", "-c", _BUNDLE], capture_output=True, check=False)
    if done.returncode or not done.stdout:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RuntimeError(f"The JavaScript for the charts could not be bundled: {last}")
    return done.stdout.decode()


def _kept(folder: Path, stem: str) -> str | None:
    try:
        for path in folder.glob(f"{stem}*.js"):
            content = path.read_bytes()
            if path.stem.removeprefix(stem) == hashlib.sha256(content).hexdigest():
                return content.decode()
            path.unlink()
    except OSError:
        pass  # an unreadable cache means "make it again"
    return None


def _keep(folder: Path, stem: str, script: str) -> None:
    content = script.encode()
    path = folder / f"{stem}{hashlib.sha256(content).hexdigest()}.js"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError:
        pass  # without a cache the next report takes 2.5 seconds longer
