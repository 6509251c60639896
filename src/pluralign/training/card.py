"""The model card of a fine-tune: what it was made of, by which command, and what may be said of it."""

from __future__ import annotations

from collections.abc import Mapping
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
{agreement}Every setting is in `recipe.yaml`, every step in `curves.csv`.
"""
PAIRS = (
    "| preferences | `{condition}`, ties {ties}, labels {labels}, language {language}{control} |",
    "| method | {method}, β = {beta}{sides} |\n| protocol | {protocol}: {steps} steps of {batch} ({n_examples} examples, {n_votes:g} votes) |",
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
SIDES = "; good answers weigh {desirable_weight:g}, bad ones {undesirable_weight:g}"
MEASURED = (
    "The reward was fitted to the split that was trained on, and measured on ratings of the other: {measured}. "
    "What a policy gains by its own reward is not what it gains in truth.\n\n"
)
UNMEASURED = "How far the reward, `{name}`, agrees with people was not measured for this run.\n\n"
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
        "sides": SIDES.format(**recipe.kto.model_dump()) if recipe.method == "kto" else "",
        "reward": info.get("reward", {}).get("name"), "weights_of_rewards": recipe.dimension_weights or "equal", **recipe.grpo.model_dump(exclude={"reward"}),
    }  # fmt: skip
    trained_on, trained_by = (line.format(**told) for line in (REWARDS if recipe.method == "grpo" else PAIRS))
    return CARD.format(
        **{key: info[key] for key in ("model", "condition", "method", "seed", "weights", "dtype", "data_sha256")},
        device=info["device"] + (f", {n} processes" if (n := info.get("processes", 1)) > 1 else ""),
        warning=SIMULATED if simulated else REAL.format(label=ratings.provenance.label), trained_on=trained_on, trained_by=trained_by,
        ratings=ratings.provenance.label, r=recipe.lora.r, alpha=recipe.lora.alpha, first_layer=recipe.lora.first_layer,
        kl="not measured" if kl is None else f"{kl:.2f}", versions=", ".join(f"{k} {v}" for k, v in info["versions"].items()),
        agreement=agreement(info["reward"]) if "reward" in info else "", command=command or f"accelerate launch baselines/{'grpo' if recipe.method == 'grpo' else 'dpo'}.py --config recipe.yaml --model {info['model']}",
    )  # fmt: skip


def agreement(reward: Mapping[str, Any]) -> str:
    """What the card of grpo says of its reward's agreement with ratings that it was not fitted to, a sentence; the truth's where there is one.

    Args:
        reward: as in `run.json`.
    """
    from pluralign.training.reward import told

    if not (held_out := reward.get("held_out")):
        return UNMEASURED.format(name=reward["name"])
    return MEASURED.format(measured="; ".join(f"{name}, {told(found)}" for name, found in held_out.items()))
