"""PRISM (Kirk et al. 2024): scores 1–100 of live model answers. Written from the published schema.

Source: the code book of HannahKirk/prism-alignment (prism_codebook.pdf), which lists the categories read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.countries import ALPHA_3
from pluralign.sources.reading import mapped, read_jsonl

SURVEY, UTTERANCES = "survey.jsonl", "utterances.jsonl"
EMPTY = "EMPTY STRING"
"""What the files have where a model answered nothing."""
UNSAID = {"prefer not to say": UNDISCLOSED}
COUNTRY = ALPHA_3 | UNSAID
GENDER = UNSAID | {"male": "male", "female": "female", "non-binary / third gender": "nonbinary"}
AGE = UNSAID | {
    "18-24 years old": "18-30", "25-34 years old": "18-30", "35-44 years old": "31-40", "45-54 years old": "41-50",
    "55-64 years old": "51-60", "65+ years old": "over-60",
}  # fmt: skip
ETHNICITY = UNSAID | {
    "white": "white", "black / african": "black", "hispanic / latino": "hispanic", "asian": "asian", "mixed": "other",
    "middle eastern / arab": "middle-eastern", "indigenous / first peoples": "indigenous", "other": "other",
}  # fmt: skip
SCORE = SourceDimension("score", "helpfulness", "higher", 1, 100, (20, 40, 60, 80), "how good is the answer")


def _inside(row: Mapping[str, Any], outer: str, inner: str) -> str:
    value = row[outer]
    return str(value.get(inner) or "") if isinstance(value, Mapping) else ""


def attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the survey says of a rater."""
    return {
        "country": mapped(_inside(row, "location", "reside_countryISO"), COUNTRY),
        "gender": mapped(row["gender"], GENDER),
        "age_band": mapped(row["age"], AGE),
        "ethnicity": [mapped(_inside(row, "ethnicity", "categorised"), ETHNICITY)],
    }


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read survey and utterances; an utterance is an item with one rating."""
    survey, utterances = source.find_all(path)
    people = {row["user_id"]: attributes(row) for row in read_jsonl(survey, source, source.files[SURVEY])}
    collected = Collected()
    for row in collected.rows(utterances, read_jsonl(utterances, source, source.files[UTTERANCES])):
        rater_id, item_id = f"prism-{row['user_id']}", f"prism-{row['utterance_id']}"
        if row["user_id"] in people:
            collected.rater(rater_id, **people[row["user_id"]])
        collected.item(
            item_id,
            prompt_id=f"prism-{row['interaction_id']}",
            prompt_en=row["user_prompt"] or None,
            response_en="" if row["model_response"] == EMPTY else row["model_response"],
        )
        collected.answer(rater_id, item_id, SCORE, row["score"])
    return collected, (survey, utterances)


PRISM = Source(
    name="prism",
    title="PRISM: preferences of 1,500 people in live conversations with 21 models",
    licence="prompts CC-BY-4.0, model responses CC-BY-NC-4.0",
    citation="Kirk et al. 2024. The PRISM Alignment Project. NeurIPS. arXiv 2404.16019.",
    how_to_get="https://huggingface.co/datasets/HannahRoseKirk/prism-alignment (survey.jsonl and utterances.jsonl).",
    files={
        SURVEY: ("user_id", "age", "gender", "ethnicity", "location"),
        UTTERANCES: ("utterance_id", "user_id", "interaction_id", "user_prompt", "model_response", "score"),
    },
    together=True,
    scale="1 terrible … 100 perfect",
    dimensions=(SCORE,),
    maps=(
        "Scores are cut at 20, 40, 60 and 80 to five points in views; the ratings table keeps 1–100.",
        "Ten-year age bands straddle ours; each goes where its middle lies: 25–34 becomes 18-30, 35–44 31-40, 45–54 41-50, 55–64 51-60. 65+ becomes over-60.",
        "Country is the country of residence; ethnicity is the authors' 'categorised' one, Mixed becomes other (the parts are not given). Politics was not asked: undisclosed.",
        "The prompt is the turn of the conversation; its answers are the items, each rated once, by the person who asked. Texts are taken as English (99 % are).",
    ),
    drops=(
        "Survey participants who rated nothing are left out.",
        "Empty answers are set aside (PA009), and their ratings with them (PA006).",
        "Conversation history before the turn, fine-grained feedback and stated preferences are not in the schema.",
    ),
    tested_on_real_files=False,
    collect=collect,
)
