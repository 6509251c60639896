"""The simulated release against what was published: recomputed from its tables, for the card and for CI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError, Problem
from pluralign.ratings import Ratings
from pluralign.schema import LANGUAGES
from pluralign.simulate.achieved import (
    Sample,
    cheap_statistics,
    expected_flip_share,
    flip_share,
    kappa_recovered,
    odds_ratios,
)
from pluralign.simulate.core import null_of
from pluralign.simulate.parameters import ORDER, Parameters
from pluralign.simulate.published import DISAGREEMENT_TARGETS, N_ITEMS, N_RATERS, PUBLISHED
from pluralign.simulate.texts import CLEAR, GIVEAWAY_SHARE, PERFECT, TextReport, text_report
from pluralign.stats.clmm import ClmmFit

Floats = NDArray[np.float64]

FLIP_TOLERANCE = 0.02
MATCHED_TOLERANCE = {"odds_ratio": 0.01, "disagreement": 0.003, "mean_disagreement": 0.003, "conditional": 0.005}
"""How near a matched release comes to a published value; alphas of groups are left to chance, within `MOST_SDS`."""
MOST_SDS = 2.6
"""Monte-Carlo standard deviations that a statistic may be off: one in a hundred is farther off by chance."""
MEAN_KAPPA_SHIFT = 0.05
"""By how much κ may move a log odds ratio in the mean over fresh releases: h is noise to the mixed model, which shrinks a little."""
CONTRASTED = (
    ("toxicity", "female", "male"),
    ("emotional_awareness", "liberal", "conservative"),
    ("emotional_awareness", "white", "black"),
)
"""(dimension, group without κ, group with κ)."""


@dataclass(frozen=True)
class Row:
    """One line of the statistics table.

    Attributes:
        name: the statistic.
        published: what the study (or the model) says it should be; None where only a bound exists.
        achieved: what the release has.
        sd: Monte-Carlo sd over fresh releases of the same size; None where it does not vary or is not known.
        allowed: how far achieved may be off, in words.
        holds: whether it is; None where nothing is claimed.
    """

    name: str
    published: float | None
    achieved: float
    sd: float | None
    allowed: str
    holds: bool | None


def monte_carlo_sds() -> dict[str, float]:
    """Sd of every statistic over releases of the study's size; `python -m pluralign.simulate.recalibrate` makes them."""
    sds: dict[str, float] = monte_carlo()["sd"]
    return sds


@cache
def monte_carlo() -> dict[str, Any]:
    """Mean and sd of every statistic over fresh releases, as they were recorded."""
    text = (files("pluralign.simulate") / "calibrated" / "monte_carlo.json").read_text("utf-8")
    recorded: dict[str, Any] = json.loads(text)
    return recorded


def released_parameters(ratings: Ratings) -> Parameters:
    """The parameters that a simulated release was drawn from."""
    return Parameters.from_tagged(ratings.provenance.details["parameters"])


def statistics_rows(ratings: Ratings) -> list[Row]:
    """Every published statistic, and every property that the latent model promises, as this release has it."""
    sample, parameters = Sample.from_ratings(ratings), released_parameters(ratings)
    fits = {d: sample.fit(d) for d in ORDER}
    achieved = cheap_statistics(sample) | odds_ratios(fits)
    sds = monte_carlo_sds()
    aims = {s.name: (s.kind, s.value) for s in PUBLISHED}
    for dimension, target in DISAGREEMENT_TARGETS.items():
        aims.setdefault(f"disagreement {dimension}", ("disagreement", target))
    rows = [
        _published_row(name, kind, aim, achieved[name], sds[name], parameters) for name, (kind, aim) in aims.items()
    ]
    return [
        *rows,
        *_contrast_rows(ratings, sample, parameters),
        *_alpha_rows(sample, sds, parameters),
        *_kappa_rows(ratings, parameters, fits),
    ]


