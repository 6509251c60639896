"""The leaderboard's page in a real browser, as a visitor finds it: read, sorted, filtered, compared, by mouse and by keys alone."""

import functools
import http.server
import math
import re
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest

from pluralign.leaderboard.board import drawn, replicates
from pluralign.leaderboard.pairs import means
from pluralign.leaderboard.summary import axis
from pluralign.leaderboard.view import SIMULATED, board_view, shown
from pluralign.schema import LANGUAGES

from ..cases import cases
from . import sites

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no headless Chromium at {CHROMIUM}"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright to drive a browser with")

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
VIEWS = ("table", "model", "compare", "plot", "groups", "study", "refused")
ORDER = "[...document.querySelectorAll('tbody tr[data-place]')].map(one => one.dataset.place)"
CONTRAST = """() => {
  const probe = document.createElement('i'); document.body.append(probe);
  const light = name => {
    probe.style.color = `var(${name})`;
    const [r, g, b] = getComputedStyle(probe).color.match(/[\\d.]+/g).map(x => x / 255).map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + .05) / (y + .05); };
  return Object.fromEntries([['--ink', '--paper'], ['--quiet', '--paper'], ['--quiet', '--panel'], ['--link', '--paper'], ['--link', '--panel'],
    ['--stamp', '--stamp-paper'], ['--main', '--paper'], ['--other', '--paper'], ['--edge', '--paper']].map(([a, b]) => [a + b, ratio(a, b)]));
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Folder of a site, and its boards."""
    folder = tmp_path_factory.mktemp("page") / "site"
    found = sites.make_site(folder)
    folder.joinpath("boards").stat()
    return folder, {("demonstration" if one.world.is_demonstration else "people"): one for one in found}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture
def opened(browser, site):
    """`opened(view, …)` shows the demonstration board; afterwards the browser must have nothing to complain of, and asked for our files only."""
    folder, boards = site
    said, asked, contexts = [], [], []

    def show(start=None, size=WIDE, scheme="light", **state):
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        state = {"board": boards["demonstration"].world.key, **state}
        page.goto(f"{start or folder.joinpath('index.html').as_uri()}#{urlencode(state)}")
        page.wait_for_selector("main h2")
        return page

    show.said, show.asked = said, asked
    yield show
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.hit") is None, "a stranger's text ran"
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "http://127.0.0.1:"))] == []


def place_of(board, model):
    return next(row.summary.place for row in board.rows if row.summary.model == model)


def state_of(page):
    page.wait_for_timeout(250)  # the address follows a moment later
    return {name: values[0] for name, values in parse_qs(page.evaluate("location.hash.slice(1)")).items()}


def until(page, expression):
    """Wait for something to be true; `wait_for_function` compiles its text in the page, which the page's policy forbids."""
    for _ in range(150):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{expression} never came true")


def rows(page):
    return page.evaluate(ORDER)


@pytest.fixture
def demonstration(site):
    return site[1]["demonstration"]


def test_the_board_opens_with_its_warning_and_every_submission(opened, demonstration):
    page = opened()
    assert page.text_content("#warning") == SIMULATED
    assert page.is_visible("#stamp")
    assert page.text_content("#f-board option:checked").startswith("Demonstration: judge rater-model-simulated")
    assert page.text_content(".count") == "9 of 9 submissions"
    assert page.input_value("#f-lang") == "en", "scores are compared within a language"
    assert sorted(rows(page)) == sorted(row.summary.place for row in demonstration.rows)


def test_the_first_column_is_the_interval_of_ranks(opened, demonstration):
    page = opened(lang="both")
    assert page.text_content("thead th:first-child button").startswith("rank")
    for row in demonstration.rows:
        standing = row.standings.get(("toxicity", "both"))
        cell = page.text_content(f'tr[data-place="{row.summary.place}"] td:first-child')
        if standing is None or standing.rank_low is None:
            assert cell.startswith("–")
            continue
        low, high = standing.rank_low, standing.rank_high
        others = [
            one.standings["toxicity", "both"]
            for one in demonstration.rows
            if one is not row and ("toxicity", "both") in one.standings and one.is_ranked
        ]
        shared = any(one.rank_low <= high and one.rank_high >= low for one in others)
        expected = f"{low}" if low == high else f"{low}–{high}"
        assert cell == expected + ("\u00a0= tied" if shared else "")
    assert "not ranked: constant" in page.text_content("tr[data-place^='canary'] td:first-child")


