"""The same rows, batches, adapter and learning rate give the losses that trl gives, step by step."""

import pyarrow.csv as pacsv
import pytest

from pluralign.training.batches import LengthBatches
from pluralign.training.examples import examples_of, rows_of
from pluralign.training.run import train

from ..cases import cases

trl = pytest.importorskip("trl", reason="needs pluralign[train]")


def losses_of_trl(base, recipe, rows, tmp_path, steps, **settings):
    from peft import LoraConfig

    from datasets import Dataset

    arguments = trl.DPOConfig(
        output_dir=str(tmp_path / "trl"), max_steps=steps, per_device_train_batch_size=recipe.batch, learning_rate=recipe.learning_rate,
        lr_scheduler_type="constant", beta=recipe.beta, train_sampling_strategy="sequential", seed=recipe.seed, use_cpu=True, bf16=False,
        activation_checkpointing=False, report_to="none", logging_steps=1, save_strategy="no", max_length=None,
        max_grad_norm=recipe.max_grad_norm, disable_tqdm=True, model_init_kwargs={"dtype": "float32"}, **settings,
    )  # fmt: skip
    lora = LoraConfig(
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    trainer = trl.DPOTrainer(
        model=base.name,
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        peft_config=lora,
        processing_class=base.tokenizer,
    )
    trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")  # trl's own
@pytest.mark.parametrize(("method", "loss_type", "steps"), cases([("dpo", "sigmoid", 20)], slow=[("ipo", "ipo", 4)]))
def test_losses_are_those_of_trl(base, recipe, few, tmp_path, method, loss_type, steps):
    recipe = recipe.changed(
        method=method,
        labels="votes",
        steps=steps,
        batch=4,
        micro_batch=4,
        schedule="constant",
        warmup=0,
        learning_rate=3e-3,
    )
    chat = base.chat(recipe.max_length)
    lengths = [tree.n_tokens for tree in examples_of(recipe, few, chat).trees]
    order = [k for batch in LengthBatches(lengths, 4, 4, steps, recipe.seed) for k in batch]
    rows = rows_of(recipe, few).select(["prompt", "chosen", "rejected"]).take(order).to_pylist()
    theirs = losses_of_trl(base, recipe, rows, tmp_path, steps, loss_type=[loss_type])
    train(recipe, base, few, tmp_path / "ours", say=lambda _: None)
    ours = pacsv.read_csv(tmp_path / "ours" / "curves.csv").column("loss").to_pylist()
    assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    assert max(ours) - min(ours) > 0.01 * max(ours), "the steps change something"


def test_kto_is_that_of_trl_given_the_same_reference_point():
    import torch
    from torch.nn import functional as F  # noqa: N812

    from pluralign.training.losses import kto

    ratio, good, kl, beta = torch.tensor([1.5, -0.5, 0.2]), torch.tensor([True, False, True]), torch.tensor(0.3), 0.1
    # trl/trainer/kto_trainer.py, `_compute_loss`: 1 − σ(β (chosen − kl)), 1 − σ(β (kl − rejected))
    theirs = torch.where(good, 1 - F.sigmoid(beta * (ratio - kl)), 1 - F.sigmoid(beta * (kl - ratio)))
    torch.testing.assert_close(kto(ratio, good, kl, beta), theirs)
