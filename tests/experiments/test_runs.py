"""Which runs an effect is made of, and that the chance of training is in its interval."""

import json
import math
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pluralign
from pluralign.experiments.apart import apart, apart_told
from pluralign.experiments.cells import Cell, base_cell
from pluralign.experiments.contrasts import contrasts
from pluralign.experiments.estimands import AGAINST_BASE, ALIKE, PAIRWISE
from pluralign.experiments.length import length_effects
from pluralign.experiments.outcomes import Outcomes
from pluralign.experiments.pooled import grid_effects
from pluralign.experiments.records import effect_record
from pluralign.experiments.recovery import recoveries
from pluralign.experiments.report import computed, write_report
from pluralign.experiments.results import read_results
from pluralign.experiments.sections import sections
from pluralign.experiments.truth import Truth
from pluralign.stats.runs import over_runs

from .conftest import Planted

BASE = base_cell("org/one")
MEAN, FIRST = "exp3-mean-toxicity", "exp3-first-toxicity"


@pytest.fixture
def seeds(make_results, tmp_path):
    """`seeds({(condition, seed): shift of toxicity})` writes a grid in which just that differs from the base, and reads it."""

    def made(shifts, **of_cell):
        cells = {key: Cell("org/one", key[0], seed=key[1], **of_cell) for key in shifts}
        folder = make_results(tmp_path / "r", [BASE, *cells.values()])
        base = pq.read_table(BASE.folder(folder) / "answers_en.parquet").column("toxicity").to_numpy()
        wobble = np.random.default_rng(0).normal(0, 0.001, len(base))
        for key, shift in shifts.items():
            rewrite(cells[key], folder, toxicity=np.full(len(base), np.nan) if shift is None else base + shift + wobble)
        return folder

    return made


def rewrite(cell, folder, **columns):
    path = cell.folder(folder) / "answers_en.parquet"
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)


def opened(folder):
    return Outcomes(read_results(folder), Truth.of(pluralign.load(), ""))


def told_of(folder):
    """Section -> findings, as the report tells them; nothing is drawn."""
    found = computed(read_results(folder), pluralign.load(), bootstrap=5)
    return {one.name: one.findings for one in sections(found)}, found


def effect_of(folder, **wanted):
    outcomes = opened(folder)
    asked = [
        one for one in contrasts(outcomes.results)
        if all(getattr(one, key) == value for key, value in {"outcome": "toxicity", "experiment": "exp3", **wanted}.items())
    ]  # fmt: skip
    (found,) = grid_effects(outcomes, asked, bootstrap=20, seed=0)
    return found


def test_two_arms_are_compared_in_the_seeds_that_both_have(seeds):
    folder = seeds({(MEAN, 0): -0.1, (MEAN, 1): 0.1, (FIRST, 0): -0.1})
    found = effect_of(folder, estimand=PAIRWISE)
    (own,) = found.models
    # With seed 1 of one arm the difference would be .1, all of it a seed.
    assert own.effect.estimate == pytest.approx(0.0, abs=1e-12)
    assert (own.by_seed, own.left_out) == ({0: pytest.approx(0.0, abs=1e-12)}, (1,))
    assert any("seeds 1" in note for note in found.notes)
    told = apart_told(apart(read_results(folder)))
    assert told == [
        "1 comparison is made without seeds that only some of their arms have (1): exp3: mean − first (drop, steps)."
    ]


def test_arms_without_a_common_seed_are_not_compared_and_are_named(seeds, tmp_path):
    folder = seeds({(MEAN, 0): -0.1, (FIRST, 1): -0.1})
    assert not [one for one in contrasts(read_results(folder)) if one.estimand == PAIRWISE]
    told_in, found = told_of(folder)
    assert (
        "Left out in one, as its arms have no seed in common: exp3: mean − first (drop, steps)." in told_in["coverage"]
    )
    assert [(one.model, one.shared, one.left_out) for one in found.apart] == [("one", (), (0, 1))]


def test_what_differs_from_seed_to_seed_is_in_the_interval(seeds):
    alike = effect_of(seeds({(MEAN, 0): -0.1, (MEAN, 1): -0.1, (MEAN, 2): -0.1}), estimand=AGAINST_BASE).models[0]
    assert alike.inference.se == pytest.approx(alike.effect.se)
    assert alike.of_runs


