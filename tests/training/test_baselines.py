"""The scripts from command line to folder, in this process: GRPO, MODPO with a real margin, pushing, and a condition that is empty."""

import importlib.util
import json
import sys

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("trl", reason="needs pluralign[train]")

from pluralign.errors import PluralignError
from pluralign.ratings import Ratings
from pluralign.training import grpo as grpo_module
from pluralign.training.base import Base
from pluralign.training.examples import named, rows_of
from pluralign.training.margins import margins
from pluralign.training.recipe import read_recipe
from pluralign.training.reward import Reward
from pluralign.training.run import train
from pluralign.training.run_folder import offset_sha256
from pluralign.training.script import run_script

CHANGES = (
    "steps=2", "batch=2", "micro_batch=2", "dtype=float32", "probe_prompts=0", "lora.r=2", "max_length=2048", "learning_rate=0.01", "warmup=0",
)  # fmt: skip
TINY_GRPO = ("grpo.prompts=2", "grpo.generations=2", "grpo.max_new_tokens=6")


@pytest.fixture
def script(root, few, tiny_folder, own_cache, tmp_path, monkeypatch, capsys):
    """Calls a script as its command line would; its exit code, what it said, and what it complained of."""
    monkeypatch.delenv("HF_TOKEN", raising=False)

    def call(name, config, *words, changes=CHANGES, out="run", ratings=few):
        if not (place := tmp_path / f"ratings-{id(ratings)}").exists():
            ratings.save(place)
        spec = importlib.util.spec_from_file_location(f"baseline_{name}", root / f"baselines/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [
            f"{name}.py", "--config", str(root / f"baselines/recipes/{config}.yaml"), "--model", str(tiny_folder), "--ratings", str(place),
            "--out", str(tmp_path / out), *words, "--set", *changes,
        ])  # fmt: skip
        try:
            run_script(module.main)
            code = 0
        except SystemExit as stopped:
            code = stopped.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def vowels(monkeypatch):
    """A reward in place of the fitted one."""

    def score(keys):
        share = [sum(letter in "aeiouAEIOU" for letter in text) / len(text) for _, text in keys]
        return np.array([share, [len(text) / 100 for _, text in keys]]).T

    made = Reward("vowels", ["toxicity", "emotional_awareness"], score, {"name": "vowels", "held_out": None})
    monkeypatch.setattr(grpo_module, "open_reward", lambda *_: made)
    return made


class Hub:
    """In place of `huggingface_hub.HfApi`: notes what it is asked."""

    asked = None

    def __init__(self, token=None):
        type(self).asked.append(("token", token))

    def create_repo(self, name, exist_ok):
        self.asked.append(("repo", name, exist_ok))

    def create_commit(self, name, operations, commit_message):
        self.asked.append(("commit", name, {one.path_in_repo: one.path_or_fileobj for one in operations}))
        return type("Commit", (), {"repo_url": f"https://huggingface.co/{name}"})()


@pytest.fixture
def hub(monkeypatch):
    import huggingface_hub

    Hub.asked = []
    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    return Hub.asked


@pytest.mark.slow
def test_grpo_from_command_line_to_folder(script, vowels, tmp_path):
    code, said, complained = script("grpo", "exp4/both-reward", "--seed", "3", changes=(*CHANGES, *TINY_GRPO))
    assert code == 0, complained
    assert "8 answers, 0 empty" in said
    assert f"finished: {tmp_path / 'run'}" in said
    assert {place.name for place in (tmp_path / "run").iterdir()} == {
        "adapter", "README.md", "recipe.yaml", "curves.csv", "run.json",
    }  # fmt: skip
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert (info["method"], info["seed"], info["steps"], info["reward"]["name"]) == ("grpo", 3, 2, "vowels")
    assert info["reward"]["counts"]["answers"] == 8
    card = (tmp_path / "run/README.md").read_text()
    assert "accelerate launch baselines/grpo.py --config" in card
    assert "--seed 3" in card
    again, said, _ = script("grpo", "exp4/both-reward", "--seed", "3", changes=(*CHANGES, *TINY_GRPO))
    assert again == 0
    assert "nothing is trained again" in said


