"""What all tests share: where the real data lie, and warnings that must not pass unseen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def shared_datasets() -> list[dict]:
    """Describe the real data sets beside the repository; an empty list in a user's clone."""
    index = SHARED_DATA / "datasets.json"
    return json.loads(index.read_text()) if index.exists() else []


needs_shared_data = pytest.mark.skipif(
    not SHARED_DATA.exists(), reason="the real data sets (../shared/data) are not in this clone"
)
