"""DATASHEET.md: every question of *Datasheets for Datasets*, answered for the shipped release, its numbers from the tables.

`python -m pluralign.release.datasheet > DATASHEET.md` after a change of the release; a test fails where it was forgotten.
Source: Gebru et al., Datasheets for Datasets, Communications of the ACM 64(12), 2021 (arXiv 1803.09010, version 8).
"""

from __future__ import annotations

import pyarrow.compute as pc

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.ratings.core import load
from pluralign.release.configs import FULL, plan
from pluralign.release.markdown import render
from pluralign.schema import ATTRIBUTES, LANGUAGES, MINIMUM_CELL, SPLITS, UNDISCLOSED, split_of

QUESTIONS = {
    "Motivation": 4, "Composition": 16, "Collection process": 12, "Preprocessing, cleaning, labelling": 4, "Uses": 6,
    "Distribution": 7, "Maintenance": 8,
}  # fmt: skip
"""Section -> how many questions it has in the source."""


def render_datasheet(ratings: Ratings) -> str:
    """Render the data sheet of a simulated release.

    Args:
        ratings: the release; every number is counted from it.

    Raises:
        PluralignError: PA053 where the ratings are imported: who asked the raters must answer for that.
    """
    p = ratings.provenance
    if p.kind != "simulated":
        raise PluralignError(
            "PA053", f"got {p.label}.", "Use the source's own data sheet; the card says what the import did."
        )
    wanted = plan(ratings, MINIMUM_CELL)
    prompts = pc.unique(ratings.items.column("prompt_id")).to_pylist()
    return render(
        "datasheet.md.jinja",
        p=p,
        n=ratings.describe(),
        plan=wanted,
        full=FULL,
        attributes=ATTRIBUTES,
        undisclosed={name: _undisclosed(ratings, name) for name in ATTRIBUTES},
        several=_several(ratings),
        without=UNDISCLOSED,
        texts_missing=_missing_texts(ratings),
        distinct={language: _distinct(ratings, language) for language in LANGUAGES},
        splits={split: sum(split_of(prompt) == split for prompt in prompts) for split in SPLITS},
        language_counts=_counts(ratings, "language"),
        smallest=min((n, group) for group, n in wanted.published.items()),
    )


def _undisclosed(ratings: Ratings, attribute: str) -> int:
    column = ratings.raters.column(attribute)
    if ATTRIBUTES[attribute].several:
        column = pc.list_flatten(column)
    return int(pc.sum(pc.equal(column, UNDISCLOSED)).as_py() or 0)


def _several(ratings: Ratings) -> int:
    return int(pc.sum(pc.greater(pc.list_value_length(ratings.raters.column("ethnicity")), 1)).as_py() or 0)


def _missing_texts(ratings: Ratings) -> int:
    names = [f"{part}_{language}" for part in ("prompt", "response") for language in LANGUAGES]
    return sum(ratings.items.column(name).null_count for name in names)


def _distinct(ratings: Ratings, language: str) -> int:
    return int(pc.count_distinct(ratings.items.column(f"response_{language}")).as_py())


def _counts(ratings: Ratings, column: str) -> dict[str, int]:
    pairs = pc.value_counts(ratings.ratings.column(column)).to_pylist()
    return dict(sorted((pair["values"], pair["counts"]) for pair in pairs))


if __name__ == "__main__":
    import sys

    sys.stdout.write(render_datasheet(load()))
