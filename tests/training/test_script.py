"""`baselines/dpo.py` as people run it: alone, over two processes, and wrongly."""

import json
import os
import subprocess
import sys

import pytest

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
def run_script(root, few, tiny_folder, own_cache, tmp_path):
    few.save(tmp_path / "ratings")

    def run(*words, launcher=(sys.executable,), changes=CHANGES, out="run"):
        command = [
            *launcher, str(root / "baselines/dpo.py"), "--config", str(root / "baselines/recipes/exp3/majority-toxicity.yaml"),
            "--model", str(tiny_folder), "--ratings", str(tmp_path / "ratings"), "--out", str(tmp_path / out), "--set", *changes, *words,
        ]  # fmt: skip
        env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(command, capture_output=True, text=True, env=env)

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


def test_a_wrong_key_is_one_line_and_exit_code_2(run_script, tmp_path):
    done = run_script(changes=["betta=1"])
    assert done.returncode == 2
    assert "unknown key 'betta'. Did you mean 'beta'?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_grpo_belongs_to_the_other_script(run_script):
    done = run_script(changes=["method=grpo"])
    assert done.returncode == 2
    assert "baselines/grpo.py" in done.stderr


@pytest.mark.slow
def test_two_processes_train_the_adapter_that_one_trains(run_script, tmp_path):
    import torch
    from safetensors.torch import load_file

    launcher = (
        sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
        "--dynamo_backend", "no", "--main_process_port", "29631",
    )  # fmt: skip
    for out, start in (("one", (sys.executable,)), ("two", launcher)):
        done = run_script(launcher=start, out=out)
        assert done.returncode == 0, done.stderr[-2000:]
    one, two = (load_file(tmp_path / out / "adapter/adapter_model.safetensors") for out in ("one", "two"))
    assert set(one) == set(two)
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-4)
