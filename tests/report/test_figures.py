"""Figures: every one in every look, and colours that can be read."""

import math
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from dataclasses import replace
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.image import imread

from pluralign.analysis.agreement import alpha_rows, disagreement_rows
from pluralign.analysis.cells import Coded
from pluralign.analysis.conditional import conditional_rows
from pluralign.analysis.raters import distributions, rater_counts
from pluralign.report import figures
from pluralign.report.look import LOOKS
from pluralign.report.power_figure import power_figure, save_power_figure
from pluralign.simulate.power_approximation import Approximation
from pluralign.simulate.power_curve import curves
from pluralign.simulate.power_design import RatingDesign
from pluralign.simulate.power_report import PowerReport
from pluralign.simulate.power_summary import Share

from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings

each_look = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
Rows = namedtuple("Rows", "counts spread disagreement alpha conditional odds published")


@pytest.fixture(scope="module")
def rows():
    """What each figure shows, with a group that is suppressed and an interval that runs away."""
    coded = Coded(random_ratings(2, n_items=60, share=0.11, dimensions=(FIVE, FINE, COARSE)))
    odds = {
        "toxicity": [("female", 1.2, 0.9, 1.6), ("black", 3.0, 0.01, 900.0)],
        "biased": [("female", math.nan, math.nan, math.nan), ("black", 0.8, 0.5, 1.3)],
    }
    return Rows(
        rater_counts(coded.ratings),
        distributions(coded, bootstrap=20),
        disagreement_rows(coded, bootstrap=20),
        alpha_rows(coded, bootstrap=20),
        conditional_rows(coded, bootstrap=20),
        odds,
        {("toxicity", "everyone"): 0.8, ("toxicity", "female"): 1.1, ("mean of dimensions", "everyone"): 0.7},
    )


DRAWN = {
    "raters": lambda rows, look: figures.raters_figure(rows.counts, look),
    "distribution": lambda rows, look: figures.distribution_figure(rows.spread, look),
    "disagreement": lambda rows, look: figures.disagreement_figure(rows.disagreement, rows.published, look),
    "alpha": lambda rows, look: figures.alpha_figure(rows.alpha, rows.published, look),
    "conditional": lambda rows, look: figures.conditional_figure(rows.conditional, look),
    "odds": lambda rows, look: figures.odds_figure(rows.odds, rows.published, look),
}


@each_look
@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_is_drawn_in_every_look(rows, name, look, tmp_path):
    figure = DRAWN[name](rows, look)
    try:
        figure.savefig(tmp_path / "f.png", dpi=50)
        assert figure.get_size_inches()[0] <= look.width
    finally:
        plt.close(figure)
    pixels = imread(tmp_path / "f.png")
    assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20
    assert pixels[0, 0, :3] == pytest.approx(rgb(look.paper), abs=0.01)


def test_figures_leave_no_settings_behind(rows):
    before = dict(plt.rcParams)
    plt.close(DRAWN["raters"](rows, LOOKS[1]))
    assert dict(plt.rcParams) == before


def texts(figure):
    return [text.get_text() for text in figure.findobj(plt.Text) if text.get_text()]


def test_an_undefined_probability_is_a_dash_and_nothing_says_nan():
    people = [
        (f"r{k}", f"p{k}-0", name, value, 1)
        for k in range(6)
        for name, value in (("toxicity", 1 + k % 5), ("helpful_100", 1))
    ]
    found = conditional_rows(Coded(make_ratings(people, dimensions=(FIVE, FINE))), bootstrap=20)
    figure = figures.conditional_figure(found, LOOKS[0])
    assert figures.DASH in texts(figure)
    assert not [text for text in texts(figure) if "nan" in text]
    plt.close(figure)


NAMES = [
    "cost_$x$_or_$y",
    "a_^_b",
    "one\nline \x1b[31m",
    "50 % \\frac",
    "how toxic do you find this answer to that question " * 4,
    "x" * 99,
]


@each_look
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_is_written_as_it_stands_or_cut_whatever_it_holds(rows, name, look, tmp_path):
    effects = {name: [(name, 1.2, 0.9, 1.6)]}
    spread = [replace(rows.spread[0], dimension=name)]
    again = [replace(row, given=name, outcome=name) for row in rows.conditional[:1]]
    pair = [replace(row, given=a, outcome=b) for row in again for a in (name, "toxicity") for b in (name, "toxicity")]
    for figure in (
        figures.odds_figure(effects, {}, look),
        figures.distribution_figure(spread, look),
        figures.conditional_figure(pair, look),
    ):
        figure.savefig(tmp_path / "f.svg")
        plt.close(figure)
        assert ElementTree.parse(tmp_path / "f.svg").getroot().tag.endswith("}svg")


