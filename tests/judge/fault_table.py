"""Judge against every fault and print what came of it: fault, injected, answered, lost, repeated, wrongly scored.

python tests/judge/fault_table.py             # as a table in Markdown
python tests/judge/fault_table.py --answers 200
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from servers import FAULTS, Account, JudgingServer, Plan, mark, true_score

from pluralign.judge.base import Answer, Failure, Judgement, JudgeOptions, Score, Usage

MID_RUN = ("401", "404")
"""Faults that stay from a moment on: no retry can mend them."""


def answers(number: int, first: int = 0) -> list[Answer]:
    """Marked answers, half of them German."""
    return [
        Answer(f"How was my day, {i}?", f"It was day {i} {mark(i)} and you should rest.", "de" if i % 2 else "en")
        for i in range(first, first + number)
    ]


@dataclass(frozen=True)
class Outcome:
    """What a run against a faulty server came to.

    Attributes:
        fault: of the plan.
        judgements: that were asked for.
        answered: scored.
        failed: kind of failure -> count.
        lost: neither scored nor failed.
        repeated: good replies, hence paid, to judgements that had one.
        wrong: scored with what the server did not say.
        account: the server's.
        usage: the judge's.
    """

    fault: str
    judgements: int
    answered: int
    failed: Counter[str]
    lost: int
    repeated: int
    wrong: int
    account: Account
    usage: Usage


def outcome(
    fault: str, asked: Sequence[Answer], dimensions: Sequence[str], given: Sequence[Mapping[str, Judgement]], account: Account, usage: Usage
) -> Outcome:  # fmt: skip
    """Compare what the judge gave with what the server said."""
    scored, wrong, lost, failed = 0, 0, len(asked) * len(dimensions), Counter[str]()
    for answer, row in zip(asked, given, strict=True):
        for dimension in dimensions:
            judgement = row.get(dimension)
            lost -= isinstance(judgement, Score | Failure)
            if isinstance(judgement, Failure):
                failed[judgement.kind] += 1
            elif isinstance(judgement, Score):
                scored += 1
                wrong += judgement.value != true_score(answer.response.split()[4], dimension)
    return Outcome(fault, len(asked) * len(dimensions), scored, failed, lost, account.repeated, wrong, account, usage)


def run(
    plan: Plan, options: JudgeOptions, number: int = 60, dimensions: Sequence[str] = ("toxicity",), **server: object
) -> Outcome:
    """Judge marked answers against a server with a plan; preflight first, as a user would."""
    from pluralign.judge.names import open_judge

    asked = answers(number)
    with JudgingServer(plan=plan, **server) as running:  # type: ignore[arg-type]
        judge = open_judge(running.judge, options)
        judge.preflight(dimensions, ["en", "de"])
        given = judge.judge(asked, dimensions)
        return outcome(plan.fault, asked, dimensions, given, running.account, judge.usage)


def usual_plan(fault: str) -> Plan:
    """A third of the judgements hit once; what cannot pass, from the 21st request on."""
    return Plan(fault, share=1.0, times=10**9, after=20) if fault in MID_RUN else Plan(fault)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=60)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--timeout", type=float, default=1.0, help="of a request, in seconds")
    given = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "sk-none")
    print(f"{given.answers} answers, {given.workers} workers\n")
    print("| fault | what the server does | injected | answered | failed, by kind | lost | repeated | wrongly scored |")
    print("|---|---|---:|---:|---|---:|---:|---:|")
    for fault, meaning in FAULTS.items():
        with tempfile.TemporaryDirectory() as folder:
            cache = str(Path(folder) / "judgements.sqlite")
            options = JudgeOptions(concurrency=given.workers, timeout_s=given.timeout, cache=cache)
            o = run(usual_plan(fault), options, given.answers)
        failed = ", ".join(f"{kind} {count}" for kind, count in o.failed.items()) or "–"
        print(
            f"| `{fault}` | {meaning} | {o.account.injected} | {o.answered} | {failed} | {o.lost} | {o.repeated} | {o.wrong} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
