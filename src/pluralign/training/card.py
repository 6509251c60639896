"""The model card of a fine-tune: what it was made of, by which command, and what may be said of it."""

from __future__ import annotations

from typing import Any

from pluralign.ratings import Ratings
from pluralign.training.recipe import Recipe

CARD = """---
base_model: {model}
library_name: peft
tags: [pluralign, {method}]
---
# {model} · {condition} · {method} · seed {seed}

A LoRA adapter trained on preferences of PlurAlign ([arXiv 2511.14476](https://arxiv.org/abs/2511.14476) is the study that it follows).

{warning}

| | |
|---|---|
| base model | {model} (weights {weights}, {dtype}) |
{trained_on}
| ratings | {ratings} |
| data sha256 | `{data_sha256}` |
{trained_by}
| LoRA | r = {r}, α = {alpha}, layers from {first_layer} |
| seed | {seed} |
| KL from the base | {kl} nats an answer |
| device | {device} |
| versions | {versions} |

```sh
{command}
```
Every setting is in `recipe.yaml`, every step in `curves.csv`.
"""
PAIRS = (
    "| preferences | `{condition}`, ties {ties}, labels {labels}, language {language}{control} |",
    "| method | {method}, β = {beta} |\n| protocol | {protocol}: {steps} steps of {batch} ({n_examples} examples, {n_votes:g} votes) |",
)
REWARDS = (
    "| prompts | `{condition}`, language {language} |\n| reward | {reward}; weights {weights_of_rewards}, {aggregation} |",
    "| method | grpo, KL weight {kl_beta}, temperature {temperature} |\n"
    "| protocol | {protocol}: {steps} steps of {prompts} × {generations} answers of at most {max_new_tokens} tokens ({n_examples} prompts) |",
)
"""What a run was trained on, and how: of methods that take pairs or single answers, and of grpo."""
SIMULATED = (
    "> **Trained on SIMULATED ratings.** It can show that a method recovers an effect that was planted. It is not better aligned than its "
    "base, and says nothing about what any group of people values."
)
REAL = "> Trained on ratings by people: {label}. Their licence and consent govern what may be done with it."


def model_card(info: dict[str, Any], recipe: Recipe, ratings: Ratings, command: str) -> str:
    """The card of a finished run.

    Args:
        info: as in `run.json`.
        recipe: of the run.
        ratings: that the preferences were made of.
        command: that made it; what `accelerate launch` takes if empty.
    """
    simulated = ratings.provenance.kind == "simulated"
    kl = info.get("end", {}).get("kl")
    told = {key: info[key] for key in ("condition", "method", "steps", "n_examples", "n_votes")} | {
        "ties": recipe.ties, "labels": recipe.labels, "language": recipe.language, "beta": recipe.beta, "protocol": recipe.protocol,
        "control": "" if recipe.control == "none" else f", control: {recipe.control}", "batch": recipe.batch,
        "reward": info.get("reward", {}).get("name"), "weights_of_rewards": recipe.dimension_weights or "equal", **recipe.grpo.model_dump(exclude={"reward"}),
    }  # fmt: skip
    trained_on, trained_by = (line.format(**told) for line in (REWARDS if recipe.method == "grpo" else PAIRS))
    return CARD.format(
        **{key: info[key] for key in ("model", "condition", "method", "seed", "weights", "dtype", "data_sha256", "device")},
        warning=SIMULATED if simulated else REAL.format(label=ratings.provenance.label), trained_on=trained_on, trained_by=trained_by,
        ratings=ratings.provenance.label, r=recipe.lora.r, alpha=recipe.lora.alpha, first_layer=recipe.lora.first_layer,
        kl="not measured" if kl is None else f"{kl:.2f}", versions=", ".join(f"{k} {v}" for k, v in info["versions"].items()),
        command=command or f"accelerate launch baselines/{'grpo' if recipe.method == 'grpo' else 'dpo'}.py --config recipe.yaml --model {info['model']}",
    )  # fmt: skip
