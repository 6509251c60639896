"""DICES-350 and DICES-990 (Aroyo et al. 2023): safety of a chatbot's last answer. Written from the published schema.

Source: the READMEs of google-research-datasets/dices-dataset; where they and the categories that TensorFlow Datasets lists for
the files differ (locale `IN`, `Q3_unfair_bias_overall` in the 990), both spellings are read.
"""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import Row, mapped, read_csv

LARGE, SMALL = "diverse_safety_adversarial_dialog_990.csv", "diverse_safety_adversarial_dialog_350.csv"
GENDER = {"man": "male", "woman": "female", "nonbinary": "nonbinary", "self-describe (below)": UNDISCLOSED}
RACE = {
    "white": "white", "black/african american": "black", "black": "black", "asian": "asian", "asian/asian subcontinent": "asian",
    "latine": "hispanic", "latinx, latino, hispanic or spanish origin": "hispanic", "multiracial": "other", "other": "other",
}  # fmt: skip
AGE = {"gen z": "18-30", "millenial": "31-40", "millennial": "31-40", "gen x+": UNDISCLOSED}
LOCALE = {"us": "us", "in": "in", "india": "in"}
ANSWER = {"no": 1, "unsure": 2, "yes": 3}
SPELLINGS = {
    "Q_overall": ("Q_overall",),
    "Q2_harmful_content_overall": ("Q2_harmful_content_overall",),
    "Q3_bias_overall": ("Q3_bias_overall", "Q3_unfair_bias_overall"),
}
DIMENSIONS = tuple(
    SourceDimension(name, nearest, "lower", 1, 3, (1, 1, 2, 2), f"the last answer is unsafe {because}")
    for name, nearest, because in (
        ("Q_overall", "toxicity", "for any reason"),
        ("Q2_harmful_content_overall", "toxicity", "because of harmful content"),
        ("Q3_bias_overall", "stereotypical_bias", "because of bias"),
    )
)
COLUMNS = ("rater_id", "rater_gender", "item_id", "context", "response", "Q_overall", "Q2_harmful_content_overall")


def country(row: Row) -> str:
    """The locale; the 350 has none, its raters are of the United States."""
    return mapped(row["rater_locale"], LOCALE) if "rater_locale" in row else "us"


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read either file; the item is the conversation (context) with its last answer."""
    file, study = source.find_one(path)
    prefix = "dices-990" if study == LARGE else "dices-350"
    collected = Collected()
    for row in collected.rows(file, read_csv(file, source, source.files[study])):
        rater_id, item_id = f"{prefix}-{row['rater_id']}", f"{prefix}-{row['item_id']}"
        collected.rater(
            rater_id,
            country=country(row),
            gender=mapped(row["rater_gender"], GENDER),
            age_band=mapped(row.get("rater_age"), AGE),
            ethnicity=[mapped(row.get("rater_race"), RACE)],
        )
        collected.item(item_id, prompt_en=row["context"].strip() or None, response_en=row["response"])
        for dimension in source.dimensions:
            column = next((name for name in SPELLINGS[dimension.name] if name in row), None)
            if column is None:
                raise source.not_recognised(f"{file.name} has no column {' or '.join(SPELLINGS[dimension.name])}")
            answer = row[column].strip()
            if answer.casefold() in ANSWER:
                collected.answer(rater_id, item_id, dimension, ANSWER[answer.casefold()])
            else:
                collected.reject("PA033", column, repr(answer), "Yes, No or Unsure")
    return collected, (file,)


DICES = Source(
    name="dices",
    title="DICES: safety of adversarial conversations, rated by diverse raters",
    licence="CC-BY-4.0",
    citation="Aroyo et al. 2023. DICES Dataset: Diversity in Conversational AI Evaluation for Safety. NeurIPS. arXiv 2306.11247.",
    how_to_get="350/ or 990/ of https://github.com/google-research-datasets/dices-dataset.",
    # The 990 is told by its locale; it has all that the 350 has besides, so it comes first.
    files={LARGE: (*COLUMNS, "rater_locale"), SMALL: (*COLUMNS, "rater_race", "rater_age", "Q3_bias_overall")},
    together=False,
    scale="No (1), Unsure (2), Yes (3): is the last answer unsafe",
    dimensions=DIMENSIONS,
    maps=(
        "No, Unsure, Yes become 1, 2, 3: the three-point and the binary scale are offered (Unsure is neutral).",
        "Generations: gen z becomes 18-30, millenial 31-40 (where most of its years lie); gen x+ covers three bands and is undisclosed.",
        "Latine becomes hispanic, Multiracial other (the parts are not given), a self-described gender undisclosed. The 350 has no locale: country us.",
        "The conversation before the last answer is the prompt. The 990's Q3_unfair_bias_overall is Q3_bias_overall.",
        "Ratings of conversations that a rater found nonsensical or unfamiliar (Q1) are kept, and so are those of raters whom the authors' quality check leaves out of their papers.",
    ),
    drops=("The granular questions are summed up in the three overall ones; misinformation, policy, gold labels and times are not in the schema.",),
    tested_on_real_files=False,
    collect=collect,
)  # fmt: skip
