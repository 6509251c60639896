"""Our fine-tuning against trl's own `dpo` script, as ratios within one run: wall time of a grid, losses, memory, and a supervised step.

python benchmarks/training.py
python benchmarks/training.py --steps 20 --grid-steps 48 --conditions 19 --seeds 3 --first-layer 15

- trl is run as its users run it, one process a condition, at its best settings: bfloat16, precomputed reference, no gradient checkpointing,
  no eval; the command is printed. Same rows, same order, same batches, same adapter, same learning rate, rows of votes (it has no weights
  or soft labels). Both train `--steps` steps; what a grid takes is projected from the seconds of a step and the measured fixed costs
  (imports, loading, tokenising, reference), which trl pays in every run and we pay once a model.
- trl's reference costs grow with its rows: it is given just the rows that `--steps` use, and the projection takes that cost as not growing with
  `--grid-steps`, which is its best case. Ours is computed for all rows of all conditions at once.
- Losses of the two are the same within bfloat16's rounding where their mean gap is at most twice that between our own run and our own run in
  smaller micro-batches, which learns from the same and rounds differently; and less than half of that to our own losses of other batches (a
  step later). That they are the same, step by step, without that rounding is tested in float32 (tests/training/test_against_trl.py).
- The supervised step is a plain one on the same tokens: every answer a row of its own through the model as it comes, cross-entropy by
  transformers, backward, AdamW, the same adapter. It is measured with adapters from `--first-layer` on, and on all layers.
- A step's share of the device's measured matrix-multiply rate counts the products with weights, forward and backward to activations, of what the
  step computes: layers from the first with an adapter, and the vocabulary on answer tokens. Attention and adapters are not counted.
The exit code is 1 where a target was missed. The last line is JSON. On a GPU all of it runs there.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from targets import Targets

LEARNING_RATE = "1e-3"
"""At which twenty steps teach: losses then differ between batches, and not by rounding alone."""


def settings(asked: argparse.Namespace) -> dict:
    return {
        "labels": "votes", "steps": asked.steps, "batch": 8, "micro_batch": asked.micro_batch, "probe_prompts": 0, "warmup": 0,
        "schedule": "constant", "learning_rate": float(LEARNING_RATE), "lora.first_layer": asked.first_layer,
    }  # fmt: skip


def recipe_and_examples(asked: argparse.Namespace):
    """The recipe, the base and just the examples that the steps use, in the order in which they are used."""
    import pluralign
    from pluralign.training.base import Base
    from pluralign.training.batches import LengthBatches
    from pluralign.training.examples import examples_of, rows_of
    from pluralign.training.recipe import read_recipe, recipes_folder

    recipe = read_recipe(recipes_folder() / "exp3/individual-toxicity.yaml", settings(asked))
    base, ratings = Base.open(asked.model), pluralign.load()
    began = time.perf_counter()
    examples = examples_of(recipe, ratings, base.chat(recipe.max_length))
    order = LengthBatches([tree.n_tokens for tree in examples.trees], 8, 8, asked.steps, recipe.seed)
    rows = [k for batch in order for k in batch]
    return recipe, base, ratings, examples, rows_of(recipe, ratings), rows, time.perf_counter() - began


def worker_ours(asked: argparse.Namespace) -> dict:
    """Train through the library with a cold cache of references; seconds of each part."""
    import pyarrow.csv as pacsv

    from pluralign.training.run import train

    recipe, base, ratings, *_ = recipe_and_examples(asked)
    loaded = time.perf_counter()
    trained = train(recipe, base, ratings, Path(asked.out), say=lambda _: None)
    seconds = trained.info["seconds"]
    first = time.perf_counter() - loaded
    # a second condition in the same process: what each further one costs besides its steps
    again = train(recipe.changed(seed=1, steps=1), base, ratings, Path(asked.out + "-again"), say=lambda _: None)
    losses = pacsv.read_csv(Path(asked.out) / "curves.csv").column("loss").to_pylist()
    more = again.info["seconds"]
    return {
        "losses": losses, "step_s": seconds["train"] / asked.steps, "first_fixed_s": first - seconds["train"],
        "further_fixed_s": more["all"] - more["train"], "seconds": seconds,
    }  # fmt: skip


def worker_rows(asked: argparse.Namespace) -> dict:
    """Write the rows in their order, for trl, and the names of the layers that get an adapter."""
    import pyarrow.parquet as pq

    _, base, _, _, table, rows, _ = recipe_and_examples(asked)
    folder = Path(asked.out)
    folder.mkdir(parents=True)
    pq.write_table(
        table.select(["prompt", "chosen", "rejected"]).take(rows).replace_schema_metadata(None),
        folder / "train.parquet",
    )
    kinds = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    names = [
        name for name, _ in base.model.named_modules()
        if name.rsplit(".", 1)[-1] in kinds and int(re.search(r"layers\.(\d+)\.", name)[1]) >= asked.first_layer
    ]  # fmt: skip
    from pluralign.evaluation.small_model import NAME, small_model

    return {"modules": names, "model": str(small_model()) if asked.model == NAME else asked.model, "rows": len(rows)}


def worker_step(asked: argparse.Namespace) -> dict:
    """Median seconds of our step and of a plain supervised one on the same tokens, alternating."""
    import torch

    from pluralign.training.forward import answer_logps, autocast
    from pluralign.training.losses import dpo
    from pluralign.training.packing import pack

    recipe, base, _, examples, _, rows, _ = recipe_and_examples(asked)
    batches = [rows[k : k + 8] for k in range(0, len(rows), 8)][: asked.steps // 2]
    lower, spent = base.lower(recipe.lora.first_layer), {"ours": [], "plain": []}
    if lower:
        lower.add([examples.trees[k] for k in rows])
    n_tokens, n_packed, n_answer = [], [], []

    def ours(trees):
        batch = pack(trees).to(base.device)
        n_packed.append(batch.input_ids.numel())
        n_answer.append(len(batch.target))
        states = lower(trees).to(base.device) if lower else None
        logps = answer_logps(model, batch, states, recipe.lora.first_layer).view(-1, 2)
        return dpo(logps[:, 0], logps[:, 1], torch.ones(len(logps), device=logps.device), 0.1).mean()

    def plain(trees):
        texts = [(tree.prompt, answer) for tree in trees for answer in tree.answers]
        width = max(len(p) + len(a) for p, a in texts)
        ids = torch.tensor([[*p, *a] + [0] * (width - len(p) - len(a)) for p, a in texts], device=base.device)
        labels = torch.tensor(
            [[-100] * len(p) + list(a) + [-100] * (width - len(p) - len(a)) for p, a in texts], device=base.device
        )
        mask = torch.tensor(
            [[1] * (len(p) + len(a)) + [0] * (width - len(p) - len(a)) for p, a in texts], device=base.device
        )
        n_tokens.append(int(mask.sum()))
        with autocast(model):
            return model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss

    with base.adapted(recipe.lora, 0) as model:
        model.train()
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
        for number, batch in enumerate(batches):
            for name, loss in (("ours", ours), ("plain", plain)):
                began = time.perf_counter()
                loss([examples.trees[k] for k in batch]).backward()
                optimiser.step()
                optimiser.zero_grad()
                if base.device.type == "cuda":
                    torch.cuda.synchronize()
                if number:  # the first warms up
                    spent[name].append(time.perf_counter() - began)
    found = {f"{name}_step_s": statistics.median(values) for name, values in spent.items()}
    embedding = base.model.get_input_embeddings().weight.numel()
    of_layers = [sum(p.numel() for p in layer.parameters()) for layer in base.model.get_decoder().layers]
    found |= {"tokens": statistics.mean(n_tokens), "matmul_flops_per_s": matmul_rate(base.device)}
    # Forward and the gradient of activations: four operations a parameter and token, no gradient of frozen weights.
    done = {
        "ours": 4 * (sum(of_layers[recipe.lora.first_layer :]) * statistics.mean(n_packed) + embedding * statistics.mean(n_answer)),
        "plain": 4 * (sum(of_layers) + embedding) * found["tokens"],
    }  # fmt: skip
    for name, operations in done.items():
        found[f"{name}_share_of_matmul"] = operations / found[f"{name}_step_s"] / found["matmul_flops_per_s"]
    return found


def matmul_rate(device) -> float:
    """Operations a second of a large bfloat16 product."""
    import torch

    n = 8192 if device.type == "cuda" else 1536
    a = torch.randn(n, n, dtype=torch.bfloat16, device=device)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return 2 * n**3 / min(times)


REPORTING = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
import torch
if torch.cuda.is_available():
    print("ON_DEVICE", torch.cuda.max_memory_allocated() / 1e9)
"""
"""Runs a module as `python -m` does, and tells how much memory of the GPU it took at most."""


