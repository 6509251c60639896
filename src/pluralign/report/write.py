"""Writing the report: one self-contained page, every figure as SVG and PNG, every table as CSV and Markdown, all numbers as JSON."""

from __future__ import annotations

import base64
import html
import io
import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from pluralign import __version__
from pluralign.analysis.table import printable
from pluralign.ratings import Ratings, tables
from pluralign.report.figures import drawn_in
from pluralign.report.look import LOOKS
from pluralign.report.sections import Section

PAGE = "report.html"
RECORD = "report.json"
PARTS = ("figures", "tables")
PNG_DPI = 200
STAMP_WIDTH = {False: 130, True: 64}
"""Letters in a line of the stamp: narrow or not."""
SIMULATED = (
    "No person gave these ratings: they were drawn from a model that was calibrated to published statistics. What they show is that a "
    "method recovers what was planted, not what people think."
)
IMPORTED = "Ratings that people gave, as they were imported. Their source's licence and terms apply."


@dataclass(frozen=True)
class Report:
    """Everything that is to be written.

    Attributes:
        ratings: what is reported on.
        sections: in order.
        method: sentences on how it was computed.
        bootstrap, seed: of all intervals.
        command: that makes it again.
    """

    ratings: Ratings
    sections: Sequence[Section]
    method: Sequence[str]
    bootstrap: int
    seed: int
    command: str


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds anything but a former report, since a new one replaces the folder as a whole.

    Raises:
        PluralignError: PA052.
    """
    tables.refuse_foreign(out, {PAGE, RECORD, *PARTS}, {PAGE, RECORD}, "a report")


def write_report(report: Report, out: Path, progress: Callable[[str], None] = lambda _: None) -> Path:
    """Write a report into a folder; a former report there is replaced, as a whole.

    Args:
        report: what to write.
        out: the folder.
        progress: told what is being written.

    Returns:
        The page.

    Raises:
        PluralignError: PA052 where the folder holds something else.
    """
    refuse_foreign(out)
    with tables.rewritten_whole(out) as folder:
        _write_parts(report, folder, progress)
    return out / PAGE


def _write_parts(report: Report, folder: Path, progress: Callable[[str], None]) -> None:
    for part in PARTS:
        (folder / part).mkdir(parents=True)
    uris: dict[str, dict[str, str]] = {}
    for section in report.sections:
        for figure in section.figures:
            progress(f"figure {figure.name}")
            uris[figure.name] = drawn(figure, folder / "figures", printable(report.ratings.provenance.label))
        for table in section.tables:
            (folder / "tables" / f"{table.name}.csv").write_text(table.to_csv(), "utf-8")
            stamped = f"{table.to_markdown()}\n{_stamp(report)}\n"
            (folder / "tables" / f"{table.name}.md").write_text(stamped, "utf-8")
    (folder / PAGE).write_text(_page(report, uris), "utf-8")
    record = json.dumps(_record(report), ensure_ascii=False, indent=1, allow_nan=False)
    (folder / RECORD).write_text(record + "\n", "utf-8")


def drawn(figure: Any, folder: Path, stamp: str, *, dark: bool = False) -> dict[str, str]:
    """Draw a figure in every look, under a line of where its ratings come from, since figures are passed on without their page.

    Args:
        figure: with `name` and `draw`.
        folder: the first look is kept there as SVG and PNG.
        stamp: where the ratings come from.
        dark: keep the other wide look too, as `NAME-dark.svg`.

    Returns:
        Look -> data URI.
    """
    import matplotlib.pyplot as plt

    found = {}
    for look in LOOKS:
        made, first = figure.draw(look), look is LOOKS[0]
        out = io.BytesIO()
        # With the look's salt and without a date, so that the same ratings give the same bytes.
        with drawn_in(look):
            told = textwrap.fill(stamp, STAMP_WIDTH[look.narrow])
            made.suptitle(told, x=0.01, ha="left", fontsize=8, color=look.quiet)
            made.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
            if first or (dark and not look.narrow):
                name = figure.name if first else f"{figure.name}-{look.name}"
                (folder / f"{name}.svg").write_bytes(out.getvalue())
            if first:
                made.savefig(folder / f"{figure.name}.png", dpi=PNG_DPI)
        plt.close(made)
        found[look.name] = "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
    return found


def _stamp(report: Report) -> str:
    provenance = report.ratings.provenance
    # The label is anybody's text: in Markdown it must not become markup.
    label = html.escape(printable(provenance.label), quote=False)
    return (
        f"{label} · checksum {provenance.checksum[:12]} · pluralign {__version__} · {report.bootstrap} bootstrap replicates, "
        f"seed {report.seed}"
    )


@dataclass(frozen=True)
class _Drawn:
    """A figure as the page shows it."""

    name: str
    alt: str
    caption: str
    uris: dict[str, str]


def page(**shown: Any) -> str:
    """Fill the template of a page, with its style sheet.

    Args:
        shown: what the template asks for: title, label, kind, stamp_text, facts, sections, method, choices, checksum, version, seed,
            bootstrap, command.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("pluralign.report"), undefined=StrictUndefined, autoescape=select_autoescape(default=True),
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    style = (Path(__file__).parent / "templates" / "report.css").read_text("utf-8")
    # Our own file, not data.
    return environment.get_template("report.html.j2").render(style=Markup(style), **shown)  # noqa: S704


def _page(report: Report, uris: dict[str, dict[str, str]]) -> str:
    provenance = report.ratings.provenance
    sections = [
        {
            "name": one.name, "title": one.title, "findings": one.findings,
            "figures": [_Drawn(f.name, f.alt, f.caption, uris[f.name]) for f in one.figures],
            "tables": [{"table": table, "open": not one.figures or table.name == "table-1"} for table in one.tables],
        }
        for one in report.sections
    ]  # fmt: skip
    return page(
        title=f"What the ratings say: {provenance.source}", label=provenance.label, kind=provenance.kind,
        stamp_text=SIMULATED if provenance.kind == "simulated" else IMPORTED,
        facts=_facts(report.ratings), sections=sections, method=report.method, choices=provenance.choices,
        checksum=provenance.checksum[:12], version=__version__, seed=report.seed, bootstrap=report.bootstrap, command=report.command,
    )  # fmt: skip


def _shown(value: Any) -> Any:
    """What a template puts on the page: texts without control characters; our own markup as it is."""
    return printable(value) if type(value) is str else value


def _facts(ratings: Ratings) -> list[tuple[str, str]]:
    told = ratings.describe()
    return [
        ("raters", f"{told['n_raters']:,}"),
        ("items", f"{told['n_items']:,}"),
        ("prompts", f"{told['n_prompts']:,}"),
        ("ratings", f"{told['n_ratings']:,}"),
        ("dimensions", str(len(told["dimensions"]))),
        ("groups", str(len(told["groups"]) - 1)),
    ]


def _record(report: Report) -> dict[str, Any]:
    provenance = report.ratings.provenance
    packages = ("numpy", "scipy", "pyarrow", "matplotlib")
    return {
        "ratings": {"label": provenance.label, "kind": provenance.kind, "checksum": provenance.checksum, "licence": provenance.licence},
        "facts": dict(_facts(report.ratings)),
        "sections": {
            one.name: {"findings": list(one.findings), **{table.name: list(table.records) for table in one.tables}} for one in report.sections
        },
        "method": list(report.method),
        "bootstrap": report.bootstrap,
        "seed": report.seed,
        "command": report.command,
        "versions": {"pluralign": __version__} | {name: installed(name) for name in packages},
    }  # fmt: skip
