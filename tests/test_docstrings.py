"""The examples in the docstrings hold, every one of them."""

import doctest
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
WITH_EXAMPLES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


def test_examples_were_found():
    assert len(WITH_EXAMPLES) > 100


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_in_the_docstrings_hold(module):
    outcome = doctest.testmod(importlib.import_module(module))
    assert outcome.attempted > 0, "none of them is in a docstring"
    assert outcome.failed == 0
