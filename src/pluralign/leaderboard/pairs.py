"""Who is better than whom: a paired test of every two submissions, Holm's correction over all of them, and the ranks that follow.

Means are ratios of sums over prompt templates. A template's influence on a mean is what the mean owes to it; the variance of a difference
of two means on the same prompts follows from the differences of their influences, so that what makes a prompt hard for both cancels.
The test is by t with one degree of freedom less than templates: a bootstrap of 2,000 replicates has no p under 1/2,000, and Holm's
correction asks for smaller ones as soon as there are a dozen submissions. That far out a t test is too bold where differences are skewed, as
they are between systems that judges score near an end of the scale; Hall's transformation corrects it for that, and of the two statistics the
one nearer to 0 counts. `benchmarks/rank_size.py` measures what either does on measured differences.

A rank's interval counts those that are better or worse by Holm at the level: 1 + n_better to n − n_worse. It holds for all submissions
together with 95 %.

Source: Cameron & Miller (2015), J. Human Resources 50; Hall (1992), "On the removal of skewness by transformation", J. R. Statist. Soc. B 54;
Holm (1979), Scand. J. Statist. 6; Mogstad, Romano, Shaikh & Wilhelm (2024),
"Inference for ranks with applications to mobility across neighbourhoods and academic achievement across countries", Rev. Econ. Stud. 91.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pluralign.stats.resampling import Floats

LEVEL = 0.05
MOST = 1e6
"""The statistic of a difference without any spread."""
SAME = 1e-12
"""Means that differ by less are one."""
BINS, WIDEST = 4096, 12.0
"""How |t| is counted; what is wider than the widest is so small a p that it is rejected first."""


@dataclass(frozen=True)
class Means:
    """Means of n submissions over the same templates.

    Attributes:
        value: (n,) on 0–1.
        influence: (n, templates); a mean's variance is the sum of their squares.
    """

    value: Floats
    influence: Floats

    @functools.cached_property
    def squares(self) -> Floats:
        """(n,) variance of each mean."""
        found: Floats = (self.influence**2).sum(axis=1)
        return found

    @functools.cached_property
    def squared(self) -> Floats:
        """(n, templates) squares of the influences."""
        found: Floats = self.influence**2
        return found

    @functools.cached_property
    def cubes(self) -> Floats:
        """(n,) sums of their cubes."""
        found: Floats = (self.influence**3).sum(axis=1)
        return found


def template_sums(scores: Floats, templates: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Sums and counts of scores by template.

    Args:
        scores: (…, prompts), NaN where not scored.
        templates: (prompts,) number of each one's template.

    Returns:
        Two of shape (…, templates).
    """
    member = np.zeros((len(templates), int(templates.max()) + 1))
    member[np.arange(len(templates)), templates] = 1.0
    known = np.isfinite(scores)
    return np.where(known, scores, 0.0) @ member, known.astype(np.float64) @ member


def means(scores: Floats, templates: NDArray[np.int64]) -> Means:
    """Means over prompts, and in several languages the mean of the languages' means.

    Args:
        scores: (n, languages, prompts), NaN where not scored.
        templates: (prompts,) number of each one's template.

    Four prompts of two templates, scores 0, 0, 1, 1: the mean is 1/2 and each template moves it by 1/4 in opposite ways, times √2 for
    the degree of freedom.

    >>> found = means(np.array([[[0.0, 0.0, 1.0, 1.0]]]), np.array([0, 0, 1, 1]))
    >>> found.value.tolist(), found.influence.round(3).tolist()
    ([0.5], [[-0.354, 0.354]])
    """
    n, n_languages, _ = scores.shape
    n_templates = int(templates.max()) + 1
    value, influence = np.zeros(n), np.zeros((n, n_templates))
    for language in range(n_languages):
        sums, counts = template_sums(scores[:, language], templates)
        total = counts.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = sums.sum(axis=1) / total
            own = (sums - mean[:, None] * counts) / total[:, None]
        value += mean / n_languages
        influence += own / n_languages
    return Means(value, influence * np.sqrt(n_templates / max(n_templates - 1, 1)))


def statistics(means: Means, row: int, better: str) -> NDArray[np.float32]:
    """(row,) t of one submission against each before it, guarded against skewness; positive where it is the better one.

    It is 0 where the two cannot be compared.
    """
    own, others, n = means.influence[row], means.influence[:row], means.influence.shape[1]
    difference = means.value[row] - means.value[:row]
    variance = np.maximum(own @ own + means.squares[:row] - 2.0 * (others @ own), 0.0)
    cubes = (own**3).sum() - 3.0 * (others @ own**2) + 3.0 * (means.squared[:row] @ own) - means.cubes[:row]
    with np.errstate(invalid="ignore", divide="ignore"):
        t = difference / np.sqrt(variance)
        skewness = (cubes / n) / (variance / (n - 1)) ** 1.5 if n > 1 else np.zeros(row)
    t = np.where(np.abs(difference) < SAME, 0.0, t) * (1 if better == "higher" else -1)
    t = np.nan_to_num(np.clip(t, -MOST, MOST), nan=0.0)
    found: NDArray[np.float32] = guarded(t, skewness * (1 if better == "higher" else -1), n).astype(np.float32)
    return found


