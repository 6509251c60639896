"""Whatever the server does, nothing is lost, nothing is paid for twice, nothing is scored wrongly, and nothing raises."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fault_table import MID_RUN, answers, outcome, run, usual_plan
from servers import COMPLETION_TOKENS, FAULTS, MALFORMED, PROMPT_TOKENS, JudgingServer, Plan, true_score

from pluralign.errors import PluralignError
from pluralign.judge.base import Failure, JudgeOptions
from pluralign.judge.names import open_judge

from ..cases import cases

KEY = "sk-test-0123456789abcdefSECRET"
PASSING = [fault for fault in FAULTS if fault not in MID_RUN and fault not in MALFORMED]
LASTING = {
    "429": {"rate_limited"},
    "429_retry_after": {"rate_limited"},
    "500": {"server_error"},
    "502": {"server_error"},
    "503": {"server_error"},
    "hang": {"timeout"},
    "drip": {"timeout"},
    "half_closed": {"connection", "timeout"},
    "reset": {"connection"},
    "truncated_json": {"unparsable", "server_error", "connection"},
    "html": {"unparsable", "server_error"},
    "error_object": {"unparsable", "server_error"},
    "score_missing": {"unparsable"},
    "score_word": {"unparsable", "out_of_range"},
    "score_7": {"out_of_range"},
    "score_null": {"unparsable", "out_of_range"},
    "score_list": {"unparsable", "out_of_range"},
    "no_choices": {"unparsable", "server_error"},
    "content_null": {"unparsable", "refused"},
    "refusal": {"refused"},
    "length": {"unparsable", "too_long"},
    "content_filter": {"refused"},
    "401": {"rejected"},
    "404": {"rejected"},
}
"""Fault that never passes -> the kinds of failure that name it rightly."""


SILENT = ("hang", "half_closed", "drip")
"""Faults that only patience ends. With any other a short timeout would show how busy this machine is: what is answered too late is asked again."""

ALWAYS = (
    "429_retry_after",
    "500",
    "hang",
    "drip",
    "reset",
    "truncated_json",
    "duplicate",
    "score_missing",
    "score_7",
    "refusal",
    "length",
)
"""One of every kind; those that fail in the same way run with the slow tests."""


def some_always(faults):
    return cases(
        [fault for fault in faults if fault in ALWAYS], slow=[fault for fault in faults if fault not in ALWAYS]
    )


@pytest.fixture
def options(tmp_path):
    return JudgeOptions(timeout_s=30.0, cache=str(tmp_path / "judgements.sqlite"))


def with_timeout_for(fault, options):
    return replace(options, timeout_s=2.0) if fault in SILENT else options


def nothing_went_wrong(o):
    assert (o.lost, o.repeated, o.wrong) == (0, 0, 0)
    assert o.answered + sum(o.failed.values()) == o.judgements
    assert o.account.injected > 0, "the fault hit nothing"


def usage_is_what_the_server_counted(o):
    replies = o.account.tokens[0] // PROMPT_TOKENS
    assert (o.usage.prompt_tokens, o.usage.completion_tokens) == (replies * PROMPT_TOKENS, replies * COMPLETION_TOKENS)


@pytest.mark.parametrize("fault", some_always(PASSING))
def test_a_fault_that_passes_costs_no_answer(fault, options):
    o = run(usual_plan(fault), with_timeout_for(fault, options))
    nothing_went_wrong(o)
    assert o.answered == o.judgements
    if fault != "duplicate":  # Its second reply may or may not have been read.
        usage_is_what_the_server_counted(o)
        assert o.usage.retries >= o.account.injected


def test_a_server_that_says_how_long_to_wait_is_not_asked_before(options):
    o = run(usual_plan("429_retry_after"), options)
    assert (o.account.impatient, o.answered) == (0, o.judgements)


@pytest.mark.parametrize("fault", some_always(MALFORMED))
def test_a_reply_without_a_usable_score_is_asked_again_or_counted_but_never_guessed(fault, options):
    o = run(usual_plan(fault), options)
    nothing_went_wrong(o)
    usage_is_what_the_server_counted(o)
    assert set(o.failed) <= LASTING[fault]


@pytest.mark.parametrize("fault", some_always([fault for fault in LASTING if fault not in MID_RUN]))
def test_a_fault_that_lasts_is_a_typed_failure_and_the_other_answers_are_scored(fault, options):
    o = run(Plan(fault, share=0.4, times=10**9), with_timeout_for(fault, replace(options, retries=1)), number=16)
    nothing_went_wrong(o)
    assert set(o.failed) <= LASTING[fault]
    assert o.failed.total() > 0
    assert o.answered == len(o.account.answered)


@pytest.mark.parametrize("fault", MID_RUN)
def test_a_key_or_model_that_goes_in_mid_run_is_not_hammered(fault, options):
    o = run(usual_plan(fault), options)
    nothing_went_wrong(o)
    assert set(o.failed) == {"rejected"}
    assert o.account.injected <= o.judgements
    assert max(o.account.attempts[f] for f in o.account.attempts if f != "probe") == 1


def test_a_failure_is_no_judgement_and_is_asked_again_by_the_next_run(options):
    asked = answers(12)
    with JudgingServer(plan=Plan("500", share=0.5, times=3)) as server:
        first = open_judge(server.judge, replace(options, retries=0))
        failed = [row["toxicity"] for row in first.judge(asked, ["toxicity"]) if isinstance(row["toxicity"], Failure)]
        server.plan = None
        second = open_judge(server.judge, options)
        given = second.judge(asked, ["toxicity"])
        o = outcome("500", asked, ["toxicity"], given, server.account, second.usage)
    assert failed
    assert (o.answered, o.repeated, o.wrong) == (12, 0, 0)
    assert second.usage.cached == 12 - len(failed)


def test_several_dimensions_of_one_answer_are_not_mixed_up(options):
    dimensions = ("toxicity", "emotional_awareness", "helpfulness")
    o = run(Plan("500", share=0.3), options, number=20, dimensions=dimensions)
    nothing_went_wrong(o)
    assert o.answered == 60


def test_no_more_requests_are_in_flight_than_was_asked_for(options):
    options = replace(options, concurrency=5)
    o = run(Plan("429", share=0.3), options, number=40, latency_s=0.01)
    assert o.account.most_at_once <= 5


def test_equal_answers_are_paid_for_once(options):
    asked = answers(5) * 8
    with JudgingServer(latency_s=0.02) as server:
        judge = open_judge(server.judge, options)
        given = judge.judge(asked, ["toxicity"])
        o = outcome("none", asked, ["toxicity"], given, server.account, judge.usage)
    assert (o.answered, o.lost, o.repeated, o.wrong) == (40, 0, 0, 0)


def test_progress_counts_every_judgement_once(options):
    seen = []
    with JudgingServer(plan=Plan("500")) as server:
        open_judge(server.judge, options).judge(answers(20), ["toxicity", "helpfulness"], seen.append)
    assert sum(seen) == 40


# Budgets.


@pytest.mark.parametrize("fault", ["429", "score_missing", "500"])
def test_the_budget_in_calls_holds_with_all_workers_at_once(fault, options):
    o = run(Plan(fault, share=0.3), replace(options, max_calls=20), latency_s=0.01)
    assert (o.lost, o.repeated, o.wrong) == (0, 0, 0)
    assert o.account.requests - o.account.probes <= 20
    assert o.failed["budget"] > 0
    assert o.answered > 0


def test_the_budget_in_money_holds_with_all_workers_at_once(options):
    prices = (100.0, 1000.0)  # 0.02 a call as the server counts.
    options = replace(options, max_usd=3.0, usd_per_million=prices)
    o = run(Plan("500", share=0.1), options, number=200, latency_s=0.01)
    spent = (o.account.tokens[0] * prices[0] + o.account.tokens[1] * prices[1]) / 1e6
    assert (o.lost, o.repeated, o.wrong) == (0, 0, 0)
    assert spent <= 3.0
    assert o.usage.usd == pytest.approx(spent)
    assert spent < o.usage.usd_at_most <= 3.0
    assert o.failed["budget"] > 0
    assert o.answered > 0


# Killed, and shared.

CHILD = """
import sys, time
sys.path.insert(0, {tests!r})
from fault_table import answers, outcome
from pluralign.judge.base import JudgeOptions
from pluralign.judge.names import open_judge
time.sleep(max(0, {at!r} - time.time()))
judge = open_judge({judge!r}, JudgeOptions(concurrency=8, timeout_s=5.0, cache={cache!r}))
given = judge.judge(answers({number}), ["toxicity"])
print(sum(hasattr(row["toxicity"], "value") for row in given))
"""


def child(server, cache, number, at=0.0):
    """A process that judges so many answers, from a moment on."""
    code = CHILD.format(tests=str(Path(__file__).parent), judge=server.judge, cache=str(cache), number=number, at=at)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path):
    cache, asked = tmp_path / "judgements.sqlite", answers(80)
    with JudgingServer(latency_s=0.05) as server:
        process = child(server, cache, 80)
        while len(server.account.answered) < 30:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)  # What was in flight comes to its end on the server.
        before = set(server.account.answered)
        judge = open_judge(server.judge, JudgeOptions(concurrency=8, timeout_s=5.0, cache=str(cache)))
        given = judge.judge(asked, ["toxicity"])
        o = outcome("kill", asked, ["toxicity"], given, server.account, judge.usage)
    assert len(before) < 80
    assert (o.answered, o.lost, o.wrong) == (80, 0, 0)
    # What was paid for and had not reached the disk was in flight: no more than there were workers.
    assert o.repeated <= 8
    assert judge.usage.cached == len(before) - o.repeated


def test_two_processes_share_a_cache(tmp_path):
    cache = tmp_path / "judgements.sqlite"
    with JudgingServer(latency_s=0.02) as server:
        at = time.time() + 6  # by when both have imported what they need
        processes = [child(server, cache, 60, at) for _ in range(2)]
        for process in processes:
            out, err = process.communicate(timeout=60)
            assert (out.strip(), process.returncode) == ("60", 0), err
        bought = server.account.requests - server.account.probes
        assert len(server.account.answered) == 60
        judge = open_judge(server.judge, JudgeOptions(cache=str(cache)))
        given = judge.judge(answers(60), ["toxicity"])
        o = outcome("two", answers(60), ["toxicity"], given, server.account, judge.usage)
        assert server.account.requests - server.account.probes == bought, "a stored judgement was bought again"
    assert (o.answered, o.wrong, judge.usage.cached) == (60, 0, 60)
    assert o.repeated == 0, "what one process had claimed, the other bought as well"


# The key.


def every_text(judge, given, folder):
    """All that a run leaves or shows, but what the test captures."""
    shown = [
        repr(judge),
        str(vars(judge)) if hasattr(judge, "__dict__") else "",
        json.dumps(judge.identity(), default=str),
    ]
    shown += [json.dumps(judge.provenance(), default=str), repr(judge.usage), repr(given)]
    files = [path.read_bytes().decode("utf-8", "replace") for path in folder.rglob("*") if path.is_file()]
    return "\n".join(shown + files)


@pytest.mark.parametrize("fault", [None, "401", "500", "html", "hang"])
def test_the_key_is_nowhere_but_in_the_request(fault, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    options = JudgeOptions(timeout_s=0.5, retries=1, cache=str(tmp_path / "judgements.sqlite"))
    plan = Plan(fault, share=0.5, times=10**9) if fault else None
    with JudgingServer(plan=plan, key=KEY) as server:
        judge = open_judge(server.judge, options)
        judge.preflight(["toxicity"], ["en"])
        given = judge.judge(answers(8), ["toxicity"])
        sent = "\n".join(server.account.headers)
    captured = capfd.readouterr()
    assert KEY in sent
    assert KEY not in every_text(judge, given, tmp_path) + captured.out + captured.err + caplog.text


def test_a_key_that_the_server_rejects_and_repeats_is_not_shown(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    with JudgingServer(key="another") as server, pytest.raises(PluralignError) as caught:
        open_judge(server.judge, JudgeOptions(retries=0, cache="")).preflight(["toxicity"], ["en"])
    chain, seen = caught.value, ""
    while chain is not None:
        seen += repr(chain) + str(chain)
        chain = chain.__cause__
    assert KEY not in seen + caplog.text


def test_credentials_in_the_address_are_shown_nowhere():
    with JudgingServer() as server:
        named = server.judge.replace("http://", "http://someone:sesame@")
        try:
            judge = open_judge(named, JudgeOptions(cache=""))
            shown = json.dumps(judge.identity(), default=str) + judge.name + repr(judge)
        except PluralignError as refused:
            shown = str(refused)
    assert "sesame" not in shown


# Servers that can less.


KINDS_OF_SERVER = [
    ((), ()), (("json",), ()), (("schema",), ()), (("json", "schema", "logprobs"), ()), (("json", "logprobs"), ("schema",)),
    (("logprobs",), ("schema", "json")), ((), ("schema", "json", "logprobs")),
]  # fmt: skip
"""What it honours, and what it rejects; the rest it ignores."""


def judged_by(server, options, asked):
    judge = open_judge(server.judge, options)
    notes = judge.preflight(["toxicity"], ["en", "de"])
    return notes, [row["toxicity"] for row in judge.judge(asked, ["toxicity"])]


@pytest.mark.parametrize(("honours", "rejects"), KINDS_OF_SERVER)
def test_a_server_that_ignores_or_rejects_formats_is_noticed_and_judged_with_all_the_same(honours, rejects, tmp_path):
    options, asked = JudgeOptions(timeout_s=3.0, retries=1, cache=str(tmp_path / "judgements.sqlite")), answers(8)
    with JudgingServer(honours=honours, rejects=rejects) as server:
        notes, given = judged_by(server, options, asked)
    honoured = "schema" in honours and "schema" not in rejects
    assert honoured or notes
    assert {score.mode for score in given} <= ({"schema"} if honoured else {"json", "text"})
    assert [score.value for score in given] == [true_score(answer.response.split()[4], "toxicity") for answer in asked]


@pytest.mark.parametrize(("honours", "rejects"), KINDS_OF_SERVER)
def test_expectations_are_given_where_there_are_probabilities_and_refused_before_the_run_elsewhere(
    honours, rejects, tmp_path
):
    options, asked = (
        JudgeOptions(timeout_s=3.0, retries=1, expectation=True, cache=str(tmp_path / "j.sqlite")),
        answers(8),
    )
    with JudgingServer(honours=honours, rejects=rejects) as server:
        if "logprobs" not in honours:
            with pytest.raises(PluralignError, match=r"PA071.*logprobs"):
                judged_by(server, options, asked)
            return
        _, given = judged_by(server, options, asked)
    for answer, score in zip(asked, given, strict=True):
        true = true_score(answer.response.split()[4], "toxicity")
        assert (score.mode, score.value) == ("logprobs", pytest.approx(0.5 * true + 0.1 * 15))
