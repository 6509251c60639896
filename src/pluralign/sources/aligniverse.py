"""The study's own ratings, as an export of its survey would look. No schema is published: the columns are our request to its authors."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import own_dimensions
from pluralign.schema import DIMENSIONS, LANGUAGES, TEXT_COLUMNS, UNDISCLOSED
from pluralign.sources.base import Collected, Row, Source, mapped, read_csv

FILE = "aligniverse.csv"
CHECKS = ("attention_1", "attention_2", "attention_3")
COUNTRY = {"us": "us", "usa": "us", "united states": "us", "de": "de", "germany": "de", "deutschland": "de"}
UNSAID = {"prefer not to say": UNDISCLOSED, "keine angabe": UNDISCLOSED}
PRONOUNS = UNSAID | {
    "she/her": "female",
    "he/him": "male",
    "they/them": "nonbinary",
    "sie/ihr": "female",
    "er/ihm": "male",
}
AGE = UNSAID | {
    "18-30": "18-30",
    "31-40": "31-40",
    "41-50": "41-50",
    "51-60": "51-60",
    "over 60": "over-60",
    "60+": "over-60",
}
ETHNICITY = UNSAID | {
    "white": "white", "black or african american": "black", "black": "black", "asian": "asian",
    "hispanic or latino": "hispanic", "american indian or alaska native": "indigenous",
    "middle eastern or north african": "middle-eastern", "native hawaiian or pacific islander": "pacific-islander", "other": "other",
}  # fmt: skip
POLITICS = {
    "5": {"1": "liberal", "2": "liberal", "3": "moderate", "4": "conservative", "5": "conservative"},
    "3": {"1": "liberal", "2": "moderate", "3": "conservative"},
}


def politics(row: Row) -> str:
    """The slider's place, read on the slider that the rater saw (five or three points).

    >>> politics({"politics": "3", "politics_points": "5"}), politics({"politics": "3", "politics_points": "3"})
    ('moderate', 'conservative')
    """
    place = row["politics"].strip()
    if not place or place.casefold() in UNSAID:
        return UNDISCLOSED
    return POLITICS.get(row["politics_points"].strip(), {}).get(place, f"{place} of {row['politics_points']}")


def ethnicities(value: str) -> list[str]:
    """Up to three, separated by semicolons; who also preferred not to say keeps what was said."""
    said = [mapped(part, ETHNICITY) for part in value.split(";") if part.strip()]
    return [one for one in dict.fromkeys(said) if one != UNDISCLOSED] or [UNDISCLOSED]


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read the export: a row is one rater's answers to one pair."""
    file = source.find(path, FILE)
    needed = (
        "participant_id", "country", "pronouns", "age", "politics", "politics_points", "ethnicity", "language", "pair_id",
        "prompt_id", "submitted_at", *TEXT_COLUMNS, *DIMENSIONS,
    )  # fmt: skip
    collected = Collected()
    rows = sorted(enumerate(read_csv(file, source, needed)), key=lambda pair: pair[1]["submitted_at"])
    for number, row in rows:
        collected.read += 1
        collected.rater(
            row["participant_id"],
            country=mapped(row["country"], COUNTRY),
            gender=mapped(row["pronouns"], PRONOUNS),
            age_band=mapped(row["age"], AGE),
            politics=politics(row),
            ethnicity=ethnicities(row["ethnicity"]),
        )
        texts = {column: row[column].strip() or None for column in TEXT_COLUMNS}
        collected.item(row["pair_id"], **{**texts, "prompt_id": row["prompt_id"].strip() or row["pair_id"]})
        failed = [check for check in CHECKS if (row.get(check) or "").strip().casefold() in ("0", "false", "failed")]
        for dimension in DIMENSIONS:
            answer = row[dimension].strip()
            if failed:
                collected.reject("PA032", f"{', '.join(failed)} failed", number, row)
            elif not answer.isdigit():
                collected.reject("PA033", f"{dimension}: got {answer!r}, expected 1–5", number, row)
            else:
                language = mapped(row["language"], dict.fromkeys(LANGUAGES, ""))
                collected.rating(
                    row["participant_id"],
                    row["pair_id"],
                    dimension,
                    int(answer),
                    row["language"].strip().casefold() or language,
                )
    return collected, (file,)


ALIGNIVERSE = Source(
    name="aligniverse",
    title="The study's own ratings (Ali et al. 2025), should its authors publish them",
    licence="to be stated by its authors",
    citation="Ali, Zhao, Koenecke, Papakyriakopoulos 2025. arXiv 2511.14476.",
    how_to_get="Not public. Ask the study's authors for an export with the columns that docs/sources.md lists.",
    files=(FILE,),
    scale="1 strongly disagree … 5 strongly agree that the answer exhibits the dimension",
    dimensions=own_dimensions(),
    maps=(
        "Gender is taken from pronouns, as in the survey; ethnicities (up to three) are all kept.",
        "Politics on five points: 1–2 liberal, 3 moderate, 4–5 conservative; on three points: one each (politics_points says which slider was shown).",
        "'Prefer not to say' and missing answers are undisclosed.",
        "A rater who was shown a pair twice counts with the first answer (by submitted_at); the later one is set aside (PA008).",
    ),
    drops=("All ratings of a page on which an attention check failed are set aside (PA032).",),
    tested_on_real_files=False,
    collect=collect,
)
