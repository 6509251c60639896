"""The report on a grid: written whole, self-contained, every number with its reason, and shown as it should be."""

import csv
import html
import json
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from pluralign.errors import PluralignError
from pluralign.experiments.cells import Cell, base_cell
from pluralign.experiments.figures import Panel, Row, _range
from pluralign.experiments.panels import figure_2, figures_3_4
from pluralign.experiments.report import report_json, write_report
from pluralign.report.look import LOOKS

from ..cases import cases

CHROMIUM = Path("/usr/bin/chromium")
FIGURES = ("curves", "figure2", "figure3", "figure4", "figure5", "frontier", "recovery")
DARK = {"light": "1", "dark": "0"}
WIDTHS = (390, 1200)
FRAME = "<iframe src='measured.html?{width}' style='border:0;display:block;width:{width}px;height:900px'></iframe>"
MEASURE = """<script>addEventListener('load', () => {
  const page = document.documentElement, closed = page.scrollWidth;
  document.querySelectorAll('details').forEach(one => one.open = true);
  parent.postMessage({[location.search.slice(1)]: [closed, page.scrollWidth, getComputedStyle(document.body).backgroundColor]}, '*');
});</script>"""
LISTEN = """<pre></pre><script>const told = {}; addEventListener('message', event => {
  Object.assign(told, event.data); document.querySelector('pre').textContent = JSON.stringify(told); });</script>"""


def table(written, name):
    return list(csv.DictReader((written.folder / "tables" / f"{name}.csv").read_text("utf-8").splitlines()))


@pytest.fixture(scope="module")
def titles():
    """What stands above every figure that was drawn; in the files letters are outlines."""
    return []


