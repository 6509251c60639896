"""Group columns: how groups of people would rate a submission's answers, from a jury fitted to real ratings and named.

A jury that was fitted to simulated raters is refused: what it says about groups is what somebody assumed about them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.judge.offline import RaterModelJudge
from pluralign.judge.samples import Sample, on_unit_scale
from pluralign.rater_model import expectations
from pluralign.schema import DIMENSIONS, EVERYONE


class PeoplesJury:
    """A rater model fitted to ratings that people gave.

    Args:
        folder: of the rater model, as `pluralign judge fit` writes it.

    Raises:
        PluralignError: PA113 for a jury with simulated raters among its sources, PA077 for a folder that holds none.
    """

    def __init__(self, folder: Path) -> None:
        self.judge = RaterModelJudge.open(folder)
        sources = self.judge.model.provenance.get("sources") or []
        simulated = [one.get("label", one.get("source", "?")) for one in sources if one.get("kind") != "imported"]
        if simulated or not sources:
            told = ", ".join(simulated) or "nothing that is named"
            raise PluralignError(
                "PA113", f"{folder} was fitted to {told}, not to ratings that people gave.", "Fit a jury to an imported set; boards show no groups otherwise.",
            )  # fmt: skip
        self.name = self.judge.name
        self.dimensions = [name for name in DIMENSIONS if name in self.judge.model.dimensions]

    @property
    def key(self) -> str:
        """What changes with the weights or the embedding."""
        return hashlib.sha256(json.dumps(self.judge.identity(), sort_keys=True).encode()).hexdigest()[:16]

    def groups(self, dimension: str) -> list[str]:
        """Everyone, and the groups that its ratings tell apart."""
        return [EVERYONE, *(name for name in self.judge.model.groups(dimension) if name != EVERYONE)]

    def means(self, samples: Sequence[Sample]) -> dict[tuple[str, str], float]:
        """(dimension, group) -> the mean rating on 0–1 that the group would give; answers that are empty are left out."""
        answers = [one.answer for one in samples]
        found: dict[tuple[str, str], float] = {}
        for dimension in self.dimensions:
            said = self.judge.jury(answers, [dimension], self.groups(dimension))[dimension]
            for group, shares in said.items():
                points = expectations(shares)
                found[dimension, group] = (
                    on_unit_scale(float(np.nanmean(points))) if np.isfinite(points).any() else float("nan")
                )
        return found


def kept_means(jury: PeoplesJury, digest: str, samples: Any, folder: Path | None) -> dict[tuple[str, str], float]:
    """The jury's means of a submission, from the folder where they were kept.

    Args:
        jury: who rates.
        digest: of the submission.
        samples: called for the answers where nothing is kept.
        folder: of what is kept; None keeps nothing.
    """
    path = folder / f"jury-{jury.key}" / f"{digest}.json" if folder else None
    if path and path.is_file():
        return {(d, group): value for d, group, value in json.loads(path.read_text("utf-8"))}
    found = jury.means(samples())
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([[*key, value] for key, value in found.items()]), "utf-8")
    return found
