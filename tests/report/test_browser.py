"""The page in a real browser: on a phone and a wide screen, light and dark."""

import html
import json
import re
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pluralign.report.contents import contents
from pluralign.report.write import write_report

from ..views.conftest import COARSE, FINE, FIVE, random_ratings

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no headless Chromium at {CHROMIUM}"),
]
WIDTHS = (390, 1200)
DARK = {"light": "1", "dark": "0"}
"""Blink's preferred colour schemes."""

# A window is at least 500 wide, so that the page lies in frames of the widths; it tells its parent, which may not look into it.
WRAPPER = "<!doctype html><title>w</title><body style='margin:0'>{frames}<pre></pre><script>{script}</script>"
FRAME = "<iframe src='measured.html?{width}' style='border:0;display:block;width:{width}px;height:900px'></iframe>"
LISTEN = """
const told = {};
addEventListener('message', event => {
  Object.assign(told, event.data);
  document.querySelector('pre').textContent = JSON.stringify(told);
});
"""
MEASURE = """
addEventListener('load', async () => {
  await Promise.all([...document.images].map(image => image.decode()));
  const page = document.documentElement, closed = page.scrollWidth;
  document.querySelectorAll('details').forEach(one => one.open = true);
  const wide = [...document.querySelectorAll('body *')].filter(one =>
    !one.closest('.scroll') && !one.classList.contains('skip') && one.getBoundingClientRect().right > page.clientWidth + 1);
  parent.postMessage({[location.search.slice(1)]: {
    closed, open: page.scrollWidth, client: page.clientWidth, wide: wide.map(one => one.outerHTML.slice(0, 80)),
    sources: [...document.querySelectorAll('picture')].map(one =>
      [...[...one.querySelectorAll('source')].map(s => s.srcset), one.querySelector('img').src]
        .indexOf(one.querySelector('img').currentSrc)),
    drawn: [...document.images].map(one => [one.naturalWidth, one.getBoundingClientRect().width]),
    small: [...document.querySelectorAll('nav a, summary, .files a')].filter(one => one.getBoundingClientRect().height < 24).length,
    background: getComputedStyle(document.body).backgroundColor,
  }}, '*');
});
"""
SOURCES = ["dark-narrow", "light-narrow", "dark", "light"]
"""In the order in which the page offers them."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A written report with a measuring copy beside; `shown(scheme, *switches)` loads the copy or, with a screenshot, the page."""
    # Names that no line can be broken in are the hardest to lay out.
    dimensions = (FIVE, FINE, replace(COARSE, name="how_biased_is_this_answer_" + "b" * 70))
    ratings = random_ratings(2, n_items=40, share=0.2, dimensions=dimensions)
    ratings = replace(ratings, provenance=replace(ratings.provenance, source="s" * 90))
    folder = tmp_path_factory.mktemp("browser")
    page = write_report(contents(ratings, bootstrap=5, jobs=1, command="pluralign report"), folder / "report")
    measured = page.read_text("utf-8").replace("</body>", f"<script>{MEASURE}</script></body>")
    (page.parent / "measured.html").write_text(measured, "utf-8")
    frames = "".join(FRAME.format(width=width) for width in WIDTHS)
    (page.parent / "wrapper.html").write_text(WRAPPER.format(frames=frames, script=LISTEN), "utf-8")

    @cache
    def load(scheme, name, *switches):
        out = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--v=0", "--window-size=1300,1900",
                "--virtual-time-budget=8000", f"--blink-settings=preferredColorScheme={DARK[scheme]}", *switches,
                (page.parent / name).as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return out.stdout, [line for line in out.stderr.splitlines() if "CONSOLE" in line]

    load.folder = folder
    return load


def measured(shown, scheme):
    dom, _ = shown(scheme, "wrapper.html", "--dump-dom")
    told = json.loads(html.unescape(re.search(r"<pre>(.*?)</pre>", dom, re.S)[1]))
    assert set(told) == {str(width) for width in WIDTHS}
    return told


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(shown, width):
    found = measured(shown, "light")[str(width)]
    assert found["client"] == width
    assert (found["closed"], found["open"]) == (width, width)
    assert found["wide"] == []


@pytest.mark.parametrize("scheme", DARK)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_figure_s_shape_is_the_screen_s(shown, width, scheme):
    found = measured(shown, scheme)[str(width)]
    expected = SOURCES.index(scheme + ("-narrow" if width < 640 else ""))
    assert found["sources"]
    assert set(found["sources"]) == {expected}
    assert all(natural > 100 and drawn > 100 for natural, drawn in found["drawn"])


def test_figures_on_a_phone_are_shown_at_their_size_nearly(shown):
    # Text of 8 or 9 points stays readable only if a figure is not shrunk much.
    for natural, drawn in measured(shown, "light")["390"]["drawn"]:
        assert drawn / natural > 0.85


def test_what_can_be_tapped_is_24_pixels_high_at_least(shown):
    assert measured(shown, "light")["390"]["small"] == 0


@pytest.mark.slow
def test_dark_and_light_differ_and_are_their_papers(shown):
    assert measured(shown, "light")["390"]["background"] == "rgb(255, 255, 255)"
    assert measured(shown, "dark")["390"]["background"] == "rgb(23, 25, 28)"
    pixels = []
    for scheme in DARK:
        shot = shown.folder / f"{scheme}.png"
        shown(scheme, "report.html", f"--screenshot={shot}")
        pixels.append(imread(shot)[..., :3])
    light, dark = pixels
    assert light.shape == dark.shape
    assert (np.median(light), np.median(dark)) == (1.0, pytest.approx(25 / 255, abs=0.02))
    assert light.std() > 0.02


def test_the_browser_has_nothing_to_complain_of(shown):
    said = [line for scheme in DARK for line in shown(scheme, "wrapper.html", "--dump-dom")[1]]
    assert said == []