@pytest.fixture(scope="module")
def written(whole_grid, titles, tmp_path_factory):
    save = Figure.savefig

    def noted(self, *args, **kwargs):
        titles.append(self.get_suptitle())
        return save(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", noted)
        return write_report(whole_grid, tmp_path_factory.mktemp("report") / "out", bootstrap=15)


def test_all_parts_are_written(written):
    names = {path.name for path in written.folder.iterdir()}
    assert names == {"index.html", "experiments.md", "experiments.json", "figures", "tables"}
    for figure in FIGURES:
        assert (written.folder / "figures" / f"{figure}.svg").stat().st_size > 2000
        assert imread(written.folder / "figures" / f"{figure}.png").shape[1] > 1000
        assert (written.folder / "figures" / f"{figure}-dark.svg").is_file()


def test_the_curves_are_drawn_and_told(written):
    told = json.loads((written.folder / "experiments.json").read_text("utf-8"))["findings"]["training"]
    assert re.fullmatch(r"The loss of the last 8 steps is below that of the first 8 in (\d+) of \1 runs\.", told[0])
    assert re.fullmatch(
        r"The reward of GRPO's last 8 steps is above that of the first 8 in (\d+) of \1 runs\.", told[1]
    )


def test_every_table_figure_and_text_says_simulated(written, titles):
    assert len(titles) == len(FIGURES) * (len(LOOKS) + 1), "in every look, and one of them as PNG"
    assert [title for title in titles if "SIMULATED: pluralign 1.0.0" not in title] == []
    for path in (written.folder / "tables").glob("*.md"):
        assert "SIMULATED" in path.read_text("utf-8"), path.name
    for name in ("exp1", "exp2", "exp3-pairs", "exp4", "recovery", "length", "cells", "frontier", "survey", "controls"):
        rows = table(written, name)
        assert {row["ratings"] for row in rows} == {"SIMULATED: pluralign 1.0.0"}
    for name in ("index.html", "experiments.md", "experiments.json"):
        assert "SIMULATED: pluralign" in (written.folder / name).read_text("utf-8")


def test_the_page_says_what_may_be_said(written):
    text = html.unescape(written.page.read_text("utf-8"))
    for phrase in (
        "recovers the planted effect, or does not", "no validation on real people", "zero-shot", "It is weak", "Under three models there is no pooled interval",
        "Cells of different tie rules or protocols are never compared",
    ):  # fmt: skip
        assert phrase in text, phrase


def test_the_page_stands_alone(written):
    text = written.page.read_text("utf-8")
    assert not re.search(r'(src|href)="(https?:)?//', text)
    for target in re.findall(r'href="((?:figures|tables)/[^"]+)"', text):
        assert (written.folder / target).is_file(), target


def test_the_record_has_no_nan_and_a_reason_for_every_null(written):
    record = json.loads((written.folder / "experiments.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert report_json(written) == record
    for effect in record["effects"]:
        for of in effect["models"]:
            assert of["low"] is not None or of["notes"]
        assert effect["pooled"] is None or effect["pooled"]["low"] is not None or effect["pooled"]["notes"]
        assert effect["pooled"] is not None or effect["notes"]
    assert record["schema"] == 3
    assert "null" in record["notes"]


def test_missing_and_half_written_cells_are_listed(written):
    rows = {row["cell"]: row for row in table(written, "missing")}
    gone = [name for name in rows if "consensus" in name]
    assert len(rows) == len(gone) == 2
    assert sorted(row["state"] for row in rows.values()) == ["failed: MemoryError: too large", "not begun"]
    assert written.record["findings"]["coverage"][0].startswith(
        "136 of 138 cells of the grid are finished; 2 missing. Of cells that are not finished 1 is begun."
    )


def test_the_published_effect_stands_beside(written):
    rows = table(written, "exp1")
    (row,) = [
        one for one in rows if (one["estimand"], one["first"], one["model"]) == ("difference", "liberal", "pooled")
    ]
    assert (float(row["published"]), row["published_p"]) == (0.049, ".010")
    assert "percentage points" in row["published_note"]


def test_the_glance_has_every_arm_and_the_study_s_number_beside(written):
    def of(effects, **wanted):
        (found,) = [one for one in effects if all(one[key] == value for key, value in wanted.items())]
        return found

    against = [
        one for one in written.record["effects"] if one["estimand"] == "against base" and one["experiment"] != "exp1"
    ]
    for name, outcome in (("toxicity", "toxicity"), ("emotional-awareness", "emotional_awareness")):
        rows = table(written, f"glance-{name}")
        arms = [(one["experiment"], one["first"], one["ties"]) for one in against if one["outcome"] == outcome]
        assert [(row["experiment"], row["arm"], row["ties"]) for row in rows] == arms
        for row, arm in zip(rows, arms, strict=True):
            effect = of(against, outcome=outcome, experiment=arm[0], first=arm[1], ties=arm[2])
            assert float(row["estimate"]) == effect["pooled"]["estimate"]
    orders = {(row["experiment"], row["arm"]): row["outcome"] for row in table(written, "glance-order")}
    assert orders["exp4", "dpo-ea"] == "order.e.emotional_awareness.everyone", "of what it learnt"
    assert orders["exp4", "dpo-both"] == orders["exp2", "3pt"] == "order.e.toxicity.everyone"
    assert len(orders) == len({(one["experiment"], one["first"]) for one in against})
    text = (written.folder / "tables" / "glance-toxicity.md").read_text("utf-8")
    assert "| exp2 binary | drop, steps | -0.198 |" in text


def test_the_glance_at_groups_has_own_group_advantage_ceiling_and_null(written):
    rows = table(written, "glance-own-group")
    pairs = [("female", "male"), ("liberal", "conservative"), ("white", "black")]
    assert [(row["first"], row["second"], row["set"]) for row in rows] == [
        (*pair, name) for pair in (*pairs, ("all pairs", "")) for name in ("e", "test")
    ]
    most = {(one["set"], one["first"]): one["ceiling"] for one in written.record["ceilings"]}
    for row in rows:
        assert float(row["ceiling"]) == most[row["set"], row["first"]]
        assert float(row["estimate"]) < float(row["ceiling"])
        for column, estimand in (("", "own-group advantage"), ("null_", "null"), ("less_null_", "own-group advantage less the null's")):  # fmt: skip
            (effect,) = (
                one for one in written.record["effects"]
                if one["estimand"] == estimand and one["first"] == row["first"] and one["outcome"] == f"order.{row['set']}.{row['dimension']}"
            )  # fmt: skip
            assert float(row[f"{column}estimate"]) == effect["pooled"]["estimate"]
    judged = table(written, "glance-groups")
    assert [(row["first"], row["estimand"]) for row in judged] == [
        (first, estimand) for first, _ in pairs for estimand in ("difference", "other dimension")
    ]  # fmt: skip
    for row in judged:  # on the dimension that they were not trained on, too
        outcome = row["dimension"]
        (effect,) = (
            one for one in written.record["effects"]
            if (one["estimand"], one["first"], one["second"], one["outcome"]) == ("nothing planted", row["first"], row["second"], outcome)
        )  # fmt: skip
        assert float(row["null_estimate"]) == effect["pooled"]["estimate"]
    text = (written.folder / "tables" / "glance-groups.md").read_text("utf-8")
    assert "| female − male, emotional awareness | p = .860 |" in text


def test_the_jury_s_reach_stands_beside_its_own_group_advantage(written):
    reach = written.record["jury_reach"]
    assert [(one["model"], one["first"], one["second"]) for one in reach] == [
        (model, *groups) for groups in (("female", "male"), ("liberal", "conservative"), ("white", "black")) for model in ("one", "two")
    ]  # fmt: skip
    # The base's jury says one thing for all groups.
    assert [one["correlation"] for one in reach] == pytest.approx([1.0] * 6)
    told = [one for one in written.record["findings"]["exp1"] if one.startswith("The jury's reach")]
    assert len(told) == 3
    assert "correlate 1.000 (one), 1.000 (two)" in told[0]
    assert all("a zero own-group advantage by the jury says nothing" in one for one in told)
    assert any(row["outcome"] == "jury.toxicity" for row in table(written, "exp1")), "it stays in the table"


@pytest.mark.slow
def test_runs_that_did_not_reach_their_kl_are_in_no_contrast_and_are_named(make_results, tmp_path):
    names = [f"exp3-{how}-toxicity" for how in ("individual", "mean", "first")]
    cells = [Cell("org/one", name, protocol="kl") for name in names]
    folder = make_results(tmp_path / "r", [base_cell("org/one"), *cells])
    for cell, reached in zip(cells, (True, False, None), strict=True):
        path = cell.folder(folder) / "run.json"
        run = json.loads(path.read_text()) | ({} if reached is None else {"kl_reached": reached})
        path.write_text(json.dumps(run))
    found = write_report(folder, tmp_path / "out", bootstrap=5)
    arms = {
        arm for one in found.record["effects"] if one["experiment"] == "exp3" for arm in (one["first"], one["second"])
    }
    assert arms == {"individual", "first", "base"}
    (told,) = [one for one in found.record["findings"]["coverage"] if "did not reach its KL" in one]
    assert told.startswith(f"one/{cells[1].name}/seed0 did not reach its KL")
    assert "exp3: mean; exp3: individual − mean; exp3: mean − first" in told
    assert [one["where"] for one in found.record["kl_not_reached"]] == [f"one/{cells[1].name}/seed0"]


@pytest.mark.slow
def test_the_same_results_give_the_same_files(written, whole_grid, make_results, tmp_path):
    cells = [base_cell("org/one"), Cell("org/one", "exp3-mean-toxicity"), Cell("org/one", "exp3-first-toxicity")]
    folder = make_results(tmp_path / "r", cells)
    first = write_report(folder, tmp_path / "out", bootstrap=10)
    before = {path.relative_to(first.folder): path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    again = write_report(folder, tmp_path / "out", bootstrap=10)
    assert {
        path.relative_to(again.folder): path.read_bytes() for path in again.folder.rglob("*") if path.is_file()
    } == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r"]


def test_only_the_base_is_a_report_too(make_results, tmp_path):
    found = write_report(make_results(tmp_path / "r", [base_cell("org/one")]), tmp_path / "out", bootstrap=5)
    assert found.record["effects"] == []
    assert any("Nothing yet of exp1" in told for told in found.record["findings"]["coverage"])


def test_other_ratings_leave_the_order_out_and_say_so(make_results, tmp_path):
    cells = [base_cell("org/one"), Cell("org/one", "exp3-mean-toxicity")]
    folder = make_results(tmp_path / "r", cells)
    path = cells[1].folder(folder) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"ratings_sha256": "f" * 64}))
    found = write_report(folder, tmp_path / "out", bootstrap=5)
    assert not [one for one in found.record["effects"] if one["outcome"].startswith("order")]
    assert any("the models were trained on ratings ffffffffffff" in told for told in found.record["method"])


def test_a_folder_of_others_is_not_replaced(whole_grid, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PluralignError, match="PA052"):
        write_report(whole_grid, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_nothing_is_left_where_writing_fails(make_results, tmp_path, monkeypatch):
    folder = make_results(tmp_path / "r", [base_cell("org/one")])
    write_report(folder, tmp_path / "out", bootstrap=5)

    def fails(*_):
        raise RuntimeError("disk")

    monkeypatch.setattr("pluralign.experiments.report.text_of", fails)
    with pytest.raises(RuntimeError, match="disk"):
        write_report(folder, tmp_path / "out", bootstrap=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "r"]
    assert (tmp_path / "out" / "experiments.md").is_file()


def test_figure_2_lays_ratings_and_the_study_beside_the_models(written, whole_grid, shipped):
    from pluralign.experiments.contrasts import contrasts
    from pluralign.experiments.outcomes import Outcomes
    from pluralign.experiments.pooled import grid_effects
    from pluralign.experiments.results import read_results
    from pluralign.experiments.survey import survey_differences
    from pluralign.experiments.truth import Truth

    outcomes = Outcomes(read_results(whole_grid), Truth.of(shipped, ""))
    effects = grid_effects(
        outcomes,
        [one for one in contrasts(outcomes.results) if one.experiment in ("exp1", "exp2", "controls")],
        bootstrap=0,
        seed=0,
    )
    panels = {
        panel.title: panel.rows
        for panel in figure_2(
            [one for one in effects if one.contrast.experiment == "exp1"],
            survey_differences(shipped, bootstrap=5, seed=0),
            [one for one in effects if one.contrast.experiment == "controls"],
        )
    }
    rows = {row.label: row for row in panels["Judged, own dimension"]}
    assert rows["female − male (tox.)"].published == -0.035
    assert rows["female − male (tox.)"].survey is not None
    assert rows["female − male (tox.)"].of_runs == (True, True), "two seeds"
    assert rows["female − male, κ = 0 (tox.)"].published is None
    for which, dimensions in (("own", ("tox.", "EA", "EA")), ("other", ("EA", "tox.", "tox."))):
        assert [row.label for row in panels[f"Judged, {which} dimension"]] == [
            f"{pair}{null} ({dimension})"
            for pair, dimension in zip(
                ("female − male", "liberal − conservative", "white − black"), dimensions, strict=True
            )
            for null in ("", ", κ = 0")
        ]
    for name in ("E", "test"):
        assert [row.label for row in panels[f"Own-group, order on {name}"]] == [
            f"{pair}{null}{what}"
            for pair, what in (
                ("female / male", " (tox.)"), ("liberal / conservative", " (EA)"), ("white / black", " (EA)"), ("all pairs", "")
            )
            for null in ("", ", κ = 0")
        ]  # fmt: skip
    assert {len(row.models) for row in panels["Own-group, order on E"]} == {2}
    assert not [title for title in panels if "jury" in title], "its groups are nearly one score"
    scales = figures_3_4([one for one in effects if one.contrast.experiment == "exp2"])[0].rows
    assert [row.label for row in scales] == [
        f"{scale}, {rule}" for rule in ("drop", "half") for scale in ("5pt", "3pt", "binary")
    ]
    assert all(math.isnan(row.pooled[1]) for row in scales)


def test_a_panel_shows_every_interval_but_one_that_is_far_longer_than_most():
    rows = [Row(str(k), ((0.0, -half, half),), (True,)) for k, half in enumerate((0.02, 0.03, 0.04, 5.0))]
    low, high = _range(Panel("t", tuple(rows[:3])))
    assert low < -0.04 < 0.04 < high
    low, high = _range(Panel("t", tuple(rows)))
    assert -5 < low < -0.04
    assert 0.04 < high < 5
    low, high = _range(Panel("t", (Row("0", ((0.0, math.nan, math.nan),), (False,)),)))
    assert low < 0 < high, "a panel of some width where there is nothing but the line"


@pytest.fixture(scope="module")
def shown(written, tmp_path_factory):
    page = written.page
    (page.parent / "measured.html").write_text(page.read_text("utf-8").replace("</body>", f"{MEASURE}</body>"), "utf-8")
    frames = "".join(FRAME.format(width=width) for width in WIDTHS)
    (page.parent / "wrapper.html").write_text(
        f"<!doctype html><title>w</title><body style='margin:0'>{frames}{LISTEN}", "utf-8"
    )
    profile = tmp_path_factory.mktemp("profile")

    def load(scheme, name, *switches):
        return subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}", "--window-size=1300,1900",
                "--virtual-time-budget=8000", f"--blink-settings=preferredColorScheme={DARK[scheme]}", *switches, (page.parent / name).as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        ).stdout  # fmt: skip

    yield load
    for name in ("measured.html", "wrapper.html"):
        (page.parent / name).unlink()


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no headless Chromium at {CHROMIUM}")
@pytest.mark.parametrize(
    ("scheme", "paper"), cases([("dark", "rgb(23, 25, 28)")], slow=[("light", "rgb(255, 255, 255)")])
)
def test_the_page_fits_a_phone_and_a_screen_in_both_schemes(shown, written, scheme, paper, tmp_path):
    told = json.loads(
        html.unescape(re.search(r"<pre>(.*?)</pre>", shown(scheme, "wrapper.html", "--dump-dom"), re.S)[1])
    )
    assert told == {str(width): [width, width, paper] for width in WIDTHS}
    shot = tmp_path / "shot.png"
    shown(scheme, "index.html", f"--screenshot={shot}")
    pixels = imread(shot)[..., :3]
    assert np.median(pixels) == pytest.approx(1.0 if scheme == "light" else 25 / 255, abs=0.02)
    assert pixels.std() > 0.02
