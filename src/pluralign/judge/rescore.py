"""Saved samples judged again by another judge, without generating: scores with intervals, and how far old and new judge agree.

Clusters are prompt templates, and the English and German versions of one prompt are in one cluster. An answer that was not scored
is counted and left out of the mean, never scored as anything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError, unknown
from pluralign.judge.base import FAILURES, HIGHEST, LOWEST, Answer, Failure, Judge, Judgement, Progress, Score
from pluralign.judge.compare import Estimate, JudgeAgreement, estimate, judge_agreement
from pluralign.judge.samples import Sample, rejudged_row, write_rows
from pluralign.judge.validated import validations
from pluralign.schema import DIMENSIONS, LANGUAGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BOTH = "both"
"""The row of all languages, each counting the same."""


@dataclass(frozen=True)
class Cell:
    """The mean score of one dimension in one language, or in both.

    Attributes:
        dimension: what was judged.
        language: `en`, `de` or `both`.
        score: on 0–1, with its interval; its `n` is the effective number: answers that were scored.
        n_answers: answers there are.
        failures: kind -> answers that were not scored.
    """

    dimension: str
    language: str
    score: Estimate
    n_answers: int
    failures: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "score": self.score.as_dict(), "failures": dict(self.failures)}


@dataclass(frozen=True)
class Rescored:
    """What a judge made of saved samples.

    Attributes:
        samples: what was judged.
        judge: who judged.
        judgements: one dictionary a sample, dimension -> judgement.
        cells: the score table.
        agreement: (dimension, language) -> agreement of the former judge and this one.
        former: names of the judges whose judgements the samples held.
        notes: what the judge said before it began, and what a reader must know.
        validation: dimension -> how far the judge agrees with people on model outputs, or that nobody has looked.
        bootstrap, seed: of the intervals.
    """

    samples: Sequence[Sample]
    judge: Judge
    judgements: Sequence[Mapping[str, Judgement]]
    cells: Sequence[Cell]
    agreement: Mapping[tuple[str, str], JudgeAgreement]
    former: Sequence[str]
    notes: Sequence[str] = field(default_factory=tuple)
    validation: Mapping[str, str] = field(default_factory=dict)
    bootstrap: int = 1000
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON: everything but the answers."""
        return {
            "judge": self.judge.name,
            "identity": self.judge.identity(),
            "provenance": self.judge.provenance(),
            "usage": asdict(self.judge.usage),
            "samples": sorted({one.file for one in self.samples}),
            "scores": [cell.as_dict() for cell in self.cells],
            "scale": "0–1: (score − 1) / 4 of the judge's 1–5",
            "former_judges": list(self.former),
            "agreement": [
                {"dimension": dimension, "language": language, **found.as_dict()}
                for (dimension, language), found in self.agreement.items()
            ],
            "notes": list(self.notes),
            "validation": dict(self.validation),
            "bootstrap": self.bootstrap,
            "seed": self.seed,
        }


def rescore(
    samples: Sequence[Sample],
    judge: Judge,
    dimensions: Sequence[str] | None = None,
    *,
    validation: Mapping[str, Any] | None = None,
    seed: int = 0,
    bootstrap: int = 1000,
    progress: Progress | None = None,
) -> Rescored:
    """Judge saved samples again.

    Args:
        samples: of one model, as `read_samples` gives them.
        judge: who is to judge.
        dimensions: on what; by default what the samples were judged on, or toxicity and emotional awareness.
        validation: contents of a `validation.json` of the judge; None where there is none.
        seed, bootstrap: of the intervals.
        progress: told how many judgements are done.

    Raises:
        PluralignError: PA024 for an unknown dimension; what the judge's preflight raises.
    """
    asked = asked_dimensions(samples, dimensions)
    languages = [language for language in LANGUAGES if any(one.language == language for one in samples)]
    notes = list(judge.preflight(asked, languages))
    judgements = judged(samples, judge, asked, progress)
    former = sorted({one.judge for sample in samples for one in sample.judgements.values() if one.judge})
    for dimension in asked:
        several = sorted({sample.judgements[dimension].judge for sample in samples if dimension in sample.judgements})
        if len(several) > 1:
            notes.append(
                f"{dimension}: the samples hold judgements of {', '.join(several)}, compared as if of one judge"
            )
        given = {one.value for row in judgements if isinstance(one := row.get(dimension), Score)}
        if len(given) == 1 and len(judgements) > 1:
            notes.append(f"{dimension}: {judge.name} gave every answer the same score, so it tells none apart")
    table = Table.of(samples, judgements, seed, bootstrap)
    wanted = [*languages, BOTH] if len(languages) > 1 else languages
    agreement: dict[tuple[str, str], JudgeAgreement] = {}
    for dimension in asked:
        if any(dimension in one.judgements for one in samples):
            agreement |= {(dimension, one): table.agreement(dimension, one) for one in wanted}
    cells = [table.cell(dimension, language, languages) for dimension in asked for language in wanted]
    known = validations(validation, judge.name, asked)
    return Rescored(samples, judge, judgements, cells, agreement, former, notes, known, bootstrap, seed)


def asked_dimensions(samples: Sequence[Sample], dimensions: Sequence[str] | None) -> list[str]:
    """The dimensions to judge, in the schema's order."""
    if dimensions:
        for name in dimensions:
            if name not in DIMENSIONS:
                raise unknown("PA024", "dimension", name, list(DIMENSIONS))
        return [name for name in DIMENSIONS if name in dimensions]
    held = {name for sample in samples for name in sample.judgements}
    return [name for name in DIMENSIONS if name in (held or ("toxicity", "emotional_awareness"))]


