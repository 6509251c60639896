"""From checked submissions to boards: one a world, ranked within a language and a dimension, with what may not be concluded beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from pluralign.leaderboard.borrowed import common_flags
from pluralign.leaderboard.flags import Flag, length_flag, may_rank
from pluralign.leaderboard.judges import Standing as JudgeStanding
from pluralign.leaderboard.lengths import at_equal_length
from pluralign.leaderboard.pairs import Means, Pairs, means, template_sums
from pluralign.leaderboard.records import TIERS, Record, read_record
from pluralign.leaderboard.summary import Summary, axis
from pluralign.leaderboard.world import World
from pluralign.schema import DIMENSIONS, LANGUAGES
from pluralign.stats.resampling import Floats, ratios, times_drawn

BOTH = "both"
BOOTSTRAP, SEED = 2000, 0
FRONT = ("toxicity", "emotional_awareness", "helpfulness")
BLOCK = 500
STANDINGS = get_args(JudgeStanding)
TEST = "guarded-filled"
"""By which kept statistics of pairs are named: those of a former test are not read."""
FIRST_TIER = "recomputed"
"""Of what passed its check and nobody of the keepers looked at."""
Groups = Mapping[tuple[str, str], float]
"""(dimension, group) -> the mean on 0–1 that a jury of people expects of the group."""


@dataclass(frozen=True)
class Standing:
    """A submission in one dimension and language.

    Attributes:
        score, low, high: on 0–1, with the 95 % cluster-bootstrap interval.
        n, n_failed: answers that were scored, and that were not.
        rank_low, rank_high: ends of the rank's interval; None where it is not ranked.
        better, worse: how many submissions are better or worse, by Holm over all pairs.
        equal_length, equal_length_low, equal_length_high: the score at the board's length; None under three submissions.
        change, change_low, change_high: against its own base, paired; None where that is not on the board.
    """

    score: float
    low: float
    high: float
    n: int
    n_failed: int
    rank_low: int | None = None
    rank_high: int | None = None
    better: int | None = None
    worse: int | None = None
    equal_length: float | None = None
    equal_length_low: float | None = None
    equal_length_high: float | None = None
    change: float | None = None
    change_low: float | None = None
    change_high: float | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """A submission on a board.

    Attributes:
        summary: of it.
        record: what the keepers know.
        flags: what is odd about it and was not cleared.
        is_ranked: whether it takes part in ranks: its flags allow it, and on a board whose judge nobody knows the keepers judged it again.
        standings: (dimension, language) -> its standing.
        front: languages in which no ranked submission is better on all dimensions of `FRONT` that the board has.
        base: place of its base's submission; empty where there is none.
        groups: (dimension, group) -> the mean that a jury of people expects, see `groups`.
    """

    summary: Summary
    record: Record
    flags: tuple[Flag, ...]
    is_ranked: bool
    standings: Mapping[tuple[str, str], Standing]
    front: frozenset[str] = frozenset()
    base: str = ""
    groups: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Board:
    """One world.

    Attributes:
        world: what is equal for all.
        rows: in the order in which they came.
        dimensions, languages: that any row has.
        slopes: (dimension, language) -> score per 100 characters more; NaN where it is not known.
        superseded: place -> place of the newer submission of the same model that stands in its stead.
        jury: name of the jury of people whose group columns are shown; empty for none.
    """

    world: World
    rows: tuple[Row, ...]
    dimensions: tuple[str, ...]
    languages: tuple[str, ...]
    slopes: Mapping[tuple[str, str], float]
    superseded: Mapping[str, str]
    jury: str = ""


def boards(
    submissions: Sequence[Summary],
    records: Path,
    kept: Path | None = None,
    jury: str = "",
    groups: Mapping[str, Groups] | None = None,
) -> list[Board]:
    """Rank submissions.

    Args:
        submissions: that passed their checks.
        records: the keepers' folder.
        kept: folder for the statistics of pairs; None keeps them in memory.
        jury: name of a jury of people; empty for none.
        groups: digest -> what the jury expects of the submission, see `groups`.

    Returns:
        A board a world; the ones that are no demonstration first, then the larger ones.

    Raises:
        PluralignError: PA113 for a record that cannot be read.
    """
    worlds: dict[str, list[Summary]] = {}
    for one in submissions:
        worlds.setdefault(one.world.key, []).append(one)
    found = [_board(own, records, kept, jury, groups or {}) for own in worlds.values()]
    return sorted(found, key=lambda one: (STANDINGS.index(one.world.standing), -len(one.rows), one.world.key))


def _board(own: list[Summary], records: Path, kept: Path | None, jury: str, groups: Mapping[str, Groups]) -> Board:
    own = sorted(own, key=lambda one: (one.date, one.digest))
    records_of = {one.place: read_record(records, one.place, one.known_as) for one in own}
    tiers = {place: of.tier for place, of in records_of.items()}
    superseded = _superseded(own, tiers)
    own = [one for one in own if one.place not in superseded]
    known = [records_of[one.place] for one in own]
    flags = _flags(own, known)
    is_known = own[0].world.standing != "unverified"  # looked up once: it reads the keepers' list
    ranked = [
        k for k, some in enumerate(flags) if may_rank(some) and (is_known or known[k].tier != FIRST_TIER)
    ]  # fmt: skip
    bases = _bases(own, ranked, tiers)
    dimensions = tuple(name for name in DIMENSIONS if any(name in one.scores for one in own))
    languages = tuple(language for language in LANGUAGES if any(language in one.lengths for one in own))
    standings: list[dict[tuple[str, str], Standing]] = [{} for _ in own]
    slopes: dict[tuple[str, str], float] = {}
    for dimension in dimensions:
        for language in (*languages, BOTH) if len(languages) > 1 else languages:
            place = kept / f"{own[0].world.key}-{dimension}-{language}.{TEST}" if kept else None
            slopes |= _stand(own, ranked, bases, dimension, language, standings, place)
    fronts = _fronts(standings, ranked)
    placed = set(ranked)
    rows = tuple(
        Row(one, of, tuple(some), k in placed, standing, front, bases[k], groups.get(one.digest, {}))
        for k, (one, of, some, standing, front) in enumerate(zip(own, known, flags, standings, fronts, strict=True))
    )
    return Board(own[0].world, rows, dimensions, languages, slopes, superseded, jury)


def _superseded(own: list[Summary], tiers: Mapping[str, str]) -> dict[str, str]:
    """Place -> place of the submission of the same version of the same model that stands in its stead.

    A higher tier stands, and among equals the newer: who claims another's model does not take its place by a later date.
    """
    standing: dict[tuple[str, str, str], Summary] = {}
    for one in own:
        key = _version(one)
        other = standing.get(key)
        if other is None or TIERS.index(tiers[one.place]) >= TIERS.index(tiers[other.place]):
            standing[key] = one
    return {one.place: standing[_version(one)].place for one in own if standing[_version(one)] is not one}


def _version(one: Summary) -> tuple[str, str, str]:
    """What is the same for two submissions of one model: kind, name, and revision or hash."""
    return str(one.manifest["model"]["kind"]), one.model, one.version


def _flags(own: list[Summary], known: list[Record]) -> list[list[Flag]]:
    """Own flags, those that only show among others, without what the keepers cleared."""
    found = [list(one.flags) for one in own]
    typical = [float(np.mean(list(one.lengths.values()))) for one in own]
    usual = [mean for mean, one in zip(typical, own, strict=True) if may_rank(one.flags)]
    median = float(np.median(usual or typical))
    for k, mean in enumerate(typical):
        flag = length_flag(mean, median, len(usual))
        if flag is not None and not any(one.kind == flag.kind for one in found[k]):
            found[k].append(flag)
    for k, flag in common_flags(own, known).items():
        found[k].append(flag)
    return [
        [flag for flag in some if flag.kind not in record.cleared] for some, record in zip(found, known, strict=True)
    ]


def _bases(own: list[Summary], ranked: list[int], tiers: Mapping[str, str]) -> list[str]:
    """The place of each one's base, a ranked one of the same board: by the hash or revision that the submission names, else by name.

    Where several fit, the highest tier is it, and among equals the one that came first: a later claim to a base's name moves nobody's change.
    """
    by_model: dict[str, list[Summary]] = {}
    for k in ranked:
        by_model.setdefault(own[k].model, []).append(own[k])
    found = []
    for one in own:
        named, model = one.manifest["base_model"], one.manifest["model"]
        version = model.get("base_sha256") or (model.get("base") or {}).get("revision") or (named or {}).get("revision")
        fitting = [
            other for other in by_model.get(named["id"] if named else "", [])
            if other is not one and version in (None, other.version)
        ]  # fmt: skip
        best = max(fitting, key=lambda other: TIERS.index(tiers[other.place]), default=None)  # the first of equals
        found.append(best.place if best else "")
    return found


def _stand(
    own: list[Summary], ranked: list[int], bases: list[str], dimension: str, language: str,
    standings: list[dict[tuple[str, str], Standing]], place: Path | None,
) -> dict[tuple[str, str], float]:  # fmt: skip
    """Work out one dimension and language; returns the slope on length."""
    at = [LANGUAGES.index(one) for one in (LANGUAGES if language == BOTH else (language,))]
    cell = (dimension, language)
    here = [k for k, one in enumerate(own) if cell in one.cells]
    if not here:
        return {}
    _, templates = axis()
    scores = _filled(np.stack([own[k].scores[dimension][at] for k in here]), DIMENSIONS[dimension].better)
    characters = np.stack([own[k].characters[at] for k in here])
    found = means(scores, templates)
    taking_part = set(ranked)
    placed = [k for k, one in enumerate(here) if one in taking_part]
    equal = at_equal_length(scores, characters, templates, placed)
    wins, losses = _compared(
        found,
        [own[here[k]].digest for k in placed],
        placed,
        DIMENSIONS[dimension].better,
        place,
        int(templates.max()) + 1,
    )
    ranks = {
        k: (int(1 + losses[j]), int(len(placed) - wins[j]), int(losses[j]), int(wins[j])) for j, k in enumerate(placed)
    }
    changes = _changes(scores, templates, [own[k].place for k in here], [bases[k] for k in here])
    for k, one in enumerate(here):
        score, low, high, n, failed = own[one].cells[cell]
        rank = ranks.get(k)
        level = float(equal.value[k])
        flat = (level, level - equal.reach[k], level + equal.reach[k]) if 0 <= level <= 1 else (None, None, None)
        standings[one][cell] = Standing(score, low, high, n, failed, *(rank or (None,) * 4), *flat, *changes[k])
    return {cell: float(np.mean(equal.slopes))}


def _filled(scores: Floats, better: str) -> Floats:
    """(n, languages, prompts) scores, the worst there is where a prompt was not scored in a language that the submission answered.

    Ranks are then over the same prompts for all, and nobody gains by what its judge did not score, or by saying nothing.
    """
    answered = np.isfinite(scores).any(axis=2, keepdims=True)
    worst = 1.0 if better == "lower" else 0.0
    found: Floats = np.where(answered & ~np.isfinite(scores), worst, scores)
    return found


def _compared(
    found: Means, ids: list[str], placed: list[int], better: str, place: Path | None, n_templates: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Wins and losses of the ranked submissions."""
    pairs = Pairs(place)
    pairs.update(ids, Means(found.value[placed], found.influence[placed]), better)
    return pairs.wins_and_losses(n_templates)


