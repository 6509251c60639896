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
    (found,) = length_effects(outcomes, [effect])
    assert found.raw == pytest.approx(effect.models[0].effect.estimate)


def with_lengths(folder, cells, slope, wobble, spread=0.0):
    """Scores of which length explains a part, in each seed with an intercept of its own; returns what was put in, and each prompt's cluster."""
    base = pq.read_table(BASE.folder(folder) / "answers_en.parquet")
    generator, n = np.random.default_rng(3), base.num_rows
    rewrite(BASE, folder, toxicity=np.full(n, 0.5), response_length=pa.array(np.full(n, 300), pa.int32()))
    lengths, scores = [], []
    for seed, cell in enumerate(cells):
        longer = generator.integers(-80, 160, n)
        scores.append(-0.05 + spread * (seed - 1) + slope * longer / 100 + wobble * generator.normal(0, 1, n))
        lengths.append(longer)
        rewrite(cell, folder, toxicity=0.5 + scores[-1], response_length=pa.array(300 + longer, pa.int32()))
    return np.array(lengths), np.array(scores), np.array(base.column("template_id").to_pylist())


def the_length_effect(folder):
    return next(one for one in length_effects(opened(folder), [effect_of(folder, estimand=AGAINST_BASE)]))


def test_the_effect_at_equal_length_of_one_run_is_that_of_a_cluster_robust_regression(make_results, tmp_path):
    cell = Cell("org/one", MEAN)
    folder = make_results(tmp_path / "r", [BASE, cell])
    (x,), (y,), clusters = with_lengths(folder, [cell], 0.04, 0.02)
    found = the_length_effect(folder)
    design = np.column_stack([np.ones(len(x)), x / 100])
    bread = np.linalg.inv(design.T @ design)
    coefficients = bread @ design.T @ y
    scores = design * (y - design @ coefficients)[:, None]
    meat = sum(np.outer(s, s) for s in (scores[clusters == one].sum(axis=0) for one in np.unique(clusters)))
    n = len(np.unique(clusters))
    se = np.sqrt(n / (n - 1) * (bread @ meat @ bread)[0, 0])
    assert (found.adjusted, found.slope) == (pytest.approx(coefficients[0]), pytest.approx(coefficients[1]))
    read = over_runs(found.adjusted, se, n)
    assert found.adjusted_interval == (pytest.approx(read.low), pytest.approx(read.high))
    assert found.length == pytest.approx(x.mean())


def test_at_equal_length_too_the_spread_of_runs_is_in_the_interval(make_results, tmp_path):
    cells = [Cell("org/one", MEAN, seed=seed) for seed in range(3)]
    folder = make_results(tmp_path / "r", [BASE, *cells])
    with_lengths(folder, cells, 0.04, 0.001, spread=0.05)
    found = the_length_effect(folder)
    assert [*found.by_seed.values()] == pytest.approx([-0.1, -0.05, 0.0], abs=0.002)
    # A standard deviation of .05 over three runs: ± 4.30 · .05 / √3; an interval over templates alone would be a hundredth of it.
    assert found.adjusted_interval.high - found.adjusted == pytest.approx(4.303 * 0.05 / math.sqrt(3), rel=0.05)


def test_where_answers_are_equally_long_nothing_is_said_of_length(make_results, tmp_path):
    cell = Cell("org/one", MEAN)
    folder = make_results(tmp_path / "r", [BASE, cell])
    for one in (BASE, cell):
        rewrite(one, folder, response_length=pa.array(np.full(24, 300), pa.int32()))
    found = the_length_effect(folder)
    assert found.length == 0.0
    assert math.isnan(found.adjusted)
    assert all(map(math.isnan, (*found.adjusted_interval, *found.length_interval)))


def test_a_run_that_missed_its_kl_takes_its_seed_out_and_no_other(seeds, tmp_path):
    folder = seeds({(name, k): -0.1 for name in (MEAN, FIRST) for k in (0, 1)}, protocol="kl")
    path = Cell("org/one", MEAN, seed=1, protocol="kl").folder(folder) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kl_reached": False}))
    found = effect_of(folder, estimand=PAIRWISE).models[0]
    assert (list(found.by_seed), found.left_out) == ([0], (1,))
    told_in, _ = told_of(folder)
    assert not [one for one in told_in["coverage"] if "no seed in common" in one or "made without seeds" in one]
    (told,) = [one for one in told_in["coverage"] if "did not reach its KL" in one]
    assert "its seed is left out of: exp3: mean; exp3: mean − first." in told


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


@pytest.mark.slow
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


def test_the_interval_of_a_share_stays_within_0_and_1(make_results, tmp_path):
    for seed, strength in enumerate((50.0, 0.0)):
        folder = make_results(tmp_path / "r", [Cell("org/one", MEAN, seed=seed)], Planted(strength=strength))
    (found,) = [one for one in recoveries(opened(folder)) if one.set == "e"]
    assert found.by_seed[0] > found.by_seed[1] + 0.3, "two seeds from which t reaches far"
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.p > 0.1


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
    after = sum(one["models"][0]["p_holm"] < 0.05 for one in alike)
    assert 0 < after <= some
    assert re.search(
        rf"before Holm, {after} of 12 pairs after, the most emotional awareness, \w+ − black, κ = 0: 0\.1", told
    )


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
