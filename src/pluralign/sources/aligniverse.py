"""The study's own ratings, as an export of its survey would look. No schema is published: `COLUMNS` is what we ask its authors for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pluralign.ratings import own_dimensions
from pluralign.schema import DIMENSIONS, LANGUAGES, TEXT_COLUMNS, UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import MISSING, Row, mapped, read_csv

FILE = "aligniverse.csv"
COLUMNS: dict[str, str] = {
    "participant_id": "the rater, pseudonymous",
    "country": "US or Germany",
    "pronouns": "she/her, he/him, they/them; sie/ihr, er/ihm",
    "age": "18-30, 31-40, 41-50, 51-60, over 60",
    "politics": "place on the slider, 1 the most liberal",
    "politics_points": "points of the slider that was shown: 5 or 3",
    "ethnicity": "up to three of the survey's groups, separated by semicolons",
    "language": "language in which the pair was shown: en or de",
    "pair_id": "the prompt–response pair",
    "prompt_id": "the prompt; the pair's id where it is empty",
    "submitted_at": "ISO 8601, with its offset from UTC if it has one",
    **dict.fromkeys(TEXT_COLUMNS, "text; empty where the row does not show it"),
    **{name: f"1–5: {dimension.statement}" for name, dimension in DIMENSIONS.items()},
}
"""What a row (one rater's answers to one pair) must have. 'Prefer not to say' and empty cells are allowed in every demographic."""
CHECKS = dict.fromkeys(
    ("attention_1", "attention_2", "attention_3"), "attention check, if kept: 1 passed, 0 failed, empty not shown"
)
PASSED, FAILED = frozenset({"1", "1.0", "true", "passed"}), frozenset({"0", "0.0", "false", "failed"})

UNSAID = {"prefer not to say": UNDISCLOSED, "keine angabe": UNDISCLOSED}
COUNTRY = UNSAID | {
    "us": "us", "usa": "us", "united states": "us", "de": "de", "germany": "de", "deutschland": "de",
}  # fmt: skip
PRONOUNS = UNSAID | {
    "she/her": "female", "he/him": "male", "they/them": "nonbinary", "sie/ihr": "female", "er/ihm": "male", "er/ihn": "male",
}  # fmt: skip
AGE = UNSAID | {
    "18-30": "18-30", "31-40": "31-40", "41-50": "41-50", "51-60": "51-60", "over 60": "over-60", "over-60": "over-60", "60+": "over-60",
}  # fmt: skip
ETHNICITY = UNSAID | {
    "white": "white", "black or african american": "black", "black": "black", "asian": "asian",
    "hispanic or latino": "hispanic", "american indian or alaska native": "indigenous",
    "middle eastern or north african": "middle-eastern", "native hawaiian or pacific islander": "pacific-islander", "other": "other",
}  # fmt: skip
LANGUAGE = {language: language for language in LANGUAGES} | {"english": "en", "german": "de", "deutsch": "de"}
POLITICS = {
    "5": {"1": "liberal", "2": "liberal", "3": "moderate", "4": "conservative", "5": "conservative"},
    "3": {"1": "liberal", "2": "moderate", "3": "conservative"},
}


def politics(row: Row) -> str:
    """The slider's place, read on the slider that the rater saw (five or three points).

    >>> politics({"politics": "3", "politics_points": "5"}), politics({"politics": "3", "politics_points": "3"})
    ('moderate', 'conservative')
    """
    place = row["politics"].strip().removesuffix(".0")
    if place.casefold() in MISSING or place.casefold() in UNSAID:
        return UNDISCLOSED
    points = row["politics_points"].strip().removesuffix(".0")
    return POLITICS.get(points, {}).get(place, f"{place} of {points or 'unknown'} points")


def ethnicities(value: str) -> list[str]:
    """Up to three, separated by semicolons; who also preferred not to say keeps what was said.

    >>> ethnicities("White; Asian;Prefer not to say"), ethnicities("")
    (['white', 'asian'], ['undisclosed'])
    """
    said = dict.fromkeys(mapped(part, ETHNICITY) for part in value.split(";"))
    return [one for one in said if one != UNDISCLOSED] or [UNDISCLOSED]


def moment(row: Row) -> tuple[bool, float]:
    """When a row was submitted, to sort by: an offset counts, none is UTC, and what is no time comes last.

    >>> one, two = ({"submitted_at": at} for at in ("2024-05-01T10:00+02:00", "2024-05-01T09:00"))
    >>> moment(one) < moment(two) < moment({"submitted_at": "?"})
    True
    """
    try:
        when = datetime.fromisoformat(row["submitted_at"].strip())
    except ValueError:
        return True, 0.0
    return False, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def attention(row: Row) -> tuple[str, str, str, str] | None:
    """Why a row's ratings do not count: code, column, what was got, what was expected; None where no check speaks against them."""
    for check in CHECKS:
        got = (row.get(check) or "").strip()
        if got.casefold() in FAILED:
            return "PA032", check, repr(got), "a check that was passed"
        if got.casefold() not in PASSED | MISSING:
            return "PA004", check, repr(got), "1 (passed) or 0 (failed)"
    return None


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read the export: a row is one rater's answers to one pair."""
    file, _ = source.find_one(path)
    collected = Collected()
    for row in collected.rows(file, read_csv(file, source, tuple(COLUMNS)), order=moment):
        rater_id, item_id = f"aligniverse-{row['participant_id']}", row["pair_id"]
        collected.rater(
            rater_id,
            country=mapped(row["country"], COUNTRY),
            gender=mapped(row["pronouns"], PRONOUNS),
            age_band=mapped(row["age"], AGE),
            politics=politics(row),
            ethnicity=ethnicities(row["ethnicity"]),
        )
        texts = {column: row[column].strip() or None for column in TEXT_COLUMNS}
        collected.item(item_id, **{**texts, "prompt_id": row["prompt_id"].strip() or item_id})
        language = row["language"].strip()
        against = attention(row)
        for dimension in source.dimensions:
            if against is not None:
                collected.reject(*against)
            else:
                shown = LANGUAGE.get(language.casefold(), language) or None
                collected.answer(rater_id, item_id, dimension, row[dimension.name], shown)
    return collected, (file,)


ALIGNIVERSE = Source(
    name="aligniverse",
    title="The study's own ratings (Ali et al. 2025), should its authors publish them",
    licence="to be stated by its authors",
    citation="Ali, Zhao, Koenecke, Papakyriakopoulos 2025. arXiv 2511.14476.",
    how_to_get="Not public. Ask the study's authors for an export with the columns that docs/sources.md lists.",
    files={FILE: tuple(COLUMNS)},
    together=False,
    scale="1 strongly disagree … 5 strongly agree that the answer exhibits the dimension",
    dimensions=own_dimensions(),
    maps=(
        "No schema is published: the columns are our request to the authors.",
        "Gender is taken from pronouns, as in the survey; ethnicities (up to three) are all kept.",
        "Politics on five points: 1–2 liberal, 3 moderate, 4–5 conservative; on three points: one each (politics_points says which slider was shown).",
        "'Prefer not to say' and missing answers are undisclosed.",
        "Rows are read in the order of submitted_at, those without a readable time last: position and 'first' follow it.",
        "A rater who was shown a pair twice counts with the first answer; the later one is set aside (PA008).",
    ),
    drops=("All ratings of a row on which an attention check failed are set aside (PA032).",),
    tested_on_real_files=False,
    collect=collect,
)