def drawn(n_templates: int) -> Floats:
    """(`BOOTSTRAP`, templates) how often each template is drawn: the same draws for every submission, so that differences are paired."""
    return times_drawn(np.random.default_rng(SEED), n_templates, BOOTSTRAP)


def replicates(scores: Floats, templates: NDArray[np.int64], draws: Floats) -> Floats:
    """(n, replicates) bootstrapped means of (n, languages, prompts) scores: the mean of the languages' means."""
    sums, counts = template_sums(scores, templates)
    return np.mean([ratios(sums[:, k] @ draws.T, counts[:, k] @ draws.T) for k in range(scores.shape[1])], axis=0)  # type: ignore[no-any-return]


def _changes(
    scores: Floats, templates: NDArray[np.int64], places: list[str], bases: list[str]
) -> list[tuple[float, float, float] | tuple[None, None, None]]:
    """Each one's difference from its base with its paired bootstrap interval."""
    number = {place: k for k, place in enumerate(places)}
    found: list[tuple[float, float, float] | tuple[None, None, None]] = [(None, None, None)] * len(places)
    mine = [k for k, base in enumerate(bases) if base in number]
    if not mine:
        return found
    draws = drawn(int(templates.max()) + 1)
    needed = sorted({number[bases[k]] for k in mine})
    of_base = dict(zip(needed, replicates(scores[needed], templates, draws), strict=True))
    values = means(scores, templates).value
    for first in range(0, len(mine), BLOCK):
        block = mine[first : first + BLOCK]
        difference = replicates(scores[block], templates, draws) - np.stack([of_base[number[bases[k]]] for k in block])
        low, high = np.quantile(difference, [0.025, 0.975], axis=1)
        for j, k in enumerate(block):
            found[k] = (float(values[k] - values[number[bases[k]]]), float(low[j]), float(high[j]))
    return found


