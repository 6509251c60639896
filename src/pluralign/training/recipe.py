"""A recipe says everything that a fine-tune depends on. One YAML a condition, the defaults in `baselines/recipes/defaults.yaml`.

A key that does not exist is an error here; trl's own scripts drop it and train something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from pluralign.errors import PluralignError, did_you_mean
from pluralign.places import carried

DEFAULTS = "defaults.yaml"
Method = Literal["dpo", "ipo", "kto", "sft", "dro", "modpo", "grpo"]
PAIRED: tuple[Method, ...] = ("dpo", "ipo", "modpo", "sft")
"""Methods that learn from pairs; `kto` and `dro` take single answers, `grpo` prompts and a reward."""
MAX_SEED = 2**32 - 1
"""numpy takes no larger one."""


def _no_switch(value: Any) -> Any:
    """YAML reads `yes` and `on` as true, which counts as 1."""
    if isinstance(value, bool):  # what pydantic takes for a wrong value is a ValueError
        raise ValueError("expected a number, not yes or no")  # noqa: TRY004
    return value


Number = Annotated[float, BeforeValidator(_no_switch)]
Whole = Annotated[int, BeforeValidator(_no_switch)]
Positive = Annotated[Number, Field(gt=0)]
Count = Annotated[Whole, Field(ge=1)]
Natural = Annotated[Whole, Field(ge=0)]


class Strict(BaseModel):
    """Refuses unknown keys and numbers that are not finite, and does not change once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(Strict):
    """Low-rank adaptation (arXiv 2106.09685), as `peft.LoraConfig` takes it.

    Attributes:
        r: rank.
        alpha: scale of the update, over r.
        dropout: of its input, 0–1. Above 0 packed and plain batches draw different masks.
        targets: names of linear layers, or `all-linear`.
        first_layer: transformer layers below it get no adapter. What they compute never changes and is then computed once for all
            conditions, seeds and steps; 0 for every layer.
    """

    r: Count
    alpha: Positive
    dropout: Annotated[Number, Field(ge=0, lt=1)]
    targets: str | tuple[str, ...]
    first_layer: Natural


class Grpo(Strict):
    """Group-relative policy optimisation (arXiv 2402.03300), as `trl.GRPOConfig` takes it.

    Attributes:
        prompts: prompts a step.
        generations: answers sampled for each.
        max_new_tokens: length at which an answer is cut.
        temperature: of sampling.
        kl_beta: weight of the KL term; trl's own default is 0.
        reward: `rater-model` (fitted to the released ratings) or the name of a judge; never the one that evaluates.
        aggregation: how several rewards become one advantage.
    """

    prompts: Count
    generations: Annotated[Whole, Field(ge=2)]
    max_new_tokens: Count
    temperature: Positive
    kl_beta: Annotated[Number, Field(ge=0)]
    reward: str
    aggregation: Literal["sum_then_normalize", "normalize_then_sum"]


class Kto(Strict):
    """Kahneman-Tversky optimisation (arXiv 2402.01306): what the two sides count, as `trl.KTOConfig` takes it.

    Good and bad answers weigh the same where desirable_weight · n_good = undesirable_weight · n_bad; the paper advises a ratio of the two
    sides of 1 to 4/3. A recipe without this group, as they were written before it, has 1 and 1.

    Attributes:
        desirable_weight: of the loss of each good answer.
        undesirable_weight: of the loss of each bad one.
    """

    desirable_weight: Positive = 1.0
    undesirable_weight: Positive = 1.0


