"""What judging over the wire costs, as ratios within one run: against the concurrency bound, a serial judge, and inspect-ai.

OMP_NUM_THREADS=1 python benchmarks/judging.py
python benchmarks/judging.py --answers 320 --latency 0.2 --only ours inspect

The server answers each request after a fixed latency and runs in its own process, so that it shares no interpreter with who is timed.
- The bound is answers / workers × latency: nothing in flight is ever late. Our share of it = bound / seconds.
- The serial judge is lm-eval's own PISA task, whose `judge_mcq` opens a client and makes one blocking call a document; it is timed on
  fewer documents and scaled, since each takes the same.
- inspect-ai is timed from `eval()` to its log: its answers are given (no solver calls a model), `model_graded_qa` grades them over the
  same server with as many connections. That includes what its run always does: the task's set-up, its events of each sample, and the log
  written to disk; the imports and a run of 16 samples come before the clock starts. Ours includes the rubric, parsing and the durable
  cache, from `judge()` to its last score; the preflight of three calls or so comes before.
The last line is JSON; the exit code is 1 where a target was missed.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from targets import Targets

from pluralign.judge.base import Answer, JudgeOptions, Score

SERVERS = Path(__file__).resolve().parents[1] / "tests/judge/servers.py"
WORDS = (
    "you",
    "should",
    "rest",
    "and",
    "talk",
    "to",
    "someone",
    "who",
    "listens",
    "because",
    "what",
    "happened",
    "was",
    "hard",
)
PARTS = ("ours", "cache", "serial", "inspect")


def answers(number: int) -> list[Answer]:
    """Answers of about 80 words, each with the mark by which the server knows it."""
    draw = random.Random(0)
    return [
        Answer(f"How do I get over day {i}?", f"{' '.join(draw.choices(WORDS, k=80))} #{i:05d}#", "en") for i in range(number)
    ]  # fmt: skip


@contextlib.contextmanager
def server(latency: float) -> Iterator[str]:
    """The server in its own process; its URL."""
    command = [sys.executable, str(SERVERS), "--latency", str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdin
        yield process.stdout.readline().strip()
        process.stdin.close()


def counts(url: str) -> dict[str, object]:
    """What the server was asked so far."""
    with urllib.request.urlopen(f"{url}/counts") as reply:
        return json.load(reply)


def ours(url: str, asked: list[Answer], workers: int, cache: str) -> tuple[float, int, float]:
    """Seconds to judge the answers, how many were scored from the cache, and processor seconds."""
    from pluralign.judge.names import open_judge

    judge = open_judge(f"openai:judge-1@{url}", JudgeOptions(concurrency=workers, cache=cache))
    judge.preflight(["toxicity"], ["en"])
    start, processor = time.perf_counter(), time.process_time()
    given = judge.judge(asked, ["toxicity"])
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    scores = [row["toxicity"] for row in given]
    assert all(isinstance(score, Score) for score in scores), "an answer was not judged"
    return seconds, sum(score.cached for score in scores if isinstance(score, Score)), processor


def serial(url: str, asked: list[Answer]) -> float:
    """Seconds that lm-eval's PISA judge takes, document after document as its `process_results` does."""
    os.environ["OPENAI_BASE_URL"], os.environ["MODEL_VERSION"] = url, "judge-1"
    from lm_eval.tasks.pisa import utils

    utils.judge_mcq(asked[0].response, ["A) no", "B) yes"], "B) yes")
    start = time.perf_counter()
    for answer in asked:
        utils.judge_mcq(answer.response, ["A) no", "B) yes"], "B) yes")
    return time.perf_counter() - start


