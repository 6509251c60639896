"""POPQUORN, offensiveness (Pei & Jurgens 2023): Reddit comments rated by a US sample."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.sources.base import Collected, Source, mapped, read_csv

FILE = "offensiveness.csv"
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
    file = source.find(path, FILE)
    collected = Collected()
    needed = ("instance_id", "user_id", "text", "offensiveness", "gender", "race", "age")
    for number, row in enumerate(read_csv(file, source, needed)):
        collected.read += 1
        rater_id, item_id = f"popquorn-{row['user_id']}", f"popquorn-{row['instance_id']}"
        collected.rater(
            rater_id, country="us", gender=mapped(row["gender"], GENDER), age_band=mapped(row["age"], AGE),
            ethnicity=[mapped(row["race"], RACE)],
        )  # fmt: skip
        collected.item(item_id, response_en=row["text"])
        try:
            value = float(row["offensiveness"])
        except ValueError:
            value = float("nan")
        if value == int(value) if value == value else False:
            collected.rating(rater_id, item_id, "offensiveness", int(value))
        else:
            collected.reject("PA033", f"got {row['offensiveness']!r}, expected a whole number 1–5", number, row)
    return collected, (file,)


POPQUORN = Source(
    name="popquorn",
    title="POPQUORN: offensiveness of 1,500 Reddit comments",
    licence="none stated",
    citation="Pei & Jurgens 2023. When Do Annotator Demographics Matter? LAW-XVII. arXiv 2306.06826.",
    how_to_get="GitHub repository Jiaxin-Pei/Potato-Prolific-Dataset, dataset/offensiveness.",
    files=(FILE,),
    scale="1 not offensive … 5 very offensive",
    dimensions=(SourceDimension("offensiveness", "toxicity", "lower", 1, 5, (1, 2, 3, 4), "how offensive is the comment"),),
    maps=(
        "All raters are of a US sample: country us. Politics was not asked: undisclosed.",
        "Five-year age bands straddle ours by one year; 30–34 becomes 31-40, 40–44 41-50, 50–54 51-60, 60–64 over-60. The file's 54-59 is read as 55-59.",
        "Arab American becomes middle-eastern, Native American indigenous.",
    ),
    drops=("Occupation and education are not in the schema.",),
    tested_on_real_files=True,
    collect=collect,
)  # fmt: skip