def test_published_values_are_crosses_where_there_are_any_and_the_legend_says_so(rows):
    with_marks = figures.alpha_figure(rows.alpha, rows.published, LOOKS[0])
    without = figures.alpha_figure(rows.alpha, {}, LOOKS[0])
    assert "published by the study" in texts(with_marks)
    assert "published by the study" not in texts(without)
    crosses = [line for axis in without.axes for line in axis.lines if line.get_marker() == "x"]
    assert crosses == []
    plt.close("all")


def test_bars_are_as_long_as_the_counts(rows):
    figure = figures.raters_figure(rows.counts, LOOKS[0])
    drawn = sorted(patch.get_width() for axis in figure.axes for patch in axis.patches)
    assert drawn == sorted(one.n_raters for one in rows.counts)
    plt.close(figure)


def test_stacked_bars_sum_to_one(rows):
    figure = figures.distribution_figure(rows.spread, LOOKS[0])
    assert sum(patch.get_width() for patch in figure.axes[0].patches) == pytest.approx(len(rows.spread))
    plt.close(figure)


def test_a_forest_s_dots_are_the_estimates_and_suppressed_ones_have_none(rows):
    figure = figures.alpha_figure(rows.alpha, {}, LOOKS[0])
    dots = [line.get_xdata()[0] for axis in figure.axes for line in axis.lines if line.get_marker() == "o"]
    shown = {row.alpha.alpha for row in rows.alpha if not row.suppressed}
    assert {dot for dot in dots if np.isfinite(dot)} == shown
    assert len(shown) < len(rows.alpha)
    plt.close(figure)


def test_the_axis_of_odds_ratios_is_cut_where_one_interval_runs_away(rows):
    figure = figures.odds_figure(rows.odds, {}, LOOKS[0])
    low, high = figure.axes[0].get_xlim()
    assert 0.15 < low < 1 < high < 6
    plt.close(figure)


@each_look
def test_power_is_drawn_in_every_look_and_saved_as_two_files(look, tmp_path):
    report = power_report()
    assert len(report.curves) == 2
    figure = power_figure(report, look)
    figure.savefig(tmp_path / "f.png", dpi=60)
    plt.close(figure)
    saved = save_power_figure(report, tmp_path)
    assert [path.name for path in saved] == ["power.svg", "power.png"]
    ElementTree.parse(saved[0])
    before = saved[0].read_bytes()
    save_power_figure(report, tmp_path)
    assert saved[0].read_bytes() == before


def power_report(n_raters=(50, 100, 200)):
    """Two combinations of loads, each over the numbers of raters; one row by simulation, with an interval."""
    designs = [RatingDesign(n, 60, items_per_rater=load) for load in (3, 6) for n in n_raters]
    powers = [0.1 * (k + 1) for k in range(len(designs))]
    rows = [Approximation(design, power, 0.2, 0.0, 1.2) for design, power in zip(designs, powers, strict=True)]
    rows[0] = replace(rows[0], power=Share(0.1, 0.05, 0.2, 10, 100))
    return PowerReport("approximation", 1.5, 0.05, 0.8, None, 0, None, rows, curves(designs, powers, target=0.8))


def test_one_number_of_raters_makes_no_curve_and_no_file(tmp_path):
    assert save_power_figure(power_report((50,)), tmp_path) == []
    assert list(tmp_path.iterdir()) == []


# Colours, by the WCAG's relative luminance.


def rgb(colour):
    return [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]


def luminance(colour):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_the_wcag_s():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@each_look
def test_text_and_marks_stand_out_from_the_paper(look):
    for text in (look.ink, look.quiet):
        assert contrast(text, look.paper) >= 4.5
    for mark in (look.main, look.other, look.mark):
        assert contrast(mark, look.paper) >= 3
    for end in (look.scale[0], look.scale[-1]):
        assert contrast(end, look.paper) >= 3


@each_look
def test_numbers_on_bars_and_in_the_heat_map_can_be_read(look):
    import matplotlib

    heat = [figures._hex(matplotlib.colormaps[look.heat](k / 50)) for k in range(51)]
    for colour in (*look.scale, *heat):
        assert contrast(figures._readable(colour), colour) >= 3, colour


@each_look
def test_strong_answers_stand_out_in_grey_and_the_others_by_hue_and_order(look):
    # A diverging scale: in grey its two halves look alike and its middle three nearly so. Order and an edge of paper part them.
    first, second, _, fourth, last = look.scale
    assert min(contrast(first, second), contrast(last, fourth)) > 1.8
    assert min(contrast(colour, look.paper) for colour in look.scale) > 1.5
    assert min(np.linalg.norm(np.subtract(rgb(a), rgb(b))) for a, b in combinations(look.scale, 2)) > 0.18