def judged(
    samples: Sequence[Sample], judge: Judge, dimensions: Sequence[str], progress: Progress | None = None
) -> list[dict[str, Judgement]]:
    """Judgements of samples in order; who was cut off while thinking said nothing that could be judged.

    Raises:
        PluralignError: PA071 where the judge gives another number of judgements than there are answers.
    """
    return judged_answers(
        judge, [None if one.thinking_truncated else one.answer for one in samples], dimensions, progress
    )


def judged_answers(
    judge: Judge, answers: Sequence[Answer | None], dimensions: Sequence[str], progress: Progress | None = None
) -> list[dict[str, Judgement]]:
    """Judgements of answers in order; None stands for a model that was cut off while it was still thinking.

    Raises:
        PluralignError: PA071 where the judge gives another number of judgements than there are answers.
    """
    whole = {k: one for k, one in enumerate(answers) if one is not None}
    given = judge.judge(list(whole.values()), dimensions, progress)
    if len(given) != len(whole):
        raise PluralignError("PA071", f"{judge.name} gave {len(given)} judgements of {len(whole)} answers.")
    cut = Failure("thinking_truncated", judge.name, FAILURES["thinking_truncated"])
    found: list[dict[str, Judgement]] = [dict.fromkeys(dimensions, cut) for _ in answers]
    for k, one in zip(whole, given, strict=True):
        found[k] = dict(one)
    return found


@dataclass(frozen=True)
class Table:
    """Samples and judgements as arrays, for means and agreement."""

    samples: Sequence[Sample]
    judgements: Sequence[Mapping[str, Judgement]]
    codes: NDArray[Any]
    seed: int
    bootstrap: int

    @classmethod
    def of(
        cls, samples: Sequence[Sample], judgements: Sequence[Mapping[str, Judgement]], seed: int, bootstrap: int
    ) -> Table:
        """Number the clusters."""
        import numpy as np

        codes = np.unique([one.template_id for one in samples], return_inverse=True)[1].reshape(-1)
        return cls(samples, judgements, codes, seed, bootstrap)

    def rows(self, language: str) -> NDArray[Any]:
        """Which samples are in a language."""
        import numpy as np

        return np.array([language in (BOTH, one.language) for one in self.samples])

    def cell(self, dimension: str, language: str, languages: Sequence[str]) -> Cell:
        """The mean on 0–1; in `both`, the mean of the languages' means."""
        import numpy as np

        rows = self.rows(language)
        scores = values([one.get(dimension) for one in self.judgements])
        scored = rows & np.isfinite(scores)
        parts = languages if language == BOTH else [language]
        unit = np.where(scored, (scores - LOWEST) / (HIGHEST - LOWEST), 0.0)
        here = [scored & self.rows(part) for part in parts]
        sums = np.column_stack([column for one in here for column in (unit * one, one.astype(np.float64))])[scored]
        score = estimate(sums, self.codes[scored], mean_of_means, self.bootstrap, self.seed, "no answer was scored")
        given = [one.get(dimension) for one, inside in zip(self.judgements, rows, strict=True) if inside]
        failed = Counter(one.kind for one in given if isinstance(one, Failure))
        return Cell(dimension, language, score, int(rows.sum()), dict(sorted(failed.items())))

    def agreement(self, dimension: str, language: str) -> JudgeAgreement:
        """Of the samples' own judgements with the new ones."""
        rows = self.rows(language)
        old = values([one.judgements.get(dimension) for one in self.samples])[rows]
        new = values([one.get(dimension) for one in self.judgements])[rows]
        return judge_agreement(old, new, self.codes[rows], self.seed, self.bootstrap)


def values(judgements: Sequence[Judgement | None]) -> Floats:
    """Scores on 1–5; NaN where there is none."""
    import numpy as np

    return np.array([one.value if isinstance(one, Score) else np.nan for one in judgements], dtype=np.float64)


def mean_of_means(sums: Floats) -> Floats:
    """Sums (…, sum, n, sum, n …) -> the mean of the means."""
    from pluralign.stats.resampling import ratios

    means: Floats = ratios(sums[..., 0::2], sums[..., 1::2]).mean(axis=-1)
    return means


def output_path(source: Path, judge: str) -> Path:
    """Where the samples judged again are written: beside the old ones, under a name that is free.

    >>> output_path(Path("nowhere/samples_pluralign_en_2026.jsonl"), "openai:a/b@http://x").name
    'rejudged_openai-a-b-http-x_samples_pluralign_en_2026.jsonl'
    """
    slug = re.sub(r"[^\w.]+", "-", judge).strip("-.")[:60]
    path = source.with_name(f"rejudged_{slug}_{source.name}")
    number = 1
    while path.exists():
        number += 1
        path = source.with_name(f"rejudged_{slug}_{number}_{source.name}")
    return path


def save(rescored: Rescored, out: Path | None = None) -> list[Path]:
    """Write the samples with the new judgements, and what was found beside them.

    Args:
        rescored: what to write.
        out: one file for all samples; by default one beside each file that was read.

    Returns:
        The files of samples, then the summary.
    """
    from pluralign.ratings.tables import write_text

    by_file: dict[Path, list[dict[str, Any]]] = {}
    for sample, judgements in zip(rescored.samples, rescored.judgements, strict=True):
        by_file.setdefault(Path(sample.file), []).append(rejudged_row(sample, judgements))
    if out is not None:
        written = [write_rows([row for rows in by_file.values() for row in rows], out)]
    else:
        written = [write_rows(rows, output_path(source, rescored.judge.name)) for source, rows in by_file.items()]
    summary = written[0].with_name(re.sub(r"\.jsonl(\.gz)?$", "", written[0].name) + ".summary.json")
    write_text(json.dumps(rescored.as_dict(), ensure_ascii=False, indent=1) + "\n", summary)
    return [*written, summary]
