"""PRISM (Kirk et al. 2024): scores 1–100 of live model answers. Written from the published schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Collected, Source, mapped, read_jsonl
from pluralign.sources.countries import ALPHA_3

SURVEY, UTTERANCES = "survey.jsonl", "utterances.jsonl"
UNSAID = {"prefer not to say": UNDISCLOSED}
GENDER = UNSAID | {"male": "male", "female": "female", "non-binary / third gender": "nonbinary"}
AGE = UNSAID | {
    "18-24 years old": "18-30", "25-34 years old": "18-30", "35-44 years old": "31-40", "45-54 years old": "41-50",
    "55-64 years old": "51-60", "65+ years old": "over-60",
}  # fmt: skip
ETHNICITY = UNSAID | {
    "white": "white",
    "black": "black",
    "asian": "asian",
    "hispanic": "hispanic",
    "mixed": "other",
    "other": "other",
}


def _inside(row: dict[str, Any], outer: str, inner: str) -> str:
    value = row.get(outer)
    return str(value.get(inner) or "") if isinstance(value, dict) else ""


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read survey and utterances; an utterance is an item with one rating."""
    folder = path.parent if path.is_file() else path
    survey, utterances = source.find(folder, SURVEY), source.find(folder, UTTERANCES)
    collected = Collected()
    for row in read_jsonl(survey, source, ("user_id", "age", "gender", "ethnicity", "location")):
        collected.rater(
            f"prism-{row['user_id']}",
            country=mapped(_inside(row, "location", "reside_countryISO"), ALPHA_3 | UNSAID),
            gender=mapped(row["gender"], GENDER),
            age_band=mapped(row["age"], AGE),
            ethnicity=[mapped(_inside(row, "ethnicity", "simplified"), ETHNICITY)],
        )
    needed = ("utterance_id", "user_id", "interaction_id", "user_prompt", "model_response", "score")
    for number, row in enumerate(read_jsonl(utterances, source, needed)):
        collected.read += 1
        item_id = f"prism-{row['utterance_id']}"
        collected.item(
            item_id, prompt_id=f"prism-{row['interaction_id']}", prompt_en=row["user_prompt"] or None, response_en=row["model_response"]
        )  # fmt: skip
        score = row["score"]
        if isinstance(score, int | float) and not isinstance(score, bool) and float(score).is_integer():
            collected.rating(f"prism-{row['user_id']}", item_id, "score", int(score))
        else:
            collected.reject("PA033", f"got {score!r}, expected a whole number 1–100", number, row)
    return collected, (survey, utterances)


PRISM = Source(
    name="prism",
    title="PRISM: preferences of 1,500 people in live conversations with 21 models",
    licence="prompts CC-BY-4.0, model responses CC-BY-NC-4.0",
    citation="Kirk et al. 2024. The PRISM Alignment Project. NeurIPS. arXiv 2404.16019.",
    how_to_get="Hugging Face dataset HannahRoseKirk/prism-alignment (survey.jsonl and utterances.jsonl).",
    files=(SURVEY, UTTERANCES),
    scale="1 terrible … 100 perfect",
    dimensions=(SourceDimension("score", "helpfulness", "higher", 1, 100, (20, 40, 60, 80), "how good is the answer"),),
    maps=(
        "Scores are cut at 20, 40, 60 and 80 to five points in views; the ratings table keeps 1–100.",
        "Ten-year age bands straddle ours; each goes where its middle lies: 25–34 becomes 18-30, 35–44 31-40, 45–54 41-50, 55–64 51-60.",
        "Country is the country of residence. Mixed becomes other (the parts are not given). Politics was not asked: undisclosed.",
        "The prompt is the turn of the conversation; its answers are the items, each rated once, by the person who asked. Texts are taken as English.",
    ),
    drops=("Conversation history before the turn, fine-grained feedback and stated preferences are not in the schema.",),
    tested_on_real_files=False,
    collect=collect,
)  # fmt: skip
