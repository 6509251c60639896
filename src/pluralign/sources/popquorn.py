"""POPQUORN, offensiveness (Pei & Jurgens 2023): Reddit comments rated by a US sample."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import mapped, read_csv

FILES = ("raw_data.csv", "offensiveness.csv")
"""Its published name, and the one that it is often given, since the repository has several raw_data.csv."""
COLUMNS = ("instance_id", "user_id", "text", "offensiveness", "gender", "race", "age")
OFFENSIVENESS = SourceDimension(
    "offensiveness", "toxicity", "lower", 1, 5, (1, 2, 3, 4), "how offensive is the comment"
)
GENDER = {"man": "male", "woman": "female", "non-binary": "nonbinary"}
RACE = {
    "white": "white", "black or african american": "black", "asian": "asian", "native american": "indigenous",
    "hispanic or latino": "hispanic", "arab american": "middle-eastern",
}  # fmt: skip
AGE = {
    "18-24": "18-30", "25-29": "18-30", "30-34": "31-40", "35-39": "31-40", "40-44": "41-50", "45-49": "41-50",
    "50-54": "51-60", "54-59": "51-60", "55-59": "51-60", "60-64": "over-60", ">65": "over-60",
}  # fmt: skip


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read the file."""
    file, _ = source.find_one(path)
    collected = Collected()
    for row in collected.rows(file, read_csv(file, source, COLUMNS)):
        rater_id, item_id = f"popquorn-{row['user_id']}", f"popquorn-{row['instance_id']}"
        collected.rater(
            rater_id, country="us", gender=mapped(row["gender"], GENDER), age_band=mapped(row["age"], AGE),
            ethnicity=[mapped(row["race"], RACE)],
        )  # fmt: skip
        collected.item(item_id, response_en=row["text"])
        collected.answer(rater_id, item_id, OFFENSIVENESS, row["offensiveness"])
    return collected, (file,)


POPQUORN = Source(
    name="popquorn",
    title="POPQUORN: offensiveness of 1,500 Reddit comments",
    licence="none stated",
    citation="Pei & Jurgens 2023. When Do Annotator Demographics Matter? LAW-XVII. arXiv 2306.06826.",
    how_to_get="dataset/offensiveness/raw_data.csv of https://github.com/Jiaxin-Pei/Potato-Prolific-Dataset.",
    files=dict.fromkeys(FILES, COLUMNS),
    together=False,
    scale="1 not offensive … 5 very offensive",
    dimensions=(OFFENSIVENESS,),
    maps=(
        "All raters are of a US sample: country us. Politics was not asked: undisclosed.",
        "Five-year age bands straddle ours by one year and go where four of their five years lie: 30–34 becomes 31-40, 40–44 41-50, 50–54 51-60, 60–64 over-60. The file's 54-59 is read as 55-59.",
        "Arab American becomes middle-eastern, Native American indigenous.",
    ),
    drops=("Occupation and education are not in the schema.",),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
