"""Annotators with Attitudes (Sap et al. 2022): the large and the small study, told apart by their columns."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import MISSING, band_of_age, mapped, read_csv, text_id

LARGE, SMALL = "largeScale.csv", "smallScale.csv"
GENDER = {"man": "male", "woman": "female", "nonbinary": "nonbinary", "nb": "nonbinary"}
RACE = {
    "white": "white", "black": "black", "hisp": "hispanic", "latinx": "hispanic", "asian": "asian", "native": "indigenous",
    "middleeastern": "middle-eastern", "pacisland": "pacific-islander", "other": "other",
}  # fmt: skip
DIMENSIONS = (
    SourceDimension("toany", "toxicity", "lower", 1, 5, (1, 2, 3, 4), "how toxic could it be to anyone"),
    SourceDimension("toyou", "toxicity", "lower", 1, 5, (1, 2, 3, 4), "how toxic is it to you"),
    SourceDimension("intent", "toxicity", "lower", 1, 5, (1, 2, 3, 4), "was it meant to offend"),
    SourceDimension("racist", "stereotypical_bias", "lower", 1, 5, (1, 2, 3, 4), "is it racist"),
)


COLUMNS = ("tweet", "annotatorGender", "annotatorRace", "annotatorPolitics", *(d.name for d in DIMENSIONS))
RATER = {LARGE: "annId", SMALL: "annID"}
"""The column that names the rater tells the studies apart: their ids are spelled differently."""


def politics(value: str) -> str:
    """−1 (left) to 1 (right), cut at 0; what is no such number stays as it is and fails the checks.

    >>> politics("-0.5"), politics("0.0"), politics("1.0"), politics(""), politics("3")
    ('liberal', 'moderate', 'conservative', 'undisclosed', '3')
    """
    if value.strip().casefold() in MISSING:
        return UNDISCLOSED
    try:
        place = float(value)
    except ValueError:
        return value
    if not -1 <= place <= 1:
        return value
    return "moderate" if place == 0 else "liberal" if place < 0 else "conservative"


def race(value: str) -> list[str]:
    """One or several, separated by commas.

    >>> race("black, latinx"), race("na")
    (['black', 'hispanic'], ['undisclosed'])
    """
    return list(dict.fromkeys(mapped(part, RACE) for part in value.split(",")))


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read either study."""
    file, study = source.find_one(path)
    prefix = "awa-large" if study == LARGE else "awa-small"
    collected = Collected()
    for row in collected.rows(file, read_csv(file, source, source.files[study])):
        rater_id, item_id = f"{prefix}-{row[RATER[study]]}", f"awa-{text_id(row['tweet'])}"
        collected.rater(
            rater_id,
            gender=mapped(row["annotatorGender"], GENDER),
            politics=politics(row["annotatorPolitics"]),
            ethnicity=race(row["annotatorRace"]),
            age_band=band_of_age(row.get("annotatorAge")),
        )
        collected.item(item_id, response_en=row["tweet"])
        for dimension in DIMENSIONS:
            collected.answer(rater_id, item_id, dimension, row[dimension.name])
    return collected, (file,)


ANN_WITH_ATTITUDES = Source(
    name="ann_with_attitudes",
    title="Annotators with Attitudes: toxicity of posts, with raters' politics and attitudes",
    licence="none stated",
    citation="Sap et al. 2022. Annotators with Attitudes. NAACL. arXiv 2111.07997.",
    how_to_get="annWithAttitudes.tgz from https://maartensap.com/racial-bias-hatespeech/.",
    files={name: (rater, *COLUMNS) for name, rater in RATER.items()},
    together=False,
    scale="1 not at all … 5 very much",
    dimensions=DIMENSIONS,
    maps=(
        "Items are keyed on the text: postId numbers posts inside a category in the small study, and one text has two in the large one.",
        "Politics from −1 to 1 is cut at 0: below liberal, 0 moderate, above conservative.",
        "Several races are several ethnicities; hisp and latinx become hispanic, native indigenous. Country was not recorded: undisclosed.",
        "Ages come in steps of five years and are read as years; the small study did not record them.",
        "A rater whose rows differ on an attribute across our levels keeps it as undisclosed, and the difference is reported (PA011); −0.5 and −1 are both liberal and no difference.",
        "Ratings whose rater ticked that the post was not understood are kept: the ratings were given all the same.",
    ),
    drops=(
        "off_avg is derived from the others.",
        "Attitude scales, dialect scores, categories and original labels are not in the schema.",
    ),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
