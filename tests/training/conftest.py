"""A tiny model as a base, and a recipe of three steps."""

import pytest

pytest.importorskip("peft", reason="needs pluralign[train]")


@pytest.fixture
def base(tiny_folder, own_cache):
    from pluralign.training.base import Base

    return Base.open(str(tiny_folder), "float32", "cpu")


@pytest.fixture
def recipe(root):
    """Three steps of two pairs, without probes."""
    from pluralign.training.recipe import read_recipe

    return read_recipe(
        root / "baselines/recipes/exp3/individual-toxicity.yaml",
        {
            "steps": 3,
            "batch": 2,
            "micro_batch": 2,
            "dtype": "float32",
            "probe_prompts": 0,
            "lora.r": 2,
            "max_length": 2048,
            "split": "test",
        },
    )
