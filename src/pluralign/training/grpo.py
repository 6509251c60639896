"""GRPO (arXiv 2402.03300): trl's own trainer on the resident base model, a reward a dimension, KL measured against the base.

Where this differs from `trl.GRPOTrainer` as it comes:
- handed a `PeftModel` and a beta above 0, trl 1.16 keeps a copy of the fresh adapter as the reference, trains beside it and saves both;
  the copy is taken off, and the reference is the base with the adapter disabled;
- trl patches the base's `forward` for its fused head; the patch is taken off again, since the base outlives the run;
- prompts are tokenised as for pairs: of a reasoning model after an empty thought;
- autocast is ours in sampling too, so that the policy that speaks is the one whose gradient is taken;
- curves have names of their own: `sample_kl` is nats a *token* of the answers trained on (the k3 estimate), `kl` of a probe is nats an
  *answer* to held-out prompts. In bfloat16 either has a floor of rounding: an adapter that does nothing measurable (B of sd 1e-5) was seen
  at .002 nats a token.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from datasets import Dataset
from pluralign.errors import PluralignError
from pluralign.evaluation.ranks import n_ranks, of_all_ranks
from pluralign.preferences import rewards
from pluralign.ratings import Ratings
from pluralign.ratings.tables import content_checksum
from pluralign.training.base import Base
from pluralign.training.chat import Chat
from pluralign.training.disk import room_needed
from pluralign.training.examples import named
from pluralign.training.forward import autocast, causal_lm
from pluralign.training.heap import GivingBack
from pluralign.training.probing import Probes, save_adapter
from pluralign.training.recipe import Recipe
from pluralign.training.reward import Reward, open_reward
from pluralign.training.run import circumstances, finish, shared_arguments, within_memory
from pluralign.training.run_folder import ADAPTER, Say, Trained, alone, kept_run, last_checkpoint, own_folder
from pluralign.training.trainer import check_finite

REFERENCE = "ref"
LOGGED = {
    "loss": "loss", "grad_norm": "grad_norm", "learning_rate": "learning_rate", "step_time": "step_time",
    "reward": "reward", "reward_std": "reward_std", "frac_reward_zero_std": "frac_reward_zero_std",
    "kl": "sample_kl", "entropy": "sample_entropy", "completions/mean_length": "sample_tokens", "completions/clipped_ratio": "clipped_ratio",
    "empty": "empty", "still_thinking": "still_thinking", "unscored": "unscored",
}  # fmt: skip
"""trl's name of what it logs -> ours; with `reward_{dimension}`, this is all that the curves have."""
COUNTS, COUNTED = ("answers", "empty", "still_thinking", "unscored"), "counts/"


def train_grpo(
    recipe: Recipe, base: Base, ratings: Ratings, folder: Path, *, command: str = "", evaluating: str | None = None, say: Say = print
) -> Trained:  # fmt: skip
    """Train an adapter by rewards.

    Args:
        recipe: of method `grpo`; `micro_batch` is answers at once on a device, and `batch`, `ties`, `labels` and `beta` mean nothing here.
        base: the model, which has no adapter before nor after.
        ratings: the three tables.
        folder: where to; a run that was stopped there goes on.
        command: what the card says to type.
        evaluating: the judge that will evaluate, which must not reward; see `check_apart`.
        say: told what happens.

    Raises:
        PluralignError: PA090–PA095 for recipe, condition and reward, PA096 for a loss that is not finite, memory that does not suffice or a
            reward that scores nothing, PA097 where the folder holds a run of another recipe, model or ratings, PA098 where nothing changed,
            PA055 on a full disk.
    """
    check_recipe(recipe)
    began = time.perf_counter()
    prompts = prompts_of(recipe, ratings, base.chat(recipe.max_length))
    reward = open_reward(recipe, ratings, named(recipe.condition), evaluating, say)
    grpo_arguments(recipe, folder, base, reward.dimensions)  # What they refuse is refused before the folder is taken.
    with alone(folder), room_needed(folder):
        own_folder(folder, recipe, base, ratings)
        return kept_run(folder, say) or within_memory(
            lambda one: _train(one, base, ratings, folder, prompts, reward, command, say, began),
            recipe, recipe.micro_batch // 2 if recipe.micro_batch % 2 == 0 else 1, folder,
            f"the answers of a step stay {answers_a_step(recipe)}", say,
        )  # fmt: skip


def answers_a_step(recipe: Recipe) -> int:
    """Answers sampled for one optimiser step, over all devices."""
    return recipe.grpo.prompts * recipe.grpo.generations