class Recipe(Strict):
    """A fine-tune.

    Attributes:
        condition: a config of `datasets/preferences`.
        method: the optimiser and its loss.
        beta: strength of the tie to the reference model, per nat (ipo: per nat and token).
        ties: what becomes of equal ratings: left out, or half a vote for either.
        labels: `votes`, a row a vote; `soft`, a row a pair with the share of the votes; `shrunk`, that share shrunk to what it is worth.
        combine: of two dimensions, `pooled` pairs or `scalarised` ratings. `modpo` takes neither, see `dimension_weights`.
        dimension_weights: of several dimensions, summing to 1.
        language: of the texts.
        split: whose prompts are trained on.
        draw: which draw balances two groups' numbers of ratings: a number, `seed` for the run's own seed, or `mean` for votes averaged over draws.
        control: `none`; `shuffled` exchanges chosen and rejected by coin.
        protocol: `steps` as many as `steps` says; `epochs` over vote rows as often as `epochs` says; `kl` until `kl_target` is reached.
        steps: optimiser steps of protocol `steps`, and the most of protocol `kl`.
        epochs: of protocol `epochs`.
        kl_target: nats an answer, of protocol `kl`, which needs probes to see it. A run whose steps end first says `kl_reached: false`.
        batch: pairs (or single answers) a step, over all devices and accumulation.
        micro_batch: of them at once on a device.
        learning_rate: peak.
        schedule: as `transformers` names it.
        warmup: steps from 0 to the peak, and a sixth of the run at most, see `warmup_steps`.
        max_grad_norm: gradients are clipped to it.
        weight_decay: of AdamW.
        max_length: most tokens of prompt and answer; more is an error, never cut.
        dtype: of the base model and autocast.
        probe_every: steps between probes of KL, entropy and held-out pairs; 0 for only at the end.
        probe_prompts: held-out prompts that are sampled from in a probe, and pairs of the other split that it looks at.
        checkpoints: shares of the run at which the adapter is kept besides, for frontiers of gain against KL.
        seed: of adapter, order and sampling.
        lora: the adapter.
        grpo: settings of that method.
        kto: settings of that method.
    """

    condition: str
    method: Method
    beta: Positive
    ties: Literal["drop", "half"]
    labels: Literal["votes", "soft", "shrunk"]
    combine: Literal["pooled", "scalarised"]
    dimension_weights: dict[str, Annotated[Number, Field(ge=0, le=1)]]
    language: Literal["en", "de"]
    split: Literal["train", "test"]
    draw: Natural | Literal["seed", "mean"]
    control: Literal["none", "shuffled"]
    protocol: Literal["steps", "epochs", "kl"]
    steps: Count
    epochs: Positive
    kl_target: Positive
    batch: Count
    micro_batch: Count
    learning_rate: Positive
    schedule: Literal["constant", "linear", "cosine", "constant_with_warmup"]
    warmup: Natural
    max_grad_norm: Positive
    weight_decay: Annotated[Number, Field(ge=0)]
    max_length: Count
    dtype: Literal["bfloat16", "float32"]
    probe_every: Natural
    probe_prompts: Natural
    checkpoints: tuple[Annotated[Number, Field(gt=0, lt=1)], ...]
    seed: Annotated[Whole, Field(ge=0, le=MAX_SEED)]
    lora: Lora
    grpo: Grpo
    kto: Kto = Kto()

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        if self.batch % self.micro_batch:
            raise ValueError(f"batch: got {self.batch}, no multiple of micro_batch {self.micro_batch}")
        if self.labels == "votes" and self.ties == "half":
            raise ValueError("labels: votes have no half of one; take soft with ties: half, or ties: drop")
        if self.labels == "votes" and self.draw == "mean":
            raise ValueError(
                "labels: a vote that only some draws hold is no whole row; take soft with draw: mean, or one draw"
            )
        if self.combine == "scalarised" and len(set(self.dimension_weights.values())) > 1:
            raise ValueError(
                f"dimension_weights: got {self.dimension_weights}; scalarised ratings are plain means, expected equal weights"
            )
        if self.dimension_weights and abs(sum(self.dimension_weights.values()) - 1) > 1e-6:
            raise ValueError(f"dimension_weights: got {self.dimension_weights}; expected a sum of 1")
        if self.protocol == "kl" and not (self.probe_every and self.probe_prompts):
            raise ValueError(
                f"protocol: kl without probes would never stop; got probe_every {self.probe_every} and probe_prompts "
                f"{self.probe_prompts}, expected both above 0"
            )
        return self

    @property
    def balancing_draw(self) -> int | None:
        """The draw that balances two groups' numbers of ratings; None where votes are averaged over draws."""
        return {"seed": self.seed, "mean": None}[self.draw] if isinstance(self.draw, str) else self.draw

    def warmup_steps(self, steps: int) -> int:
        """How many steps a run warms up: `warmup`, and no more than a sixth of them, so that a short run is not all warm-up.

        Args:
            steps: of the run. A warm-up of 4 is whole from 24 steps on.
        """
        return min(self.warmup, steps // 6)

    def changed(self, **values: Any) -> Recipe:
        """The same with other values, checked again.

        Raises:
            PluralignError: PA095.
        """
        return recipe_from({**self.model_dump(mode="json"), **values}, "recipe")

    def to_yaml(self) -> str:
        """Every value, as a file that `read_recipe` takes."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any value."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def recipes_folder() -> Path:
    """Where the recipes lie: in the checkout, or in the wheel."""
    return carried("recipes", "baselines/recipes")


def read_recipe(path: str | Path, changes: Mapping[str, Any] | Sequence[str] = ()) -> Recipe:
    """Read a recipe: the defaults, then the file, then changes.

    Args:
        path: YAML with what differs from `defaults.yaml`.
        changes: values, or `key=value` as on a command line (`lora.r=8`), values as YAML.

    Raises:
        PluralignError: PA095 for a file that is not there or no YAML, an unknown key, or a value of the wrong type or out of range.
    """
    path = Path(path)
    values = _merged(_read(recipes_folder() / DEFAULTS), _read(path))
    given = changes if isinstance(changes, Mapping) else dict(assignment(one) for one in changes)
    for key, value in given.items():
        values = _merged(values, _nested(key, value))
    return recipe_from(values, str(path))


def recipe_from(values: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from plain values.

    Raises:
        PluralignError: PA095, with every problem.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise PluralignError("PA095", f"{where}:\n" + "\n".join(_lines(error)), "See docs/baselines.md.") from error


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for one in error.errors():
        # pydantic names the arms of a union too, `draw.literal['seed']`: the key is enough.
        key = ".".join(str(part) for part in one["loc"] if "[" not in str(part)) or "recipe"
        if one["type"] == "extra_forbidden":
            parts: dict[str, type[Strict]] = {"lora": Lora, "grpo": Grpo, "kto": Kto}
            known = parts.get(str(one["loc"][0]) if len(one["loc"]) > 1 else "", Recipe)
            lines.append(f"  unknown key {key!r}.{did_you_mean(one['loc'][-1], known.model_fields)}")
        elif one["type"] == "missing":
            lines.append(f"  {key} is missing")
        else:
            said = one["msg"].removeprefix("Value error, ")
            lines.append(f"  {key}: got {one['input']!r}; {said}" if one["loc"] else f"  {said}")
    return lines


def _read(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise PluralignError("PA095", f"no recipe at {path}.", "`pluralign experiment recipes` lists them.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PluralignError("PA095", f"{path} is no YAML: {error}.") from error
    except OSError as error:
        raise PluralignError(
            "PA095", f"{path} cannot be read: {error.strerror or error}.", "Name a recipe's YAML file."
        ) from error
    if not isinstance(found, dict):
        raise PluralignError("PA095", f"{path}: got {type(found).__name__}; expected keys and values.")
    return found


def assignment(text: str) -> tuple[str, Any]:
    """`key=value` with the value as YAML.

    >>> assignment("lora.r=8")
    ('lora.r', 8)

    Raises:
        PluralignError: PA095 for anything else.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise PluralignError("PA095", f"got {text!r}; expected key=value.", "For example: --set beta=0.2 lora.r=8")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise PluralignError(
            "PA095", f"{key.strip()}: got {value!r}, which is no YAML ({reason}).", "Close every bracket and quote."
        ) from error


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping over another; mappings inside are merged too, except where the base has an empty one."""
    found = dict(base)
    for key, value in over.items():
        inner = found.get(key)
        found[key] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return found
