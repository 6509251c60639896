"""All sections of the report of a set of ratings."""

from __future__ import annotations

from collections.abc import Callable

from pluralign.analysis.cells import Coded
from pluralign.ratings import Ratings
from pluralign.report.sections import (
    Section,
    agreement_section,
    conditional_section,
    disagreement_section,
    distributions_section,
    mixed_section,
    raters_section,
)
from pluralign.report.write import Report

METHOD = (
    "Intervals are 95 % percentile intervals of a bootstrap. Means of ratings and conditional probabilities resample raters; alpha and "
    "disagreement resample prompt templates (prompts, where the source names no templates), all items of one together. Each holds the other side "
    "fixed: means are for these items, alpha and disagreement for these raters, and intervals for any others would be wider.",
    "Alpha is Krippendorff's, ordinal; groups with fewer than 30 items that two of their raters rated are not shown.",
    "Disagreement grows with the number of raters an item has and of values the scale has: compare it only between equal designs.",
    "Effects of who rates come from one cumulative link mixed model a dimension, all attributes together, with crossed random intercepts of "
    "raters and items, logit link and the Laplace approximation: the model of R's ordinal::clmm. Intervals there are Wald's.",
    "In groups, raters who gave several ethnicities belong to each of them, and nobody is in a group for not having answered. In the models they have "
    "the level `multiple`; who did not say is `undisclosed`, and levels with fewer than ten raters are `rare`: both keep their ratings in, and are no findings.",
)


def contents(
    ratings: Ratings,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    jobs: int | None = None,
    command: str = "",
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Compute everything that the report shows.

    Args:
        ratings: the three tables.
        bootstrap, seed: of the intervals.
        jobs: processes for the mixed models; the cores by default.
        command: that makes the report again, for its foot.
        progress: told which section is done.
    """
    coded = Coded(ratings)
    makers: dict[str, Callable[[], Section | None]] = {
        "raters": lambda: raters_section(coded),
        "distributions": lambda: distributions_section(coded, bootstrap, seed),
        "disagreement": lambda: disagreement_section(coded, bootstrap, seed),
        "agreement": lambda: agreement_section(coded, bootstrap, seed),
        "conditional": lambda: conditional_section(coded, bootstrap, seed),
        "effects": lambda: mixed_section(coded, jobs),
    }
    sections = []
    for name, made in makers.items():
        section = made()
        if section is not None:
            sections.append(section)
        progress(name)
    return Report(ratings, sections, METHOD, bootstrap, seed, command)