def on_device(output: str) -> float | None:
    """GB of the GPU that a run says it took; None where there is none."""
    found = re.search(r"ON_DEVICE ([\d.]+)", output)
    return float(found[1]) if found else None


def call(command: list[str], **env: str) -> tuple[float, float, str]:
    """Wall seconds, peak memory of the child in GB, and its output."""
    script = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]);"
        "print('PEAK', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6); sys.exit(code)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, text=True, env={**os.environ, **env}
    )
    spent = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return spent, float(re.search(r"PEAK ([\d.]+)", done.stdout)[1]), done.stdout


def worker(asked: argparse.Namespace, name: str, out: str, cache: str) -> tuple[dict, float, float]:
    """What a worker found, its wall seconds, and its peak memory in GB: of the GPU where there is one."""
    words = [
        "--worker",
        name,
        "--out",
        out,
        *(
            f"--{key}={getattr(asked, key.replace('-', '_'))}"
            for key in ("steps", "first-layer", "micro-batch", "model")
        ),
    ]
    spent, peak, text = call([sys.executable, __file__, *words], PLURALIGN_CACHE=cache)
    return json.loads(text.split("RESULT ")[1].splitlines()[0]), spent, on_device(text) or peak


def trl_command(asked: argparse.Namespace, rows: dict, folder: str, out: str) -> list[str]:
    import torch

    where = [] if torch.cuda.is_available() else ["--use_cpu", "true"]
    return [
        sys.executable, "-m", "trl.scripts.dpo", "--dataset_name", folder, "--dataset_train_split", "train", "--model_name_or_path",
        rows["model"], "--dtype", "bfloat16", "--bf16", "true", "--precompute_ref_log_probs", "true", "--gradient_checkpointing", "false",
        "--max_steps", str(asked.steps), "--per_device_train_batch_size", "8", "--learning_rate", LEARNING_RATE, "--lr_scheduler_type", "constant",
        "--beta", "0.1", "--use_peft", "true", "--lora_r", "16", "--lora_alpha", "32", "--lora_dropout", "0", "--lora_target_modules",
        *rows["modules"], "--train_sampling_strategy", "sequential", "--seed", "0", "--logging_steps", "1", "--report_to", "none",
        "--save_strategy", "no", "--output_dir", out, *where,
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--grid-steps", type=int, default=48)
    parser.add_argument("--conditions", type=int, default=19, help="distinct conditions that are trained by DPO")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-layer", type=int, default=15)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--model", default="SmolLM2-135M-Instruct-Q4_1")
    parser.add_argument("--worker", choices=("ours", "rows", "step"))
    parser.add_argument("--out", default="")
    asked = parser.parse_args()
    if asked.worker:
        from pluralign.training.products import wide_products

        with wide_products():  # as the grid and the scripts train
            found = {"ours": worker_ours, "rows": worker_rows, "step": worker_step}[asked.worker](asked)
        print("RESULT " + json.dumps(found))
        import torch

        if torch.cuda.is_available():
            print("ON_DEVICE", torch.cuda.max_memory_allocated() / 1e9)
        return
    with tempfile.TemporaryDirectory() as scratch:
        rows, _, _ = worker(asked, "rows", f"{scratch}/rows", f"{scratch}/cache")
        command = trl_command(asked, rows, f"{scratch}/rows", f"{scratch}/trl")
        shown = " ".join(command).replace(scratch, "DIR").replace(sys.executable, "python")
        print(
            re.sub(
                r"--lora_target_modules( model\.\S+)+", f"--lora_target_modules <{len(rows['modules'])} names>", shown
            ),
            flush=True,
        )
        trl_s, trl_peak, text = call([command[0], "-c", REPORTING, *command[2:]], HF_HOME=f"{scratch}/hf")
        trl_peak = on_device(text) or trl_peak
        ours, ours_s, ours_peak = worker(asked, "ours", f"{scratch}/ours", f"{scratch}/cache2")
        smaller = argparse.Namespace(**{**vars(asked), "micro_batch": 4})
        rounded, _, _ = worker(smaller, "ours", f"{scratch}/rounded", f"{scratch}/cache2")
        step, _, _ = worker(asked, "step", f"{scratch}/step", f"{scratch}/cache")
        whole = argparse.Namespace(**{**vars(asked), "first_layer": 0, "steps": min(asked.steps, 10)})
        step_of_all, _, _ = worker(whole, "step", f"{scratch}/all", f"{scratch}/cache")
    trl_losses = [float(one) for one in re.findall(r"'loss': '?([\d.e-]+)", text)]
    trl_train = float(re.search(r"'train_runtime': '?([\d.]+)", text)[1])
    result = {
        "trl_step_s": trl_train / asked.steps, "trl_fixed_s": trl_s - trl_train, "ours": ours, "ours_wall_s": ours_s, "step": step,
        "step_of_all_layers": step_of_all,
        "peak_gb": {"trl": trl_peak, "ours": ours_peak}, "trl_losses": trl_losses, "losses_in_smaller_micro_batches": rounded["losses"],
    }  # fmt: skip
    runs = asked.conditions * asked.seeds
    # Imports and loading do not grow with the rows; reference and tokenising do. All of trl's fixed cost is taken as not growing: its best case.
    result["grid_s"] = {
        "trl": runs * (result["trl_fixed_s"] + asked.grid_steps * result["trl_step_s"]),
        "ours": ours_s - ours["seconds"]["train"] - ours["first_fixed_s"] + ours["first_fixed_s"]
        + runs * (ours["further_fixed_s"] + asked.grid_steps * ours["step_s"]),
    }  # fmt: skip
    print(
        f"fixed cost of a run: ours {ours['further_fixed_s']:.1f} s (first {ours['first_fixed_s']:.1f} s), trl {result['trl_fixed_s']:.1f} s"
    )
    targets = Targets()
    ratio = result["grid_s"]["trl"] / result["grid_s"]["ours"]
    targets.add(f"grid of {runs} x {asked.grid_steps} steps, trl / ours", ratio, ">= 3")
    times = f"{result['trl_step_s']:.2f} s / {ours['step_s']:.2f} s"
    targets.add("a step, trl / ours", result["trl_step_s"] / ours["step_s"], note=times)
    losses = ours["losses"]
    if not len(trl_losses) == len(losses) == len(rounded["losses"]) == asked.steps:
        sys.exit(
            f"{len(trl_losses)} losses of trl, {len(losses)} of ours, {len(rounded['losses'])} in smaller micro-batches; expected {asked.steps}"
        )
    gap, of_rounding = mean_gap(trl_losses, losses), mean_gap(losses, rounded["losses"])
    other = mean_gap(trl_losses[1:], losses[:-1])
    span = f"{gap:.4f} / {of_rounding:.4f}; losses from {losses[0]:.3f} to {losses[-1]:.3f}"
    targets.add("losses, gap to trl / gap of rounding", gap / of_rounding, "<= 2", span)
    targets.add("losses, gap to trl / gap to those of other batches", gap / other, "< 0.5", f"{gap:.4f} / {other:.4f}")
    steps = {f"adapters from layer {asked.first_layer}": step, "adapters on all layers": step_of_all}
    for what, of in steps.items():
        targets.add(f"step / supervised step, {what}", of["ours_step_s"] / of["plain_step_s"], "<= 1.3")
        targets.add(f"share of the matrix-multiply rate, {what}", of["ours_share_of_matmul"])
        targets.add("  of the supervised step", of["plain_share_of_matmul"])
    targets.add("peak memory, ours / trl", ours_peak / trl_peak, "<= 1", f"{ours_peak:.2f} GB / {trl_peak:.2f} GB")
    print(json.dumps(result | {"targets": targets.rows}))
    targets.leave()


def mean_gap(one: list[float], other: list[float]) -> float:
    """Mean absolute difference."""
    return statistics.mean(abs(a - b) for a, b in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