def by_inspect(url: str, asked: list[Answer], workers: int) -> float:
    """Seconds of inspect-ai's `eval` with given answers and `model_graded_qa`."""
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig, ModelOutput, get_model
    from inspect_ai.scorer import model_graded_qa
    from inspect_ai.solver import solver

    given = {answer.prompt: answer.response for answer in asked}

    @solver
    def given_answer():  # type: ignore[no-untyped-def]
        async def solve(state, generate):  # type: ignore[no-untyped-def]  # noqa: ARG001
            state.output = ModelOutput.from_content("given", given[state.input_text])
            return state

        return solve

    config = GenerateConfig(max_connections=workers, max_tokens=300, temperature=0.0)
    grader = get_model(
        "openai/judge-1", config=config, base_url=url, api_key="none", memoize=False, responses_api=False
    )
    scorer = model_graded_qa(template=TEMPLATE, instructions="", grade_pattern=r'"score": ([1-5])', model=grader)

    def once(chosen: list[Answer], folder: str) -> float:
        samples = MemoryDataset([Sample(input=answer.prompt, target="toxicity") for answer in chosen])
        start = time.perf_counter()
        [log] = evaluate(
            Task(dataset=samples, solver=given_answer(), scorer=scorer), model="mockllm/model", display="none", log_dir=folder,
            max_samples=2 * workers, max_connections=workers,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        assert log.status == "success", log.error
        assert log.samples
        assert all(sample.scores for sample in log.samples), "inspect-ai left an answer without a grade"
        return seconds

    with tempfile.TemporaryDirectory() as folder:
        once(asked[:16], folder)
        return once(asked, folder)


TEMPLATE = """Rate the toxicity of the answer on 1 to 5; reply with JSON that holds a reason and a score.
Question: {question}
Answer: {answer}
Criterion: {criterion}
{instructions}"""


def measure(options: argparse.Namespace) -> Targets:
    """All parts that were asked for."""
    report, wanted = Targets(), set(options.only or PARTS)
    asked, workers, latency = answers(options.answers), options.workers, options.latency
    bound = -(-len(asked) // workers) * latency
    label = f"{len(asked)} answers, {workers} workers, {latency} s"
    with tempfile.TemporaryDirectory() as folder, server(latency) as url:
        seconds = float("nan")
        if wanted & {"ours", "serial", "inspect"}:
            rounds = [ours(url, asked, workers, str(Path(folder) / f"{i}.sqlite")) for i in range(options.rounds)]
            seconds, _, processor = min(rounds)
            note = f"{seconds:.2f} of {bound:.2f} s; {1000 * processor / len(asked):.1f} ms of processor an answer"
            report.add(f"share of the concurrency bound, {label}", bound / seconds, ">= 0.95", note)
        if "serial" in wanted:
            few = asked[: max(16, len(asked) // 16)]
            scaled = serial(url, few) * len(asked) / len(few)
            note = f"{scaled:.1f} s, scaled from {len(few)} documents"
            report.add("lm-eval's PISA judge, serial / ours", scaled / seconds, ">= 8", note)
        if "inspect" in wanted:
            theirs = min(by_inspect(url, asked, workers) for _ in range(options.rounds))
            report.add("inspect-ai's model_graded_qa / ours", theirs / seconds, ">= 1", f"{theirs:.2f} s")
        if "cache" in wanted:
            warm_cache(report, url, workers, str(Path(folder) / "warm.sqlite"))
    return report


def warm_cache(report: Targets, url: str, workers: int, cache: str) -> None:
    """1,000 answers that were judged before."""
    asked = answers(1000)
    ours(url, asked, workers, cache)
    before = dict(counts(url)["answered"])  # type: ignore[call-overload]
    seconds, cached, _ = ours(url, asked, workers, cache)
    assert counts(url)["answered"] == before, "a judgement that was in the cache was bought again"
    report.add("warm cache, seconds for 1,000 answers", seconds, "< 2", f"{cached} from the cache, no call")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=PARTS)
    parser.add_argument("--answers", type=int, default=640)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--latency", type=float, default=0.15, help="of the server, seconds")
    parser.add_argument("--rounds", type=int, default=2, help="of ours and of inspect-ai's; the least counts")
    options = parser.parse_args()
    os.environ["OPENAI_API_KEY"] = "none"
    report = measure(options)
    print(json.dumps({"judging": report.rows}))
    report.leave()


if __name__ == "__main__":
    main()
