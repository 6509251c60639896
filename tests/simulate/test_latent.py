"""The latent model does what its formula says: κ flips orders inside prompts and moves nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pluralign.errors import PluralignError
from pluralign.simulate import load_parameters, simulate
from pluralign.simulate.achieved import (
    Sample,
    alpha,
    cheap_statistics,
    expected_flip_share,
    flip_share,
    kappa_recovered,
)
from pluralign.simulate.latent import Latent, draw, memberships
from pluralign.simulate.parameters import ORDER, Parameters
from pluralign.simulate.published import COMMON_ALPHA, DISAGREEMENT_TARGETS, PUBLISHED
from pluralign.simulate.raters import assign_items
from pluralign.simulate.report import CONTRASTED


@pytest.fixture(scope="module")
def parameters() -> Parameters:
    return load_parameters("population")


@pytest.fixture(scope="module")
def large(parameters) -> Latent:
    """Twelve times the study, where sampling error is small."""
    wide = replace(parameters, n_raters=parameters.n_raters * 12, n_prompts=parameters.n_prompts * 12)
    return Latent(draw(wide, 5), wide)


def test_effects_are_standardised_and_contrasts_orthogonal_between_and_within_prompts(large):
    v, h, prompt = large.v, large.h, large.drawn.prompt_of
    assert np.allclose(v.mean(0), 0, atol=1e-9)
    assert np.allclose(v.std(0), 1, atol=1e-9)
    assert np.allclose((h * h).mean(0), 1, atol=1e-9)
    means = lambda x: np.stack([np.bincount(prompt, x[:, k]) for k in range(5)], 1)[prompt] / 3  # noqa: E731
    assert np.allclose((means(v) * means(h)).sum(0), 0, atol=1e-6)
    assert np.allclose(((v - means(v)) * (h - means(h))).sum(0), 0, atol=1e-6)


@pytest.mark.parametrize("kappa", [0.0, 0.3, 0.6, 1.0])
def test_orders_inside_a_prompt_flip_as_often_as_the_arccos_says(large, kappa):
    share = flip_share(large.drawn.prompt_of, large.v[:, 0], large.h[:, 0], 0.0, kappa)
    assert share == pytest.approx(expected_flip_share(kappa), abs=0.006)


def test_a_constant_shift_of_a_group_moves_its_ratings_and_none_of_its_orders_inside_a_prompt(large, parameters):
    model = parameters.dimensions["sensitivity"]
    black = np.array(["black" in g for g in large.groups])[large.drawn.rater]
    shifted = large.utilities("sensitivity", model) - large.utilities("sensitivity", replace(model, effects={}))
    assert shifted[black].mean() > 0.3
    order = np.argsort(large.drawn.rater, kind="stable")
    of_raters = np.split(shifted[order], np.flatnonzero(np.diff(large.drawn.rater[order])) + 1)
    assert len(of_raters) > 1000
    assert max(np.ptp(one) for one in of_raters) < 1e-9, "it is the same for every item that a rater saw"


@pytest.mark.parametrize(("dimension", "without", "weighing"), CONTRASTED)
def test_a_group_that_weighs_the_contrast_agrees_as_much_as_its_counterpart(
    large, parameters, dimension, without, weighing
):
    sample = Sample.of(
        large, replace(parameters, n_raters=parameters.n_raters * 12, n_prompts=parameters.n_prompts * 12)
    )
    difference = sample.group_alpha(dimension, weighing) - sample.group_alpha(dimension, without)
    assert abs(difference) < (0.06 if weighing == "black" else 0.04)


@pytest.mark.parametrize(("dimension", "without", "weighing"), CONTRASTED)
def test_what_groups_weigh_can_be_read_off_their_ratings(large, parameters, dimension, without, weighing):
    sample = Sample.of(
        large, replace(parameters, n_raters=parameters.n_raters * 12, n_prompts=parameters.n_prompts * 12)
    )
    k = ORDER.index(dimension)
    assert kappa_recovered(sample, dimension, weighing, large.v[:, k], large.h[:, k]) == pytest.approx(0.6, abs=0.06)
    assert kappa_recovered(sample, dimension, without, large.v[:, k], large.h[:, k]) < 0.2


def test_groups_with_kappa_agree_among_themselves_as_much_as_groups_without(large, parameters):
    y = large.rate("toxicity", parameters.dimensions["toxicity"])
    groups = np.array(["male" in g for g in memberships(large.drawn.raters)])[large.drawn.rater]
    female = np.array(["female" in g for g in memberships(large.drawn.raters)])[large.drawn.rater]
    n = parameters.n_items * 12
    inside = [alpha(large.drawn.item[rows], y[rows], n) for rows in (groups, female)]
    assert inside[0] == pytest.approx(inside[1], abs=0.02)
    assert alpha(large.drawn.item, y, n) < min(inside), "mixed groups disagree more"


def test_kappa_changes_no_marginal_distribution(large, parameters):
    with_kappa = np.bincount(large.rate("toxicity", parameters.dimensions["toxicity"]), minlength=6)
    without = np.bincount(large.rate("toxicity", parameters.with_kappa(0).dimensions["toxicity"]), minlength=6)
    assert np.abs(with_kappa - without).max() / with_kappa.sum() < 0.005


def test_a_rater_in_two_groups_with_kappa_weighs_the_contrast_once(large, parameters):
    kappas = large.kappas(parameters.dimensions["emotional_awareness"])
    assert set(np.unique(kappas)) == {0.0, 0.6}


def test_more_raters_leave_the_items_and_their_texts_as_they_are(parameters):
    one, four = simulate(parameters, 3), simulate(replace(parameters, n_raters=4380), 3)
    assert one.items.equals(four.items)
    assert one.truth.equals(four.truth)
    assert four.ratings.num_rows == 4 * one.ratings.num_rows


def test_the_null_release_differs_from_the_release_in_ratings_only(parameters):
    release, null = simulate(parameters, 3), simulate(parameters.with_kappa(0), 3)
    assert release.items.equals(null.items)
    assert release.raters.equals(null.raters)
    same = np.array(release.ratings.column("value").to_pylist()) == np.array(null.ratings.column("value").to_pylist())
    dimension = np.array(release.ratings.column("dimension").to_pylist())
    assert same[np.isin(dimension, ["sensitivity", "helpfulness", "stereotypical_bias"])].all()
    assert 0.5 < same[dimension == "toxicity"].mean() < 0.99


def test_seeds_differ_and_the_same_seed_is_the_same(parameters):
    assert simulate(parameters, 1).provenance.checksum == simulate(parameters, 1).provenance.checksum
    assert simulate(parameters, 1).provenance.checksum != simulate(parameters, 2).provenance.checksum


@settings(max_examples=25, deadline=None)
@example(raters=119, prompts=10, each=1, seed=0)
@given(raters=st.integers(20, 300), prompts=st.integers(5, 60), each=st.integers(1, 5), seed=st.integers(0, 5))
def test_every_rater_sees_distinct_items_and_every_item_enough_raters(parameters, raters, prompts, each, seed):
    assume(raters * each >= 6 * prompts)
    assume(each <= prompts * 3)
    asked = replace(parameters, n_raters=raters, n_prompts=prompts, items_per_rater=each)
    rater, item = assign_items(np.random.default_rng(seed), asked)
    assert len({*zip(rater.tolist(), item.tolist(), strict=True)}) == raters * each
    assert (np.bincount(rater, minlength=raters) == each).all()
    assert np.bincount(item, minlength=asked.n_items).min() >= 2


def test_positions_number_the_ratings_of_each_item_from_one(parameters):
    drawn = draw(parameters, 0)
    for item in range(0, parameters.n_items, 97):
        positions = sorted(drawn.position[drawn.item == item].tolist())
        assert positions == list(range(1, len(positions) + 1))


def test_the_first_rater_of_an_item_comes_from_either_country_alike(parameters):
    drawn = draw(parameters, 0)
    country = np.array(drawn.raters.column("country").to_pylist())[drawn.rater[drawn.position == 1]]
    assert 0.45 < (country == "us").mean() < 0.55


@pytest.mark.parametrize(
    "change",
    [
        {"n_raters": 0},
        {"prompt_share": 1.0},
        {"share_two_raters": -0.1},
        {"n_raters": 100},
        {"correlation": ((1.0,) * 5,) * 5},
    ],
)
def test_impossible_parameters_are_refused(parameters, change):
    with pytest.raises(PluralignError, match="PA041"):
        replace(parameters, **change)


def test_parameters_come_back_from_json_and_from_provenance(parameters):
    matched = load_parameters("matched")
    for p in (parameters, matched, matched.with_kappa(0.5)):
        assert Parameters.from_json(p.to_json()) == p
        assert Parameters.from_tagged(p.tagged()) == p


def test_every_parameter_says_where_it_comes_from(shipped):
    tagged = shipped.provenance.details["parameters"]
    assert {entry["source"] for entry in tagged.values()} == {"published", "assumed"}
    assert tagged["n_raters"]["source"] == "published"
    assert (
        "solved so that the fitted odds ratio on this draw is the published 0.82"
        in tagged["toxicity.effects.male"]["note"]
    )
    assert tagged["toxicity.kappa"]["source"] == "assumed"
    assert {name.split(".")[0] for name in tagged if "." in name} == set(ORDER)


def test_a_sample_from_saved_tables_is_the_sample_that_was_drawn(parameters):
    asked = replace(parameters, n_raters=240, n_prompts=100)
    drawn = Sample.of(Latent(draw(asked, 2), asked), asked)
    saved = Sample.from_ratings(simulate(asked, 2))
    for dimension in ORDER:
        rows = lambda s, d=dimension: sorted(zip(s.rater.tolist(), s.item.tolist(), s.values[d].tolist(), strict=True))  # noqa: E731
        assert rows(drawn) == rows(saved)


def test_the_population_has_the_published_statistics_on_a_draw_that_calibration_never_saw(large, parameters):
    wide = replace(parameters, n_raters=parameters.n_raters * 12, n_prompts=parameters.n_prompts * 12)
    found = cheap_statistics(Sample.of(large, wide))
    for dimension, target in DISAGREEMENT_TARGETS.items():
        assert found[f"disagreement {dimension}"] == pytest.approx(target, abs=0.008)
    for statistic in PUBLISHED:
        if statistic.kind == "conditional":
            assert found[statistic.name] == pytest.approx(statistic.value, abs=0.012)
        if statistic.kind == "alpha" and statistic.group in ("white", "female", "male", "liberal"):
            assert found[statistic.name] == pytest.approx(COMMON_ALPHA, abs=0.03)
    assert found["mean_disagreement"] == pytest.approx(0.853, abs=0.004)
