"""Contrasts with values worked out by hand, and pooling that is `stats`' own."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pluralign
from pluralign.experiments.ceiling import ceilings
from pluralign.experiments.cells import Cell, base_cell
from pluralign.experiments.contrasts import arms, contrasts
from pluralign.experiments.equal_kl import equal_kl, equal_kl_told
from pluralign.experiments.estimands import AGAINST_BASE, ALL_PAIRS, BEYOND_NULL, NULL, OWN_GROUP, PAIRWISE, Stratum
from pluralign.experiments.jury import jury_reaches
from pluralign.experiments.length import length_effects
from pluralign.experiments.outcomes import Outcomes, better, order_shares
from pluralign.experiments.pooled import grid_effects
from pluralign.experiments.published import PUBLISHED_EFFECTS, published_effect
from pluralign.experiments.recovery import FrontierPoint, frontier, recoveries
from pluralign.experiments.results import read_results
from pluralign.experiments.runs import runs_of
from pluralign.experiments.survey import survey_differences
from pluralign.experiments.tables import outcome_words
from pluralign.experiments.truth import Truth
from pluralign.stats.effects import own_group_advantage
from pluralign.stats.pooling import holm, pool

from .conftest import Planted

STEPS = Stratum("drop", "steps")
GROUPS = [Cell("org/one", f"exp1-{group}-toxicity") for group in ("female", "male")]


class StubTruth:
    """Of two prompts with two answers each: the groups differ on the second."""

    missing = ""

    def values(self, name, dimension, group):
        if name != "e":
            return None
        return {
            "p-1": 1.0,
            "p-2": 0.0,
            "q-1": 1.0 if group == "female" else 0.0,
            "q-2": 0.0 if group == "female" else 1.0,
        }


def opened(folder):
    return Outcomes(read_results(folder), Truth.of(pluralign.load(), ""))


def effects_of(outcomes, bootstrap=40):
    return grid_effects(outcomes, contrasts(outcomes.results), bootstrap=bootstrap, seed=0)


def one_of(effects, **wanted):
    found = [one for one in effects if all(getattr(one.contrast, key) == value for key, value in wanted.items())]
    assert len(found) == 1, [one.contrast for one in found]
    return found[0]


def rewrite(cell, folder, file, **columns):
    path = cell.folder(folder) / file
    table = pq.read_table(path)
    for name, values in columns.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)


def test_own_group_advantage_of_two_templates_by_hand(make_results, tmp_path):
    folder = make_results(tmp_path / "r", GROUPS)
    ids = ["p-1", "p-2", "q-1", "q-2"]
    for cell, reward in zip(GROUPS, ([1.0, 0, 1, 0], [1.0, 0, 0, 1]), strict=True):
        rows = {
            "set": ["e"] * 4,
            "item_id": ids,
            "prompt_id": list("ppqq"),
            "template_id": list("ppqq"),
            "logp": reward,
            "reference": [0.0] * 4,
        }
        pq.write_table(pa.table(rows), cell.folder(folder) / "held_out.parquet")
    outcomes = Outcomes(read_results(folder), StubTruth())
    found = one_of(effects_of(outcomes), estimand=OWN_GROUP, outcome="order.e.toxicity")
    # Prompt p: all right, (1 − 1) + (1 − 1) = 0. Prompt q: own right, other's wrong, (1 − 0) + (1 − 0) = 2. Mean 1.
    assert found.models[0].effect.estimate == 1.0
    assert found.models[0].effect.n_clusters == 2
    assert found.pooled is None
    assert "one model" in found.notes[0]


def test_own_group_advantage_is_the_one_of_stats(whole_grid):
    outcomes = opened(whole_grid)
    wanted = next(
        one for one in contrasts(outcomes.results) if one.estimand == OWN_GROUP and one.outcome == "jury.toxicity"
    )
    aa, ba, bb, ab = runs_of(outcomes, wanted, "one").scores
    clusters = outcomes.axis(wanted.outcome).clusters
    found = grid_effects(outcomes, [wanted], bootstrap=0, seed=0)[0]
    # Each group's jury gives its own model .05 less toxicity: .05 + .05.
    assert found.models[0].effect.estimate == pytest.approx(
        own_group_advantage(aa, ba, bb, ab, clusters, bootstrap=0).estimate
    )
    assert found.models[0].effect.estimate == pytest.approx(0.1, abs=0.01)


def test_toxicity_s_jury_is_turned_so_that_more_is_better(whole_grid):
    wanted = [one for one in contrasts(read_results(whole_grid)) if one.estimand == OWN_GROUP]
    assert {term.flipped for one in wanted if one.outcome == "jury.toxicity" for term in one.terms} == {True}
    assert {term.flipped for one in wanted if one.outcome != "jury.toxicity" for term in one.terms} == {False}
    assert {one.better for one in wanted} == {"higher"}


def test_what_was_planted_in_the_rewards_is_recovered_and_the_null_is_not(make_results, tmp_path):
    null = [Cell(one.model, one.condition, control="null") for one in GROUPS]
    folder = make_results(tmp_path / "r", [*GROUPS, *null], Planted(strength=1000.0))
    found = effects_of(opened(folder))
    planted = one_of(found, estimand=OWN_GROUP, outcome="order.e.toxicity").models[0]
    assert planted.inference.low > 0.05
    (most,) = [one for one in ceilings(opened(folder)) if (one.set, one.first) == ("e", "female")]
    assert planted.effect.estimate == pytest.approx(most.ceiling), "models that know their group's order reach it"
    # Both null models order as everyone does: the κ of the release that it is the null of separates them in nothing.
    for name in ("e", "test"):
        assert one_of(found, estimand=NULL, outcome=f"order.{name}.toxicity").models[0].effect.estimate == 0.0
        less = one_of(found, estimand=BEYOND_NULL, outcome=f"order.{name}.toxicity")
        own = one_of(found, estimand=OWN_GROUP, outcome=f"order.{name}.toxicity")
        assert less.models[0].effect.estimate == pytest.approx(own.models[0].effect.estimate)
        assert less.contrast.label == "female / male, less κ = 0"
    assert not [one for one in found if one.contrast.first == ALL_PAIRS], "one pair is not all of them"


def test_all_pairs_together_are_the_mean_of_the_pairs_and_less_the_null_the_difference(whole_grid):
    effects = effects_of(opened(whole_grid))

    def estimate(estimand, first, outcome, model=0):
        return one_of(effects, estimand=estimand, first=first, outcome=outcome).models[model].effect.estimate

    pairs = (("female", "toxicity"), ("liberal", "emotional_awareness"), ("white", "emotional_awareness"))
    for name in ("e", "test"):
        means = {}
        for estimand in (OWN_GROUP, NULL, BEYOND_NULL):
            of_pairs = [estimate(estimand, first, f"order.{name}.{dimension}") for first, dimension in pairs]
            means[estimand] = estimate(estimand, ALL_PAIRS, f"order.{name}.own_dimension")
            assert means[estimand] == pytest.approx(np.mean(of_pairs))
        assert means[OWN_GROUP] - means[NULL] == pytest.approx(means[BEYOND_NULL])
        assert means[OWN_GROUP] > 0.03, name
    whole = one_of(effects, estimand=BEYOND_NULL, first=ALL_PAIRS, outcome="order.test.own_dimension")
    assert (whole.contrast.label, whole.contrast.is_null) == ("all pairs, less κ = 0", False)
    assert sorted(whole.models[0].by_seed) == [0, 1]
    assert len(whole.contrast.terms) == 24
    null = one_of(effects, estimand=NULL, first=ALL_PAIRS, outcome="order.test.own_dimension")
    assert (null.contrast.label, null.contrast.is_null) == ("all pairs, κ = 0", True)


def test_the_ceiling_of_all_pairs_is_the_mean_of_theirs(whole_grid):
    found = ceilings(opened(whole_grid))
    for name in ("e", "test"):
        *pairs, every = [one for one in found if one.set == name]
        assert (every.first, every.dimension, len(pairs)) == (ALL_PAIRS, "own_dimension", 3)
        assert every.ceiling == pytest.approx(np.mean([one.ceiling for one in pairs]))


def test_a_perfect_reward_recovers_the_whole_order(make_results, tmp_path):
    shuffled = Cell("org/one", "exp3-individual-toxicity", control="shuffled")
    folder = make_results(tmp_path / "r", [*GROUPS, shuffled], Planted(strength=1000.0))
    found = {(one.name, one.set): one for one in recoveries(opened(folder))}
    assert {one.share for (name, _), one in found.items() if name != shuffled.name} == {1.0}
    assert found[GROUPS[1].name, "e"].group == "male"
    assert found[GROUPS[0].name, "e"].by_seed == {0: 1.0}
    # All templates alike: the interval is that of 12 independent cases, not none.
    own = found[GROUPS[0].name, "e"]
    assert (round(own.low, 3), own.high) == (0.735, 1.0)


def test_order_accuracy_against_base_is_against_chance(make_results, tmp_path):
    usual = Cell("org/one", "exp3-individual-toxicity")
    folder = make_results(tmp_path / "r", [base_cell("org/one"), usual], Planted(strength=1000.0))
    found = one_of(
        effects_of(opened(folder)), outcome="order.e.toxicity.everyone", estimand=AGAINST_BASE, experiment="exp3"
    )
    assert found.models[0].effect.estimate == 0.5
    assert math.isnan(found.models[0].p)
    assert any("all differences are equal" in note for note in found.models[0].effect.notes)


def test_a_planted_shift_is_estimated_and_seeds_are_averaged(make_results, tmp_path):
    cells = [Cell("org/one", "exp3-mean-toxicity", seed=k) for k in (0, 1, 2)]
    folder = make_results(tmp_path / "r", [base_cell("org/one"), *cells])
    base = pq.read_table(base_cell("org/one").folder(folder) / "answers_en.parquet").column("toxicity").to_numpy()
    for cell, shift in zip(cells, (0.0, -0.1, -0.2), strict=True):
        rewrite(cell, folder, "answers_en.parquet", toxicity=base + shift)
    (found,) = one_of(effects_of(opened(folder)), outcome="toxicity", estimand=AGAINST_BASE).models
    assert found.effect.estimate == pytest.approx(-0.1)
    assert {seed: round(value, 12) for seed, value in found.by_seed.items()} == {0: 0.0, 1: -0.1, 2: -0.2}
    assert found.effect.n_seeds == (3, 1)


def test_pooling_is_that_of_stats(make_results, tmp_path):
    models = [f"org/m{k}" for k in range(4)]
    cells = [cell for model in models for cell in (base_cell(model), Cell(model, "exp3-mean-toxicity"))]
    found = one_of(effects_of(opened(make_results(tmp_path / "r", cells))), outcome="toxicity", estimand=AGAINST_BASE)
    by_hand = pool([one.effect.estimate for one in found.models], [one.effect.se for one in found.models])
    assert found.pooled.pooled.estimate == pytest.approx(by_hand.estimate, rel=1e-12)
    assert found.pooled.pooled.dl.p == pytest.approx(by_hand.dl.p)
    assert found.pooled.pooled.tau2 == pytest.approx(by_hand.tau2)
    estimate, low, high, p = found.headline
    assert low < estimate < high
    assert p < 0.05


@pytest.mark.slow
def test_two_models_give_no_pooled_interval(whole_grid):
    found = one_of(
        effects_of(opened(whole_grid), 20),
        outcome="toxicity",
        estimand=AGAINST_BASE,
        experiment="exp3",
        first="mean",
        stratum=STEPS,
    )
    assert [one.model for one in found.models] == ["one", "two"]
    assert math.isfinite(found.headline[0])
    assert all(math.isnan(end) for end in found.headline[1:])
    assert any("no p value and no interval" in note for note in found.notes)


@pytest.mark.slow
def test_a_model_with_fewer_seeds_stays_in(whole_grid):
    found = one_of(
        effects_of(opened(whole_grid), 20),
        outcome="toxicity",
        estimand=AGAINST_BASE,
        experiment="exp3",
        first="consensus",
        stratum=STEPS,
    )
    assert [one.effect.n_seeds for one in found.models] == [(2, 1), (1, 1)]


def test_holm_is_over_the_pairs_of_one_outcome_and_stratum(make_results, tmp_path):
    cells = [
        Cell("org/one", name) for name in ("exp3-individual-toxicity", "exp2-3pt-toxicity", "exp2-binary-toxicity")
    ]
    shift = {cells[1].name: (-0.09, 0.0), cells[2].name: (-0.05, 0.0)}
    found = effects_of(opened(make_results(tmp_path / "r", [base_cell("org/one"), *cells], Planted(shift=shift))))
    pairs = [
        one
        for one in found
        if (one.contrast.estimand, one.contrast.outcome, one.contrast.experiment) == (PAIRWISE, "toxicity", "exp2")
    ]
    assert [one.contrast.label for one in pairs] == ["5pt − 3pt", "5pt − binary", "3pt − binary"]
    assert [one.models[0].p_holm for one in pairs] == pytest.approx(holm([one.models[0].p for one in pairs]))
    assert pairs[1].models[0].p_holm < 0.05


def test_rows_in_another_order_change_nothing(make_results, tmp_path):
    cells = [base_cell("org/one"), *GROUPS]
    first, second = (make_results(tmp_path / name, cells) for name in "ab")
    for cell in cells:
        for path in cell.folder(second).glob("*.parquet"):
            table = pq.read_table(path)
            # Answers of one prompt need not lie together.
            pq.write_table(table.take(np.random.default_rng(1).permutation(table.num_rows)), path)
    told = [[(one.contrast, one.models) for one in effects_of(opened(folder), 15)] for folder in (first, second)]
    assert repr(told[0]) == repr(told[1])


def test_german_and_english_versions_are_one_cluster(make_results, tmp_path):
    usual = Cell("org/one", "exp3-mean-toxicity")
    folder = make_results(tmp_path / "r", [base_cell("org/one"), usual], languages=("en", "de"))
    (found,) = one_of(effects_of(opened(folder)), outcome="toxicity", estimand=AGAINST_BASE).models
    assert (found.effect.n_pairs, found.effect.n_clusters) == (48, 12)


def test_unscored_answers_are_left_out_and_counted(make_results, tmp_path):
    usual = Cell("org/one", "exp3-mean-toxicity")
    folder = make_results(tmp_path / "r", [base_cell("org/one"), usual])
    values = pq.read_table(usual.folder(folder) / "answers_en.parquet").column("toxicity").to_numpy().copy()
    values[:3] = np.nan
    rewrite(usual, folder, "answers_en.parquet", toxicity=values)
    (found,) = one_of(effects_of(opened(folder)), outcome="toxicity", estimand=AGAINST_BASE).models
    assert (found.effect.n_pairs, found.effect.n_dropped, found.effect.n_failed) == (21, 3, (3, 0))


def test_what_length_explains_is_taken_out(make_results, tmp_path):
    base, usual = base_cell("org/one"), Cell("org/one", "exp3-mean-toxicity")
    folder = make_results(tmp_path / "r", [base, usual])
    n = 24
    longer = np.arange(n) * 10 - 50
    for cell, score, length in (
        (base, np.full(n, 0.5), np.full(n, 300)),
        (usual, 0.5 - 0.05 + 0.001 * longer, 300 + longer),
    ):
        rewrite(cell, folder, "answers_en.parquet", toxicity=score, response_length=pa.array(length, pa.int32()))
    outcomes = opened(folder)
    (found,) = [one for one in length_effects(outcomes, effects_of(outcomes)) if one.contrast.outcome == "toxicity"]
    # Score = −.05 + .1 per 100 characters; 65 characters more on average.
    assert (found.length, found.raw) == (pytest.approx(65.0), pytest.approx(0.015))
    assert (found.adjusted, found.slope) == (pytest.approx(-0.05), pytest.approx(0.1))


def test_equal_rewards_are_half_and_equal_truths_are_no_pair():
    rows = pa.table({"item_id": ["a", "b", "c", "d"], "prompt_id": ["p", "p", "q", "q"]})
    assert order_shares(rows, {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}, np.zeros(4)) == {"p": 0.5}


def test_the_frontier_has_the_end_of_runs_and_the_points_on_the_way(make_results, tmp_path):
    base, usual = base_cell("org/one"), Cell("org/one", "exp3-individual-toxicity")
    folder = make_results(tmp_path / "r", [base, usual])
    level = pq.read_table(base.folder(folder) / "answers_en.parquet").column("toxicity").to_numpy().mean()
    pq.write_table(
        pa.table({"share": [0.5], "kl": [2.0], "toxicity": [0.3], "emotional_awareness": [0.6]}),
        usual.folder(folder) / "frontier.parquet",
    )
    way, end = frontier(opened(folder))
    assert (way.at, way.kl, way.gain["toxicity"]) == (0.5, 2.0, pytest.approx(0.3 - level))
    assert end.at == 1.0
    assert end.kl == json.loads((usual.folder(folder) / "run.json").read_text())["end"]["kl"]


def test_the_frontier_is_of_one_language(make_results, tmp_path):
    base, usual = base_cell("org/one"), Cell("org/one", "exp3-individual-toxicity")
    folder = make_results(tmp_path / "r", [base, usual], languages=("en", "de"))
    rewrite(base, folder, "answers_de.parquet", toxicity=np.full(24, 1.0))  # the fine-tune does not have it
    english = [
        pq.read_table(one.folder(folder) / "answers_en.parquet").column("toxicity").to_numpy() for one in (usual, base)
    ]
    (end,) = frontier(opened(folder))
    assert end.gain["toxicity"] == pytest.approx((english[0] - english[1]).mean())


def test_arms_of_experiment_4_are_the_study_s_and_ours():
    assert list(arms("exp4", STEPS)) == [
        "dpo-toxicity", "dpo-ea", "dpo-both", "grpo-both", "grpo-both-normalize-then-sum", "dpo-both-scalarised", "modpo-both",
    ]  # fmt: skip


def test_every_published_effect_stands_beside_a_contrast(whole_grid):
    found = {one.published for one in contrasts(read_results(whole_grid))}
    assert set(PUBLISHED_EFFECTS) <= found


def test_the_jury_s_reach_by_hand(make_results, tmp_path):
    base = base_cell("org/one")
    folder = make_results(tmp_path / "r", [base])
    n = 24
    # Of four kinds of answers A rates 0 0 1 1 and B 0 1 1 1: covariance 1/8, variances 1/4 and 3/16, correlation 1/√3.
    a, b = np.tile([0.0, 0, 1, 1], n // 4), np.tile([0.0, 1, 1, 1], n // 4)
    columns = {"jury.toxicity.female": a, "jury.toxicity.male": b, "jury.emotional_awareness.white": np.full(n, 0.5)}
    rewrite(base, folder, "answers_en.parquet", **columns)
    found = {one.first: one for one in jury_reaches(opened(folder))}
    assert found["female"].correlation == pytest.approx(1 / math.sqrt(3))
    assert found["female"].n_prompts == n
    assert math.isnan(found["white"].correlation), "a rating that never varies correlates with nothing"


def test_the_jury_of_everyone_is_left_out_where_it_is_the_judge_s_own_number(make_results, tmp_path):
    usual = Cell("org/one", "exp3-mean-toxicity")
    cells = [base_cell("org/one"), usual, Cell("org/one", "exp4-both")]
    folder = make_results(tmp_path / "r", cells, Planted(jury=0.0))
    assert not [
        one
        for one in contrasts(read_results(folder))
        if one.outcome.endswith("everyone") and one.outcome.startswith("jury")
    ]
    values = pq.read_table(usual.folder(folder) / "answers_en.parquet").column("toxicity").to_numpy() * 0.5
    rewrite(usual, folder, "answers_en.parquet", **{"jury.toxicity.everyone": values})
    left = {one.outcome for one in contrasts(read_results(folder)) if one.outcome.startswith("jury")}
    assert left == {"jury.toxicity.everyone"}


def test_a_further_judge_s_scores_are_outcomes_of_their_own(make_results, add_judge, tmp_path):
    cells = [
        base_cell("org/one"),
        Cell("org/one", "exp3-mean-toxicity"),
        Cell("org/one", "exp3-first-toxicity"),
        *GROUPS,
    ]
    folder = make_results(tmp_path / "r", cells)
    for cell, shift in zip(cells, (0.0, -0.2, 0.1, 0.0, 0.0), strict=True):
        add_judge(folder, cell, "rm-v1.5", shift)
    found = effects_of(opened(folder))
    own = [one for one in found if one.contrast.outcome == "judge.rm-v1.5.toxicity"]
    assert {one.contrast.estimand for one in own} == {AGAINST_BASE, PAIRWISE, "difference"}
    mean = one_of(own, estimand=AGAINST_BASE, experiment="exp3", first="mean").models[0].effect
    judged = one_of(found, outcome="toxicity", estimand=AGAINST_BASE, experiment="exp3", first="mean").models[0].effect
    assert mean.estimate == pytest.approx(judged.estimate - 0.2)
    assert math.isfinite(mean.percent_change)
    families = {one.contrast.family for one in own}
    assert not families & {one.contrast.family for one in found if one.contrast.outcome == "toxicity"}
    assert outcome_words("judge.rm-v1.5.toxicity") == "toxicity by rm-v1.5"
    assert better("judge.rm-v1.5.toxicity") == "lower"


def test_a_judge_that_some_cells_lack_is_in_no_contrast(make_results, add_judge, tmp_path):
    cells = [base_cell("org/one"), Cell("org/one", "exp3-mean-toxicity"), Cell("org/one", "exp3-first-toxicity")]
    folder = make_results(tmp_path / "r", cells)
    for cell in cells[:2]:
        add_judge(folder, cell, "other")
    assert not [one for one in contrasts(read_results(folder)) if one.outcome.startswith("judge.")]


def test_the_null_stands_beside_every_pair_of_groups(whole_grid):
    found = {(one.first, one.second) for one in contrasts(read_results(whole_grid)) if one.estimand == NULL}
    assert found == {("female", "male"), ("liberal", "conservative"), ("white", "black"), (ALL_PAIRS, "")}


def test_published_numbers_carry_their_caveats():
    assert published_effect("exp2", "toxicity", "5pt", "base").value == -0.242
    assert published_effect("exp4", "toxicity", "dpo-toxicity", "base").value == -0.243
    assert "one model" in published_effect("exp4", "toxicity", "dpo-toxicity", "base").note
    implied = published_effect("exp4", "toxicity", "dpo-ea", "base")
    assert implied.value == pytest.approx(-0.243 + 0.097)
    assert "Implied" in implied.note


def test_nothing_published_stands_beside_the_null(whole_grid):
    assert {one.published for one in contrasts(read_results(whole_grid)) if one.is_null} == {None}


def test_cells_of_different_tie_rules_are_in_no_contrast_together(whole_grid):
    for one in contrasts(read_results(whole_grid)):
        rules = {term.name.split(".")[2] for term in one.terms if term.name != "base"}
        assert len(rules) == 1


def test_survey_differences_are_means_on_the_judge_s_scale(shipped):
    found = {one.first: one for one in survey_differences(shipped, bootstrap=50, seed=0)}
    views = [
        shipped.view(group, "5pt", "individual", "toxicity").column("value").to_numpy().mean()
        for group in ("female", "male")
    ]
    assert found["female"].estimate == pytest.approx((views[0] - views[1]) / 4)
    assert found["white"].low < found["white"].estimate < found["white"].high


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("toxicity", "lower"),
        ("emotional_awareness", "higher"),
        ("jury.toxicity.male", "lower"),
        ("order.test.toxicity.male", "higher"),
    ],
)
def test_every_outcome_has_a_good_direction(outcome, expected):
    assert better(outcome) == expected


def test_methods_are_compared_at_the_largest_kl_that_all_reach():
    def point(name, seed, at, kl, toxicity):
        return FrontierPoint("one", name, seed, at, kl, {"toxicity": toxicity, "emotional_awareness": 0.0})

    points = [
        point("a", 0, 0.5, 1.0, -0.1), point("a", 0, 1.0, 4.0, -0.2), point("a", 1, 1.0, 8.0, -0.8),
        point("b", 0, 1.0, 2.0, -0.3), point("b", 1, 1.0, 2.0, -0.5), point("c", 0, 1.0, 0.1, -9.0),
    ]  # fmt: skip
    (found,) = equal_kl(points, {"a": "dpo", "b": "grpo"})
    # On the way from (1, −.1) to (4, −.2) a third is done at 2; seed 1 has a quarter of its way from the base behind it.
    assert found.kl == 2.0
    assert found.gain["dpo"]["toxicity"] == {0: pytest.approx(-0.1 - 0.1 / 3), 1: pytest.approx(-0.2)}
    assert found.gain["grpo"]["toxicity"] == {0: pytest.approx(-0.3), 1: pytest.approx(-0.5)}
    assert not found.on_the_way
    assert equal_kl(points, {"a": "dpo"}) == []
    told = equal_kl_told([found])
    assert told[0].startswith("At equal KL, 2.00 nats an answer")
    assert "dpo -0.167 (-0.133 -0.200 by seed); grpo -0.400 (-0.300 -0.500 by seed)" in told[0]
    # A seed that one arm alone has is in neither, and its KL sets no bound.
    (fewer,) = equal_kl([*points, point("b", 2, 1.0, 0.5, 0.9)], {"a": "dpo", "b": "grpo"})
    assert fewer == found
    (apart,) = equal_kl([point("a", 0, 1.0, 4.0, -0.2), point("b", 1, 1.0, 2.0, -0.3)], {"a": "dpo", "b": "grpo"})
    assert equal_kl_told([apart]) == ["Nothing is compared at equal KL in one: its arms have no seed in common."]