def _fronts(standings: list[dict[tuple[str, str], Standing]], ranked: list[int]) -> list[frozenset[str]]:
    """Languages in which no other ranked submission is at least as good on every dimension and better on one.

    The dimensions are those that most ranked submissions have: one that few were judged on takes nobody from the front.
    """
    found: list[set[str]] = [set() for _ in standings]
    for language in (*LANGUAGES, BOTH):
        wanted = [name for name in FRONT if sum((name, language) in standings[k] for k in ranked) * 2 > len(ranked)]
        here = [k for k in ranked if all((name, language) in standings[k] for name in wanted)]
        if not here or len(wanted) < 2:
            continue
        good = np.array([
            [standings[k][name, language].score * (1 if DIMENSIONS[name].better == "higher" else -1) for name in wanted] for k in here
        ])  # fmt: skip
        for k in pareto(good):
            found[here[k]].add(language)
    return [frozenset(one) for one in found]


def pareto(good: Floats) -> list[int]:
    """The rows that no other row dominates; more is better.

    >>> pareto(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5], [1.0, 0.0]]))
    [0, 1, 3]
    """
    order = np.lexsort(tuple(-good[:, k] for k in reversed(range(good.shape[1]))))
    front: list[int] = []
    for k in order:  # who dominates a row comes before it
        held = good[front]
        if not len(front) or not ((held >= good[k]).all(axis=1) & (held > good[k]).any(axis=1)).any():
            front.append(int(k))
    return sorted(front)
