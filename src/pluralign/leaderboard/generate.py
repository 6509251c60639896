"""Generating answers again from named weights, by lm-eval: safetensors only, no code of the model's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pluralign.errors import PluralignError
from pluralign.evaluation.include_path import tasks_dir
from pluralign.evaluation.prompts import load_prompts
from pluralign.evaluation.settings import NO_JUDGE
from pluralign.judge.samples import Sample
from pluralign.leaderboard.check import Checked
from pluralign.leaderboard.run_file import TASKS


def generate_again(
    checked: Checked, samples: Sequence[Sample], arguments: Mapping[str, str], batch_size: int
) -> list[Sample]:
    """The samples with fresh answers, not judged.

    Args:
        checked: the submission; its run says dtype, chat template and settings of generation.
        samples: whose prompts are asked.
        arguments: as lm-eval opens the weights.
        batch_size: prompts at a time.

    Raises:
        PluralignError: PA110 where the weights cannot be opened safely, PA112 where lm-eval gives no answers.
    """
    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    assert checked.run is not None
    run = checked.run.raw
    dtype = str(run["config"].get("model_dtype") or "auto").removeprefix("torch.")
    try:
        model = HFLM(
            **arguments, dtype=dtype, trust_remote_code=False, use_safetensors=True, batch_size=batch_size,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )  # fmt: skip
    except (OSError, ValueError) as error:
        told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PluralignError(
            "PA110", f"{arguments.get('pretrained')}: {told}", "Only safetensors without code of their own are opened."
        ) from error
    place = {(language, row["prompt_id"]): k for language in TASKS for k, row in enumerate(load_prompts(language))}
    asked: dict[str, list[int]] = {}
    for one in samples:
        asked.setdefault(TASKS[one.language], []).append(place[one.language, one.prompt_id])
    manner = next(iter(checked.answers.values())).generation if checked.answers else {}
    found = simple_evaluate(
        model=model, tasks=list(asked), samples=asked, task_manager=TaskManager(include_path=str(tasks_dir()), include_defaults=False), metadata={"judge": NO_JUDGE},
        apply_chat_template=bool(run.get("chat_template")), system_instruction=run.get("system_instruction"), gen_kwargs=_plain(manner),
        bootstrap_iters=0, log_samples=True,
    )  # fmt: skip
    if found is None:
        raise PluralignError("PA112", "lm-eval gave no answers.", "Only the first of several processes has them.")
    said: dict[tuple[str, str], Any] = {}
    for task in asked:
        for row in found["samples"][task]:
            said[row["doc"]["language"], row["doc"]["prompt_id"]] = json.loads(row["filtered_resps"][0])
    return [
        replace(
            one, judgements={}, response=said[one.language, one.prompt_id]["response"], thinking_truncated=said[one.language, one.prompt_id]["thinking_truncated"]
        )
        for one in samples
    ]  # fmt: skip


def _plain(manner: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manner.items() if isinstance(value, bool | int | float)}