def _published_row(name: str, kind: str, aim: float, achieved: float, sd: float, parameters: Parameters) -> Row:
    """A published statistic beside the achieved one. A release with another κ or size is not calibrated to it: no bound."""
    if not parameters.is_calibrated:
        return Row(name, aim, achieved, None, "not calibrated to", None)
    bound = MATCHED_TOLERANCE.get(kind) if parameters.mode == "matched" else None
    allowed = MOST_SDS * sd if bound is None else bound
    return Row(name, aim, achieved, sd, f"± {allowed:.3f}", bool(abs(achieved - aim) <= allowed))


def true_effects(ratings: Ratings) -> tuple[Floats, Floats]:
    """v and h of every item and dimension out of the truth table, (n_items, 5) each, items in the order of their table."""
    if ratings.truth is None:
        raise PluralignError("PA041", f"{ratings.provenance.label} has no truth.", "Only simulated ratings have one.")
    order = {item: k for k, item in enumerate(ratings.items.column("item_id").to_pylist())}
    v, h = (np.zeros((len(order), len(ORDER))) for _ in range(2))
    for row in ratings.truth.to_pylist():
        place = order[row["item_id"]], ORDER.index(row["dimension"])
        v[place], h[place] = row["effect"], row["contrast"]
    return v, h


def _contrast_rows(ratings: Ratings, sample: Sample, parameters: Parameters) -> list[Row]:
    """Orders that flip, by the truth; and what groups weigh, read off their ratings."""
    prompts = ratings.items.column("prompt_id").to_pylist()
    prompt_of = np.unique(prompts, return_inverse=True)[1].astype(np.int64)
    v, h = true_effects(ratings)
    rows = []
    for dimension, without, weighing in CONTRASTED:
        k, kappa = ORDER.index(dimension), parameters.dimensions[dimension].kappa.get(weighing, 0.0)
        expected, share = expected_flip_share(kappa), flip_share(prompt_of, v[:, k], h[:, k], 0.0, kappa)
        holds = abs(share - expected) <= (FLIP_TOLERANCE if kappa else 0.0)
        name = f"within-prompt orders that flip, {dimension}, {without} – {weighing}"
        rows.append(Row(name, expected, share, None, f"± {FLIP_TOLERANCE if kappa else 0}", bool(holds)))
        found = kappa_recovered(sample, dimension, weighing, v[:, k], h[:, k])
        sd = monte_carlo()["sd"][f"kappa recovered {dimension} {weighing}"]
        name = f"κ recovered from the ratings, {dimension}, {weighing}"
        rows.append(_within_sds(name, kappa, found, sd, parameters))
    return rows


def _within_sds(name: str, promised: float, achieved: float, sd: float, parameters: Parameters) -> Row:
    """A promise that holds up to sampling error; the recorded sds are those of the study's size."""
    if parameters.n_raters != N_RATERS or parameters.n_items != N_ITEMS:
        return Row(name, promised, achieved, None, "sd unknown at this size", None)
    return Row(name, promised, achieved, sd, f"± {MOST_SDS * sd:.3f}", bool(abs(achieved - promised) <= MOST_SDS * sd))


def _alpha_rows(sample: Sample, sds: dict[str, float], parameters: Parameters) -> list[Row]:
    rows = []
    for dimension, without, weighing in CONTRASTED:
        difference = sample.group_alpha(dimension, weighing) - sample.group_alpha(dimension, without)
        name = f"alpha difference {dimension} {weighing} {without}"
        rows.append(_within_sds(name, 0.0, difference, sds[name], parameters))
    return rows


