"""The tables of the experiments: what people read, and every number in full behind it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from pluralign.analysis.numbers import DASH, interval, plain
from pluralign.analysis.table import Table
from pluralign.analysis.tables import shown_p
from pluralign.experiments.length import LengthEffect
from pluralign.experiments.outcomes import FURTHER, ORDER
from pluralign.experiments.pooled import GridEffect
from pluralign.experiments.published import PublishedEffect
from pluralign.experiments.records import model_record, pooled_record, published_record
from pluralign.experiments.recovery import FrontierPoint, Recovery
from pluralign.experiments.results import SCORES
from pluralign.experiments.survey import SurveyDifference
from pluralign.experiments.truth import SET_WORDS
from pluralign.report.figures import words

EFFECT_COLUMNS = (
    "contrast",
    "outcome",
    "ties, protocol",
    "model",
    "seeds",
    "estimate [95 %]",
    "p",
    "p (Holm)",
    "by seed",
    "published",
)
NUMBERS = ("estimate [95 %]", "p", "p (Holm)", "published")


def outcome_words(outcome: str) -> str:
    """An outcome as people read it.

    >>> outcome_words("order.e.toxicity.everyone"), outcome_words("jury.emotional_awareness")
    ('order on E: toxicity, everyone', 'jury: emotional awareness')
    >>> outcome_words("judge.rater-model-prism.toxicity")
    'toxicity by rater-model-prism'
    """
    kind, *rest = outcome.split(".")
    if kind == ORDER:
        return f"order on {SET_WORDS[rest[0]]}: {', '.join(map(words, rest[1:]))}"
    if kind == FURTHER:
        name, _, dimension = outcome.removeprefix(f"{FURTHER}.").rpartition(".")
        return f"{words(dimension)} by {name}"
    return f"{kind}: {', '.join(map(words, rest))}" if rest else words(kind)


def effects_table(name: str, title: str, effects: Iterable[GridEffect], note: str, stamp: str) -> Table:
    """Effects, a row a model and one for all of them pooled."""
    cells, records = [], []
    for one in effects:
        wanted = one.contrast
        told = [
            wanted.label,
            f"{outcome_words(wanted.outcome)} {'↑' if wanted.better == 'higher' else '↓'}",
            str(wanted.stratum),
        ]
        published = DASH if wanted.published is None else _published(wanted.published)
        own = {key: getattr(wanted, key) for key in ("experiment", "estimand", "first", "second", "outcome", "better")}
        own |= {"ties": wanted.stratum.ties, "protocol": wanted.stratum.protocol, "null_release": wanted.is_null}
        behind = (
            {}
            if wanted.published is None
            else {
                "published": wanted.published.value,
                "published_p": wanted.published.p,
                "published_note": wanted.published.note,
            }
        )
        for of in one.models:
            cells.append([*told, of.model, " ".join(map(str, of.by_seed)), interval(*of.estimate), shown_p(of.p), shown_p(of.p_holm),
                          each_seed(of.by_seed), published])  # fmt: skip
            records.append({**own, **model_record(of), **plain(behind), "ratings": stamp})
        if one.pooled is not None:
            estimate, low, high, p = one.headline
            shown = f"pooled, {one.pooled.pooled.n_models} models, tau² {one.pooled.tau2:.2g}, I² {one.pooled.i2_percent:.0f} %"
            cells.append(
                [*told, shown, "", interval(estimate, low, high), shown_p(p), shown_p(one.p_holm), "", published]
            )
            flat = pooled_record(one) or {}
            records.append({**own, "model": "pooled", **flat, **plain(behind), "ratings": stamp})
    return Table.of(name, title, list(EFFECT_COLUMNS), cells, records, f"{stamp}. {note}", list(NUMBERS))


def each_seed(by_seed: Mapping[int, float]) -> str:
    """What each of several seeds gave; nothing of one, which is the estimate itself.

    >>> each_seed({0: 0.1, 1: -0.02}), each_seed({0: 0.1})
    ('+0.100 -0.020', '')
    """
    return " ".join(f"{value:+z.3f}" for value in by_seed.values()) if len(by_seed) > 1 else ""


def _published(one: PublishedEffect) -> str:
    p = f"p {one.p if one.p[:1] == '<' else '= ' + one.p}" if one.p else ""
    return f"{one.value:+z.3f}{f' ({p})' if p else ''}" if math.isfinite(one.value) else p


def published_table(effects: Iterable[PublishedEffect]) -> Table:
    """What the study published, with what has to be known of it."""
    rows = [
        [one.experiment, f"{one.first} − {one.second}", words(one.outcome), _published(one), one.wording, one.note]
        for one in effects
    ]
    return Table.of(
        "published", "What the study published", ["experiment", "difference", "score", "published", "wording", "remark"], rows,
        [published_record(one) or {} for one in effects], "From the results section of arXiv 2511.14476. Its 5.0, 4.7 and 3.4 are percentage points "
        "of the score; its 22 % and 53 % are ratios of effects.",
    )  # fmt: skip


def survey_table(found: Sequence[SurveyDifference], stamp: str) -> Table:
    """Differences in the ratings."""
    rows = [
        [
            words(one.dimension),
            f"{one.first} − {one.second}",
            interval(one.estimate, one.low, one.high),
            f"{sum(one.n_ratings):,}",
            f"{sum(one.n_raters):,}",
        ]
        for one in found
    ]
    return Table.of(
        "survey", "Differences between groups' ratings", ["dimension", "groups", "difference [95 %]", "ratings", "raters"], rows,
        [{**plain(asdict(one)), "ratings": stamp} for one in found],
        f"{stamp}. Difference of mean ratings, (rating − 1) / 4, so that it is on the judge's scale; an odds ratio is not. Intervals resample raters. Each "
        "group rated the items it was shown, so that this is no comparison of equal items. A shift that is the same on every answer changes no "
        "preference between two answers, so that models need not follow these signs.",
        ["difference [95 %]", "ratings", "raters"],
    )  # fmt: skip


def recovery_table(found: Sequence[Recovery], stamp: str) -> Table:
    """Order accuracy of every cell."""
    rows = [
        [one.name, one.model, one.set, words(one.dimension), words(one.group), interval(one.share, one.low, one.high), shown_p(one.p),
         " ".join(f"{value:.3f}" for value in one.by_seed.values()), one.n_prompts, one.n_clusters]
        for one in found
    ]  # fmt: skip
    columns = [
        "cell",
        "model",
        "set",
        "dimension",
        "truth of",
        "share in true order [95 %]",
        "p (chance)",
        "by seed",
        "prompts",
        "templates",
    ]
    records = [
        {**plain({**asdict(one), "by_seed": {str(k): v for k, v in one.by_seed.items()}}), "ratings": stamp}
        for one in found
    ]
    return Table.of(
        "recovery", "Recovery of the truth, cell by cell", columns, rows, records,
        f"{stamp}. Mean over prompts of the share of answer pairs that the implicit reward orders as they truly are; chance is .5. Set e: phrases, topics and "
        "templates that occur in nothing that was trained on. Intervals and p of several seeds are over runs and templates, of one about that checkpoint.", ["share in true order [95 %]", "p (chance)", "prompts", "templates"],
    )  # fmt: skip


def length_table(found: Sequence[LengthEffect], stamp: str) -> Table:
    """Effects at equal length."""
    rows, records = [], []
    for one in found:
        wanted = one.contrast
        rows.append([
            f"{wanted.experiment}: {wanted.label}", words(wanted.outcome), str(wanted.stratum), one.model, interval(one.length, *one.length_interval, 0),
            f"{one.raw:z.3f}" if math.isfinite(one.raw) else DASH, interval(one.adjusted, *one.adjusted_interval),
            each_seed(one.by_seed), one.n_pairs,
        ])  # fmt: skip
        records.append(plain({
            "experiment": wanted.experiment, "first": wanted.first, "second": wanted.second, "outcome": wanted.outcome, "ties": wanted.stratum.ties,
            "protocol": wanted.stratum.protocol, "model": one.model, "length": one.length, "length_low": one.length_interval.low,
            "length_high": one.length_interval.high, "raw": one.raw, "adjusted": one.adjusted, "adjusted_low": one.adjusted_interval.low,
            "adjusted_high": one.adjusted_interval.high, "adjusted_by_seed": {str(k): v for k, v in one.by_seed.items()}, "slope_per_100_characters": one.slope, "n_pairs": one.n_pairs, "n_clusters": one.n_clusters,
            "ratings": stamp,
        }))  # fmt: skip
    columns = [
        "contrast",
        "score",
        "ties, protocol",
        "model",
        "characters [95 %]",
        "effect",
        "at equal length [95 %]",
        "by seed",
        "prompts",
    ]
    return Table.of(
        "length", "Length of answers", columns, rows, records,
        f"{stamp}. Difference in characters, and the difference in score where two answers are equally long: the intercept of a regression of the one on the "
        "other, run by run and prompt by prompt. Where nearly every answer has become shorter, it is an extrapolation. Where each of several seeds is listed, intervals are over "
        "runs and templates; with one they are about these checkpoints.", ["characters [95 %]", "effect", "at equal length [95 %]", "prompts"],
    )  # fmt: skip


def frontier_table(points: Sequence[FrontierPoint], stamp: str) -> Table:
    """Gain and KL of every run."""
    rows = [
        [
            one.name,
            one.model,
            one.seed,
            f"{one.at:.0%}" if math.isfinite(one.at) else DASH,
            f"{one.kl:.2f}",
            *(f"{one.gain[name]:+z.3f}" for name in SCORES),
        ]
        for one in points
    ]
    records = [
        plain(
            {
                "cell": one.name,
                "model": one.model,
                "seed": one.seed,
                "at": one.at,
                "kl": one.kl,
                **{f"{name}_change": one.gain[name] for name in SCORES},
                "ratings": stamp,
            }
        )
        for one in points
    ]
    return Table.of(
        "frontier", "Gain against KL", ["cell", "model", "seed", "of the run", "KL", "toxicity", "emotional awareness"], rows, records,
        f"{stamp}. Change of the mean score against the base, and KL from it in nats an answer, on answers sampled at temperature 1; of answers in the first "
        "language.", ["seed", "of the run", "KL", "toxicity", "emotional awareness"],
    )  # fmt: skip
