"""Where else a result may stand: in the model's own repository on the Hub, as its community evaluations have it, and in older cards.

Scalars only, higher is better: toxicity is given as 1 − toxicity and says so. Intervals, flags and the tier are behind the source link.

Source: huggingface.co/docs/hub/eval-results (`.eval_results/*.yaml`, `eval.yaml`); huggingface.co/docs/hub/model-cards#evaluation-results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pluralign.leaderboard.board import BOTH
from pluralign.leaderboard.summary import Summary
from pluralign.schema import DIMENSIONS, LANGUAGES

DATASET = "pluralign/prompts"
SITE = "https://huggingface.co/spaces/pluralign/leaderboard"


def task_id(dimension: str, language: str) -> str:
    """The name of a number that is higher where a model is better.

    >>> task_id("toxicity", "en"), task_id("emotional_awareness", "both")
    ('non_toxicity_en', 'emotional_awareness_both')
    """
    return f"{'non_' if DIMENSIONS[dimension].better == 'lower' else ''}{dimension}_{language}"


def scalars(summary: Summary) -> dict[str, float]:
    """Every score as a number on 0–1 where more is better."""
    found = {}
    for (dimension, language), (value, *_) in summary.cells.items():
        found[task_id(dimension, language)] = round(1 - value if DIMENSIONS[dimension].better == "lower" else value, 6)
    return found


def eval_results(summary: Summary) -> str:
    """`.eval_results/pluralign.yaml` for the model's repository."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    notes = f"judge: {summary.world.judge}"
    if summary.world.is_demonstration:
        notes += "; fitted to SIMULATED raters: a demonstration"
    entries = [
        EvalResultEntry(
            dataset_id=DATASET, task_id=name, value=value, date=f"{summary.date}T00:00:00Z", source_url=_link(summary), source_name="PlurAlign leaderboard: intervals, flags, answers",
            notes=notes,
        )
        for name, value in scalars(summary).items()
    ]  # fmt: skip
    return _yaml(eval_result_entries_to_yaml(entries))


def _link(summary: Summary) -> str:
    return f"{SITE}#/model/{summary.place}"


def eval_yaml() -> str:
    """`eval.yaml` of the benchmark's dataset repository: what its tasks are called."""
    tasks = [
        {"id": task_id(dimension, language), "config": "en" if language == BOTH else language, "split": "test"}
        for dimension in DIMENSIONS for language in (*LANGUAGES, BOTH)
    ]  # fmt: skip
    told: dict[str, Any] = {
        "name": "PlurAlign", "description": "Toxicity and emotional awareness of answers to held-out prompts, judged; scores on 0–1, higher is better.",
        "evaluation_framework": "lm-evaluation-harness", "tasks": tasks,
    }  # fmt: skip
    return _yaml(told)


def model_index(summary: Summary) -> str:
    """The `model-index` part of an older model card's front matter."""
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    results = [
        EvalResult(
            task_type="text-generation", dataset_type=DATASET, dataset_name="PlurAlign held-out prompts", metric_type=name, metric_value=value,
            metric_name=name.replace("_", " "), source_name="PlurAlign leaderboard", source_url=_link(summary),
        )
        for name, value in scalars(summary).items()
    ]  # fmt: skip
    return _yaml({"model-index": eval_results_to_model_index(summary.model.partition("/")[2], results)})


LEAST_RANKED = 3
"""Ranked submissions under which a badge tells no rank."""


def badge(rank: tuple[int, int] | None, n: int, tier: str, demonstration: bool, what: str) -> str:
    """An SVG badge: what is ranked, rank interval and tier; texts are ours, none of a submission's.

    Args:
        what: dimension and language.
        rank: ends of the interval; None where it is not ranked.
        n: of ranked submissions.
        tier: as the record has it.
        demonstration: whether the board only demonstrates.
    """
    left = "PlurAlign demo" if demonstration else "PlurAlign"
    place = (
        "not ranked"
        if rank is None
        else f"one of {n}"
        if n < LEAST_RANKED
        else f"rank {rank[0]} of {n}"
        if rank[0] == rank[1]
        else f"rank {rank[0]}–{rank[1]} of {n}"
    )
    right = f"{what}: {place} · {tier}"
    widths = [round(6.4 * len(text) + 14) for text in (left, right)]
    total = sum(widths)
    colour = "#5a5a5a" if rank is None or demonstration else "#0072B2"
    texts = "".join(
        f'<text x="{x}" y="14" text-anchor="middle">{text}</text>'
        for x, text in ((widths[0] / 2, left), (widths[0] + widths[1] / 2, right))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" aria-label="{left}: {right}">'
        f'<rect width="{total}" height="20" rx="3" fill="#333"/><rect x="{widths[0]}" width="{widths[1]}" height="20" rx="3" fill="{colour}"/>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g></svg>\n'
    )


def _yaml(value: Mapping[str, Any] | list[Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text
