"""How often the pooled intervals hold the truth, by the benchmark's own simulation; the bands are some four Monte Carlo errors wide."""

import importlib.util

import pytest

pytestmark = pytest.mark.slow
DRAWS, PROMPT_DRAWS, SEED = 2000, 500, 11


@pytest.fixture(scope="module")
def simulation(root):
    spec = importlib.util.spec_from_file_location("pooling_coverage", root / "benchmarks/pooling_coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("n_models", "shared", "dl", "hartung_knapp"),
    [(7, False, 0.92, 0.965), (7, True, 0.73, 0.83), (2, False, 0.88, 1.0), (2, True, 0.78, 1.0)],
    ids=["seven models", "seven models with a shared error", "two models", "two models with a shared error"],
)
def test_pooled_effects(simulation, n_models, shared, dl, hartung_knapp):
    found = simulation.effects_coverage(n_models, shared, DRAWS, SEED)
    assert found["dl"] == pytest.approx(dl, abs=0.04)
    assert found["hartung_knapp"] == pytest.approx(hartung_knapp, abs=0.04 if shared else 0.02)


def test_models_on_the_same_prompts_need_the_joint_interval(simulation):
    found = simulation.prompts_coverage(0.0, "nothing", PROMPT_DRAWS, SEED)
    assert found["correlation"] == pytest.approx(0.44, abs=0.02)
    assert found["dl"] < 0.82
    assert found["hartung_knapp"] < 0.90
    assert found["joint"] > 0.94
    assert found["prompt_bootstrap"] < 0.94  # it has no variance between models in it


def test_no_resampling_of_prompts_covers_an_error_of_the_ratings(simulation):
    found = simulation.prompts_coverage(2.0, "nothing", PROMPT_DRAWS, SEED)
    assert max(found[name] for name in ("dl", "hartung_knapp", "joint", "prompt_bootstrap")) < 0.88
    assert found["prompt_bootstrap"] < 0.65


def test_retraining_on_resampled_raters_does(simulation):
    found = simulation.prompts_coverage(2.0, "retrainings", PROMPT_DRAWS, SEED)
    assert found["joint"] > 0.94
