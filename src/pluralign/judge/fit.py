"""Fit an offline judge to rating sets: what `pluralign judge fit RATINGS [RATINGS…] --out FOLDER` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pluralign.errors import PluralignError
from pluralign.rater_model import Embedding, Penalties, RaterModel, fit_rater_model
from pluralign.ratings import Ratings
from pluralign.ratings.tables import written_whole

SIMULATED = "rater-model-simulated"
"""The name of every judge that was fitted to simulated raters, alone or among others: it must be seen wherever it scores."""


def judge_name(sets: Sequence[Ratings]) -> str:
    """`rater-model-simulated` where any set is simulated, else `rater-model:` and the sources' names.

    Raises:
        PluralignError: PA060 where simulated and real ratings are pooled.
    """
    kinds = {ratings.provenance.kind for ratings in sets}
    if len(kinds) > 1:
        raise PluralignError(
            "PA060", "simulated and imported ratings cannot be pooled: nobody could say what the judge has learnt from people.",
            "Fit to one kind.",
        )  # fmt: skip
    if "simulated" in kinds:
        return SIMULATED
    return "rater-model:" + "+".join(dict.fromkeys(ratings.provenance.source for ratings in sets))


def fit_judge(
    ratings: Sequence[Ratings],
    embedding: str | Embedding = "use",
    *,
    choices: dict[str, str] | None = None,
    penalties: Penalties | None = None,
    dimensions: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> RaterModel:
    """Fit a judge to one or several rating sets; `save` it into a folder, and name it `rater-model:FOLDER`.

    Args:
        ratings: the sets; scales may differ (each has thresholds of its own) and attributes may be missing.
        embedding: encoders joined by `+`; `use` speaks English and German. For English alone `use+e5+profanity` agrees better
            with people (docs/decisions/006-offline-judge.md).
        choices: our dimension -> the source's, where several of a source are nearest to ours (`{"toxicity": "toany"}`).
        penalties: how hard to shrink; chosen by cross-validation over prompts if None.
        dimensions: only these of ours.
        progress: called with the name of each dimension before it is fitted.

    Raises:
        PluralignError: PA060 where there is nothing to fit, or simulated and real ratings are pooled.
    """
    if not ratings:
        raise PluralignError("PA060", "no rating set was given.", "Name at least one folder of ratings.")
    return fit_rater_model(
        ratings,
        judge_name(ratings),
        embedding,
        choices=choices,
        penalties=penalties,
        dimensions=dimensions,
        progress=progress,
    )


def save_judge(model: RaterModel, folder: Path) -> Path:
    """Save a judge beside, then rename it there: there is a whole judge, or none.

    Args:
        model: what `fit_judge` gave.
        folder: must not exist, or be empty.

    Raises:
        PluralignError: PA052 where the folder holds something, or is a file.
    """
    refuse_full(folder)
    with written_whole(folder) as beside:
        model.save(beside)
    return folder


def refuse_full(folder: Path) -> None:
    """Refuse a place that is taken, before hours are spent on what is to be written there.

    Raises:
        PluralignError: PA052.
    """
    if folder.exists() and not folder.is_dir():
        raise PluralignError("PA052", f"{folder} is a file.", "Name another folder with --out.")
    if folder.is_dir() and any(folder.iterdir()):
        raise PluralignError("PA052", f"{folder} is not empty.", "Name another folder with --out.")