def test_intervals_are_drawn_and_written(opened, demonstration):
    page = opened(lang="both")
    row = next(one for one in demonstration.rows if one.summary.model == "org/good")
    cell = page.locator(f'tr[data-place="{row.summary.place}"] td.score')
    standing = row.standings["toxicity", "both"]
    assert cell.text_content() == f"{standing.score:.3f} [{standing.low:.3f}, {standing.high:.3f}]"
    line = cell.locator("line.reach")
    ends = [float(line.get_attribute(name)) for name in ("x1", "x2")]
    assert 0 < ends[0] < float(cell.locator("circle").get_attribute("cx")) < ends[1] < 120


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_it_sorts_by_every_column_and_says_so(opened, demonstration, size):
    page, view = opened(size=size, lang="both"), board_view(demonstration)
    columns = view["rows"]
    cell = columns["standings"]["toxicity|both"]
    expected = {
        "score": (cell["score"], 1), "d-emotional_awareness": (columns["standings"]["emotional_awareness|both"]["score"], -1), "change": (cell["change"], 1),
        "equal": (cell["equal_length"], 1), "size": (columns["n_parameters"], -1), "model": (columns["model"], 1), "method": (columns["method"], 1),
    }  # fmt: skip
    number = {place: k for k, place in enumerate(columns["place"])}

    def click(key):
        if size is WIDE:
            page.click(f"[data-sort={key}]")
        else:
            page.select_option("#f-sort", key)

    def turn(key):
        click(key) if size is WIDE else page.click("text=Turn order")

    for key, (values, sign) in expected.items():
        for times in (1, -1):
            click(key) if times == 1 else turn(key)
            got = [values[number[place]] for place in rows(page)]
            known = [value for value in got if value is not None]
            assert got == known + [None] * (len(got) - len(known)), "what has no value comes last"
            assert known == sorted(known, reverse=sign * times < 0), (key, times)
            assert page.evaluate("[...document.querySelectorAll('[aria-sort]')].length") == 1
            way = "ascending" if sign * times > 0 else "descending"
            assert page.get_attribute(f"th:has([data-sort={key}])", "aria-sort") == way
    for key in ("length", "tier", "flags", "rank"):
        click(key)
        assert len(rows(page)) == 9
    ranked = page.evaluate("[...document.querySelectorAll('td.rank')].map(one => parseInt(one.textContent))")
    known = [one for one in ranked if one is not None and not math.isnan(one)]
    assert known == sorted(known)


def test_it_filters_and_the_link_keeps_it(opened, demonstration):
    page = opened()
    counts = {}

    def shown_now(name):
        counts[name] = page.text_content(".count")
        return {place.split("/")[0] for place in rows(page)}

    page.fill("#f-q", "GOOD")
    assert shown_now("q") == {"org__good", "org__good-too"}
    page.fill("#f-q", "")
    page.select_option("#f-method", "grpo")
    assert shown_now("method") == {"org__good-too"}
    page.select_option("#f-method", "")
    page.fill("#f-base", "else/")
    assert shown_now("base") == {"other__worst"}
    page.fill("#f-base", "")
    page.fill("#f-min", "1")
    assert shown_now("size") == {"org__good", "org__good-too"}
    page.fill("#f-max", "2")
    assert shown_now("sizes") == {"org__good-too"}
    page.fill("#f-min", "")
    page.fill("#f-max", "")
    page.uncheck("#f-flagged")
    assert "canary__constant" not in shown_now("flagged")
    page.select_option("#f-tier", "recomputed")
    page.select_option("#f-lang", "en")
    page.select_option("#f-dim", "emotional_awareness")
    page.fill("#f-q", "other")
    kept = rows(page)
    assert kept
    assert counts["q"] == "2 of 9 submissions"
    state = state_of(page)
    assert (
        state | {"lang": "en", "dim": "emotional_awareness", "q": "other", "flagged": "hide", "tier": "recomputed"}
        == state
    )
    again = opened(**state)
    assert rows(again) == kept
    assert again.input_value("#f-q") == "other"
    again.fill("#f-q", "nothing like it")
    assert again.text_content(".count") == "0 of 9 submissions; no one passes the filters."
    again.click("text=Clear filters")
    until(again, "document.querySelector('.count').textContent.startsWith('9 of 9')")


