"""D3CODE (Davani et al. 2024): offensiveness, by raters of 21 countries. Written from the published description."""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Collected, Source, mapped, read_csv

RATERS, ITEMS, RATINGS = "d3-raters.csv", "d3-items.csv", "d3-ratings.csv"
GENDER = {"man": "male", "woman": "female", "other": "nonbinary"}
AGE = {"18-30": "18-30", "30-50": UNDISCLOSED, "50+": UNDISCLOSED}
COUNTRY = {
    "india": "in", "canada": "ca", "nigeria": "ng", "new zealand": "nz", "united kingdom": "gb", "brazil": "br",
    "united arab emirates": "ae", "egypt": "eg", "vietnam": "vn", "australia": "au", "china": "cn",
    "united states of america": "us", "united states": "us", "ghana": "gh", "mexico": "mx", "argentina": "ar", "netherlands": "nl",
    "singapore": "sg", "germany": "de", "japan": "jp", "qatar": "qa", "south korea": "kr",
}  # fmt: skip
RAW = ("raw_rating", "raw", "rating")
"""Names under which the raw rating may stand: the description does not give the header."""


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read raters, items and ratings."""
    folder = path.parent if path.is_file() else path
    raters, items, ratings = (source.find(folder, name) for name in (RATERS, ITEMS, RATINGS))
    collected = Collected()
    for row in read_csv(raters, source, ("rater_id", "Age", "Gender", "Country")):
        collected.rater(
            f"d3code-{row['rater_id']}",
            country=mapped(row["Country"], COUNTRY), gender=mapped(row["Gender"], GENDER), age_band=mapped(row["Age"], AGE),
        )  # fmt: skip
    for row in read_csv(items, source, ("item_id", "text")):
        collected.item(f"d3code-{row['item_id']}", response_en=row["text"])
    for number, row in enumerate(read_csv(ratings, source, ("rater_id", "item_id"))):
        column = next((name for name in RAW if name in row), None)
        if column is None:
            raise source.not_recognised(f"{ratings.name} has none of {', '.join(RAW)}")
        collected.read += 1
        answer = row[column].strip().removesuffix(".0")
        if answer == "-1" or not answer.lstrip("-").isdigit():
            why = "−1 is 'did not understand'" if answer == "-1" else f"got {answer!r}, expected 0–4"
            collected.reject("PA033", why, number, row)
        else:
            collected.rating(f"d3code-{row['rater_id']}", f"d3code-{row['item_id']}", "offensiveness", int(answer))
    return collected, (raters, items, ratings)


D3CODE = Source(
    name="d3code",
    title="D3CODE: offensiveness of 4,500 sentences, by 4,309 raters of 21 countries",
    licence="CC-BY-4.0",
    citation="Davani et al. 2024. D3CODE: Disentangling Disagreements in Data across Cultures. arXiv 2404.10857.",
    how_to_get="GitHub repository google-research-datasets/D3code, folder dataset (d3-raters.csv, d3-items.csv, d3-ratings.csv).",
    files=(RATERS, ITEMS, RATINGS),
    scale="0 not offensive at all … 4 extremely offensive",
    dimensions=(SourceDimension("offensiveness", "toxicity", "lower", 0, 4, (0, 1, 2, 3), "how offensive is the sentence"),),
    maps=(
        "0–4 are the five points; the ratings table keeps 0–4.",
        "Ages 30–50 and over 50 each cover several of our bands: undisclosed.",
        "Gender Other becomes nonbinary. Politics and ethnicity were not asked: undisclosed.",
    ),
    drops=("Ratings of −1 (did not understand) are set aside (PA033).", "Moral foundations and socio-economic status are not in the schema."),
    tested_on_real_files=False,
    collect=collect,
)  # fmt: skip
