"""Do the texts carry their scores? Type–token figures, what a plain text model reads off them, and give-away phrases."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError, unknown
from pluralign.ratings import Ratings
from pluralign.schema import LANGUAGES
from pluralign.simulate.parameters import ORDER

Floats = NDArray[np.float64]

CLEAR, PERFECT = 0.6, 0.9
"""The rank correlation between a TF-IDF ridge and the true effect must lie between these."""
FOLDS = 10
FEWEST_PROMPTS = 20
RIDGE_PENALTY = 1.0
GIVEAWAY_RATINGS = 20
"""Sentences with fewer ratings on a dimension are not judged for giving a rating away."""
GIVEAWAY_SHARE = 0.8
"""A sentence after which one rating surely has at least this share would give it away."""


@dataclass(frozen=True)
class TextReport:
    """What the texts of a release look like, by language.

    Attributes:
        tokens, types: words and distinct words of prompts and responses.
        response_words: mean words of a response.
        distinct_responses: share of responses that no other equals.
        sentences: distinct sentences of responses.
        ridge: dimension -> Spearman of a TF-IDF ridge, fitted on other prompts, with the true effect.
        giveaway: of all sentences, the largest lower bound of one rating's share among the ratings of items with it, with the
            sentence and the dimension.
    """

    language: str
    tokens: int
    types: int
    response_words: float
    distinct_responses: float
    sentences: int
    ridge: dict[str, float]
    giveaway: tuple[float, str, str]

    @property
    def type_token_ratio(self) -> float:
        """Distinct words over words."""
        return self.types / self.tokens


def words(text: str) -> list[str]:
    """The words of a text, folded.

    >>> words("Women's work? No, work.")
    ["women's", 'work', 'no', 'work']
    """
    return re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.casefold())


def sentences(text: str) -> list[str]:
    """The sentences of a text.

    >>> sentences("One. Two? Three!")
    ['One.', 'Two?', 'Three!']
    """
    return re.split(r"(?<=[.!?…])\s+", text.strip())


def ridge_correlations(texts: Sequence[str], prompt_of: Sequence[str], effects: dict[str, Floats]) -> dict[str, float]:
    """Spearman of out-of-fold predictions of a TF-IDF ridge with the true effects; folds share no prompt.

    Args:
        texts: prompt and response of each item, (n_items,).
        prompt_of: prompt of each item.
        effects: dimension -> true effect, (n_items,).
    """
    from scipy.stats import spearmanr
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline

    target = np.column_stack([effects[d] for d in effects])
    predicted = np.zeros_like(target)
    for train, test in GroupKFold(min(FOLDS, len(set(prompt_of)))).split(texts, groups=prompt_of):
        model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), Ridge(RIDGE_PENALTY))
        model.fit([texts[k] for k in train], target[train])
        predicted[test] = model.predict([texts[k] for k in test])
    return {d: float(spearmanr(predicted[:, k], target[:, k]).statistic) for k, d in enumerate(effects)}


def wilson_low(k: int, n: int, z: float = 1.96) -> float:
    """Lower bound of Wilson's 95 % interval of a share.

    >>> round(wilson_low(8, 10), 3)
    0.49
    """
    p = k / n
    return float((p + z * z / (2 * n) - z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n))


def giveaway(ratings: Ratings, responses: dict[str, str]) -> tuple[float, str, str]:
    """The sentence after which one rating is most certain: (Wilson's lower 95 % bound of its share, sentence, dimension)."""
    by_item: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for row in zip(*(ratings.ratings.column(c).to_pylist() for c in ("item_id", "dimension", "value")), strict=True):
        by_item[row[0], row[1]][row[2]] += 1
    items: dict[str, set[str]] = defaultdict(set)
    for item, response in responses.items():
        for sentence in sentences(response):
            items[sentence].add(item)
    worst = (0.0, "", "")
    for sentence, holders in items.items():
        for dimension in ORDER:
            total: Counter[int] = sum((by_item[item, dimension] for item in holders), Counter())
            if (n := total.total()) >= GIVEAWAY_RATINGS:
                worst = max(worst, (wilson_low(max(total.values()), n), sentence, dimension))
    return worst


def text_report(ratings: Ratings, language: str) -> TextReport:
    """Measure the texts of a simulated release in one language.

    Args:
        ratings: simulated, with their truth.
        language: `en` or `de`.
    """
    if language not in LANGUAGES:
        raise unknown("PA010", "language", language, LANGUAGES)
    if ratings.truth is None:
        raise PluralignError("PA041", f"{ratings.provenance.label} has no truth.", "Only simulated ratings have one.")
    if len(set(ratings.items.column("prompt_id").to_pylist())) < FEWEST_PROMPTS:
        raise PluralignError(
            "PA041", f"got fewer than {FEWEST_PROMPTS} prompts.", "Texts are measured across prompts: simulate more."
        )
    items = {
        c: ratings.items.column(c).to_pylist()
        for c in ("item_id", "prompt_id", f"prompt_{language}", f"response_{language}")
    }
    prompts, responses = items[f"prompt_{language}"], items[f"response_{language}"]
    truth = {(t["item_id"], t["dimension"]): t["effect"] for t in ratings.truth.to_pylist()}
    effects = {d: np.array([truth[i, d] for i in items["item_id"]]) for d in ORDER}
    both = [f"{p}\n{r}" for p, r in zip(prompts, responses, strict=True)]
    counts = Counter(word for text in [*dict.fromkeys(prompts), *responses] for word in words(text))
    repeated = Counter(responses)
    return TextReport(
        language=language,
        tokens=counts.total(),
        types=len(counts),
        response_words=float(np.mean([len(words(r)) for r in responses])),
        distinct_responses=sum(n == 1 for n in repeated.values()) / len(responses),
        sentences=len({sentence for r in responses for sentence in sentences(r)}),
        ridge=ridge_correlations(both, items["prompt_id"], effects),
        giveaway=giveaway(ratings, dict(zip(items["item_id"], responses, strict=True))),
    )