def test_a_language_without_answers_is_undefined_and_no_zero(opened, demonstration):
    page = opened(lang="de")
    cells = page.locator(f'tr[data-place="{place_of(demonstration, "other/english")}"] td')
    texts = cells.all_text_contents()
    assert texts[0].startswith("–")
    assert texts[1:4] == ["–", "–", "–"]


def test_the_way_back_leads_to_the_view_before(opened, demonstration):
    page = opened(q="good", lang="en")
    page.click("tbody a >> nth=0")
    page.wait_for_selector(".notice")
    assert state_of(page)["v"] == "model"
    page.go_back()
    page.wait_for_selector("tbody tr[data-place]")
    assert page.input_value("#f-q") == "good"
    assert len(rows(page)) == 2


def test_a_model_s_page_says_everything_and_hides_its_answers(opened, demonstration):
    page = opened(v="model", place=place_of(demonstration, "canary/constant"))
    page.wait_for_selector(".notice")
    text = page.text_content("main")
    assert "430 of 432 answers are '<b>i am sorry</b>'" in text
    assert "made up <b>here</b>" in text
    assert "says no" not in text
    assert page.locator("table tbody tr").count() == 6, "two dimensions in English, German and both"
    assert page.locator(".answers").count() == 0


def test_answers_are_shown_as_text_searched_and_paged(opened, demonstration):
    page = opened(v="model", place=place_of(demonstration, "other/worse"), al="en")
    page.click("#show-answers")
    assert page.evaluate("document.activeElement.id") == "f-aq", "the focus goes where the answers are"
    said = page.locator(".answers .answer .said").all_text_contents()
    expected = ["\n".join(shown(line) for line in text.splitlines()) for text in sites.HOSTILE]
    assert said[: len(expected)] == expected
    assert "\u202e" not in "".join(said)
    assert page.locator("main img, main script").count() == 0
    assert len(said) == 20
    page.click(".pages button:last-child")
    assert page.locator(".answers > li").count() == 20
    assert page.locator(".pages").text_content() == "Previous page 2 of 11 Next"
    page.fill("#f-aq", "no. 77\n".strip())
    assert page.text_content(".answers .said:not(.prompt)") == "other/worse says no. 77\nSecond line."
    page.fill("#f-aq", "")
    page.select_option("#f-ao", "high")
    values = [float(re.search(r"toxicity ([\d.]+)", one)[1]) for one in page.locator(".answer small").all_text_contents()]  # fmt: skip
    assert values == sorted(values, reverse=True)
    page.fill("#f-amin", "0.5")
    page.fill("#f-amax", "0.6")
    scores = next(one for one in demonstration.rows if one.summary.model == "other/worse").summary.scores
    here = scores["toxicity"][LANGUAGES.index("en")]
    kept = int(((here >= 0.5) & (here <= 0.6)).sum())
    assert int(page.text_content(".count").split()[0]) == pytest.approx(kept, abs=1)  # a score on 1–5 has three digits


def test_only_names_of_the_hub_s_form_become_addresses(opened, demonstration):
    page = opened(v="model", place=place_of(demonstration, "org/good"))
    link = page.locator("a[href^='https:']")
    assert link.get_attribute("href") == "https://huggingface.co/org/good"
    assert "noopener" in link.get_attribute("rel")
    page = opened(v="model", place=place_of(demonstration, "other/worse"))
    assert page.locator("a[href^='https:']").count() == 0


@pytest.mark.parametrize(
    "place", ["../../etc/passwd", "javascript:alert(1)/x", "a/../b", "org__none/2026-11-01-00000000", "<b>/x"]
)
def test_a_link_to_what_is_not_there_loads_nothing(opened, place):
    page = opened(v="model", place=place, lang="<x>", dim="__proto__", sort="none", n="1e9", ap="-5", a=place)
    assert page.text_content("h2") == "No such submission"
    assert not [url for url in opened.asked if "submissions/" in url]


