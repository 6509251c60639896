"""What stands beside a judge's scores of model outputs: how far it agrees with people on such outputs, or that nobody has looked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError, unknown
from pluralign.schema import DIMENSIONS

UNVALIDATED = "unvalidated on model outputs"


def open_validation(path: Path | None) -> dict[str, Any] | None:
    """The `validation.json` that `pluralign judge validate --read` wrote; None where none is named.

    Raises:
        PluralignError: PA079 where the file is no such thing.
    """
    if path is None:
        return None
    try:
        found = json.loads(path.read_text("utf-8"))
        rows = found["rows"]
        if not isinstance(found["judge"], str) or not all(
            {"dimension", "language", "agreement"} <= set(row) for row in rows
        ):
            raise ValueError("it holds no agreement of a judge with people")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PluralignError(
            "PA079", f"{path}: {error!s}.", "Name the validation.json that pluralign judge validate --read wrote."
        ) from error
    return dict(found)


def validation_line(validation: Mapping[str, Any] | None, judge: str, dimension: str, language: str = "both") -> str:
    """What stands beside a score: how far its judge agrees with people on model outputs, or that nobody has looked.

    Args:
        validation: the contents of a `validation.json`; None where there is none.
        judge: name of the judge of the scores.
        dimension, language: of the score.

    >>> validation_line(None, "openai:gpt-4o-mini", "toxicity")
    'unvalidated on model outputs'
    """
    if dimension not in DIMENSIONS:
        raise unknown("PA024", "dimension", dimension, list(DIMENSIONS))
    if validation is None or validation.get("judge") != judge:
        return UNVALIDATED
    for row in validation["rows"]:
        if (row["dimension"], row["language"]) == (dimension, language):
            told = row["agreement"]
            rho, near = told["spearman"]["value"], told["within_one_mean"]["value"]
            if rho is None or near is None:
                return f"{UNVALIDATED}: too few scores of people"
            return (f"on {told['n_items']} model outputs scored by {row['n_raters']} people: Spearman {rho:.2f}, "
                    f"within one point {near:.0%}")  # fmt: skip
    return UNVALIDATED


def validations(validation: Mapping[str, Any] | None, judge: str, dimensions: Sequence[str]) -> dict[str, str]:
    """Dimension -> what is known of a judge on it."""
    return {dimension: validation_line(validation, judge, dimension) for dimension in dimensions}


def validation_notes(known: Mapping[str, str]) -> list[str]:
    """One line where nothing is known of any dimension, else one a dimension."""
    if set(known.values()) <= {UNVALIDATED}:
        return [UNVALIDATED]
    return [f"{dimension}: {said}" for dimension, said in known.items()]
