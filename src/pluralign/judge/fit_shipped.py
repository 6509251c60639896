"""Make the judge that ships: simulated raters on lexicon J, fitted; its agreement measured on lexicon E.

    python -m pluralign.judge.fit_shipped [FOLDER]

Takes about two minutes. Ratings of people, where they are at hand (PLURALIGN_SHARED), are only measured on: nothing is fitted
to them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.judge.base import Answer, Judge, Score
from pluralign.judge.fit import SIMULATED, fit_judge
from pluralign.judge.offline import RaterModelJudge, shipped_judge
from pluralign.judge.zero_shot import ZeroShotJudge
from pluralign.rater_model import Penalties, RaterModel
from pluralign.rater_model.likelihood import Floats
from pluralign.rater_model.rows import own_dimension
from pluralign.ratings import Ratings
from pluralign.ratings.tables import write_text
from pluralign.schema import LANGUAGES
from pluralign.simulate import load_parameters, simulate

FIT_SEED, TEST_SEED = 20_261, 20_262
"""Neither is the release's (0): other raters, other items."""
N_PROMPTS, RESPONSES, N_RATERS = 216, 16, 2_190
"""All prompts that lexicon J has; more responses show more of its phrases together, twice the study's raters rate them."""
EMBEDDING = "use-sentences"
PENALTIES = Penalties(ridge=30.0, contrast=10.0, alike=0.5)
"""Not cross-validated: prompts share phrases, so that held-out prompts would favour learning the phrases by heart (decision 006)."""
REAL = {
    "ann_with_attitudes": "ann_with_attitudes/largeScale.csv",
    "popquorn": "popquorn",
    "crehate": "crehate",
}
"""Real sets with toxicity, and where they lie under PLURALIGN_SHARED/data."""


def simulated_ratings() -> Ratings:
    """The ratings that the shipped judge is fitted to."""
    parameters = replace(
        load_parameters("population"), n_prompts=N_PROMPTS, responses_per_prompt=RESPONSES, n_raters=N_RATERS
    )
    return simulate(parameters, seed=FIT_SEED, lexicon="j")


def test_ratings() -> Ratings:
    """Items of lexicon E, which shares no phrase and no template with J."""
    parameters = replace(load_parameters("population"), n_prompts=200, responses_per_prompt=3)
    return simulate(parameters, seed=TEST_SEED, lexicon="e")


def fit_shipped() -> RaterModel:
    """Fit it; the same model on every machine up to the last digits."""
    return fit_judge([simulated_ratings()], EMBEDDING, penalties=PENALTIES)


def scores(judge: Judge, texts: Sequence[str], dimension: str, language: str) -> Floats:
    """The scores of texts, (n,); NaN where the judge gave none."""
    judged = judge.judge([Answer("", text, language) for text in texts], [dimension])
    return np.array([j.value if isinstance(j := row[dimension], Score) else np.nan for row in judged])


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman, to three decimals."""
    from scipy.stats import spearmanr

    return round(float(spearmanr(a, b).statistic), 3)


def agreement_with_truth(judge: RaterModelJudge) -> dict[str, dict[str, float]]:
    """Dimension -> Spearman with the true effect by language, and how alike the languages are scored, on lexicon E."""
    ratings, out = test_ratings(), {}
    assert ratings.truth is not None
    effect = {(row["item_id"], row["dimension"]): row["effect"] for row in ratings.truth.to_pylist()}
    items = ratings.items.column("item_id").to_pylist()
    for dimension in judge.model.dimensions:
        truth = np.array([effect[item, dimension] for item in items])
        by = {
            lang: scores(judge, ratings.items.column(f"response_{lang}").to_pylist(), dimension, lang)
            for lang in LANGUAGES
        }
        out[dimension] = {f"spearman_{lang}": rank_correlation(by[lang], truth) for lang in LANGUAGES}
        out[dimension]["correlation_en_de"] = round(float(np.corrcoef(by["en"], by["de"])[0, 1]), 3)
        out[dimension]["mean_absolute_difference_en_de"] = round(float(np.abs(by["en"] - by["de"]).mean()), 3)
        out[dimension]["sd_en"] = round(float(by["en"].std()), 3)
    return out


def item_means(ratings: Ratings, dimension: str) -> tuple[list[str], Floats]:
    """English responses of a real set's items, and their mean ratings of what stands for our dimension."""
    spec = own_dimension(ratings, dimension)
    assert spec is not None
    table = ratings.ratings.to_pandas()
    mean = table[table["dimension"] == spec.name].groupby("item_id")["value"].mean()
    text = dict(zip(*(ratings.items.column(c).to_pylist() for c in ("item_id", "response_en")), strict=True))
    return [text[item] for item in mean.index], mean.to_numpy(np.float64)


def agreement_with_people(judge: Judge, shared: Path) -> dict[str, float]:
    """Real set -> Spearman of toxicity scores with items' mean ratings."""
    from pluralign.sources import import_source

    out = {}
    for source, path in REAL.items():
        texts, mean = item_means(import_source(source, shared / "data" / path), "toxicity")
        out[source] = rank_correlation(scores(judge, texts, "toxicity", "en"), mean)
    return out


def measure(model: RaterModel, shared: Path) -> dict[str, Any]:
    """What agreement.json says; toxicity's default is the judge with the higher mean correlation over the real sets."""
    fitted, zero_shot = RaterModelJudge(model), ZeroShotJudge()
    people = {judge.name: agreement_with_people(judge, shared) for judge in (fitted, zero_shot)}
    mean = {name: float(np.mean(list(found.values()))) for name, found in people.items()}
    return {
        "toxicity_default": max(mean, key=lambda name: mean[name]),
        "what": "Spearman with items' mean ratings of toxicity on real sets, none of which a judge here was fitted to; "
        "and with the true effects of simulated items that are worded with other phrases (lexicon E)",
        SIMULATED: {"people": people[SIMULATED], "truth": agreement_with_truth(fitted)},
        zero_shot.name: {"people": people[zero_shot.name]},
    }


def main(arguments: Sequence[str]) -> int:
    """Fit, measure and write."""
    import os

    folder = Path(arguments[0]) if arguments else shipped_judge()
    shared = Path(os.environ.get("PLURALIGN_SHARED", "../shared"))
    if not (shared / "data").is_dir():
        print(f"no real rating sets at {shared / 'data'}: set PLURALIGN_SHARED", file=sys.stderr)
        return 1
    model = RaterModel.open(fit_shipped().save(folder))
    write_text(json.dumps(measure(model, shared), indent=1) + "\n", folder / "agreement.json")
    print((folder / "agreement.json").read_text("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
