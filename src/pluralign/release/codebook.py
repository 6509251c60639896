"""The codebook: every field, vocabulary, range and code of `schema.py`, as Markdown.

`python -m pluralign.release.codebook > docs/codebook.md` after a change of the schema; a test fails where it was forgotten.
"""

from __future__ import annotations

from pluralign.release.configs import with_texts
from pluralign.release.markdown import render, rows
from pluralign.schema import (
    AGGREGATIONS,
    ATTRIBUTES,
    COUNTRIES,
    DIMENSIONS,
    INDIVIDUAL_FIELDS,
    LANGUAGES,
    MANNERS,
    MINIMUM_CELL,
    MULTIPLE,
    POINTS,
    POLES,
    PREFERENCE_FIELDS,
    REWARD_FIELDS,
    SCALES,
    SPLITS,
    STUDY_GROUPS,
    TABLES,
    UNDISCLOSED,
    UNPAIRED_FIELDS,
    VIEW_FIELDS,
    Scale,
)

TABLE_MEANINGS = {
    "raters": "One row a person.",
    "items": "One row a prompt–response pair.",
    "ratings": "One row a rating: a rater, an item, a dimension.",
    "truth": "One row an item and dimension: what the simulation drew. It exists only where ratings are simulated.",
}


def codebook() -> str:
    """Render the codebook.

    Returns:
        Markdown; the same schema gives the same text.
    """
    return render(
        "codebook.md.jinja",
        tables={name: (TABLE_MEANINGS[name], rows(fields)) for name, fields in TABLES.items()},
        views={
            "`majority`, `consensus`, `first`, `mean`": rows(with_texts(VIEW_FIELDS)),
            "`individual`": rows(with_texts(INDIVIDUAL_FIELDS)),
        },
        preferences={
            "pairs": rows(PREFERENCE_FIELDS),
            "unpaired": rows(UNPAIRED_FIELDS),
            "rewards": rows(REWARD_FIELDS),
        },
        dimensions=DIMENSIONS.values(),
        attributes=ATTRIBUTES.values(),
        countries=COUNTRIES,
        scales=[(scale, coding(scale)) for scale in SCALES.values()],
        points=range(1, POINTS + 1),
        aggregations=AGGREGATIONS,
        study_groups=STUDY_GROUPS,
        undisclosed=UNDISCLOSED,
        multiple=MULTIPLE,
        minimum_cell=MINIMUM_CELL,
        languages=LANGUAGES,
        manners=MANNERS,
        poles=POLES,
        splits=SPLITS,
    )


def coding(scale: Scale) -> list[str]:
    """What each of the five points becomes, ascending.

    >>> from pluralign.schema import SCALES
    >>> coding(SCALES["binary"])
    ['0', '0', 'left out', '1', '1']
    """
    return ["left out" if value is None else str(value) for value in scale.recode]


if __name__ == "__main__":
    import sys

    sys.stdout.write(codebook())
