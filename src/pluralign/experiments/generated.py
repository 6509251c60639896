"""Answers that are not judged yet, and what made them: they may be judged on another machine, which has neither model nor adapter.

`generated.json` is written before the answers, so that none are there without it; answers that it does not tell of are made again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.experiments.cells import GENERATED, generations
from pluralign.experiments.whole import is_whole
from pluralign.ratings.tables import write_text
from pluralign.training.base import Base
from pluralign.training.run import device_name, versions


def remember_generator(folder: Path, language: str, base: Base) -> None:
    """Write down what is about to answer: weights, device, versions of packages.

    Args:
        folder: of a cell.
        language: of the answers.
        base: the model, with or without an adapter.
    """
    record = {"weights": base.digest, "device": device_name(base.device), "versions": versions()}
    write_text(json.dumps(generators(folder) | {language: record}, indent=1) + "\n", folder / GENERATED)


def generators(folder: Path) -> dict[str, dict[str, Any]]:
    """Language -> weights, device and versions that generated the answers which are not judged yet.

    Raises:
        PluralignError: PA099 where that cannot be read.
    """
    try:
        text = (folder / GENERATED).read_text("utf-8")
    except FileNotFoundError:
        return {}
    try:
        return {
            str(language): {key: record[key] for key in ("weights", "device", "versions")}
            for language, record in json.loads(text).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PluralignError(
            "PA099", f"{folder / GENERATED} cannot be read ({type(error).__name__}: {error}).",
            f"Remove it and {generations('*')} beside it; with the adapter there they are made again, else the cell is trained anew.",
        ) from error  # fmt: skip


def are_generated(folder: Path, language: str) -> bool:
    """Whether a cell's answers in a language are there, whole, and what made them is known."""
    return is_whole(folder / generations(language)) and language in generators(folder)


def forget_generations(folder: Path, languages: tuple[str, ...]) -> None:
    """Remove answers that are in the Parquet file now, and once none are left what made them."""
    for language in languages:
        (folder / generations(language)).unlink(missing_ok=True)
    if not any(folder.glob(generations("*"))):
        (folder / GENERATED).unlink(missing_ok=True)
