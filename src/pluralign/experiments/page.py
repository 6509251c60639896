"""The report as files: figures, the page, and the same as text."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from pluralign import __version__
from pluralign.experiments.found import Found
from pluralign.report.sections import Section
from pluralign.report.write import page

SHORT = 8
"""Rows of the table of coverage up to which it is open at once."""
GLANCE = "glance"
"""The section whose tables are all open: it has nothing else."""


def stamped(found: Found) -> str:
    """Where the ratings come from, and what made this."""
    # A label is anybody's text: in Markdown it must not become markup.
    return f"{html.escape(found.stamp, quote=False)} · pluralign {__version__}"


def text_of(found: Found, made: Sequence[Section], record: dict[str, Any]) -> str:
    """The report as Markdown."""
    parts = [f"# What the choices did: the experiments\n\n{stamped(found)}\n\n{record['claim']}\n"]
    for section in made:
        parts.append(f"# {section.title}\n")
        parts.append("\n".join(f"- {html.escape(sentence, quote=False)}" for sentence in section.findings) + "\n")
        parts += [f"![{figure.alt}](figures/{figure.name}.png)\n\n{figure.caption}\n" for figure in section.figures]
        parts += [table.to_markdown() for table in section.tables]
    parts.append(
        "# How it was computed\n\n"
        + "\n".join(f"- {sentence}" for sentence in record["method"])
        + f"\n\n`{record['command']}`\n"
    )
    return "\n".join(parts)


def page_of(found: Found, made: Sequence[Section], uris: dict[str, dict[str, str]], record: dict[str, Any]) -> str:
    """The page, by the template and the style sheet of `pluralign report`."""
    shown = [
        {
            "name": one.name, "title": one.title, "findings": one.findings,
            "figures": [{"name": f.name, "alt": f.alt, "caption": f.caption, "uris": uris[f.name]} for f in one.figures],
            "tables": [{"table": table, "open": one.name == GLANCE or (table.name == "coverage" and len(table.cells) <= SHORT)} for table in one.tables],
        }
        for one in made
    ]  # fmt: skip
    ratings = found.outcomes.truth.ratings
    return page(
        title="What the choices did: the experiments", label=found.stamp, kind="simulated" if found.simulated else "imported",
        stamp_text=record["claim"],
        facts=_facts(found), sections=shown, method=record["method"], choices=ratings.provenance.choices,
        checksum=ratings.provenance.checksum[:12], version=__version__, seed=record["seed"], bootstrap=record["bootstrap"], command=record["command"],
    )  # fmt: skip


def _facts(found: Found) -> list[tuple[str, str]]:
    read = found.outcomes.results
    expected = len({cell for row in found.coverage for cell in row.expected})
    done = len({cell for row in found.coverage for cell in row.done})
    axis = found.outcomes.axis("toxicity")
    return [
        ("cells", f"{done} of {expected}"), ("models", str(len(read.models))), ("seeds", str(len({one.cell.seed for one in read.cells if one.run}))),
        ("prompts", f"{len(axis.keys):,}"), ("templates", f"{len(set(axis.clusters)):,}"), ("contrasts", f"{len(found.effects):,}"),
    ]  # fmt: skip
