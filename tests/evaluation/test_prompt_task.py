"""`pluralign_en` and `pluralign_de` in lm-eval: generated, judged in one batch, counted, saved."""

import json
import math

import pytest

from pluralign.errors import PluralignError
from pluralign.judge.samples import read_samples

pytest.importorskip("lm_eval")


def records(results, task):
    return [json.loads(sample["filtered_resps"][0]) for sample in results["samples"][task]]


def test_scores_are_on_0_to_1_with_arrows_and_finite_standard_errors(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: f"answer {1 + k % 5}"), limit=20)
    for task in ("pluralign_en", "pluralign_de", "pluralign"):
        found = results["results"][task]
        assert found["toxicity,none"] == pytest.approx(0.5)
        assert found["judge_failed,none"] == 0
        for metric in ("toxicity", "emotional_awareness", "judge_failed", "response_length"):
            assert math.isfinite(found[f"{metric}_stderr,none"]), metric
        assert results["higher_is_better"][task] == {
            "toxicity": False, "emotional_awareness": True, "judge_failed": False, "response_length": None,
        }  # fmt: skip
        assert results["versions"][task] == "1.0.0"
    assert found["response_length,none"] == len("answer 1")


def test_every_task_is_judged_in_one_batch_and_raw_scores_are_in_the_samples(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: "answer 4"), limit=6)
    assert fake_judge.batches == 2
    assert len(fake_judge.seen) == 12
    assert {answer.language for answer in fake_judge.seen} == {"en", "de"}
    judgement = records(results, "pluralign_de")[0]["judgements"]["toxicity"]
    assert judgement == {"score": 4.0, "judge": "fake", "mode": "model", "reason": "toxicity of it"}


def test_failed_judgements_are_counted_and_enter_no_mean(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: "fail" if k % 4 == 0 else "answer 5"), limit=8, metadata={"max_failed": 0.5})
    assert results["results"]["pluralign_en"]["toxicity,none"] == 1.0
    assert results["results"]["pluralign_en"]["judge_failed,none"] == 0.25


def test_too_many_failures_stop_the_run_after_both_tasks_were_judged_and_saved(fake_judge, model, evaluate, tmp_path):
    with pytest.raises(PluralignError, match=r"PA073.*8 of 16 judgements failed.*timeout") as error:
        evaluate(model(lambda k: "fail" if k % 2 else "answer 5"), limit=8)
    saved = sorted((tmp_path / "cache/generations").glob("*.jsonl"))
    assert len(saved) == 2, "the generations of the other language are not lost"
    assert str(saved[1]) in str(error.value)
    assert [sample.response for sample in read_samples([saved[1]])][:2] == ["answer 5", "fail"]
    assert fake_judge.batches == 2


def test_thinking_is_stripped_and_a_truncated_one_is_counted_not_judged(fake_judge, model, evaluate):
    answers = ["<think>rude</think>answer 3", "<think>rude and"]
    results = evaluate(model(lambda k: answers[k % 2]), limit=4, metadata={"max_failed": 1.0})
    assert {answer.response for answer in fake_judge.seen} == {"answer 3"}
    assert results["results"]["pluralign_en"]["judge_failed,none"] == 0.5
    cut = records(results, "pluralign_en")[1]
    assert cut["thinking_truncated"]
    assert cut["judgements"]["toxicity"]["failure"] == "thinking_truncated"
    assert results["samples"]["pluralign_en"][1]["resps"] == [["<think>rude and"]], "the raw text stays in the samples"


def test_dimensions_are_judged_on_request(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: "answer 2"), limit=3, metadata={"dimensions": ["helpfulness", "toxicity"]})
    assert {"helpfulness,none", "toxicity,none"} <= set(results["results"]["pluralign_en"])
    assert "emotional_awareness,none" not in results["results"]["pluralign_en"]
    assert results["higher_is_better"]["pluralign_en"]["helpfulness"] is True


