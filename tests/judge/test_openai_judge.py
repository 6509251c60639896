"""The judge behind an endpoint: says at once what is wrong, pays for nothing twice, keeps to its budget, and keeps its key to itself."""

import json
import socket

import pytest
from fault_table import answers
from servers import Plan, request_text, true_score
from stub_server import StubServer, refused, said

from pluralign.errors import PluralignError
from pluralign.judge import Answer, Failure, JudgeOptions, Score
from pluralign.judge.names import open_judge

KEY = "sk-test-0123456789abcdefSECRET"
GOOD = '{"score": 4, "reason": "kind"}'


def opened(server, **options):
    url = getattr(server, "judge", None) or f"openai:judge-1@{server.url}"
    return open_judge(url, JudgeOptions(**{"retries": 2, "timeout_s": 5.0, "cache": ""} | options))


def one(judge, response="Be kind.", language="en"):
    return judge.judge([Answer("Hm?", response, language)], ["toxicity"])[0]["toxicity"]


def preflight_error(judge):
    with pytest.raises(PluralignError) as caught:
        judge.preflight(["toxicity"], ["en"])
    assert KEY not in str(caught.value)
    return caught.value


def test_every_answer_gets_its_own_score_with_reason_and_mode(judging_server):
    judge = opened(judging_server())
    assert judge.preflight(["toxicity", "helpfulness"], ["en", "de"]) == []
    asked = answers(30)
    given = judge.judge(asked, ["toxicity", "helpfulness"])
    for answer, row in zip(asked, given, strict=True):
        for dimension, score in row.items():
            assert score.value == true_score(answer.response.split()[4], dimension)
            assert (score.mode, score.reason) == ("schema", "Because it says so.")
    assert (judge.usage.calls, judge.usage.prompt_tokens, judge.usage.completion_tokens) == (61, 6100, 610)


def test_the_expectation_is_read_from_the_probabilities(judging_server):
    judge = opened(judging_server(), expectation=True)
    judge.preflight(["toxicity"], ["en"])
    (row,) = judge.judge(answers(1), ["toxicity"])
    # .6 on the score, .1 on each other: .5 × score + .1 × 15.
    assert row["toxicity"].value == pytest.approx(0.5 * true_score("#00000#", "toxicity") + 1.5)
    assert row["toxicity"].mode == "logprobs"


@pytest.mark.parametrize("server", [{"honours": ("schema",)}, {"rejects": ("logprobs",)}])
def test_an_expectation_that_cannot_be_had_is_said_at_once(judging_server, server):
    error = preflight_error(opened(judging_server(**server), expectation=True))
    assert error.code == "PA071"
    assert "expectation" in str(error)


@pytest.mark.parametrize(
    "server", [{"honours": ()}, {"rejects": ("schema",)}, {"rejects": ("schema", "json"), "voice": "words"}]
)
def test_a_server_without_structured_output_is_noticed_and_still_judges(judging_server, server):
    judge = opened(judging_server(**server))
    assert "does not honour a JSON schema" in judge.preflight(["toxicity"], ["en"])[0]
    given = judge.judge(answers(5), ["toxicity"])
    assert [row["toxicity"].value for row in given] == [true_score(f"#0000{i}#", "toxicity") for i in range(5)]