def difference(first, second, dimension, languages):
    _, templates = axis()
    at = [LANGUAGES.index(one) for one in languages]
    scores = np.stack([one.summary.scores[dimension][at] for one in (first, second)])
    draws = drawn(int(templates.max()) + 1)
    apart = np.subtract(*replicates(scores, templates, draws))
    value = np.subtract(*means(scores, templates).value)
    return [float(value), *(float(end) for end in np.quantile(apart, [0.025, 0.975]))]


@pytest.mark.parametrize(
    "pair",
    cases(
        [("org/good", "other/english")],
        slow=[pytest.param(one) for one in (("org/good", "org/good-too"), ("other/worse", "org/same"))],
    ),
)
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_two_are_compared_with_the_numbers_of_python(opened, demonstration, pair, size):
    first, second = (next(row for row in demonstration.rows if row.summary.model == name) for name in pair)
    page = opened(v="compare", size=size)
    assert "Choose two different" in page.text_content("main")
    page.select_option("#f-a", first.summary.place)
    page.select_option("#f-b", second.summary.place)
    page.wait_for_selector("td[data-cell]")
    languages = [one for one in ("en", "de") if all(one in row.summary.lengths for row in (first, second))]
    cells = [(d, one, [one]) for d in sites.TWO for one in languages]
    cells += [(d, "both", languages) for d in sites.TWO if len(languages) == 2]
    assert page.locator("td[data-cell]").count() == len(cells)
    for dimension, language, own in cells:
        expected = difference(first, second, dimension, own)
        script = """async ([a, b, d, l]) => {
          const file = place => new Promise(done => { const kept = pluralign.take; pluralign.take = (n, v) => { pluralign.take = kept; done(v); };
            const s = document.createElement('script'); s.src = place; document.head.append(s); });
          const [x, y, z] = [await file(a), await file(b), await file('draws.js')];
          const found = pluralign.paired(x, y, d, l, z); return [found.value, found.low, found.high]; }"""
        files = [f"submissions/{one.summary.place.replace('/', '__')}.js" for one in (first, second)]
        assert page.evaluate(script, [*files, dimension, language]) == pytest.approx(expected, abs=2e-6)
        shown_numbers = page.locator(f'td[data-cell="{dimension}|{language}"] .numbers').text_content()
        got = [float(one.replace("−", "-")) for one in re.findall(r"[+−]?\d\.\d{3}", shown_numbers)]
        assert got == pytest.approx(expected, abs=5.1e-4)
    if len(languages) == 2:
        value, low, high = difference(first, second, "toxicity", languages)
        sentence = page.text_content(".verdict >> nth=0")
        if low > 0 or high < 0:
            better = pair[0] if value < 0 else pair[1]
            assert "are separable" in sentence
            assert sentence.endswith(f"so {better} is the better one.")
        else:
            assert sentence.endswith(f"{pair[0]} and {pair[1]} are not separable: the interval of their difference holds 0.")  # fmt: skip
    assert "says no" not in page.text_content("main")
    page.click("#show-answers")
    assert page.locator(".answers > li >> nth=0").locator(".answer").count() == 2


def test_a_pair_is_picked_out_of_the_table(opened, demonstration):
    page = opened()
    page.click(f'[data-place="{place_of(demonstration, "org/good")}"].compare')
    assert page.text_content(".chosen").startswith("org/good is chosen")
    page.click(f'[data-place="{place_of(demonstration, "org/same")}"].compare')
    page.wait_for_selector("td[data-cell]")
    state = state_of(page)
    assert (state["a"], state["b"]) == (place_of(demonstration, "org/good"), place_of(demonstration, "org/same"))


def test_the_front_is_the_board_s_and_its_points_are_reached_by_keys(opened, demonstration):
    page = opened(v="plot", lang="both")
    front = {row.summary.place for row in demonstration.rows if "both" in row.front}
    linked = [parse_qs(one.get_attribute("href"))["place"][0] for one in page.locator(".plot a.front").all()]
    assert set(linked) == front
    assert page.locator(".plot a").count() == 8, "who lacks a language is no point of both"
    point = page.locator(".plot a.front >> nth=0")
    point.focus()
    assert page.text_content(".plot .name") == re.sub(", on the front$", "", point.get_attribute("aria-label"))
    assert page.locator("details table tbody tr").count() == 8
    point.press("Enter")
    page.wait_for_selector(".notice")
    assert state_of(page)["place"] == linked[0]
    page = opened(v="plot", q="nothing like it")
    assert "No submission that passes" in page.text_content("main")