def _kappa_rows(ratings: Ratings, parameters: Parameters, fits: dict[str, ClmmFit]) -> list[Row]:
    """The published log odds ratios with and without κ, all noise equal."""
    null = Sample.from_ratings(null_of(ratings))
    rows = []
    for dimension in sorted({dimension for dimension, _, _ in CONTRASTED}):
        with_kappa, without = fits[dimension], null.fit(dimension)
        for level in (s.group for s in PUBLISHED if s.kind == "odds_ratio" and s.dimension == dimension):
            k = list(with_kappa.names).index(level)
            shift = float(with_kappa.coef[k] - without.coef[k])
            recorded = f"shift by kappa of log odds_ratio {dimension} {level}"
            mean, sd = monte_carlo()["mean"][recorded], monte_carlo()["sd"][recorded]
            name = f"log odds ratio {dimension} {level}, moved by κ on this draw"
            rows.append(_within_sds(name, 0.0, shift, sd, parameters))
            name = f"log odds ratio {dimension} {level}, moved by κ, mean over {monte_carlo()['replicates']} fresh releases"
            error = sd / np.sqrt(monte_carlo()["replicates"])
            rows.append(Row(name, 0.0, mean, float(error), f"± {MEAN_KAPPA_SHIFT}", abs(mean) <= MEAN_KAPPA_SHIFT))
    return rows


def text_rows(reports: Sequence[TextReport]) -> list[Row]:
    """What is asked of the texts."""
    rows = []
    for report in reports:
        for dimension, correlation in report.ridge.items():
            name = f"TF-IDF ridge, Spearman with the true effect, {dimension}, {report.language}"
            rows.append(Row(name, None, correlation, None, f"{CLEAR}–{PERFECT}", CLEAR <= correlation <= PERFECT))
        share, _, dimension = report.giveaway
        name = f"share of one rating after one sentence, lower bound of the largest ({dimension}), {report.language}"
        rows.append(Row(name, None, share, None, f"< {GIVEAWAY_SHARE}", share < GIVEAWAY_SHARE))
        rows.append(
            Row(
                f"distinct responses, {report.language}",
                1.0,
                report.distinct_responses,
                None,
                "all",
                report.distinct_responses == 1,
            )
        )
    return rows


def check_statistics(ratings: Ratings) -> list[Problem]:
    """Problems (PA042) for every statistic or text figure that is off."""
    rows = [*statistics_rows(ratings), *text_rows([text_report(ratings, language) for language in LANGUAGES])]
    return [
        Problem("PA042", "statistics", None, row.name, f"{row.achieved:.4f}",
                row.allowed if row.published is None else f"{row.published:.4f} {row.allowed}", "Calibrate again: make calibrate.")
        for row in rows if row.holds is False
    ]  # fmt: skip


def statistics_section(ratings: Ratings) -> str:
    """The statistics of a simulated release as Markdown: published, achieved, Monte-Carlo sd, and the texts' figures."""
    reports = [text_report(ratings, language) for language in LANGUAGES]
    lines = [
        "Recomputed from the tables by `pluralign data check --statistics`. `sd` is the Monte-Carlo standard deviation over fresh "
        "releases of the same size (40 of them, so each sd is known to about a tenth). The study publishes the disagreement of sensitivity and of helpfulness and "
        "the mean; the other three share what the mean leaves. A conditional is the share of ratings ≥ 4 on the first dimension among those ≥ 4 on the second. Odds ratios are those that the study's cumulative link mixed model fits to these ratings.",
        "",
        "| statistic | published or promised | achieved | sd | allowed | holds |",
        "|---|---|---|---|---|---|",
        *(statistics_line(row) for row in [*statistics_rows(ratings), *text_rows(reports)]),
        "",
        "| texts | words | distinct words | type–token ratio | words a response | distinct sentences in responses |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.language} | {r.tokens:,} | {r.types:,} | {r.type_token_ratio:.4f} | {r.response_words:.1f} | {r.sentences:,} |"
        for r in reports
    ]
    return "\n".join(lines)


def statistics_line(row: Row) -> str:
    """A row as a line of the Markdown table."""
    cells: list[Any] = [
        row.name,
        "" if row.published is None else f"{row.published:.3f}",
        f"{row.achieved:.3f}",
        "" if row.sd is None else f"{row.sd:.3f}",
        row.allowed,
        {True: "yes", False: "**no**", None: "–"}[row.holds],
    ]
    return "| " + " | ".join(cells) + " |"