def check_recipe(recipe: Recipe) -> None:
    """Refuse what GRPO cannot do, before anything is opened.

    Raises:
        PluralignError: PA095.
    """
    if recipe.method != "grpo":
        raise PluralignError(
            "PA095", f"method: got {recipe.method!r}; expected 'grpo'.", "baselines/dpo.py trains the others."
        )
    if recipe.protocol == "epochs":
        raise PluralignError(
            "PA095", "protocol: got 'epochs'; a reward has no votes to go through.", "Take steps, or kl."
        )
    if recipe.control != "none":
        raise PluralignError(
            "PA095", f"control: got {recipe.control!r}; a reward has no pairs to exchange.", "Take control: none."
        )


def prompts_of(recipe: Recipe, ratings: Ratings, chat: Chat) -> pa.Table:
    """The prompts that a recipe trains on, as `pluralign.preferences.rewards` gives them.

    Raises:
        PluralignError: PA090–PA094 for the condition; PA095 for a prompt that leaves no room for an answer, or fewer prompts than a step takes.
    """
    table = rewards(ratings, named(recipe.condition), language=recipe.language, split=recipe.split)
    if table.num_rows < recipe.grpo.prompts:
        raise PluralignError(
            "PA095", f"grpo.prompts: got {recipe.grpo.prompts}; {recipe.condition} has {table.num_rows}."
        )
    longest = max(len(chat.tree(prompt, ()).prompt) for prompt in table.column("prompt").to_pylist())
    if longest + recipe.grpo.max_new_tokens > recipe.max_length:
        raise PluralignError(
            "PA095", f"max_length: got {recipe.max_length}; the longest prompt has {longest} tokens, and an answer up to "
            f"{recipe.grpo.max_new_tokens}.", "Raise max_length, or lower grpo.max_new_tokens.",
        )  # fmt: skip
    return table


def _train(
    recipe: Recipe, base: Base, ratings: Ratings, folder: Path, prompts: pa.Table, reward: Reward, command: str, say: Say, began: float
) -> Trained:  # fmt: skip
    arguments = grpo_arguments(recipe, folder, base, reward.dimensions)
    say(
        f"{prompts.num_rows} prompts, {recipe.steps} steps of {recipe.grpo.prompts} × {recipe.grpo.generations} answers, rewarded by {reward.name}"
    )
    started, scoring = time.perf_counter(), reward.seconds
    with base.adapted(recipe.lora, recipe.seed) as model, forward_restored(base.model):
        probes = Probes(base, recipe, ratings, folder, recipe.steps)
        trainer = AnswerTrainer(base, model, recipe, prompts, reward, arguments, probes, say)
        trainer.train(resume_from_checkpoint=last_checkpoint(folder))
        ended, steps = time.perf_counter(), trainer.state.global_step
        last = probes.last(model, steps)
        save_adapter(model, folder / ADAPTER)
        logged = curves(trainer.state.log_history, reward.dimensions) + probes.rows
    info = {
        **circumstances(recipe, base, ratings), "steps": steps, "n_examples": prompts.num_rows, "n_votes": 0.0,
        "data_sha256": content_checksum({"prompts": prompts}), **last,
        "reward": {**reward.about, "counts": counted(trainer.state.log_history)},
        "seconds": {
            "prepare": started - began, "train": ended - started, "reward": reward.seconds - scoring, "all": time.perf_counter() - began,
        },
    }  # fmt: skip
    return finish(folder, info, logged, recipe, ratings, command)


def grpo_arguments(recipe: Recipe, folder: Path, base: Base, dimensions: Sequence[str]) -> GRPOConfig:
    """A recipe as trl takes it; what is trl's default and decides the result is said all the same.

    Raises:
        PluralignError: PA095 where a step does not divide into devices and micro-batches, or the weights name other dimensions.
    """
    world = n_ranks()
    answers, micro = answers_a_step(recipe), recipe.micro_batch
    if answers % (micro * world):
        raise PluralignError(
            "PA095", f"{recipe.grpo.prompts} prompts × {recipe.grpo.generations} generations do not divide into {world} device(s) × "
            f"micro_batch {micro}.", "Set micro_batch, grpo.prompts or grpo.generations.",
        )  # fmt: skip
    # trl turns it on, which halves the speed of a small model; transformers 5 has another name for it.
    names = {field.name for field in fields(GRPOConfig)}
    checkpointing = "activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing"
    settings: dict[str, Any] = {
        **shared_arguments(recipe, folder, recipe.steps, base),
        "gradient_accumulation_steps": answers // (micro * world), "num_generations": recipe.grpo.generations,
        "max_completion_length": recipe.grpo.max_new_tokens, "temperature": recipe.grpo.temperature, "top_p": 1.0, "top_k": 0,
        "beta": recipe.grpo.kl_beta, "multi_objective_aggregation": recipe.grpo.aggregation,
        "reward_weights": reward_weights(recipe, dimensions),
        # A mean over the tokens of all answers: a mean of each answer's would make a long bad answer cheaper than a short one.
        "loss_type": "dapo", "scale_rewards": "group", "num_iterations": 1, checkpointing: False,
    }  # fmt: skip
    return GRPOConfig(**settings)