def test_helpfulness_has_a_plot_of_its_own_where_it_was_judged(opened, site):
    page = opened(v="plot", board=site[1]["people"].world.key)
    assert [one.get_attribute("aria-label") for one in page.locator("svg.plot").all()] == ["emotional awareness against toxicity", "helpfulness against toxicity"]  # fmt: skip


def test_groups_are_shown_where_people_s_jury_is_and_else_is_said_why_not(opened, site):
    page = opened(v="groups")
    assert "ratings of real people" in page.text_content("main")
    people = site[1]["people"]
    page = opened(v="groups", board=people.world.key, place=people.rows[1].summary.place)
    cells = page.locator(".heat tbody tr").all_text_contents()
    assert page.input_value("#f-place") == people.rows[1].summary.place
    assert cells == ["<i>male0.20", "everyone0.10", "female0.15"]
    assert "a jury of people expects (popquorn jury)" in page.text_content("main")
    page.click("nav a >> text=Table")
    page.wait_for_selector("td.worst")
    heads = [page.text_content(f"th:has([data-sort={key}])") for key in ("worst", "gap")]
    assert all("popquorn jury" in head for head in heads)
    assert page.is_hidden("#warning")
    assert "<i>male" in page.text_content(f'tr[data-place="{people.rows[1].summary.place}"] td.worst')


def test_another_board_is_chosen(opened, site):
    page = opened(q="good")
    page.select_option("#f-board", site[1]["people"].world.key)
    until(page, "document.querySelector('.count').textContent.startsWith('4 of 4')")
    assert page.input_value("#f-q") == "", "what was filtered on another board says nothing here"


def test_published_effects_and_refused_submissions_have_tables_of_their_own(opened, site):
    page = opened(v="study")
    assert page.locator("tbody tr").count() == 27
    assert "no submissions" in page.text_content("main")
    page.click("nav a >> text=Refused")
    until(page, "document.querySelector('h2').textContent === 'Refused submissions'")
    assert page.locator("tbody tr").all_text_contents() == ["evil__x/2026-11-27-00000000PA103, PA105"]
    assert site[0].joinpath(page.get_attribute("main a", "href")).is_file()


def test_what_can_be_downloaded_is_there(opened, site):
    page = opened()
    found = [one.get_attribute("href") for one in page.locator("a[download]").all()]
    assert [Path(one).suffix for one in found] == [".csv", ".parquet"]
    assert all(site[0].joinpath(one).is_file() for one in found)


def test_the_link_to_a_view_is_copied_or_offered(opened):
    page = opened()
    page.fill("#f-q", "good")
    page.click("#copy")
    until(page, "document.querySelector('#copied').textContent || !document.querySelector('#copy-by-hand').hidden")
    if not page.text_content("#copied"):
        assert "q=good" in page.input_value("#copy-text")


def test_keys_alone_are_enough(opened, demonstration):
    page = opened()
    before = page.evaluate("location.hash")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.evaluate("location.hash") == before, "the link to the content leaves the view alone"

    def tab_to(selector):
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style != "none", "the focus is seen"
                return
        raise AssertionError(f"{selector} is not reached by Tab")

    tab_to("#f-q")
    page.keyboard.type("good")
    assert len(rows(page)) == 2
    tab_to("#f-method")
    page.keyboard.type("grpo")
    until(page, "document.querySelectorAll('tbody tr[data-place]').length === 1")
    page.keyboard.press("Home")
    until(page, "document.querySelectorAll('tbody tr[data-place]').length === 2")
    tab_to("[data-sort=size]")
    page.keyboard.press("Enter")
    assert page.get_attribute("th:has([data-sort=size])", "aria-sort") == "descending"
    assert page.evaluate("document.activeElement.dataset.sort") == "size", "the focus stays where it was"
    page.keyboard.press("Space")
    assert page.get_attribute("th:has([data-sort=size])", "aria-sort") == "ascending"
    tab_to(".compare")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    tab_to(".compare")
    page.keyboard.press("Enter")
    page.wait_for_selector("td[data-cell]")
    assert page.evaluate("document.activeElement.tagName") == "H2"
    tab_to("#show-answers")
    page.keyboard.press("Enter")
    page.wait_for_selector(".answers .answer")


