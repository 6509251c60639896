"""Fixtures that several rooms use. Everything is made here; nothing is downloaded."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real rating sets and R's answers, where this machine has them."""
    folder = Path(os.environ.get("PLURALIGN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real rating sets at {folder}; set PLURALIGN_SHARED")
    return folder


@pytest.fixture(scope="session")
def shipped():
    """The release that ships."""
    import pluralign

    return pluralign.load()
