"""Whose ratings a model reproduces: the tables that are computed of the samples of `pluralign_rater*` and the human ratings.

Groups of an attribute are compared on the items that all of them rated. Representativeness is which group's ratings a model fits best as
it comes; steerability is what naming a group does for that group's ratings beyond what the wrong group's name does; consistency is
whether the same group is nearest on every dimension and in both languages.

Source: Santurkar et al. (2023), "Whose opinions do language models reflect?" (OpinionQA), ICML.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.errors import PluralignError
from pluralign.evaluation.rater_docs import compared_groups, contrasts
from pluralign.evaluation.rater_prompts import distribution
from pluralign.evaluation.rater_scores import Cell, Predictions, Rated, rivals, shown_groups, skills
from pluralign.evaluation.rater_tables import text_tables
from pluralign.ratings import Ratings
from pluralign.stats.proper_scores import (
    POOLED_MINIMUM,
    pairwise_log_loss,
    pooled_jensen_shannon,
    unbiased_cramer_distance,
)
from pluralign.stats.reliability import correlation, split_half
from pluralign.stats.resampling import Floats, percentile_interval

BOOTSTRAP = 1000
MINIMUM_CLUSTERS = 5
"""Prompt templates below which no interval is given: a bootstrap of one prompt has width 0, which would read as certainty."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval over raters and prompts; NaN where it is undefined.

    Attributes:
        value: the number.
        low, high: the interval's ends.
        n_undefined: replicates without a value.
    """

    value: float
    low: float
    high: float
    n_undefined: int = 0

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Row:
    """How well a model's distributions fit one group's ratings on one dimension.

    Attributes:
        language, group, dimension: which ratings; `all` dimensions is the mean of the dimensions' skills.
        skill: ranked probability skill over the group's own training marginal; at most 1, 0 no better than the marginal.
        cramer: unbiased squared Cramér distance, at least 0 in expectation, of items with two ratings of the group.
        pairwise: within-prompt log-loss in nats; knowing nothing gives .693.
        correlation: of predicted expectations with the group's item means.
        ceiling: the correlation that a perfect prediction would have.
        pooled_js: Jensen–Shannon distance of the pooled distributions; NaN under 500 ratings.
        pooled_js_floor: what a perfect prediction would show at this number of ratings.
        n_items, n_raters, n_ratings: what it rests on.
    """

    language: str
    group: str
    dimension: str
    skill: Interval
    cramer: float
    pairwise: float
    correlation: float
    ceiling: float
    pooled_js: float
    pooled_js_floor: float
    n_items: int
    n_raters: int
    n_ratings: int


@dataclass(frozen=True)
class Nearest:
    """Which of an attribute's groups a model fits best.

    Attributes:
        language, attribute, dimension: where.
        group: the group of highest skill; empty where no skill is defined.
        over: the group it is compared with: the second.
        difference: of their skills, paired.
        n_items: common items.
    """

    language: str
    attribute: str
    dimension: str
    group: str
    over: str
    difference: Interval
    n_items: int


@dataclass(frozen=True)
class Steer:
    """What naming a group does.

    Attributes:
        language, group, wrong: where, the group that was named, and the one whose name is the control.
        toward: gain in skill for the group's ratings by its own name over no name; NaN without unsteered samples of the same items.
        away: loss in skill for the wrong group's ratings by the group's name instead of its own.
        net: gain in skill for the group's ratings by its own name over the wrong group's name; above 0 the model can be steered.
        n_items: item × dimension cells.
    """

    language: str
    group: str
    wrong: str
    toward: Interval
    away: Interval
    net: Interval
    n_items: int


@dataclass(frozen=True)
class RaterReport:
    """All tables; `str()` gives the text, `as_dict()` plain values for JSON.

    Attributes:
        provenance: of the ratings; says `SIMULATED` where they are.
        simulated: whether they are.
        rows, nearest, steering: the tables.
        consistency: attribute -> share of dimension × language cells that have the attribute's most frequent nearest group, and it.
        n_documents: task -> documents it rests on.
        bootstrap, seed: of all intervals.
    """

    provenance: str
    simulated: bool
    rows: tuple[Row, ...]
    nearest: tuple[Nearest, ...]
    steering: tuple[Steer, ...]
    consistency: Mapping[str, tuple[str, float, int]]
    n_documents: Mapping[str, int]
    bootstrap: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null, and `undefined` says why."""
        held: dict[str, Any] = _plain(asdict(self))
        held["consistency"] = {
            attribute: {"group": group, "share": share, "n_cells": n}
            for attribute, (group, share, n) in self.consistency.items()
        }
        held["undefined"] = {
            "skill": "no rating, or none by the group in the train split",
            "low, high": f"fewer than {MINIMUM_CLUSTERS} prompt templates in one of the cells",
            "cramer": "no item with two ratings of the group",
            "pairwise": "fewer than two prompts with two rated items",
            "ceiling": "fewer than three items with two ratings, or halves that do not correlate above 0",
            "pooled_js": f"under {POOLED_MINIMUM} ratings",
            "toward": "no unsteered samples of the same items",
        }
        held["clusters"] = "raters × prompt templates, two-way bootstrap"
        return held

    def __str__(self) -> str:
        return text_tables(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report_of(
    files: Mapping[str, Path], configs: Mapping[str, Any], seed: int = 0, bootstrap: int = BOOTSTRAP
) -> RaterReport:
    """The report of a run of lm-eval.

    Args:
        files: task -> its samples file.
        configs: the results file's `configs`, which say which ratings were used.
        seed, bootstrap: of the intervals.

    Raises:
        PluralignError: PA076 where samples are not those of a rater task or the ratings are not the ones that were used.
    """
    import pluralign

    metadata = configs[next(iter(files))]["metadata"]
    ratings = pluralign.load(metadata.get("ratings"))
    if (used := metadata.get("ratings_checksum")) != ratings.provenance.checksum:
        raise PluralignError(
            "PA076", f"the samples belong to ratings of checksum {used}; these have {ratings.provenance.checksum}.",
            "Name the folder of ratings that the model was evaluated with.",
        )  # fmt: skip
    groups = metadata.get("groups")
    samples = {task: list(read_rows(path)) for task, path in files.items()}
    return rater_report(samples, ratings, seed, bootstrap, groups=[groups] if isinstance(groups, str) else groups)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a samples file with their distributions: doc's fields and `p`.

    Raises:
        PluralignError: PA076 for a line that is no sample of a rater task.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                sample = json.loads(line)
                doc = sample["doc"]
                shares = [float(one) for one in sample["filtered_resps"]]
                yield {**doc, "p": distribution(shares, len(doc["points"]), reverse=doc["reverse"])}
            except (ValueError, KeyError, TypeError) as error:
                raise PluralignError(
                    "PA076", f"{path}, line {number}: {error!r} in what should be a sample of pluralign_rater.",
                    "Run lm-eval with --log_samples.",
                ) from error  # fmt: skip


def rater_report(
    samples_by_task: Mapping[str, Sequence[Mapping[str, Any]]],
    ratings: Ratings,
    seed: int = 0,
    bootstrap: int = BOOTSTRAP,
    *,
    groups: Sequence[str] | None = None,
) -> RaterReport:
    """Compare predicted distributions with human ratings.

    Args:
        samples_by_task: task -> rows as `read_rows` gives them: item_id, dimension, language, named_group and p.
        ratings: the three tables that the documents were made of.
        seed, bootstrap: of the intervals; 1,000 replicates take seconds.
        groups: to compare; None for the study's that have enough raters.

    Returns:
        The tables.
    """
    compared, rated = compared_groups(ratings, groups), Rated(ratings)
    by_language = _predictions(row for rows in samples_by_task.values() for row in rows)
    rows: list[Row] = []
    nearest: list[Nearest] = []
    steering: list[Steer] = []
    for language, named in by_language.items():
        if as_it_comes := named.get("", {}):
            some_rows, some_nearest = _as_it_comes(rated, compared, language, as_it_comes, bootstrap, seed)
            rows += some_rows
            nearest += some_nearest
        steering += _steering(rated, compared, language, named, bootstrap, seed)
    return RaterReport(
        ratings.provenance.label, ratings.provenance.kind == "simulated", tuple(rows), tuple(nearest), tuple(steering),
        _consistency(nearest), {task: len(found) for task, found in samples_by_task.items()}, bootstrap, seed,
    )  # fmt: skip


def _predictions(rows: Any) -> dict[str, dict[str, dict[tuple[str, str], list[float]]]]:
    """Language -> named group ("" as it comes) -> (item, dimension) -> distribution."""
    found: dict[str, dict[str, dict[tuple[str, str], list[float]]]] = {}
    for row in rows:
        of = found.setdefault(row["language"], {}).setdefault(row["named_group"], {})
        of[row["item_id"], row["dimension"]] = list(row["p"])
    return dict(sorted(found.items(), reverse=True))


def _dimensions(rated: Rated, predictions: Predictions) -> list[str]:
    held = {dimension for _, dimension in predictions}
    return [spec.name for spec in rated.ratings.provenance.dimensions if spec.name in held]


def _as_it_comes(
    rated: Rated,
    compared: Mapping[str, Sequence[str]],
    language: str,
    predictions: Predictions,
    bootstrap: int,
    seed: int,
) -> tuple[list[Row], list[Nearest]]:
    dimensions = _dimensions(rated, predictions)
    keys = [(group, dimension) for group in shown_groups(compared) for dimension in dimensions]
    cells = []
    for group, dimension in keys:
        items = rated.common_items(rivals(group, compared), dimension, predictions)
        cells.append(rated.cell(group, dimension, items, predictions))
    values, draws = _drawn(cells, bootstrap, seed)
    at = {key: k for k, key in enumerate(keys)}
    rows = []
    for group in shown_groups(compared):
        of = [at[group, dimension] for dimension in dimensions]
        rows += [_row(language, *keys[k], cells[k], _interval(values[k], draws[:, k]), seed) for k in of]
        rows.append(_mean_row(language, group, [cells[k] for k in of], _mean(values, draws, of)))
    nearest = []
    for attribute, groups in compared.items():
        for name, chosen in [*((d, [d]) for d in dimensions), ("all", dimensions)]:
            columns = {group: [at[group, d] for d in chosen] for group in groups}
            n_items = sum(len(cells[k].p) for k in columns[groups[0]])
            nearest.append(_nearest(language, attribute, name, columns, values, draws, n_items))
    return rows, nearest


def _drawn(cells: Sequence[Cell], bootstrap: int, seed: int) -> tuple[Floats, Floats]:
    """Skills and their replicates; cells of too few templates have no replicates."""
    values, draws = skills(cells, bootstrap, seed)
    few = [k for k, cell in enumerate(cells) if len(np.unique(cell.cluster)) < MINIMUM_CLUSTERS]
    draws[:, few] = np.nan
    return values, draws


def _interval(value: float, replicates: Floats) -> Interval:
    if not np.isfinite(value):
        return Interval(float("nan"), float("nan"), float("nan"))
    low, high, undefined = percentile_interval(replicates)
    return Interval(float(value), low, high, undefined)


def _average(values: Floats, draws: Floats, columns: Sequence[int]) -> tuple[float, Floats]:
    known = [k for k in columns if np.isfinite(values[k])]
    if not known:
        return float("nan"), np.full(len(draws), np.nan)
    return float(values[known].mean()), draws[:, known].mean(axis=1)


def _mean(values: Floats, draws: Floats, columns: Sequence[int]) -> Interval:
    return _interval(*_average(values, draws, columns))


def _row(language: str, group: str, dimension: str, cell: Cell, skill: Interval, seed: int) -> Row:
    counts, expectation = cell.counts, cell.p @ cell.points
    n = counts.sum(axis=1)
    # The ceiling is of the items that have two ratings, so the correlation is of the same ones.
    several = n > 1
    means = (counts @ cell.points) / np.maximum(n, 1)
    nan = float("nan")
    pooled: Mapping[str, float] = {"distance": nan, "floor": nan}
    if n.sum() >= POOLED_MINIMUM:
        pooled = pooled_jensen_shannon(cell.p, counts, seed=seed)
    cramer = unbiased_cramer_distance(cell.p, counts)[several] if several.any() else np.array([nan])
    return Row(
        language, group, dimension, skill, float(cramer.mean()), _pairwise(cell), correlation(expectation[several], means[several]),
        split_half(cell.item, cell.points[cell.category], seed=seed).ceiling, pooled["distance"], pooled["floor"],
        len(cell.p), len(np.unique(cell.rater)), len(cell.item),
    )  # fmt: skip


def _mean_row(language: str, group: str, cells: Sequence[Cell], skill: Interval) -> Row:
    nan = float("nan")
    n_raters = len(np.unique(np.concatenate([cell.rater for cell in cells]))) if cells else 0
    return Row(language, group, "all", skill, nan, nan, nan, nan, nan, nan, sum(len(cell.p) for cell in cells), n_raters,
               sum(len(cell.item) for cell in cells))  # fmt: skip


def _pairwise(cell: Cell) -> float:
    """Within-prompt log-loss: each pair of items counts once, its untied votes shared between both orders."""
    first, second = np.triu_indices(len(cell.p), 1)
    same = cell.prompt[first] == cell.prompt[second]
    first, second, counts = first[same], second[same], cell.counts
    below = np.cumsum(counts, axis=1) - counts
    wins = (counts[first] * below[second]).sum(axis=1).astype(np.float64)
    losses = (counts[second] * below[first]).sum(axis=1)
    decided = wins + losses > 0
    first, second, share = first[decided], second[decided], wins[decided] / (wins + losses)[decided]
    expectation = cell.p @ cell.points
    gap, prompt = expectation[first] - expectation[second], cell.prompt[first]
    return pairwise_log_loss(np.r_[gap, -gap], np.r_[share, 1 - share], np.r_[prompt, prompt])[0]


def _nearest(
    language: str,
    attribute: str,
    dimension: str,
    columns: Mapping[str, Sequence[int]],
    values: Floats,
    draws: Floats,
    n_items: int,
) -> Nearest:
    means = {group: _average(values, draws, of) for group, of in columns.items()}
    ranked = sorted((group for group in means if np.isfinite(means[group][0])), key=lambda group: -means[group][0])
    if len(ranked) < 2:
        nan = float("nan")
        return Nearest(language, attribute, dimension, "", "", Interval(nan, nan, nan), n_items)
    (best, best_draws), (second, second_draws) = means[ranked[0]], means[ranked[1]]
    difference = _interval(best - second, best_draws - second_draws)
    return Nearest(language, attribute, dimension, ranked[0], ranked[1], difference, n_items)


def _consistency(nearest: Sequence[Nearest]) -> dict[str, tuple[str, float, int]]:
    found: dict[str, tuple[str, float, int]] = {}
    for attribute in dict.fromkeys(one.attribute for one in nearest):
        cells = [one.group for one in nearest if one.attribute == attribute and one.dimension != "all" and one.group]
        if cells:
            group, n = Counter(cells).most_common(1)[0]
            found[attribute] = (group, n / len(cells), len(cells))
    return found


def _steering(
    rated: Rated,
    compared: Mapping[str, Sequence[str]],
    language: str,
    named: Mapping[str, Predictions],
    bootstrap: int,
    seed: int,
) -> list[Steer]:
    found = []
    for group, wrong in contrasts(compared).items():
        if group not in named or wrong not in named:
            continue
        right, other, plain = named[group], named[wrong], named.get("", {})
        both: Predictions = {key: right[key] for key in right if key in other}
        unnamed: Predictions = {key: p for key, p in both.items() if key in plain}
        net, n_items = _gain(rated, compared, group, both, other, bootstrap, seed)
        away, _ = _gain(rated, compared, wrong, other, both, bootstrap, seed)
        toward, _ = _gain(rated, compared, group, unnamed, plain, bootstrap, seed)
        found.append(Steer(language, group, wrong, toward, away, net, n_items))
    return found


def _gain(
    rated: Rated,
    compared: Mapping[str, Sequence[str]],
    group: str,
    one: Predictions,
    other: Predictions,
    bootstrap: int,
    seed: int,
) -> tuple[Interval, int]:
    """Mean over dimensions of the skill of `one` less that of `other` for a group's ratings, on the items that both have."""
    shared = {key: p for key, p in one.items() if key in other}
    cells, n_items = [], 0
    for predictions in (shared, {key: other[key] for key in shared}):
        for dimension in _dimensions(rated, shared):
            items = rated.common_items(rivals(group, compared), dimension, shared)
            cells.append(rated.cell(group, dimension, items, predictions))
            n_items += len(items)
    if not cells:
        nan = float("nan")
        return Interval(nan, nan, nan), 0
    values, draws = _drawn(cells, bootstrap, seed)
    half = len(cells) // 2
    return _mean(values[:half] - values[half:], draws[:, :half] - draws[:, half:], range(half)), n_items // 2