def guarded(t: Floats, skewness: Floats, n: int) -> Floats:
    """Of a t and Hall's transformation of it the one that is nearer to 0, with the sign of t; 0 where their signs differ.

    Args:
        t: statistics of a mean of n.
        skewness: of what it is the mean of; not finite where there is no spread, and then t stays.
        n: how many.

    A long upper tail that a sample misses leaves its mean too low and its spread too small: a large negative t is then likelier, and
    believed less.

    >>> guarded(np.array([3.0, -3.0, 3.0]), np.array([0.0, 1.5, 1.5]), 72).round(2).tolist()
    [3.0, -2.47, 3.0]
    """
    root = np.sqrt(n)
    g = np.where(np.isfinite(skewness), skewness, 0.0)
    hall = t + g * t**2 / (3 * root) + g**2 * t**3 / (27 * n) + g / (6 * root)
    found: Floats = np.where(hall * t > 0, np.sign(t) * np.minimum(np.abs(t), np.abs(hall)), 0.0)
    return found


class Pairs:
    """The statistics of all pairs, a row a submission, each against those before it; only new rows are computed.

    Args:
        path: of the file with the rows; None keeps them in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.ids: list[str] = []
        self.rows = np.zeros(0, np.float32)
        self.computed = 0
        names = path.with_suffix(".ids") if path else None
        if path and names and path.is_file() and names.is_file():
            ids = names.read_text("utf-8").split()
            rows = np.fromfile(path, np.float32)
            if len(rows) == len(ids) * (len(ids) - 1) // 2:  # else the two were not written together
                self.ids, self.rows = ids, rows

    def update(self, ids: list[str], means: Means, better: str) -> None:
        """Make the rows those of these submissions.

        Args:
            ids: of the submissions, in the order in which they came; old ones first.
            means: of them.
            better: higher or lower.
        """
        kept = 0
        while kept < min(len(ids), len(self.ids)) and ids[kept] == self.ids[kept]:
            kept += 1
        rows = np.empty(len(ids) * (len(ids) - 1) // 2, np.float32)
        held = kept * (kept - 1) // 2
        rows[:held] = self.rows[:held]
        for k in range(kept, len(ids)):
            rows[k * (k - 1) // 2 : k * (k + 1) // 2] = statistics(means, k, better)
        self.computed = len(rows) - held
        changed = self.ids != ids
        self.ids, self.rows = list(ids), rows
        if self.path and changed:
            self._save()

    def _save(self) -> None:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            self.path.with_suffix(".ids").unlink(missing_ok=True)
            self.rows.tofile(beside)
            beside.replace(self.path)
            self.path.with_suffix(".ids").write_text("\n".join(self.ids), "utf-8")
        finally:
            beside.unlink(missing_ok=True)

    def wins_and_losses(self, n_templates: int, level: float = LEVEL) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n,) how many each submission is better than, and how many are better than it, by Holm over all pairs."""
        n = len(self.ids)
        wins, losses = np.zeros(n, np.int64), np.zeros(n, np.int64)
        least = holm_cutoff(np.abs(self.rows), n_templates - 1, level)
        for k in range(1, n):
            row = self.rows[k * (k - 1) // 2 : k * (k + 1) // 2]
            better, worse = row >= least, row <= -least
            wins[k] += np.count_nonzero(better)
            losses[k] += np.count_nonzero(worse)
            losses[:k] += better
            wins[:k] += worse
        return wins, losses


def holm_cutoff(sizes: NDArray[np.float32], freedom: int, level: float = LEVEL) -> float:
    """The smallest |t| that Holm's step-down rejects among m tests; infinite where it rejects none.

    Exact, without sorting all of them: whole bins are rejected together as long as their largest p is small enough for the strictest
    step in them, and only a bin where that fails is sorted.

    Three tests by t with 71 degrees of freedom, p = .01, .03, .04: .01 ≤ .05/3, .03 > .05/2, so that one is rejected.

    >>> from scipy.stats import t
    >>> p = np.array([0.01, 0.03, 0.04]); sizes = t.isf(p / 2, 71).astype(np.float32)
    >>> round(float(2 * t.sf(holm_cutoff(sizes, 71), 71)), 4)
    0.01
    """
    from scipy.stats import t

    m = len(sizes)
    least = float(t.isf(level / 2, freedom))
    candidates = sizes[sizes >= np.float32(least)]
    if not len(candidates):
        return float("inf")
    width = np.float32((WIDEST - least) / BINS)
    which = np.minimum((candidates - np.float32(least)) / width, BINS).astype(np.int16)  # the last bin holds all beyond
    counts = np.bincount(which, minlength=BINS + 1)
    # A bin's edge is rounded: half a width of room makes up for it.
    largest = 2 * t.sf(least + width * (np.arange(BINS + 1) - 0.5), freedom)
    above = 0
    for k in np.flatnonzero(counts)[::-1]:
        if largest[k] <= level / (m - above):
            above += int(counts[k])
            continue
        own = np.sort(candidates[which == k])[::-1]
        steps = level / (m - above - np.arange(len(own)))
        failed = 2 * t.sf(own.astype(np.float64), freedom) > steps
        if failed.any():
            first = int(np.argmax(failed))
            return float(own[first - 1]) if first else _least_of(candidates, which, k + 1)
        above += len(own)
    return float(candidates.min())


def _least_of(candidates: NDArray[np.float32], which: NDArray[np.int16], first: int) -> float:
    """The smallest candidate of the bins from `first` on; infinite where there is none."""
    own = candidates[which >= first]
    return float(own.min()) if len(own) else float("inf")
