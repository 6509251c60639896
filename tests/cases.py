"""Cases of one test: a few that always run, and more of the same kind that run with the slow tests."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest


def cases(always: Sequence[Any], slow: Iterable[Any]) -> list[Any]:
    """For `parametrize`. Takes values or `pytest.param`s; of several names a tuple each."""
    return [*always, *(_slow(one) for one in slow)]


def _slow(case: Any) -> Any:
    if isinstance(case, type(pytest.param())):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
