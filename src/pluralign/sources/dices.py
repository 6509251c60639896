"""DICES-350 and DICES-990 (Aroyo et al. 2023): safety of a chatbot's last answer. Written from the published schema."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Collected, Source, mapped, read_csv

FILES = ("diverse_safety_adversarial_dialog_350.csv", "diverse_safety_adversarial_dialog_990.csv")
GENDER = {"man": "male", "woman": "female", "nonbinary": "nonbinary"}
RACE = {
    "white": "white", "black/african american": "black", "black": "black", "asian": "asian", "asian/asian subcontinent": "asian",
    "latine": "hispanic", "latinx, latino, hispanic or spanish origin": "hispanic", "multiracial": "other", "other": "other",
}  # fmt: skip
AGE = {"gen z": "18-30", "millenial": "31-40", "millennial": "31-40", "gen x+": UNDISCLOSED}
COUNTRY = {"us": "us", "in": "in"}
ANSWER = {"no": 1, "unsure": 2, "yes": 3}
QUESTIONS = {"Q_overall": "toxicity", "Q2_harmful_content_overall": "toxicity", "Q3_bias_overall": "stereotypical_bias"}
STATEMENTS = ("unsafe for any reason", "unsafe because of harmful content", "unsafe because of bias")


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read either file; the item is the conversation (context) with its last answer."""
    file = path
    if not path.is_file():
        there = [name for name in FILES if path.is_dir() and list(path.rglob(name))]
        file = source.find(path, there[0] if there else FILES[0])
    needed = ("rater_id", "item_id", "rater_gender", "rater_race", "rater_age", "context", "response", "Q_overall")
    collected = Collected()
    for number, row in enumerate(read_csv(file, source, needed)):
        collected.read += 1
        rater_id, item_id = f"dices-{row['rater_id']}", f"dices-{row['item_id']}"
        collected.rater(
            rater_id,
            country=mapped(row.get("rater_locale"), COUNTRY) if row.get("rater_locale") else "us",
            gender=mapped(row["rater_gender"], GENDER),
            age_band=mapped(row["rater_age"], AGE),
            ethnicity=[mapped(row["rater_race"], RACE)],
        )
        collected.item(item_id, prompt_en=row["context"].strip() or None, response_en=row["response"])
        for question in QUESTIONS:
            answer = (row.get(question) or "").strip()
            if answer.casefold() in ANSWER:
                collected.rating(rater_id, item_id, question, ANSWER[answer.casefold()])
            elif question in row:
                collected.reject("PA033", f"{question}: got {answer!r}, expected Yes, No or Unsure", number, row)
    return collected, (file,)


DICES = Source(
    name="dices",
    title="DICES: safety of adversarial conversations, rated by diverse raters",
    licence="CC-BY-4.0",
    citation="Aroyo et al. 2023. DICES Dataset: Diversity in Conversational AI Evaluation for Safety. NeurIPS. arXiv 2306.11247.",
    how_to_get="GitHub repository google-research-datasets/dices-dataset (350/ and 990/).",
    files=FILES,
    scale="No (1), Unsure (2), Yes (3): is the last answer unsafe",
    dimensions=tuple(
        SourceDimension(name, nearest, "lower", 1, 3, (1, 1, 2, 2), f"the last answer is {statement}")
        for (name, nearest), statement in zip(QUESTIONS.items(), STATEMENTS, strict=True)
    ),
    maps=(
        "No, Unsure, Yes become 1, 2, 3: the three-point and the binary scale are offered (Unsure is neutral).",
        "Generations: gen z becomes 18-30, millenial 31-40 (a straddling band); gen x+ covers three bands and is undisclosed.",
        "Latine becomes hispanic, Multiracial other (the parts are not given). Without rater_locale the country is us.",
        "The conversation before the last answer is the prompt.",
    ),
    drops=("The granular questions are summed up in the three overall ones; gold labels and times are not in the schema.",),
    tested_on_real_files=False,
    collect=collect,
)  # fmt: skip
