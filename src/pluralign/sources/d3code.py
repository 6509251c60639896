"""D3CODE (Davani et al. 2024): offensiveness, by raters of 21 countries. Written from the published schema.

Source: README and data card of google-research-datasets/D3code, and the headers and categories of its raters and items files.
"""

from __future__ import annotations

from pathlib import Path

from pluralign.ratings import SourceDimension
from pluralign.schema import UNDISCLOSED
from pluralign.sources.base import Source
from pluralign.sources.collected import Collected
from pluralign.sources.reading import mapped, read_csv, whole_number

RATERS, ITEMS, RATINGS = "d3-raters.csv", "d3-items.csv", "d3-ratings.csv"
NOT_UNDERSTOOD = -1
GENDER = {"man": "male", "woman": "female", "non-binary / third gender": "nonbinary", "other": UNDISCLOSED}
AGE = {"18-30": "18-30", "30-50": UNDISCLOSED, "50+": UNDISCLOSED}
COUNTRY = {
    "india": "in", "canada": "ca", "nigeria": "ng", "new zealand": "nz", "united kingdom": "gb", "brazil": "br",
    "united arab emirates": "ae", "egypt": "eg", "vietnam": "vn", "australia": "au", "china": "cn",
    "united states of america": "us", "ghana": "gh", "mexico": "mx", "argentina": "ar", "netherlands": "nl",
    "singapore": "sg", "germany": "de", "japan": "jp", "qatar": "qa", "south korea": "kr",
}  # fmt: skip
OFFENSIVENESS = SourceDimension(
    "offensiveness", "toxicity", "lower", 0, 4, (0, 1, 2, 3), "how offensive is the sentence"
)


def collect(source: Source, path: Path) -> tuple[Collected, tuple[Path, ...]]:
    """Read raters, items and ratings."""
    raters, items, ratings = source.find_all(path)
    collected = Collected()
    for row in read_csv(raters, source, source.files[RATERS]):
        collected.rater(
            f"d3code-{row['rater_id']}",
            country=mapped(row["Country"], COUNTRY), gender=mapped(row["Gender"], GENDER), age_band=mapped(row["Age"], AGE),
        )  # fmt: skip
    for row in read_csv(items, source, source.files[ITEMS]):
        collected.item(f"d3code-{row['item_id']}", response_en=row["text"])
    for row in collected.rows(ratings, read_csv(ratings, source, source.files[RATINGS])):
        if whole_number(row["rating_raw"]) == NOT_UNDERSTOOD:
            collected.reject("PA033", "rating_raw", "−1, 'did not understand'", "0–4")
        else:
            rater_id, item_id = f"d3code-{row['rater_id']}", f"d3code-{row['item_id']}"
            collected.answer(rater_id, item_id, OFFENSIVENESS, row["rating_raw"])
    return collected, (raters, items, ratings)


D3CODE = Source(
    name="d3code",
    title="D3CODE: offensiveness of 4,554 sentences, by 4,309 raters of 21 countries",
    licence="CC-BY-4.0",
    citation="Davani et al. 2024. D3CODE: Disentangling Disagreements in Data across Cultures. EMNLP. arXiv 2404.10857.",
    how_to_get="dataset/ of https://github.com/google-research-datasets/D3code.",
    files={
        RATERS: ("rater_id", "Age", "Gender", "Country"),
        ITEMS: ("item_id", "text"),
        RATINGS: ("rater_id", "item_id", "rating_raw"),
    },
    together=True,
    scale="0 not offensive at all … 4 extremely offensive",
    dimensions=(OFFENSIVENESS,),
    maps=(
        "0–4 are the five points; the ratings table keeps 0–4.",
        "Ages 30–50 and over 50 each cover several of our bands: undisclosed.",
        "Gender Other is undisclosed: the study limited itself to binary gender. Politics and ethnicity were not asked: undisclosed.",
        "The items file repeats some sentences under the same id: one item each.",
    ),
    drops=(
        "Ratings of −1 (did not understand) are set aside (PA033).",
        "rating_binary is derived; moral foundations, region and socio-economic status are not in the schema.",
    ),
    tested_on_real_files=False,
    collect=collect,
)
