"""`pluralign eval` that is killed, in the middle of generating and in the middle of judging, goes on where it was and loses nothing."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("lm_eval")

PROMPTS, CONCURRENCY = 5, 4
ANSWERS = 2 * PROMPTS
JUDGEMENTS = 2 * ANSWERS
GENERATED, JUDGED = 4, 13
"""Where it is killed: judged 13 is in the middle of the second task, which has judgements 11 to 20."""


@pytest.fixture
def helpers(monkeypatch):
    """The judging server and the server for what it does not do, which the tests of judges have."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "judge")
    import servers
    import stub_server

    return servers, stub_server


class Model:
    """Answers every prompt with a mark made from it; from one answer on it is silent, if told so.

    Attributes:
        asked: prompt -> how often.
        most: answers before it is silent; None for all.
    """

    def __init__(self, mark, said):
        self.mark, self.said = mark, said
        self.asked, self.most = Counter(), None
        self.over = Event()

    def __call__(self, body):
        prompt = json.dumps(body["messages"])
        self.asked[prompt] += 1
        if self.most is not None and self.asked.total() > self.most:
            self.over.wait()
        return self.said(f"answer {self.mark(int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 10**5)}")


class SilentAfter:
    """A plan for the judging server: it answers so many judgements, and then none."""

    fault = "hang"

    def __init__(self, most):
        self.most, self.n = most, 0

    def hits(self, judgement, attempt, request):
        self.n += 1
        return self.n > self.most


@pytest.fixture
def world(helpers, tmp_path, monkeypatch):
    """A model and a judge on loopback, and the command that evaluates the one by the other."""
    servers, stub_server = helpers
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = Model(servers.mark, stub_server.said)
    with ExitStack() as stack:
        served = stack.enter_context(stub_server.StubServer(model))
        stack.callback(model.over.set)
        judge = stack.enter_context(servers.JudgingServer())
        yield World(model, served.url, judge, tmp_path)


class World:
    """See the fixture."""

    def __init__(self, model, url, judge, folder):
        self.model, self.url, self.judge, self.folder = model, url, judge, folder

    def start(self, name):
        """`pluralign eval` with output and cache in a folder of that name."""
        arguments = f"model=m,base_url={self.url}/chat/completions,num_concurrent=1"
        words = ["--model", "local-chat-completions", "--model_args", arguments, "--limit", str(PROMPTS)]
        words += ["--judge", self.judge.judge, "--concurrency", str(CONCURRENCY), "--out", str(self.folder / name)]
        return subprocess.Popen(
            [sys.executable, "-m", "pluralign.cli", "eval", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=os.environ | {"PLURALIGN_CACHE": str(self.folder / f"{name}-cache")},
        )  # fmt: skip

    def finish(self, name):
        """Run it to its end."""
        process = self.start(name)
        told, _ = process.communicate()
        assert process.returncode == 0, told

    def kill_once(self, name, reached):
        """Run it, and kill it as soon as something is reached."""
        process = self.start(name)
        give_up = time.monotonic() + 300
        try:
            while not reached():
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < give_up, "it hangs"
                time.sleep(0.02)
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL

    def bodies(self):
        """Judgement requests so far, trial judgements aside: body -> how often."""
        marked = (body for body in self.judge.account.bodies if "#" in str(body["messages"][-1]["content"]))
        return Counter(json.dumps(body, sort_keys=True) for body in marked)


def rows(path, table):
    """Rows of a table in an SQLite file that another process may be writing; 0 where it is not there yet."""
    if not path.is_file():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as db:
            return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def outcome(folder):
    """All that a run found out, without dates, costs and the places of files."""
    [results] = folder.rglob("results_*.json")
    [report] = folder.rglob("pluralign_*.json")
    told, reported = json.loads(results.read_text("utf-8")), json.loads(report.read_text("utf-8"))
    samples = {
        path.name.partition("_2")[0]: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in folder.rglob("samples_*.jsonl")
    }
    return told["results"], told["n-samples"], told["higher_is_better"], reported["pluralign"]["scores"], samples


@pytest.mark.slow
def test_a_run_that_was_killed_twice_ends_as_one_that_was_not(world):
    world.finish("whole")
    model, judge = world.model, world.judge
    assert set(model.asked.values()) == set(world.bodies().values()) == {1}
    assert (len(model.asked), len(world.bodies())) == (ANSWERS, JUDGEMENTS)

    def generated():
        return sum(rows(path, "unnamed") for path in world.folder.glob("killed/.generations/*.db"))

    # While it generates.
    model.asked.clear()
    model.most = GENERATED
    world.kill_once("killed", lambda: generated() == GENERATED and model.asked.total() > GENERATED)
    in_flight = set(list(model.asked)[GENERATED:])
    assert world.bodies().total() == JUDGEMENTS, "nothing is judged before everything is generated"

    # While it judges.
    model.most, judge.plan = None, SilentAfter(JUDGED)
    world.kill_once("killed", lambda: judge.plan.n == JUDGED + CONCURRENCY)
    assert {prompt for prompt, n in model.asked.items() if n > 1} == in_flight
    assert (len(model.asked), len(in_flight)) == (ANSWERS, 1)
    first = world.bodies()
    stored = rows(world.folder / "killed-cache/judgements.sqlite", "judgements")
    assert stored == JUDGED, "every judgement that was answered is on disk before another one is asked for"

    # To its end.
    judge.plan = None
    world.finish("killed")
    assert model.asked.total() == ANSWERS + len(in_flight), "no answer is generated again"
    second = world.bodies() - first
    assert second.total() == JUDGEMENTS - stored, "no judgement is lost, and none that was stored is paid for again"
    # Each was asked for once by the undisturbed run, once by the killed one or the one after; by both where it was in flight.
    assert Counter(world.bodies().values()) == {2: JUDGEMENTS - CONCURRENCY, 3: CONCURRENCY}
    assert outcome(world.folder / "killed") == outcome(world.folder / "whole")
