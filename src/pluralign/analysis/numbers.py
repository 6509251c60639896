"""Numbers for programs and for people: an undefined one is null with its reason, or a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

DASH = "–"


def told(value: Any) -> Any:
    """Plain values for JSON, NaN as None, all the way down.

    >>> told({"a": float("nan"), "b": (1.5, np.int64(2))})
    {'a': None, 'b': [1.5, 2]}
    """
    if isinstance(value, Mapping):
        return {key: told(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [told(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return told(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as `told` gives it."""
    return {key: told(inner) for key, inner in fields.items()}


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """An estimate with its interval; a dash where it is undefined.

    >>> interval(0.51234, 0.4, 0.6, 2), interval(0.5, float("nan"), float("nan"), 1), interval(float("nan"), 0, 1)
    ('0.51 [0.40, 0.60]', '0.5', '–')
    """
    if not math.isfinite(value):
        return DASH
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{value:z.{digits}f}"
    return f"{value:z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"
