"""Group columns: how groups of people would rate a submission's answers, from a jury fitted to real ratings and named.

A jury that was fitted to simulated raters is refused: what it says about groups is what somebody assumed about them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pluralign.errors import PluralignError
from pluralign.judge.offline import RaterModelJudge
from pluralign.judge.samples import Sample, on_unit_scale
from pluralign.rater_model import expectations
from pluralign.ratings.tables import write_text
from pluralign.schema import DIMENSIONS, EVERYONE, LANGUAGES

FORMAT = 2
"""Of what is kept; another one is made anew."""
Means = dict[tuple[str, str], float]
"""(dimension, group) -> mean rating on 0–1."""


class PeoplesJury:
    """A rater model fitted to ratings that people gave.

    Attributes:
        name: the judge's, with the languages where its embedding was not made for all.
        languages: of the answers that it rates.
        dimensions: that it was fitted to, in the schema's order.

    Args:
        folder: of the rater model, as `pluralign judge fit` writes it.

    Raises:
        PluralignError: PA113 for a jury with simulated raters among its sources, or of no language; PA077 for a folder that holds none.
    """

    def __init__(self, folder: Path) -> None:
        self.judge = RaterModelJudge.open(folder)
        model = self.judge.model
        sources = model.provenance.get("sources") or []
        simulated = [one.get("label", one.get("source", "?")) for one in sources if one.get("kind") != "imported"]
        if simulated or not sources:
            told = ", ".join(simulated) or "nothing that is named"
            raise PluralignError(
                "PA113", f"{folder} was fitted to {told}, not to ratings that people gave.", "Fit a jury to an imported set; boards show no groups otherwise.",
            )  # fmt: skip
        encoders = [one for one in model.embedding.encoders if one.width > 1]
        self.languages = [one for one in LANGUAGES if any(one in encoder.languages for encoder in encoders)]
        if not self.languages:
            raise PluralignError(
                "PA113", f"{folder}: its embedding ({model.embedding.name}) was made for none of {', '.join(LANGUAGES)}.", "Fit a jury on another embedding.",
            )  # fmt: skip
        only = "" if len(self.languages) == len(LANGUAGES) else f", {' and '.join(self.languages)} only"
        self.name = f"{self.judge.name}{only}"
        self.dimensions = [name for name in DIMENSIONS if name in model.dimensions]

    @property
    def key(self) -> str:
        """What changes with the weights or the embedding."""
        told = json.dumps([FORMAT, self.judge.identity()], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def groups(self, dimension: str) -> list[str]:
        """Everyone, and the groups that its ratings tell apart."""
        return [EVERYONE, *(name for name in self.judge.model.groups(dimension) if name != EVERYONE)]

    def means(self, samples: Sequence[Sample]) -> Means:
        """The mean rating that each group would give, NaN where it rates none of the answers.

        Args:
            samples: in any language; empty answers, and those in a language that the embedding was not made for, are left out.
        """
        answers = [one.answer for one in samples if one.language in self.languages]
        found: Means = {}
        for dimension in self.dimensions:
            said = self.judge.jury(answers, [dimension], self.groups(dimension))[dimension]
            for group, shares in said.items():
                points = expectations(shares)
                known = np.isfinite(points).any()
                found[dimension, group] = on_unit_scale(float(np.nanmean(points))) if known else float("nan")
        return found


def kept_means(jury: PeoplesJury, digest: str, samples: Callable[[], Sequence[Sample]], folder: Path | None) -> Means:
    """The jury's means of a submission, from the folder where they were kept.

    Args:
        jury: who rates.
        digest: of the submission.
        samples: called for the answers where nothing is kept.
        folder: of what is kept; None keeps nothing.

    Raises:
        PluralignError: PA113 for a kept file that holds something else.
    """
    if folder is None:
        return jury.means(samples())
    path = folder / f"jury-{jury.key}" / f"{digest}.json"
    try:
        return {(d, group): float(value) for d, group, value in json.loads(path.read_text("utf-8"))}
    except FileNotFoundError:
        found = jury.means(samples())
    except (ValueError, TypeError) as error:
        raise PluralignError(
            "PA113", f"{path} holds no means of a jury ({error}).", "Remove it; it is made anew."
        ) from error
    write_text(json.dumps([[*key, value] for key, value in found.items()]) + "\n", path)
    return found
