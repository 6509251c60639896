"""`baselines/dpo.py` as people run it: alone, over two processes, and wrongly."""

import json
import runpy
import signal
import subprocess
import sys
import time

import psutil
import pytest

from ..processes import TWO, environment

CHANGES = [
    "steps=3",
    "batch=4",
    "micro_batch=2",
    "dtype=float32",
    "probe_prompts=0",
    "lora.r=2",
    "max_length=2048",
    "learning_rate=0.01",
]


@pytest.fixture
def words_for(root, few, tiny_folder, own_cache, tmp_path):
    """`words_for(recipe, out)` are a script's words for a run on a few ratings, up to its changes."""
    few.save(tmp_path / "ratings")

    def words(recipe="exp3/majority-toxicity", out="run"):
        config = root / f"baselines/recipes/{recipe}.yaml"
        given = {"config": config, "model": tiny_folder, "ratings": tmp_path / "ratings", "out": tmp_path / out}
        return [*(word for name, value in given.items() for word in (f"--{name}", str(value))), "--set"]

    return words


@pytest.fixture
def run_script(root, words_for, tmp_path):
    def run(
        *words,
        launcher=(sys.executable,),
        changes=CHANGES,
        out="run",
        until=None,
        script="baselines/dpo.py",
        recipe="exp3/majority-toxicity",
    ):
        """Until a file is there, if one is named: then all its processes are killed."""
        command = [*launcher, str(root / script), *words_for(recipe, out), *changes, *words]
        if until is None:
            return subprocess.run(command, capture_output=True, text=True, env=environment())
        with (tmp_path / "said").open("w") as said:
            begun = subprocess.Popen(command, stdout=said, stderr=said, env=environment())
            ours = psutil.Process(begun.pid)
            while begun.poll() is None and not (tmp_path / until).exists():
                time.sleep(0.01)
            for one in [*ours.children(recursive=True), ours]:
                one.kill()
            begun.wait()
        return begun

    return run


@pytest.fixture
def run_here(root, words_for, monkeypatch):
    """`run_here(change)` is the code with which the script ends in this process, which has torch already."""

    def run(change):
        monkeypatch.setattr(sys, "argv", ["dpo.py", *words_for(), change])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(root / "baselines/dpo.py"), run_name="__main__")
        return ended.value.code

    return run


def test_the_script_trains_and_says_how_far_it_went(run_script, tmp_path):
    done = run_script("--seed", "1", changes=[*CHANGES, "probe_prompts=2"])
    assert done.returncode == 0, done.stderr
    assert "KL from the base" in done.stdout
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert (info["condition"], info["seed"], info["steps"]) == ("exp3-majority-toxicity", 1, 3)
    card = (tmp_path / "run/README.md").read_text()
    assert "accelerate launch baselines/dpo.py" in card
    assert "--seed 1" in card


def test_a_wrong_key_is_one_line_and_exit_code_2(run_here, capsys, tmp_path):
    assert run_here("betta=1") == 2
    said = capsys.readouterr().err
    assert "unknown key 'betta'. Did you mean 'beta'?" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_grpo_belongs_to_the_other_script(run_here, capsys):
    assert run_here("method=grpo") == 2
    assert "baselines/grpo.py" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        [],
        ["lora.first_layer=1", "batch=8", "probe_prompts=2", "probe_every=1"],
        ["method=kto"],
        ["method=dro", "micro_batch=1"],
    ],
    ids=["dpo", "accumulated, above frozen layers, probed", "kto", "dro, accumulated"],
)
def test_two_processes_train_the_adapter_that_one_trains(run_script, tmp_path, changes):
    import pandas as pd
    import torch
    from safetensors.torch import load_file

    for out, start, n in (("one", (sys.executable,), 1), ("two", TWO, 2)):
        # As many rows at a time over all processes: kto compares with a mean over those.
        micro = [f"micro_batch={2 // n}"] if "method=kto" in changes else []
        done = run_script(launcher=start, changes=[*CHANGES, *changes, *micro], out=out)
        assert done.returncode == 0, done.stderr[-9000:]
        assert done.stdout.count(f"finished: {tmp_path / out}") == 1
        assert json.loads((tmp_path / out / "run.json").read_text())["processes"] == n
    one, two = (load_file(tmp_path / out / "adapter/adapter_model.safetensors") for out in ("one", "two"))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)
    curves, those_of_two = (pd.read_csv(tmp_path / out / "curves.csv") for out in ("one", "two"))
    pd.testing.assert_frame_equal(curves, those_of_two, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_as_two(run_script, tmp_path):
    import torch
    from safetensors.torch import load_file

    changes = [*CHANGES, "steps=40", "lora.first_layer=1", "learning_rate=0.001"]
    assert run_script(changes=changes, out="one").returncode == 0
    killed = run_script(
        launcher=TWO, changes=changes, out="two", until="two/checkpoints/checkpoint-10/trainer_state.json"
    )
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "two/run.json").exists()
    done = run_script(launcher=TWO, changes=changes, out="two")
    assert done.returncode == 0, done.stderr[-9000:]
    assert "step 4 of 40" not in done.stdout, "that is done already"
    one, two = (load_file(tmp_path / out / "adapter/adapter_model.safetensors") for out in ("one", "two"))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


GRPO = """
import sys

sys.path.insert(0, {baselines!r})
import grpo as script

from pluralign.training import grpo
from pluralign.training.reward import Reward
from pluralign.training.script import run_script

import numpy as np


def vowels(keys):
    return np.array([[sum(letter in "aeiou" for letter in text) / (1 + len(text))] * 2 for _, text in keys])


grpo.open_reward = lambda *_: Reward("vowels", ("toxicity", "emotional_awareness"), vowels, {{"name": "vowels"}})
run_script(script.main)
"""


@pytest.mark.slow
def test_two_processes_reward_what_one_does_and_count_all_answers(run_script, root, tmp_path):
    (tmp_path / "rewarded.py").write_text(GRPO.format(baselines=str(root / "baselines")))
    changes = [
        *CHANGES,
        "steps=2",
        "probe_prompts=2",
        "probe_every=1",
        "grpo.prompts=2",
        "grpo.generations=2",
        "grpo.max_new_tokens=6",
    ]
    done = run_script(launcher=TWO, changes=changes, script=tmp_path / "rewarded.py", recipe="exp4/both-reward")
    assert done.returncode == 0, done.stderr[-9000:]
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert info["processes"] == 2
    assert info["reward"]["counts"] == {"answers": 8, "empty": 0, "still_thinking": 0, "unscored": 0}
    assert done.stdout.count("step 2 of 2: reward") == 1
    assert done.stdout.count("finished: ") == 1
    assert (tmp_path / "run/adapter/adapter_model.safetensors").is_file()
    assert len((tmp_path / "run/curves.csv").read_text().splitlines()) == 3
