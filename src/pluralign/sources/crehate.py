"""CREHate (Lee et al. 2024): hate or not, by raters of five English-speaking countries."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import band_of_age, mapped, read_csv

RAW, TEXTS = "CREHate_raw_annotations.csv", "CREHate_final_annotations.csv"
DONT_KNOW = "2"
HATE = SourceDimension("hate", "toxicity", "lower", 0, 1, (0, 0, 0, 0), "is the post hate speech")
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
    """Read the raw annotations and the texts beside them."""
    raw, texts = source.find_all(path)
    collected = Collected()
    for row in read_csv(texts, source, source.files[TEXTS]):
        collected.item(row["ID"], response_en=row["Text"])
    for row in collected.rows(raw, read_csv(raw, source, source.files[RAW])):
        rater_id = f"crehate-{row['annotator_id']}"
        collected.rater(
            rater_id,
            country=mapped(row["nationality"], COUNTRY),
            gender=mapped(row["gender"], GENDER),
            age_band=band_of_age(row["age"]),
            politics=politics(row["politic"]),
            ethnicity=ethnicity(row["ethnicity"]),
        )
        if row["annotation"].strip() == DONT_KNOW:
            collected.reject("PA033", "annotation", "2, 'I don't know'", "0 or 1")
        else:
            collected.answer(rater_id, row["ID"], HATE, row["annotation"])
    return collected, (raw, texts)


CREHATE = Source(
    name="crehate",
    title="CREHate: hate or not on 1,580 posts, by raters of five countries",
    licence="CC-BY-SA-4.0",
    citation="Lee et al. 2024. Exploring Cross-cultural Differences in English Hate Speech Annotations. NAACL. arXiv 2308.16705.",
    how_to_get="https://huggingface.co/datasets/nayeon212/CREHate, or data/ of https://github.com/nlee0212/CREHate.",
    files={
        RAW: ("ID", "annotator_id", "nationality", "age", "ethnicity", "gender", "politic", "annotation"),
        TEXTS: ("ID", "Text"),
    },
    together=True,
    scale="0 not hate, 1 hate",
    dimensions=(HATE,),
    maps=(
        "Nationality becomes country; age in years becomes the band, 17 undisclosed.",
        "Liberal/Progressive and Moderate liberal become liberal, Independent moderate, Moderate conservative and Conservative conservative.",
        "A demographic that is missing in some of a rater's rows is taken from the others.",
        "'WhiteMixed r', a garbled double answer, becomes white and other.",
        "A free-text ethnicity ('Other…') becomes other; a free-text politics ('Other…') undisclosed: it has no place on the line.",
    ),
    drops=(
        "Annotations of 2 ('I don't know') are set aside (PA033); of a rater's repeated annotations of a post the first 0 or 1 is kept (PA008).",
        "Education, religion and sexual orientation are not in the schema.",
    ),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