def test_a_reasoning_model_gets_neither_temperature_nor_max_tokens():
    def answer(body):
        if "max_tokens" in body:
            return refused(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return (
            refused(400, "Unsupported value: 'temperature' does not support 0.")
            if "temperature" in body
            else said(f"<think>5?</think>{GOOD}")
        )

    with StubServer(answer) as server:
        judge = opened(server)
        judge.preflight(["toxicity"], ["en"])
        assert one(judge).value == 4
        assert "temperature" not in server.bodies[-1]
        assert server.bodies[-1]["max_completion_tokens"] == 300


def test_a_missing_key_is_named_and_this_machine_needs_none(monkeypatch, judging_server):
    monkeypatch.delenv("OPENAI_API_KEY")
    error = preflight_error(open_judge("openai:gpt-4o-mini", JudgeOptions(cache="")))
    assert error.code == "PA072"
    assert "OPENAI_API_KEY" in str(error)
    assert opened(judging_server()).preflight(["toxicity"], ["en"]) == []


@pytest.mark.parametrize(("key", "said"), [("  ", "blank"), ("sk-abc\n", "line break"), ("sk abc", "space")])
def test_a_key_that_cannot_be_one_is_said_clearly(monkeypatch, key, said):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    error = preflight_error(open_judge("openai:gpt-4o-mini", JudgeOptions(cache="")))
    assert error.code == "PA072"
    assert said in str(error)


def test_a_wrong_key_is_said_before_anything_is_judged(judging_server):
    error = preflight_error(opened(judging_server(key="another")))
    assert error.code == "PA071"
    assert "OPENAI_API_KEY" in str(error)


def test_a_retired_model_is_said_with_the_nearest_that_is_there(judging_server):
    server = judging_server(model="judge-2")
    error = preflight_error(open_judge(f"openai:judge-1@{server.url}", JudgeOptions(cache="")))
    assert error.code == "PA071"
    assert "Did you mean 'judge-2'" in str(error)


def test_a_server_that_is_not_there_is_said_and_never_raises_in_judging():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        name = f"openai:m@http://127.0.0.1:{free.getsockname()[1]}/v1"
    judge = open_judge(name, JudgeOptions(cache="", retries=1))
    assert preflight_error(judge).code == "PA071"
    assert one(judge).kind == "rejected"


def test_an_empty_answer_costs_nothing(judging_server):
    server = judging_server()
    judge = opened(server)
    judge.preflight(["toxicity"], ["en"])
    assert [one(judge, text).kind for text in ("", " \n", "\u200b\u202e")] == ["empty_answer"] * 3
    assert server.account.requests == 1


def test_what_cannot_be_judged_is_unsupported(judging_server):
    judge = opened(judging_server())
    judge.preflight(["toxicity"], ["en"])
    assert one(judge, language="fr").kind == "unsupported"
    assert judge.judge([Answer("p", "r", "en")], ["charm"])[0]["charm"].kind == "unsupported"


def test_a_reply_without_a_score_is_asked_for_once_more_and_counted(judging_server):
    server = judging_server(plan=Plan("score_missing", share=1.0, times=1))
    judge = opened(server)
    judge.preflight(["toxicity"], ["en"])
    assert all(isinstance(row["toxicity"], Score) for row in judge.judge(answers(6), ["toxicity"]))
    assert judge.provenance()["reminders"] == 6
    assert judge.usage.calls == 13
    reminded = [body for body in server.account.bodies if request_text(body).count('score"') == 2]
    assert len(reminded) == 6


def test_a_reply_that_never_holds_a_score_is_a_failure(judging_server):
    judge = opened(judging_server(plan=Plan("score_7", share=1.0, times=9)))
    judge.preflight(["toxicity"], ["en"])
    assert judge.judge(answers(1), ["toxicity"])[0]["toxicity"].kind == "out_of_range"


def test_a_request_that_is_refused_as_it_stands_is_sent_once():
    replies = iter(
        [
            said('{"score": 4, "reason": "x", "remark": "y"}'),
            refused(400, "odd"),
            refused(400, "maximum context length exceeded"),
        ]
    )
    with StubServer(lambda _: next(replies)) as server:
        judge = opened(server)
        judge.preflight(["toxicity"], ["en"])
        assert (one(judge, "a").kind, one(judge, "b").kind) == ("rejected", "too_long")
        assert len(server.bodies) == 3


def test_a_key_revoked_in_mid_run_ends_the_rest_at_once(judging_server):
    server = judging_server(plan=Plan("401", share=1.0, times=10**9, after=10))
    judge = opened(server, concurrency=4)
    judge.preflight(["toxicity"], ["en"])
    kinds = [getattr(row["toxicity"], "kind", "scored") for row in judge.judge(answers(100), ["toxicity"])]
    assert set(kinds) == {"scored", "rejected"}
    assert server.account.requests < 10 + 2 * 4 + 1


def test_the_budget_in_calls_holds_under_concurrency(judging_server):
    server = judging_server(latency_s=0.01)
    judge = opened(server, max_calls=12, concurrency=16)
    judge.preflight(["toxicity"], ["en"])
    kinds = [getattr(row["toxicity"], "kind", "scored") for row in judge.judge(answers(40), ["toxicity"])]
    assert server.account.requests == 12
    assert (kinds.count("scored"), kinds.count("budget")) == (11, 29)


def test_the_budget_in_dollars_holds_under_concurrency(judging_server):
    # 100 prompt and 10 completion tokens a reply: 0.0012 USD at these prices.
    server = judging_server(latency_s=0.01)
    judge = opened(server, max_usd=0.05, usd_per_million=(10.0, 20.0), concurrency=16)
    judge.preflight(["toxicity"], ["en"])
    given = judge.judge(answers(60), ["toxicity"])
    assert 0.0012 * server.account.requests <= 0.05
    assert judge.usage.usd == pytest.approx(0.0012 * server.account.requests)
    assert {row["toxicity"].kind for row in given if isinstance(row["toxicity"], Failure)} == {"budget"}


def test_dollars_without_prices_are_refused(judging_server):
    with pytest.raises(PluralignError, match="PA074"):
        opened(judging_server(), max_usd=1.0)


@pytest.mark.parametrize(
    "option",
    [
        {"concurrency": 0},
        {"timeout_s": 0.0},
        {"timeout_s": float("nan")},
        {"retries": -1},
        {"max_tokens": 0},
        {"max_calls": -1},
    ],
)
def test_settings_out_of_range_are_refused(option):
    with pytest.raises(PluralignError, match="PA074"):
        open_judge("openai:gpt-4o-mini", JudgeOptions(cache="", **option))


def test_the_same_question_is_asked_once(judging_server):
    server = judging_server()
    judge = opened(server)
    judge.preflight(["toxicity"], ["en"])
    given = judge.judge(answers(1) * 20, ["toxicity"])
    assert len({row["toxicity"].value for row in given}) == 1
    assert server.account.requests == 2


def test_a_second_run_takes_all_from_the_cache(judging_server, tmp_path):
    server = judging_server()
    cache = str(tmp_path / "j.sqlite")
    first = opened(server, cache=cache)
    first.preflight(["toxicity"], ["en"])
    before = first.judge(answers(20), ["toxicity"])
    second = opened(server, cache=cache, max_calls=0)
    assert "only what the cache holds" in second.preflight(["toxicity"], ["en"])[0]
    after = second.judge(answers(21), ["toxicity"])
    assert [row["toxicity"].value for row in after[:20]] == [row["toxicity"].value for row in before]
    assert all(row["toxicity"].cached for row in after[:20])
    assert after[20]["toxicity"].kind == "budget"
    assert (second.usage.calls, second.usage.cached) == (0, 20)


def test_progress_counts_every_judgement(judging_server):
    judge, told = opened(judging_server()), []
    judge.judge([*answers(5), *answers(2), Answer("p", "", "en")], ["toxicity", "sensitivity"], told.append)
    assert sum(told) == 16


def test_the_key_and_credentials_are_in_no_output(judging_server, tmp_path, capfd, caplog):
    caplog.set_level("DEBUG")
    server = judging_server()
    cache = tmp_path / "j.sqlite"
    name = f"openai:judge-1@http://user:passw0rd@127.0.0.1:{server.port}/v1?code=querysecret"
    judge = open_judge(name, JudgeOptions(cache=str(cache)))
    judge.preflight(["toxicity"], ["en"])
    judge.judge(answers(3), ["toxicity"])
    shown = [
        repr(judge),
        repr(vars(judge)),
        judge.name,
        json.dumps(judge.identity()),
        json.dumps(judge.provenance()),
        str(judge.usage),
    ]
    shown += capfd.readouterr()
    shown += [path.read_bytes().decode("latin-1") for path in tmp_path.glob("j.sqlite*")]
    for secret in (KEY, "passw0rd", "querysecret"):
        assert not [text for text in shown if secret in text]
    assert KEY not in caplog.text


def test_a_server_that_repeats_the_key_does_not_get_it_printed():
    with StubServer(lambda _: refused(401, f"Incorrect API key provided: {KEY}")) as server:
        assert "[key]" in str(preflight_error(opened(server)))
