"""CREHate (Lee et al. 2024): hate or not, by raters of five English-speaking countries."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Collected, Source, band_of_age, mapped, read_csv

RAW, TEXTS = "CREHate_raw_annotations.csv", "CREHate_final_annotations.csv"
COUNTRY = {"united states": "us", "australia": "au", "united kingdom": "gb", "south africa": "za", "singapore": "sg"}
GENDER = {"male": "male", "female": "female", "non-binary": "nonbinary"}
POLITICS = {
    "liberal/progressive": "liberal", "moderate_liberal": "liberal", "independent": "moderate",
    "moderate_conservative": "conservative", "conservative": "conservative",
}  # fmt: skip
ETHNICITY = {
    "white": "white",
    "asian": "asian",
    "black": "black",
    "middle_eastern": "middle-eastern",
    "hispanic": "hispanic",
}


def ethnicity(value: str) -> list[str]:
    """One of the closed answers, or the free text after `Other` as the group other."""
    text = (value or "").strip()
    if text == "WhiteMixed r":
        return ["white", "other"]
    return ["other"] if text.startswith("Other") else [mapped(text, ETHNICITY)]


def politics(value: str) -> str:
    """One of the closed answers; the free text after `Other` has no place on the line."""
    text = (value or "").strip()
    return UNDISCLOSED if text.startswith("Other") else mapped(text, POLITICS)


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read raw annotations and the texts beside them."""
    folder = path.parent if path.is_file() else path
    raw, texts = source.find(folder, RAW), source.find(folder, TEXTS)
    collected = Collected()
    for row in read_csv(texts, source, ("ID", "Text")):
        collected.item(row["ID"], response_en=row["Text"])
    needed = ("ID", "annotator_id", "nationality", "age", "ethnicity", "gender", "politic", "annotation")
    for number, row in enumerate(read_csv(raw, source, needed)):
        collected.read += 1
        rater_id = f"crehate-{row['annotator_id']}"
        collected.rater(
            rater_id,
            country=mapped(row["nationality"], COUNTRY),
            gender=mapped(row["gender"], GENDER),
            age_band=band_of_age(row["age"]),
            politics=politics(row["politic"]),
            ethnicity=ethnicity(row["ethnicity"]),
        )
        if row["annotation"] not in ("0", "1"):
            why = "2 is 'I don't know'" if row["annotation"] == "2" else f"got {row['annotation']!r}, expected 0 or 1"
            collected.reject("PA033", why, number, row)
        else:
            collected.rating(rater_id, row["ID"], "hate", int(row["annotation"]))
    return collected, (raw, texts)


CREHATE = Source(
    name="crehate",
    title="CREHate: hate or not on 1,580 posts, by raters of five countries",
    licence="CC-BY-SA-4.0",
    citation="Lee et al. 2024. Exploring Cross-cultural Differences in English Hate Speech Annotations. NAACL. arXiv 2308.16705.",
    how_to_get="Hugging Face dataset nayeon212/CREHate, or the authors' GitHub repository.",
    files=(RAW, TEXTS),
    scale="0 not hate, 1 hate",
    dimensions=(SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0), "is the post hate speech"),),
    maps=(
        "nationality becomes country; age in years becomes the band.",
        "Liberal/Progressive and Moderate liberal become liberal, Independent moderate, Moderate conservative and Conservative conservative.",
        "A demographic that is missing in some of a rater's rows is taken from the others.",
        "'WhiteMixed r', a garbled double answer, becomes white and other.",
        "A free-text ethnicity ('Other…') becomes other; a free-text politics ('Other…') undisclosed: it has no place on the line.",
    ),
    drops=(
        "Annotations of 2 ('I don't know') are set aside (PA033).",
        "Education, religion and sexual orientation are not in the schema.",
    ),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