def reward_weights(recipe: Recipe, dimensions: Sequence[str]) -> list[float]:
    """The weight of each dimension's reward; equal where the recipe has none.

    Raises:
        PluralignError: PA095 where the recipe weighs other dimensions than these.
    """
    if not recipe.dimension_weights:
        return [1 / len(dimensions)] * len(dimensions)
    if set(recipe.dimension_weights) != set(dimensions):
        raise PluralignError(
            "PA095",
            f"dimension_weights: got {list(recipe.dimension_weights)}; {recipe.condition} rewards {list(dimensions)}.",
        )
    return [recipe.dimension_weights[name] for name in dimensions]


class AnswerTrainer(GRPOTrainer):
    """trl's trainer on a base that others use too.

    Args:
        base: the base model, adapted.
        model: it with its adapter.
        recipe: for the length of prompts.
        prompts: as `prompts_of` gives them.
        reward: scores the answers.
        args: trl's own.
        probes: measures drift on the way.
        say: told every step.
    """

    def __init__(
        self, base: Base, model: Any, recipe: Recipe, prompts: pa.Table, reward: Reward, args: GRPOConfig, probes: Probes,
        say: Say,
    ) -> None:  # fmt: skip
        self.chat, self.say, self.policy = base.chat(recipe.max_length), say, model
        self.counts, self._logged = reward.counts, Counter(reward.counts)
        super().__init__(
            model=model, reward_funcs=[*reward.functions()], args=args, processing_class=base.tokenizer, callbacks=[probes, GivingBack()],
            train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts.column("prompt").to_pylist()]),
        )  # fmt: skip
        if REFERENCE in model.peft_config:
            model.delete_adapter(REFERENCE)
            model.set_adapter("default")
        self.remove_callback(PrinterCallback)

    def _tokenize_prompts(self, prompts: Any) -> Any:
        return [list(self.chat.tree(prompt, ()).prompt) for prompt in prompts], None, {}

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        with autocast(self.policy):
            return super()._generate_single_turn(*args, **kwargs)

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        with autocast(self.policy):
            return super()._get_per_token_logps_and_entropies(*args, **kwargs)

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        """trl's loss; one that is not finite ends the run."""
        loss = super().compute_loss(*args, **kwargs)
        check_finite(loss.item(), self.state.global_step + 1, "Lower learning_rate, or take dtype float32.")
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """trl's, and a line a step. What was counted goes into the history, which a run that goes on later takes up where it was."""
        found = of_all_ranks(self.counts - self._logged)
        self._logged = Counter(self.counts)
        logs |= {f"{COUNTED}{name}": sum(one[name] for one in found) for name in COUNTS}
        super().log(logs, *args, **kwargs)
        if "reward" in logs and self.is_world_process_zero():
            kl = f", KL {logs['kl']:.4f} a token" if "kl" in logs else ""
            tokens, seconds = logs["completions/mean_length"], logs.get("step_time", float("nan"))
            self.say(
                f"step {self.state.global_step} of {self.args.max_steps}: reward {logs['reward']:.3f}{kl}, entropy {logs['entropy']:.2f}, "
                f"{tokens:.0f} tokens, {seconds:.1f} s"
            )

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None in checkpoints: the run's card is written at its end."""


@contextmanager
def forward_restored(model: Any) -> Iterator[None]:
    """Take off at the end what was put over a model's own `forward`."""
    inner = causal_lm(model)
    before = inner.__dict__.get("forward")
    try:
        yield
    finally:
        inner.__dict__.pop("forward", None)
        if before is not None:
            inner.forward = before


def counted(history: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Answers of a run by what they were, of all processes and from its first step on.

    >>> counted([{"step": 1, "counts/answers": 8, "counts/empty": 1}, {"step": 2, "counts/answers": 8}, {"train_runtime": 3.0}])
    {'answers': 16, 'empty': 1, 'still_thinking': 0, 'unscored': 0}
    """
    return {name: int(sum(row.get(f"{COUNTED}{name}", 0) for row in history)) for name in COUNTS}


def curves(history: Sequence[dict[str, Any]], dimensions: Sequence[str]) -> list[dict[str, Any]]:
    """What trl logged, under our names.

    >>> curves([{"step": 1, "kl": 0.5, "rewards/toxicity/mean": 0.75, "num_tokens": 99}], ["toxicity"])
    [{'step': 1, 'sample_kl': 0.5, 'reward_toxicity': 0.75}]
    """
    names = LOGGED | {f"rewards/{name}/mean": f"reward_{name}" for name in dimensions}
    steps = [row for row in history if "train_runtime" not in row]
    return [
        {"step": row["step"]} | {ours: row[theirs] for theirs, ours in names.items() if theirs in row} for row in steps
    ]
