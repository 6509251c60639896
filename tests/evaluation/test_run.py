"""`pluralign eval` passes on to lm-eval what is not its own, and adds what one forgets."""

import json
from pathlib import Path

import pytest

from pluralign.errors import PluralignError
from pluralign.evaluation.run import EvalRun, asks_judge, command, generation_cache, preflight, wants_chat_template


def run(*passed, **more):
    return EvalRun(passed=passed, **more)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def after(words, option):
    return words[words.index(option) + 1]


def test_the_command_names_our_tasks_logs_samples_and_resumes(root):
    words = command(run("--model", "dummy", "--limit", "3", metadata={"judge": "zero-shot"}))
    assert words[:5] == ["run", "--model", "dummy", "--limit", "3"]
    assert after(words, "--tasks") == "pluralign"
    assert after(words, "--include_path") == str(root / "tasks")
    assert after(words, "--output_path") == "results"
    assert json.loads(after(words, "--metadata")) == {"judge": "zero-shot"}
    assert {"--log_samples", "--use_cache"} <= set(words)
    assert "--apply_chat_template" not in words


def test_what_the_user_gives_is_not_given_again():
    words = command(run("--model=dummy", "-o", "there", "--use_cache", "mine", "--log_samples"))
    assert words.count("--use_cache") == words.count("--log_samples") == 1
    assert "--output_path" not in words


@pytest.mark.parametrize(
    ("model", "asked"),
    [("local-chat-completions", True), ("openai-chat-completions", True), ("local-completions", False)],
)
def test_backends_that_take_messages_get_the_chat_template(model, asked):
    assert wants_chat_template(run("--model", model, "--model_args", "model=x")) is asked


def test_a_chat_template_can_be_forced_and_refused():
    assert wants_chat_template(run("--model", "dummy", chat_template=True))
    assert not wants_chat_template(run("--model", "openai-chat-completions", chat_template=False))


def test_a_model_that_is_not_there_is_said_before_it_is_loaded():
    with pytest.raises(PluralignError, match=r"PA083.*no-such-folder"):
        wants_chat_template(run("--model", "hf", "--model_args", "pretrained=./no-such-folder"))


@pytest.mark.parametrize("words", [("--model_args", "api_key=sk-1"), ("--model_args=model=x,token=hf_1",)], ids=str)
def test_a_key_among_the_models_arguments_is_refused_without_repeating_it(words):
    with pytest.raises(PluralignError, match="PA081") as error:
        command(run("--model", "dummy", *words))
    assert "sk-1" not in str(error.value)
    assert "hf_1" not in str(error.value)


def test_an_include_path_of_the_users_own_is_refused_with_the_way_round():
    with pytest.raises(PluralignError, match=r"PA081.*include_path"):
        command(run("--model", "dummy", "--include_path", "mine"))


def test_the_cache_of_generations_is_one_a_model(tmp_path):
    def stem(*words):
        return generation_cache(run("--model", "hf", "--model_args", *words, out=tmp_path)).name

    assert (
        stem("pretrained=a,dtype=bfloat16")
        == stem("dtype=bfloat16,pretrained=a")
        == stem("pretrained=a", "dtype=bfloat16")
    )
    assert stem("pretrained=a") != stem("pretrained=b")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    former = stem(f"pretrained={folder}")
    (folder / "model.safetensors").write_bytes(b"other")
    assert stem(f"pretrained={folder}") != former, "weights in the same folder were replaced"


def test_only_judged_tasks_ask_for_a_judge():
    assert asks_judge("pluralign_rater,pluralign_de")
    assert not asks_judge("pluralign_rater")


def test_model_arguments_are_read_in_every_form():
    assert run("--model_args", "a=1", "b=2", "--limit", "3").model_args == {"a": "1", "b": "2"}
    assert run("--model_args=a=1,b=2").model_args == {"a": "1", "b": "2"}
    assert run("-a", "a=1", "-M", "vllm").model == "vllm"
    assert Path(run().out) == Path("results")


def test_metadata_that_is_passed_on_is_merged_with_ours():
    asked = run(
        "--model", "dummy", "--metadata", '{"judge": "zero-shot", "judge_options": {"retries": 2}}',
        metadata={"judge_options": {"max_calls": 5}},
    )  # fmt: skip
    words = command(asked)
    assert words.count("--metadata") == 1
    assert json.loads(after(words, "--metadata")) == {
        "judge": "zero-shot",
        "judge_options": {"retries": 2, "max_calls": 5},
    }


def test_metadata_that_is_no_json_is_refused():
    with pytest.raises(PluralignError, match=r"PA081.*JSON object"):
        command(run("--model", "dummy", "--metadata", "judge=zero-shot"))


def test_the_cache_lies_where_the_results_go(tmp_path):
    words = command(run("--model", "dummy", "--output_path", str(tmp_path / "there")))
    assert after(words, "--use_cache").startswith(str(tmp_path / "there"))


@pytest.mark.parametrize(
    ("words", "more", "said"),
    [
        (("--model", "dumy"), {}, "'dummy'"),
        (("--model", "dummy"), {"tasks": "pluralign_ne"}, "'pluralign_de'|'pluralign_en'"),
        (("--model", "hf", "--model_args", "pretrained=."), {}, "config.json"),
        (("--model", "dummy"), {"tasks": "pluralign_rater", "metadata": {"ratings": "nowhere"}}, "PA001"),
    ],
    ids=str,
)
def test_names_that_do_not_exist_are_said_before_anything_is_loaded(words, more, said):
    with pytest.raises(PluralignError, match=said):
        preflight(run(*words, **more))


def test_json_is_all_that_a_program_reads(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from pluralign.cli import app

    monkeypatch.setenv("PLURALIGN_CACHE", str(tmp_path / "cache"))
    words = ["eval", "--model", "dummy", "--limit", "2", "--judge", "zero-shot", "--dimension", "toxicity", "--json"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pluralign"]["judge"]["name"] == "zero-shot"
