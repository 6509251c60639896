"""Annotators with Attitudes (Sap et al. 2022): the large and the small study, told apart by their columns."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Collected, Source, band_of_age, mapped, read_csv, text_id

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


def politics(value: str) -> str:
    """−1 (left) to 1 (right), cut at 0.

    >>> politics("-0.5"), politics("0.0"), politics("1.0"), politics("")
    ('liberal', 'moderate', 'conservative', 'undisclosed')
    """
    if not value.strip():
        return UNDISCLOSED
    place = float(value)
    return "moderate" if place == 0 else "liberal" if place < 0 else "conservative"


def race(value: str) -> list[str]:
    """One or several, separated by commas."""
    return [mapped(part, RACE) for part in value.split(",")] if value.strip() else [UNDISCLOSED]


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read either study; a folder that holds both is read as the large one."""
    file = path
    if not path.is_file():
        names = [name for name in (LARGE, SMALL) if path.is_dir() and list(path.rglob(name))]
        file = source.find(path, names[0] if names else LARGE)
    needed = ("tweet", "annotatorGender", "annotatorRace", "annotatorPolitics", *(d.name for d in DIMENSIONS))
    collected = Collected()
    for number, row in enumerate(read_csv(file, source, needed)):
        rater = row.get("annId") or row.get("annID")
        if rater is None:
            raise source.not_recognised(f"{file.name} has neither annId (large) nor annID (small)")
        collected.read += 1
        rater_id, item_id = f"awa-{rater}", f"awa-{text_id(row['tweet'])}"
        attributes = {
            "gender": mapped(row["annotatorGender"], GENDER),
            "politics": politics(row["annotatorPolitics"]),
            "ethnicity": race(row["annotatorRace"]),
            "age_band": band_of_age(row.get("annotatorAge")),
        }
        collected.rater(rater_id, **attributes)
        collected.item(item_id, response_en=row["tweet"])
        for dimension in DIMENSIONS:
            answer = row[dimension.name].strip()
            if answer.isdigit():
                collected.rating(rater_id, item_id, dimension.name, int(answer))
            else:
                collected.reject("PA033", f"{dimension.name}: got {answer!r}, expected 1–5", number, row)
    return collected, (file,)


ANN_WITH_ATTITUDES = Source(
    name="ann_with_attitudes",
    title="Annotators with Attitudes: toxicity of posts, with raters' politics and attitudes",
    licence="none stated",
    citation="Sap et al. 2022. Annotators with Attitudes. NAACL. arXiv 2111.07997.",
    how_to_get="The authors' page on racial bias in hate speech detection (maartensap.com/racial-bias-hatespeech).",
    files=(LARGE, SMALL),
    scale="1 not at all … 5 very much",
    dimensions=DIMENSIONS,
    maps=(
        "Items are keyed on the text: postId numbers posts inside a category in the small study, and one text has two in the large one.",
        "Politics from −1 to 1 is cut at 0: below liberal, 0 moderate, above conservative.",
        "Several races are several ethnicities; hisp and latinx become hispanic, native indigenous. Country was not recorded: undisclosed.",
        "A rater whose rows differ in an attribute has it undisclosed (PA011 in the rejected rows).",
        "Ratings by raters who ticked that they did not understand the post are kept, as in the original analysis.",
    ),
    drops=(
        "off_avg is derived from the others.",
        "Attitude scales, dialect scores, categories and original labels are not in the schema.",
    ),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
