"""Several judges as one: each scores everything, the jury's score is their mean, and their agreement is measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pluralign.errors import PluralignError
from pluralign.judge.base import Answer, Failure, Judge, Judgement, Progress, Score, Usage
from pluralign.schema import POINTS


class Jury:
    """The judge that several judges are.

    Args:
        judges: two or more, with different names.

    Raises:
        PluralignError: PA070 for fewer than two, or the same one twice.
    """

    def __init__(self, judges: Sequence[Judge]) -> None:
        names = [judge.name for judge in judges]
        if len(names) < 2 or len(set(names)) < len(names):
            raise PluralignError(
                "PA070", f"a jury of {', '.join(names) or 'nobody'}.", "Name two or more different judges."
            )
        self.judges = tuple(judges)
        self.name = ",".join(names)
        self._seconds = 0.0
        self.usage = self._sum()
        # dimension -> one row an answer: what each judge gave it.
        self._given: dict[str, list[Mapping[str, float]]] = {}

    def _sum(self) -> Usage:
        return Usage.total([judge.usage for judge in self.judges], self._seconds)

    def identity(self) -> dict[str, Any]:
        """The judges' identities."""
        return {"judge": "jury", "judges": [judge.identity() for judge in self.judges]}

    def provenance(self) -> dict[str, Any]:
        """The judges' own, how far they agree on what both of each pair, or all, have scored, and who left out how much.

        Judges differ in level, so a mean over fewer of them is not comparable with one over all: `partial` counts them.
        """
        return {
            "kind": "jury",
            "judges": {judge.name: judge.provenance() for judge in self.judges},
            "agreement": {dimension: self._agreement(rows) for dimension, rows in self._given.items()},
            "partial": {dimension: self._partial(rows) for dimension, rows in self._given.items()},
        }

    def preflight(self, dimensions: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Every judge's; one that cannot judge stops the jury."""
        notes = [f"{judge.name}: {note}" for judge in self.judges for note in judge.preflight(dimensions, languages)]
        self.usage = self._sum()
        return notes

    def judge(
        self, answers: Sequence[Answer], dimensions: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, Judgement]]:
        """The mean of those who scored; a failure where fewer than half did."""
        begin = time.perf_counter()
        by_judge = [judge.judge(answers, dimensions) for judge in self.judges]
        found: list[dict[str, Judgement]] = []
        for rows in zip(*by_judge, strict=True):
            found.append({dimension: self._together([row[dimension] for row in rows]) for dimension in dimensions})
            for dimension in dimensions:
                parts = {one.judge: one.value for row in rows if isinstance(one := row[dimension], Score)}
                self._given.setdefault(dimension, []).append(parts)
            if progress:
                progress(len(dimensions))
        self._seconds += time.perf_counter() - begin
        self.usage = self._sum()
        return found

    def _together(self, judgements: Sequence[Judgement]) -> Judgement:
        scores = [one for one in judgements if isinstance(one, Score)]
        failures = [one for one in judgements if isinstance(one, Failure)]
        if 2 * len(scores) < len(judgements):
            said = "; ".join(f"{one.judge}: {one.kind}" for one in failures)
            return Failure(failures[0].kind, self.name, f"{len(scores)} of {len(judgements)} judges scored ({said})")
        mean = sum(one.value for one in scores) / len(scores)
        reasons = " | ".join(f"{one.judge}: {one.reason}" for one in scores if one.reason) or None
        parts = {one.judge: one.value for one in scores}
        return Score(mean, self.name, reasons, "jury", all(one.cached for one in scores), parts)

    def _partial(self, rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
        """How many answers were scored, how many of them not by all judges, and by whom not."""
        scored = [row for row in rows if 2 * len(row) >= len(self.judges)]
        missing = {judge.name: sum(judge.name not in row for row in scored) for judge in self.judges}
        return {
            "scored": len(scored),
            "by_some": sum(len(row) < len(self.judges) for row in scored),
            "missing": {name: n for name, n in missing.items() if n},
        }

    def _agreement(self, rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
        names = [judge.name for judge in self.judges]
        pairs = {f"{one} ~ {other}": _alphas(rows, (one, other)) for one, other in itertools.combinations(names, 2)}
        return {"all": _alphas(rows, names), "pairs": pairs}


def _alphas(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[str, float | int | None]:
    """Krippendorff's alphas of some judges, of scores rounded to points; None where undefined (`n_items` says on how many they rest)."""
    import numpy as np

    from pluralign.stats.agreement import krippendorff_alpha

    counts = np.zeros((len(rows), POINTS), dtype=np.int64)
    for k, row in enumerate(rows):
        for name in names:
            if name in row:
                counts[k, int(np.floor(row[name] + 0.5)) - 1] += 1
    ordinal, interval = krippendorff_alpha(counts, "ordinal"), krippendorff_alpha(counts, "interval")
    return {
        "alpha_ordinal": float(ordinal.alpha) if np.isfinite(ordinal.alpha) else None,
        "alpha_interval": float(interval.alpha) if np.isfinite(interval.alpha) else None,
        "n_items": ordinal.n_items,
    }