@pytest.mark.parametrize("scheme", cases(["light"], slow=["dark"]))
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_no_view_is_wider_than_its_screen(opened, demonstration, size, scheme):
    page = opened(size=size, scheme=scheme)
    a, b = (place_of(demonstration, name) for name in ("org/good", "other/worse"))
    for view in VIEWS:
        page.evaluate("hash => { location.hash = hash; }", urlencode({"board": demonstration.world.key, "v": view, "a": a, "b": b, "place": a}))  # fmt: skip
        page.wait_for_timeout(100)
        until(page, "!document.querySelector('main').textContent.includes('Loading')")
        if page.locator("#show-answers").count():
            page.click("#show-answers")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert width[0] == width[1] == size["width"], view
        wide = page.evaluate("""[...document.querySelectorAll('main *, header *')].filter(one => !one.closest('.scroll, .only-read, svg')
          && one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(one => one.outerHTML.slice(0, 80))""")
        assert wide == [], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_those_of_the_scheme_and_can_be_read(opened, scheme):
    page = opened(scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(23, 25, 28)"}[scheme]
    for pair, ratio in page.evaluate(CONTRAST).items():
        least = (
            3.0 if pair.startswith(("--main", "--other", "--edge")) else 4.5
        )  # marks and edges; texts (WCAG 2.2, 1.4.3 and 1.4.11)
        assert ratio >= least, (pair, ratio)


def test_every_control_has_a_name_and_a_phone_s_can_be_hit(opened, demonstration):
    page = opened(size=PHONE)
    page.click('summary:has-text("Filters")')
    small = page.evaluate("""[...document.querySelectorAll('button, select, input, nav a, summary')]
      .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 24 && one.type !== 'checkbox').map(one => one.outerHTML)""")
    assert small == []
    unnamed = page.evaluate("""[...document.querySelectorAll('button, select, input')]
      .filter(one => !(one.labels?.length || one.textContent.trim() || one.ariaLabel)).map(one => one.outerHTML)""")
    assert unnamed == []
    assert page.locator("[role=cell]").count() > 0, "cards stay cells of a table for who listens"


def test_long_boards_are_shown_a_piece_at_a_time(opened, tmp_path):
    boards = sites.make_long_site(tmp_path / "long", 130)
    page = opened((tmp_path / "long" / "index.html").as_uri(), board=boards[0].world.key)
    assert len(rows(page)) == 100
    assert page.text_content(".count") == "130 of 130 submissions"
    first = rows(page)[0]
    page.click("#more")
    assert len(rows(page)) == 130
    assert page.is_hidden("#more")
    assert page.evaluate("document.activeElement.closest('tr').rowIndex") == 101, "the focus is on the first new row"
    page.fill("#f-q", "m12")
    assert len(rows(page)) == 10
    page.fill("#f-q", "")
    assert rows(page)[0] == first
    assert len(rows(page)) == 100
    page.goto(f"{page.url.split('#')[0]}#v=compare")
    page.wait_for_selector("#f-a")
    page.locator("input[type=search] >> nth=0").fill("m077")
    assert page.locator("#f-a option").all_text_contents() == ["choose …", "org/m077"]


def test_any_web_server_serves_it(opened, site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site[0])) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        page = opened(f"http://127.0.0.1:{server.server_port}/")
        assert len(rows(page)) == 9
        page.click("tbody a >> nth=0")
        page.wait_for_selector("#show-answers")
        server.shutdown()
        thread.join()


def test_a_site_without_submissions_says_so(opened, tmp_path):
    from pluralign.leaderboard.site import write_site

    write_site([], [], {}, tmp_path, lambda _: None)
    page = opened((tmp_path / "index.html").as_uri())
    assert "No submission was accepted yet." in page.text_content("main")


def test_a_board_that_does_not_load_is_told(browser, site, tmp_path):
    tmp_path.joinpath("index.html").write_bytes(site[0].joinpath("index.html").read_bytes())
    page = browser.new_page()
    page.goto(tmp_path.joinpath("index.html").as_uri())
    page.wait_for_selector("[role=alert]")
    assert "could not be loaded" in page.text_content("main")
    page.close()