def test_the_script_for_rewards_refuses_pairs(script, vowels, tmp_path):
    code, _, complained = script("grpo", "exp3/majority-toxicity")
    assert code == 2
    assert "PA095" in complained
    assert "baselines/dpo.py" in complained
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_modpo_takes_its_margin_from_the_adapter_of_the_other_dimension(script, root, few, tiny_folder, tmp_path):
    code, _, complained = script("dpo", "exp4/toxicity", out="teacher")
    assert code == 0, complained
    teacher = tmp_path / "teacher/adapter"
    changes = (*CHANGES, "method=modpo", "dimension_weights={toxicity: 0.25, emotional_awareness: 0.75}")
    # The recipe's own weights would be merged with these.
    config = "exp4/both"
    code, _, complained = script("dpo", config, "--margin-adapter", str(teacher), changes=changes)
    assert code == 0, complained
    recipe = read_recipe(root / f"baselines/recipes/{config}.yaml", changes)
    base = Base.open(str(tiny_folder), "float32", "cpu")
    offset = margins(recipe, base, few, teacher)
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert info["offset_sha256"] == offset_sha256(offset)
    assert info["n_examples"] == len(offset)
    assert np.abs(offset).max() > 1e-4, "the margins are nothing"
    # By hand: a third of the teacher's implicit reward for toxicity, on pairs of emotional awareness.
    rows = rows_of(recipe, few)
    assert set(rows.column("dimension").to_pylist()) == {"emotional_awareness"}
    chat = base.chat(2048)
    first = rows.slice(0, 1).to_pylist()[0]
    tree = chat.tree(first["prompt"], (first["chosen"], first["rejected"]))
    plain = base.logps(base.model, [tree])
    with base.with_adapter(teacher) as model:
        moved = base.logps(model, [tree])
    by_hand = 0.25 / 0.75 * recipe.beta * ((moved - plain)[0] - (moved - plain)[1])
    assert offset[0] == pytest.approx(by_hand, abs=1e-4)
    # A run that goes on has the very same, whatever the machine rounds to now: nothing is computed again.
    base.logps = lambda *_: pytest.fail("computed again")
    assert np.array_equal(margins(recipe, base, few, teacher), offset)
    # Another margin is another run, and without one it is none.
    with pytest.raises(PluralignError, match="PA097.*offset"):
        train(recipe, base, few, tmp_path / "run", offset=offset + 1, say=lambda _: None)


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "PA095.*modpo needs --margin-adapter"), (("--margin-adapter", "nowhere"), "PA083.*nowhere holds no adapter")],
)
def test_modpo_without_a_margin_is_refused(script, tmp_path, words, says):
    import re

    code, _, complained = script("dpo", "exp4/both", *words, changes=(*CHANGES, "method=modpo"))
    assert code == 2
    assert re.search(says, complained)
    assert not (tmp_path / "run").exists()


def test_a_finished_run_is_pushed_whole_and_only_when_told_to(script, hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_written")
    code, said, complained = script("dpo", "exp3/majority-toxicity")
    assert code == 0, complained
    assert hub == []
    assert "pushed: " not in said
    code, said, complained = script("dpo", "exp3/majority-toxicity", "--push-to", "someone/majority")
    assert code == 0, complained
    assert "nothing is trained again" in said
    assert "pushed: https://huggingface.co/someone/majority" in said
    (_, token), repo, (_, name, files) = hub
    assert (token, repo, name) == ("hf_written", ("repo", "someone/majority", True), "someone/majority")
    folder = tmp_path / "run"
    assert files == {
        "adapter_config.json": str(folder / "adapter/adapter_config.json"),
        "adapter_model.safetensors": str(folder / "adapter/adapter_model.safetensors"),
        "README.md": str(folder / "README.md"), "recipe.yaml": str(folder / "recipe.yaml"),
        "curves.csv": str(folder / "curves.csv"), "run.json": str(folder / "run.json"),
    }  # fmt: skip
    assert "hf_written" not in "".join(place.read_text() for place in folder.iterdir() if place.is_file())


def test_of_several_processes_the_first_alone_pushes(script, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_written")
    assert script("dpo", "exp3/majority-toxicity")[0] == 0
    monkeypatch.setenv("RANK", "1")
    assert script("dpo", "exp3/majority-toxicity", "--push-to", "someone/majority")[0] == 0
    assert hub == []


@pytest.mark.parametrize("token", [None, ""])
def test_pushing_without_a_token_is_refused_before_anything_is_trained(script, hub, monkeypatch, tmp_path, token):
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    code, _, complained = script("dpo", "exp3/majority-toxicity", "--push-to", "someone/majority")
    assert code == 2
    assert "PA072" in complained
    assert "Set it to a write token of the Hub." in complained
    assert hub == []
    assert not (tmp_path / "run").exists()


def test_what_the_hub_refuses_is_said_and_the_run_stays(script, hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_written")

    def refuse(self, *_, **__):
        raise OSError("403 Forbidden\nmore")

    monkeypatch.setattr(Hub, "create_commit", refuse)
    code, _, complained = script("dpo", "exp3/majority-toxicity", "--push-to", "someone/majority")
    assert code == 2
    assert "PA051" in complained
    assert "403 Forbidden" in complained
    assert (tmp_path / "run/run.json").is_file()


@pytest.fixture
def one_rater_an_item(few):
    """Nobody can agree with anybody."""
    table = few.ratings
    seen, keep = set(), []
    for row in table.select(["item_id", "dimension"]).to_pylist():
        key = tuple(row.values())
        keep.append(key not in seen)
        seen.add(key)
    return Ratings.from_tables(
        few.raters, few.items, table.filter(pa.array(keep)), few.provenance, truth=few.truth, strict=True
    )


def test_a_consensus_that_leaves_nothing_is_an_error_of_the_run(base, one_rater_an_item, root, tmp_path):
    recipe = read_recipe(root / "baselines/recipes/exp3/consensus-toxicity.yaml", CHANGES)
    assert named(recipe.condition).aggregation == "consensus"
    with pytest.raises(PluralignError, match=r"PA091.*exp3-consensus-toxicity.*consensus keeps few items"):
        train(recipe, base, one_rater_an_item, tmp_path / "run", say=lambda _: None)
    assert not (tmp_path / "run").exists()


def test_and_one_message_of_the_script(script, one_rater_an_item, tmp_path):
    code, _, complained = script("dpo", "exp3/consensus-toxicity", ratings=one_rater_an_item)
    assert code == 2
    assert complained.splitlines()[-1].startswith(
        "PA091 condition without rows: exp3-consensus-toxicity: split 'train' has no row"
    )
    assert "Traceback" not in complained
    assert not (tmp_path / "run").exists()
