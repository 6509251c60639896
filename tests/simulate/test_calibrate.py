"""The calibration: what it solves for, what it refuses, and that the parameters that ship come out of it again."""

from dataclasses import replace

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.simulate import load_parameters, simulate
from pluralign.simulate.achieved import disagreement
from pluralign.simulate.calibrate import (
    MARGINALS,
    Solver,
    match,
    nearest_draw,
    population,
    spread,
    starting_parameters,
    tilted,
)
from pluralign.simulate.latent import Latent, draw
from pluralign.simulate.parameters import ORDER
from pluralign.simulate.published import COMMON_ALPHA, DISAGREEMENT_TARGETS, PUBLISHED


def test_spread_gives_the_item_s_share_of_the_latent_variance():
    item, rater = spread(0.4)
    assert item**2 / (item**2 + rater**2 + np.pi**2 / 3) == pytest.approx(0.4)
    assert rater**2 / item**2 == pytest.approx(0.3)


def test_a_tilt_of_one_is_the_assumed_distribution_and_more_is_more_skewed():
    assert np.allclose(tilted("toxicity", 1.0), MARGINALS["toxicity"])
    assert tilted("toxicity", 1.5)[0] > tilted("toxicity", 1.0)[0]
    assert tilted("toxicity", 1.5).sum() == pytest.approx(1)


@pytest.mark.slow
def test_solving_a_draw_reaches_disagreement_alpha_and_conditionals_together():
    parameters = starting_parameters()
    solver = Solver(draw(parameters, 3), parameters)
    solved = solver.solve(rounds=2)
    latent = Latent(solver.drawn, solved)
    for dimension, target in DISAGREEMENT_TARGETS.items():
        value = disagreement(solver.drawn.item, latent.rate(dimension, solved.dimensions[dimension]), solved.n_items)
        assert value == pytest.approx(target, abs=0.004)
    found, pairs = solver.alphas(solved.dimensions["toxicity"])
    assert float(np.average(found, weights=pairs)) == pytest.approx(COMMON_ALPHA, abs=0.004)


def test_a_target_that_a_draw_cannot_reach_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setitem(DISAGREEMENT_TARGETS, "sensitivity", 0.05)
    parameters = starting_parameters()
    with pytest.raises(PluralignError, match=r"(?s)PA042.*disagreement on sensitivity.*another seed"):
        Solver(draw(parameters, 0), parameters).solve_spread("sensitivity")


def test_matched_parameters_are_refused_for_another_seed():
    with pytest.raises(PluralignError, match=r"PA041.*seed 7.*seed 0"):
        simulate(load_parameters("matched"), 7)


def test_a_changed_kappa_makes_a_matched_set_altered_and_its_version_and_choices_say_so():
    null = simulate(load_parameters("matched").with_kappa(0), 0)
    assert null.provenance.details["mode"] == "altered"
    assert "null" in null.provenance.version
    assert any("κ = 0" in sentence for sentence in null.provenance.choices)
    half = simulate(load_parameters("matched").with_kappa(0.5), 0)
    assert half.provenance.version != null.provenance.version
    assert any("κ = 0.3" in sentence for sentence in half.provenance.choices)


def test_what_is_tagged_published_has_the_published_value():
    known = {(s.dimension, s.group): s.value for s in PUBLISHED if s.kind == "odds_ratio"}
    for mode in ("population", "matched"):
        tagged = load_parameters(mode).tagged()
        for dimension in ORDER:
            for level in load_parameters(mode).dimensions[dimension].effects:
                entry = tagged[f"{dimension}.effects.{level}"]
                is_published = np.exp(entry["value"]) == pytest.approx(known[dimension, level], rel=1e-3)
                assert (entry["source"] == "published") == is_published
    assert replace(load_parameters("population"), n_raters=4380).tagged()["n_raters"]["source"] == "assumed"


def test_matched_effects_are_not_bent_far_from_the_published_ones():
    for statistic in PUBLISHED:
        if statistic.kind == "odds_ratio":
            effect = load_parameters("matched").dimensions[statistic.dimension].effects[statistic.group]
            assert abs(effect - np.log(statistic.value)) < 0.25


@pytest.mark.slow
def test_the_population_s_parameters_come_out_of_the_calibration_again():
    from pluralign.simulate.parameters import Parameters

    assert Parameters.from_json(population().to_json()) == load_parameters("population")


@pytest.mark.slow
def test_the_matched_parameters_come_out_of_matching_again():
    from pluralign.simulate.parameters import Parameters

    again = match(load_parameters("population"), 0)
    assert Parameters.from_json(again.to_json()) == load_parameters("matched")


@pytest.mark.slow
def test_the_nearest_draw_is_the_one_that_ships():
    assert nearest_draw(load_parameters("population"), 0).draw == load_parameters("matched").draw