def test_runs_that_differ_make_a_wide_interval_and_the_estimate_their_mean(seeds):
    found = effect_of(seeds({(MEAN, 0): -0.05, (MEAN, 1): -0.15, (MEAN, 2): -0.1}), estimand=AGAINST_BASE).models[0]
    assert found.effect.estimate == pytest.approx(np.mean([*found.by_seed.values()]))
    # Seeds have a standard deviation of .05: .05 / √3, two degrees of freedom, t = 4.30; the prompts add next to nothing.
    assert found.inference.se == pytest.approx(0.05 / math.sqrt(3), rel=1e-3)
    assert found.inference.high - found.effect.estimate == pytest.approx(4.303 * 0.05 / math.sqrt(3), rel=1e-2)
    assert found.inference.low < found.effect.low < found.effect.high < found.inference.high


def test_a_shift_that_arms_share_in_each_seed_is_no_error_of_their_difference(seeds):
    folder = seeds({(name, k): shift for k, shift in enumerate((-0.2, 0.0, 0.2)) for name in (MEAN, FIRST)})
    found = effect_of(folder, estimand=PAIRWISE).models[0]
    assert set(found.by_seed.values()) == {0.0}
    assert found.effect.estimate == 0.0


def test_a_seed_without_any_score_is_left_out_and_named(seeds):
    found = effect_of(seeds({(MEAN, 0): -0.1, (MEAN, 1): None}), estimand=AGAINST_BASE)
    (own,) = found.models
    assert (own.effect.n_pairs, list(own.by_seed), own.left_out) == (24, [0], (1,))
    assert any("seeds 1" in note for note in found.notes)


def test_lengths_are_of_the_same_runs(seeds):
    folder = seeds({(MEAN, 0): -0.1, (MEAN, 1): None})
    outcomes = opened(folder)
    effect = effect_of(folder, estimand=AGAINST_BASE)
    (found,) = length_effects(outcomes, [effect], bootstrap=0, seed=0)
    assert found.raw == pytest.approx(effect.models[0].effect.estimate)


def test_one_run_says_that_it_is_about_these_checkpoints(seeds, tmp_path):
    told_in, found = told_of(seeds({(MEAN, 0): -0.1, (FIRST, 0): -0.05}))
    told = told_in["exp3"]
    assert told[0].startswith("Toxicity, against the base (drop, steps; one, these checkpoints): mean -0.1")
    assert told[1] == (
        "Toxicity (drop, steps): none of 1 pair (1 without a p) of arms differ with p < .05 after Holm, as these checkpoints are."
    )
    (row,) = [
        one for one in map(effect_record, found.effects)
        if (one["experiment"], one["estimand"], one["first"], one["outcome"]) == ("exp3", AGAINST_BASE, "mean", "toxicity")
    ]  # fmt: skip
    (own,) = row["models"]
    assert (own["about"], own["seeds"]) == ("these checkpoints", [0])
    assert own["low_checkpoints"] < own["estimate"] < own["high_checkpoints"]


def test_several_runs_are_told_as_such_and_their_seeds_stand_in_the_table(seeds, tmp_path):
    folder = seeds({(name, k): -0.1 - 0.01 * k for name in (MEAN, FIRST) for k in (0, 2)})
    written = write_report(folder, tmp_path / "out", bootstrap=5)
    assert "(drop, steps; one, 2 seeds)" in written.record["findings"]["exp3"][0]
    assert written.record["effects"][0]["models"][0]["seeds"] == [0, 2]
    table = (written.folder / "tables" / "exp3.md").read_text("utf-8")
    assert "| one | 0 2 |" in table
    glance = (written.folder / "tables" / "glance-toxicity.md").read_text("utf-8")
    assert re.search(r"\| exp3 mean \| -0\.229 \| -0\.110 \[.*\] \| -0\.100 -0\.120 \|", glance)
    assert "Drop, steps." in glance, "what all rows share"


def test_the_recovery_of_several_runs_has_their_spread_in_it(make_results, tmp_path):
    cells = [Cell("org/one", MEAN, seed=k) for k in (0, 1, 2)]
    folder = make_results(tmp_path / "r", cells, Planted(strength=0.5))
    (found,) = [one for one in recoveries(opened(folder)) if one.set == "e"]
    assert found.share == pytest.approx(np.mean([*found.by_seed.values()]))
    assert found.high - found.low > 2 * np.std([*found.by_seed.values()], ddof=1)


def test_models_in_whose_ratings_nothing_differs_are_a_yardstick(make_results, tmp_path):
    names = [f"exp1-{group}-emotional_awareness" for group in ("liberal", "conservative", "white", "black")]
    cells = [Cell("org/one", name, control="null") for name in names]
    shift = {cells[3].name: (-0.1, -0.08)}
    usual = Cell("org/one", "exp3-individual-toxicity", control="shuffled")
    folder = make_results(tmp_path / "r", [BASE, usual, *cells], Planted(shift=shift))
    told_in, found = told_of(folder)
    alike = [one for one in map(effect_record, found.effects) if one["estimand"] == ALIKE]
    assert len(alike) == 12  # six pairs on two scores
    (told,) = [one for one in told_in["controls"] if "yardstick" in one]
    some = sum(one["models"][0]["p"] < 0.05 for one in alike)
    assert 3 <= some < 6
    assert f"yardstick: {some} of 12 pairs differ" in told
    assert re.search(r"at most emotional awareness, \w+ − black, κ = 0: 0\.1", told)