def test_a_model_without_chat_template_goes_on_with_a_conversation(fake_judge, model, evaluate):
    plain = model(lambda k: "answer 1")
    evaluate(plain, limit=1)
    assert plain.contexts[0].startswith("User: ")
    assert plain.contexts[0].endswith("\nAssistant:")
    assert plain.contexts[1].startswith("Nutzer: ")


def test_a_chat_template_gets_the_bare_prompt(fake_judge, model, evaluate):
    chat = model(lambda k: "answer 1")
    evaluate(chat, limit=1, apply_chat_template=True)
    assert chat.contexts[0].startswith("<|user|>Write a mocking column")
    assert chat.contexts[0].endswith("<|assistant|>")


def test_a_judge_that_cannot_judge_is_said_before_anything_is_generated(fake_judge, model, evaluate):
    fake_judge.refuses = PluralignError("PA071", "the model is retired.", "Name another.")
    asked = model(lambda k: pytest.fail("nothing is to be generated"))
    with pytest.raises(PluralignError, match="PA071"):
        evaluate(asked, limit=2)
    assert asked.contexts == []


def test_without_a_judge_answers_are_generated_and_saved(model, evaluate):
    results = evaluate(model(lambda k: "answer"), limit=2, metadata={"judge": "none"})
    assert results["results"]["pluralign_en"]["response_length,none"] == 6
    assert "toxicity,none" not in results["results"]["pluralign_en"]


def test_predict_only_judges_nothing(fake_judge, model, evaluate):
    fake_judge.refuses = PluralignError("PA072", "no key.")
    results = evaluate(model(lambda k: "answer"), limit=2, predict_only=True)
    assert fake_judge.batches == 0
    assert len(results["samples"]["pluralign_en"]) == 2


def test_results_say_what_judged_and_hold_no_argument_of_the_model(fake_judge, model, evaluate):
    metadata = {"pretrained": "some/model", "base_url": "http://user:secret@host"}
    results = evaluate(model(lambda k: "answer 1"), limit=1, metadata=metadata)
    held = results["configs"]["pluralign_de"]["metadata"]
    assert (held["judge"], held["judge_identity"]) == ("fake", {"judge": "fake", "version": 1})
    assert held["judge_usage"]["calls"] == 4, "both tasks, two dimensions"
    assert "secret" not in json.dumps(results["configs"])
    json.dumps(results["samples"])


@pytest.mark.parametrize("metadata", [{"version": "2.0.0"}, {"dimensions": ["toxic"]}, {"jugde": "x"}], ids=str)
def test_wrong_settings_stop_before_anything_runs(metadata, model, evaluate):
    with pytest.raises(PluralignError, match="PA081"):
        evaluate(model(lambda k: "x"), metadata=metadata)


def test_documents_can_be_sampled_by_number(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: "answer 1"), tasks="pluralign_de", samples={"pluralign_de": [0, 5]})
    assert [sample["doc_id"] for sample in results["samples"]["pluralign_de"]] == [0, 5]


def test_answers_that_are_the_models_fault_do_not_fail_the_run(fake_judge, model, evaluate):
    results = evaluate(model(lambda k: "<think>rude and" if k % 2 else "answer 2"), limit=6)
    assert results["results"]["pluralign_en"]["judge_failed,none"] == 0.5


def test_lm_evals_own_stripping_of_thinking_is_refused(model, evaluate):
    with pytest.raises(PluralignError, match=r"PA081.*think_end_token"):
        evaluate(model(lambda k: "x"), metadata={"judge": "none", "think_end_token": "</think>"})


def test_a_password_in_the_judges_url_is_in_no_result_even_without_judging(model, evaluate):
    url = "openai:m@http://bob:hunter2secret@127.0.0.1:9/v1?code=qsecret99"
    results = evaluate(model(lambda k: "x"), limit=1, metadata={"judge": url}, predict_only=True)
    assert "hunter2secret" not in json.dumps(results, default=str)
    assert "qsecret99" not in json.dumps(results, default=str)
