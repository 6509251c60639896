"""Processes that evaluate one model together share its budget, and report together."""

import os
import subprocess
import sys

import pytest

from pluralign.evaluation.ranks import n_ranks, of_all_ranks, own_part
from pluralign.judge import JudgeOptions


def test_alone_everything_is_ones_own(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    options = JudgeOptions(max_calls=7, max_usd=1.0)
    assert (n_ranks(), own_part(options), of_all_ranks("x")) == (1, options, ["x"])


@pytest.mark.parametrize("blank", ["", "1"])
def test_one_process_is_alone(monkeypatch, blank):
    monkeypatch.setenv("WORLD_SIZE", blank)
    assert n_ranks() == 1


def test_parts_of_a_budget_do_not_exceed_it(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    part = own_part(JudgeOptions(max_calls=10, max_usd=1.5, concurrency=16))
    assert (part.max_calls, part.max_usd, part.concurrency) == (3, 0.5, 5)
    assert own_part(JudgeOptions(concurrency=1)) == JudgeOptions(concurrency=1)


PROCESS = """
import sys, torch
from pluralign.evaluation.ranks import of_all_ranks
torch.distributed.init_process_group("gloo", init_method=sys.argv[1], rank=int(sys.argv[2]), world_size=2)
print(of_all_ranks({"rank": int(sys.argv[2])}))
torch.distributed.destroy_process_group()
"""


def test_all_processes_learn_what_each_has(tmp_path):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, f"file://{tmp_path}/meeting", str(rank)],
            env=os.environ | {"WORLD_SIZE": "2"}, stdout=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    assert [one.communicate(timeout=120)[0].strip() for one in started] == ["[{'rank': 0}, {'rank': 1}]"] * 2