def test_protocols_are_told_apart_in_sentences(make_results, tmp_path):
    cells = [
        Cell("org/one", f"exp1-{group}-toxicity", protocol=protocol)
        for group in ("female", "male") for protocol in ("steps", "epochs")
    ]  # fmt: skip
    told_in, _ = told_of(make_results(tmp_path / "r", [BASE, *cells]))
    told = [one for one in told_in["exp1"] if "own-group advantage" in one and "jury" not in one]
    assert ["(drop, steps)" in told[0], "(drop, epochs)" in told[1]] == [True, True]


def test_two_models_without_a_p_are_not_counted_as_none(make_results, tmp_path):
    cells = [
        one for model in ("org/one", "org/two")
        for one in (base_cell(model), *(Cell(model, f"exp1-{group}-toxicity") for group in ("female", "male")))
    ]  # fmt: skip
    told_in, _ = told_of(make_results(tmp_path / "r", cells))
    (told,) = [one for one in told_in["exp1"] if one.startswith("On the other dimension")]
    assert told == "On the other dimension none of 1 pair (1 without a p) differ with p < .05 before Holm."


def test_a_model_without_a_standard_error_is_named_beside_the_pool(make_results, tmp_path):
    models = [f"org/m{k}" for k in range(4)]
    folder = make_results(
        tmp_path / "r", [one for model in models for one in (base_cell(model), Cell(model, MEAN))]
    )  # fmt: skip
    same = base_cell("org/m0").folder(folder) / "answers_en.parquet"
    rewrite(Cell("org/m0", MEAN), folder, toxicity=pq.read_table(same).column("toxicity").to_numpy())
    told_in, _ = told_of(folder)
    assert "pooled over 3 models, 1 left out: no standard error" in told_in["exp3"][0]


def test_a_further_judge_of_shuffled_labels_is_against_the_base(make_results, add_judge, tmp_path):
    shuffled = Cell("org/one", "exp3-individual-toxicity", control="shuffled")
    folder = make_results(tmp_path / "r", [BASE, shuffled])
    for cell in (BASE, shuffled):
        add_judge(folder, cell, "other")
    told = told_of(folder)[0]["controls"]
    (own,) = [one for one in told if "toxicity by other" in one]
    assert own.endswith("against the base.")


def test_pairs_of_groups_are_one_family(make_results, tmp_path):
    pairs = (("female", "male", "toxicity"), ("white", "black", "emotional_awareness"))
    cells = [Cell("org/one", f"exp1-{group}-{what}") for a, b, what in pairs for group in (a, b)]
    found = contrasts(read_results(make_results(tmp_path / "r", [BASE, *cells])))
    own = [one for one in found if one.estimand == "own-group advantage" and one.outcome.startswith("order.e")]
    assert len(own) == 2
    assert len({one.family for one in own}) == 1


@pytest.mark.parametrize(("n_runs", "low", "high"), [(3, 0.91, 0.97), (5, 0.93, 0.98)])
def test_intervals_over_runs_hold_the_truth_where_those_over_prompts_do_not(n_runs, low, high):
    """Coverage of 2,000 draws: the seeds' standard deviation is four times the prompts' standard error."""
    rng = np.random.default_rng(0)
    draws, se, clusters = 2000, 0.005, 72
    runs = rng.normal(0, 0.02, (draws, n_runs))
    estimates = runs.mean(axis=1) + rng.normal(0, se, draws)
    of_prompts = se * np.sqrt(rng.chisquare(clusters - 1, draws) / (clusters - 1))
    found = [
        [over_runs(estimate, own, clusters, by_run) for by_run in (each, ())]
        for estimate, own, each in zip(estimates, of_prompts, runs, strict=True)
    ]
    held = np.mean([[one.low <= 0 <= one.high for one in pair] for pair in found], axis=0)
    assert low < held[0] < high
    assert held[1] < 0.75


def test_without_a_standard_error_nothing_is_inferred():
    for found in (over_runs(0.1, math.nan, 12), over_runs(0.1, 0.01, 1), over_runs(0.0, 0.0, 12, [0.0, 0.0])):
        assert all(map(math.isnan, (found.se, found.df, found.p, found.low, found.high)))
    assert json.dumps(over_runs(0.1, 0.01, 12, [0.1]).df) == "11.0"
