"""The report: what it says, that it stands alone, and that it is the same twice."""

import base64
import csv
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from matplotlib.figure import Figure as MadeFigure
from matplotlib.image import imread

from pluralign.ratings import Ratings
from pluralign.report.beside import published
from pluralign.report.contents import METHOD, contents
from pluralign.report.look import LOOKS
from pluralign.report.write import IMPORTED, SIMULATED, write_report

from ..cases import cases
from ..views.conftest import COARSE, FINE, FIVE, make_ratings, random_ratings

ALL = ["raters", "distributions", "disagreement", "agreement", "conditional", "effects"]
UNSAID = dict.fromkeys(("country", "gender", "age_band", "politics"), "undisclosed") | {"ethnicity": ["undisclosed"]}
VOID = {"meta", "source", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """What a page holds; every element must be closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), [*self.open]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)

    def of(self, *tags):
        return [attrs for tag, attrs, _ in self.elements if tag in tags]

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


def found(ratings, seed=0):
    """Sections by name, nothing drawn."""
    return {section.name: section for section in contents(ratings, bootstrap=10, seed=seed, jobs=1).sections}


def written(ratings, out, bootstrap=10, **options):
    """Sections by name, the folder, and the parsed page."""
    made = contents(ratings, bootstrap=bootstrap, jobs=1, command="pluralign report", **options)
    page = write_report(made, out)
    return {section.name: section for section in made.sections}, page.parent, Page(page.read_text("utf-8"))


def one_binary_dimension():
    """What an import may hold: one dimension, two values, no attributes, a few raters."""
    rows = [(f"r{k}", f"p{j}-0", "biased", (k * j) % 2, k + 1) for k in range(6) for j in range(35) if (k + j) % 3]
    made = make_ratings(rows, {f"r{k}": UNSAID for k in range(6)}, (COARSE,))
    return replace(
        made, provenance=replace(made.provenance, kind="imported", source="toy", choices=("Ties are ties.",))
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Dimensions on three scales, raters of every kind."""
    ratings = random_ratings(2, n_items=60, share=0.2, dimensions=(FIVE, FINE, COARSE))
    return written(ratings, tmp_path_factory.mktemp("small") / "report")


@pytest.fixture(scope="module")
def of_shipped(shipped, tmp_path_factory):
    return written(shipped, tmp_path_factory.mktemp("shipped") / "report")


def test_every_figure_is_under_a_line_of_where_its_ratings_come_from(tmp_path, monkeypatch):
    ratings = random_ratings(2, n_items=40, share=0.2, dimensions=(FIVE,))
    label, titles, save = ratings.provenance.label, [], MadeFigure.savefig
    monkeypatch.setattr(
        MadeFigure,
        "savefig",
        lambda self, *args, **kwargs: titles.append(self.get_suptitle()) or save(self, *args, **kwargs),
    )
    sections, folder, _ = written(ratings, tmp_path / "out")
    n = sum(len(section.figures) for section in sections.values())
    assert label
    assert titles == [label] * n * (len(LOOKS) + 1), "in every look, and one of them as PNG"
    assert n == len(list((folder / "figures").glob("*.png"))) > 0


@pytest.mark.slow
def test_every_section_is_there_for_the_shipped_release(of_shipped):
    sections, _, page = of_shipped
    assert list(sections) == ALL
    for section in sections.values():
        assert section.findings
        assert section.figures
        assert section.tables
        assert section.title in page.said
    assert page.said.count("SIMULATED: pluralign") >= 2
    assert SIMULATED in page.said
    assert "table-1" in [table.name for table in sections["effects"].tables]


@pytest.mark.slow
def test_the_shipped_release_stands_beside_what_was_published(of_shipped):
    sections, _, page = of_shipped
    assert "(the study: " in page.said
    (table,) = [table for table in sections["effects"].tables if table.name == "table-1"]
    assert len(table.records) == 7
    for record in table.records:
        assert record["low"] < record["odds_ratio"] < record["high"]
        assert 0.5 < record["odds_ratio"] / record["published_odds_ratio"] < 2


@pytest.mark.slow
def test_numbers_in_findings_are_those_of_the_tables(of_shipped):
    sections, *_ = of_shipped

    def records(section, table=None):
        return next(t for t in sections[section].tables if table in (None, t.name)).records

    def percents(text):
        return [float(number) for number in re.findall(r"(\d+\.\d)%", text)]

    mean = next(
        r
        for r in records("disagreement")
        if (r["dimension"], r["scale"], r["definition"]) == ("mean of dimensions", "5pt", "differ")
    )
    assert percents(sections["disagreement"].findings[0]) == pytest.approx(
        [100 * mean[k] for k in ("share", "low", "high")], abs=0.051
    )

    everyone = [r["alpha"] for r in records("agreement") if r["group"] == "everyone"]
    told = [float(x) for x in re.findall(r"-?\d\.\d\d", sections["agreement"].findings[0])]
    assert told == pytest.approx([min(everyone), max(everyone)], abs=0.0051)

    pairs = {(r["given"], r["outcome"]): r for r in records("conditional")}
    for finding in sections["conditional"].findings:
        given, outcome = (
            m.replace(" ", "_") for m in re.search(r"rated high on (.+?), .* high on (.+?) \(", finding).groups()
        )
        own = pairs[given, outcome]
        assert percents(finding)[:3] == pytest.approx([100 * own[k] for k in ("probability", "low", "high")], abs=0.051)

    effects = records("effects", "effects")
    effects = [r for r in effects if not r["is_residual"]]
    significant = [r for r in effects if r["p"] < 0.05]
    n, of = map(int, re.match(r"(\d+) of (\d+) effects", sections["effects"].findings[0]).groups())
    assert (n, of) == (len(significant), len(effects))

    means = [r["mean"] for r in records("distributions") if r["group"] == "everyone"]
    told = [float(x) for x in re.findall(r"(\d\.\d\d) \[", sections["distributions"].findings[0])]
    assert told == pytest.approx([min(means), max(means)], abs=0.0051)


@pytest.mark.parametrize("which", cases(["small"], slow=["of_shipped"]))
def test_all_files_are_there_and_can_be_opened(which, request):
    sections, folder, _ = request.getfixturevalue(which)
    names = {
        f"figures/{figure.name}.{end}"
        for section in sections.values()
        for figure in section.figures
        for end in ("svg", "png")
    }
    names |= {
        f"tables/{table.name}.{end}"
        for section in sections.values()
        for table in section.tables
        for end in ("csv", "md")
    }
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == names | {"report.html", "report.json"}
    for path in folder.glob("figures/*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    for path in folder.glob("figures/*.png"):
        pixels = imread(path)
        assert min(pixels.shape[:2]) > 200
        assert pixels.std() > 0.02, f"{path.name} is blank"
    for section in sections.values():
        for table in section.tables:
            with (folder / f"tables/{table.name}.csv").open(newline="", encoding="utf-8") as file:
                assert len(list(csv.DictReader(file))) == len(table.records)
            assert (folder / f"tables/{table.name}.md").read_text("utf-8").count("SIMULATED: ") == 1


@pytest.mark.parametrize("which", cases(["small"], slow=["of_shipped"]))
def test_json_has_every_number_and_no_nan(which, request):
    sections, folder, _ = request.getfixturevalue(which)

    def refuse(constant):
        raise AssertionError(constant)

    record = json.loads((folder / "report.json").read_text("utf-8"), parse_constant=refuse)
    assert list(record["sections"]) == list(sections)
    for name, section in sections.items():
        told = record["sections"][name]
        assert told.pop("findings") == list(section.findings)
        assert told == {table.name: json.loads(json.dumps(list(table.records))) for table in section.tables}
    assert record["method"] == list(METHOD)
    assert set(record["versions"]) == {"pluralign", "numpy", "scipy", "pyarrow", "matplotlib"}


@pytest.mark.parametrize("which", cases(["small"], slow=["of_shipped"]))
def test_the_page_stands_alone(which, request):
    _, folder, page = request.getfixturevalue(which)
    assert page.of("script", "link", "iframe", "object", "embed") == []
    targets = {a["id"] for _, a, _ in page.elements if "id" in a}
    for attrs in page.of("a"):
        if attrs["href"].startswith("#"):
            assert attrs["href"][1:] in targets
        else:
            assert not re.match(r"[a-z]+:|/", attrs["href"])
            assert (folder / attrs["href"]).is_file()
    for attrs in page.of("img", "source"):
        uri = attrs.get("src") or attrs["srcset"]
        assert uri.startswith("data:image/svg+xml;base64,")
        root = ElementTree.fromstring(base64.b64decode(uri.partition(",")[2]))
        assert root.tag.endswith("svg")
    text = (folder / "report.html").read_text("utf-8")
    assert not re.search(r"url\((?!data:)|@import|(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize("which", cases(["small"], slow=["of_shipped"]))
def test_the_page_can_be_read_without_seeing_it(which, request):
    *_, page = request.getfixturevalue(which)
    assert page.of("html")[0]["lang"] == "en"
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    headings = [int(tag[1]) for tag, *_ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(headings))
    assert all(len(attrs["alt"]) > 20 for attrs in page.of("img"))
    assert len(page.of("main")) == len(page.of("title")) == 1
    assert all(len(attrs) >= 1 and attrs.get("scope") in ("col", "row") for attrs in page.of("th"))


@pytest.mark.parametrize("which", cases(["small"], slow=["of_shipped"]))
def test_every_table_has_named_columns_and_rows(which, request):
    sections, _, page = request.getfixturevalue(which)
    for section in sections.values():
        for table in section.tables:
            assert all(table.columns), table.name
            assert len(set(table.columns)) == len(table.columns), table.name
    rows = sum(len(table.cells) for section in sections.values() for table in section.tables)
    assert [a["scope"] for a in page.of("th")].count("row") == rows
    assert len(page.of("thead")) == len(page.of("table"))


def test_every_figure_comes_in_every_look(small):
    sections, _, page = small
    n = sum(len(section.figures) for section in sections.values())
    assert len(page.of("img")) == n
    assert len(page.of("source")) == n * (len(LOOKS) - 1)
    uris = [a.get("src") or a["srcset"] for a in page.of("img", "source")]
    assert len(set(uris)) == len(uris)


def test_published_values_are_shown_for_the_simulated_release_only(shipped, small):
    sections, _, page = small  # simulated, but by nobody whom the study calibrated
    assert "study published" not in page.said
    assert "the study:" not in page.said
    assert "table-1" not in [table.name for table in sections["effects"].tables]
    assert published(shipped, "alpha")
    other = replace(shipped, provenance=replace(shipped.provenance, kind="imported"))
    assert [published(other, kind) for kind in ("alpha", "odds_ratio", "disagreement", "conditional")] == [{}] * 4


def test_an_import_with_one_binary_dimension_and_no_attributes(tmp_path):
    sections, _, page = written(one_binary_dimension(), tmp_path / "report")
    assert list(sections) == [name for name in ALL if name != "conditional"]
    assert IMPORTED in page.said
    assert "No person" not in page.said
    assert "IMPORTED: toy 0" in page.said
    assert "Ties are ties." in page.said
    assert sections["raters"].figures == ()
    assert sections["effects"].figures == ()
    assert "mean rating on biased is 0." in sections["distributions"].findings[0]
    # Six raters are everyone, and their alpha is told however few they are.
    assert [(r["group"], r["suppressed"]) for r in sections["agreement"].tables[0].records] == [("everyone", "")]


SETS = {
    "one rating an item": make_ratings([(f"r{k}", f"p{k}-0", "toxicity", 1 + k % 5, 1) for k in range(12)]),
    "one rating": make_ratings([("a", "p0-0", "toxicity", 3, 1)]),
    "the first dimension unrated": make_ratings(
        [(f"r{k}", f"p{j}-0", "toxicity", 1 + k * j % 5, k + 1) for k in range(12) for j in range(4)], dimensions=(COARSE, FIVE)
    ),
    "no rater on two dimensions": make_ratings(
        [(f"r{k}", f"p{k % 6}-0", ("toxicity", "helpful_100")[k % 2], 1 + k % 5, k + 1) for k in range(24)], dimensions=(FIVE, FINE)
    ),
    "all ratings equal": make_ratings(
        [(f"r{k}", f"p{j}-0", d, 1, k + 1) for k in range(11) for j in range(31) for d in ("toxicity", "helpful_100")], dimensions=(FIVE, FINE)
    ),
}  # fmt: skip
ONE = SETS["one rating"]
SETS["no ratings"] = Ratings(ONE.raters, ONE.items, ONE.ratings.slice(0, 0), ONE.provenance)
SETS["nobody"] = Ratings(ONE.raters.slice(0, 0), ONE.items, ONE.ratings.slice(0, 0), ONE.provenance)


@pytest.mark.parametrize(
    "name",
    cases(["no ratings", "one rating"], slow=[one for one in SETS if one not in ("no ratings", "one rating")]),
)
def test_where_there_is_nothing_there_is_no_figure_of_it_and_no_nan(name, tmp_path):
    sections, _, page = written(SETS[name], tmp_path / "report")
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", page.said), name
    assert sections["raters"].findings
    assert sections["disagreement"].findings
    for section in {"agreement", "conditional", "effects"} & set(sections):
        assert sections[section].figures == ()
        assert sections[section].findings or name == "one rating"
    nothing = name in ("no ratings", "nobody")
    assert (sections["distributions"].figures == ()) == nothing
    assert (sections["disagreement"].figures == ()) == (nothing or name.startswith("one rating"))


def test_equal_ratings_are_not_called_few():
    sections = found(SETS["all ratings equal"])
    said = " ".join(sections["agreement"].findings)
    assert "all ratings are one value" in said
    assert "fewer than" not in said


def test_groups_under_ten_raters_are_named_and_not_analysed():
    sections = found(random_ratings(0, dimensions=(FIVE,)))
    counts = {r["value"]: r["n_raters"] for r in sections["raters"].tables[0].records}
    few = {group for group, n in counts.items() if n < 10 and group not in ("multiple", "undisclosed")}
    assert few
    for section in ("distributions", "agreement"):
        assert not few & {r["group"] for r in sections[section].tables[0].records}
    (finding,) = [f for f in sections["raters"].findings if "fewer than 10" in f]
    assert set(finding.rstrip(".").partition(": ")[2].split(", ")) == few


def test_high_agreement_is_not_called_disagreement():
    rows = [
        (f"r{k}", f"p{j}-0", d, 1 + (j % 5), k + 1)
        for k in range(3)
        for j in range(32)
        for d in ("toxicity", "helpful_100")
    ]
    rows = [(r, i, d, v if d == "toxicity" else 20 * v - 5, p) for r, i, d, v, p in rows]
    sections = found(make_ratings(rows, dimensions=(FIVE, FINE)))
    assert sections["agreement"].findings[0] == "Among all raters alpha is 1.00 to 1.00 over the dimensions."


HOSTILE = "<script>alert(1)</script> & \"'\x1b[31m\x00\u0007\nline {{ 7*7 }} | $x$"


def test_texts_of_a_source_are_escaped_everywhere(tmp_path):
    base = SETS["one rating an item"]
    dimension = replace(FIVE, name=f"toxicity {HOSTILE}")
    column = base.ratings.schema.get_field_index("dimension")
    names = pa.array([dimension.name] * base.ratings.num_rows)
    ratings = base.ratings.set_column(column, "dimension", names)
    provenance = replace(
        base.provenance,
        kind="imported",
        source=HOSTILE,
        version=HOSTILE,
        licence=HOSTILE,
        dimensions=(dimension,),
        choices=(HOSTILE,),
    )
    _, folder, page = written(Ratings(base.raters, base.items, ratings, provenance), tmp_path / "report")
    assert page.of("script") == []
    assert "<script>alert(1)</script>" in page.said
    assert "{{ 7*7 }}" in page.said
    for path in [folder / "report.html", *folder.glob("tables/*.md")]:
        text = path.read_text("utf-8")
        assert "<script" not in text or path.suffix == ".md", path
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), path
    stamp = (folder / "tables/alpha.md").read_text("utf-8").splitlines()[-1]
    assert "&lt;script&gt;" in stamp
    assert json.loads((folder / "report.json").read_text("utf-8"))["ratings"]["licence"] == HOSTILE


@pytest.mark.slow
def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path):
    ratings = random_ratings(3, n_raters=16, n_items=32, share=0.3, dimensions=(COARSE,))
    folders = [written(ratings, tmp_path / name, seed=1)[1] for name in ("one", "two")]
    files = [{p.relative_to(f).as_posix(): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders]
    assert files[0] == files[1]
    one, other = (found(ratings, seed)["distributions"].tables[0].records[0] for seed in (1, 2))
    assert (one["mean"], one["low"] != other["low"]) == (other["mean"], True)


def test_progress_tells_sections_and_figures(tmp_path):
    told = []
    made = contents(one_binary_dimension(), bootstrap=0, jobs=1, progress=told.append)
    write_report(made, tmp_path / "report", told.append)
    assert told[: len(ALL)] == ALL
    assert told[len(ALL) :] == [f"figure {figure.name}" for section in made.sections for figure in section.figures]


def test_intervals_are_not_said_without_a_bootstrap(tmp_path):
    sections, *_ = written(one_binary_dimension(), tmp_path / "report", bootstrap=0)
    assert "[" not in sections["disagreement"].findings[0]
    assert np.isfinite(sections["disagreement"].tables[0].records[0]["share"])
