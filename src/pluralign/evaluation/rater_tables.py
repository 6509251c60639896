"""The report on a model as a rater, as plain text within 110 columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pluralign.evaluation.rater_report import Interval, RaterReport

SHORT = {"all": "all (mean)"}
FEW = 30
"""Items below which a group's single dimensions are left out of the text: they are in the JSON, and mostly noise."""
ALL = "all"
EVERYONE = "everyone"


def text_tables(report: RaterReport) -> str:
    """The tables one below another; undefined numbers are dashes."""
    parts = [_head(report), _scores(report), _nearest(report), _steering(report), _foot(report)]
    return "\n\n".join(part for part in parts if part)


def _head(report: RaterReport) -> str:
    what = "simulated raters, so no statement about people" if report.simulated else "people's ratings"
    lines = [f"The model as a rater, against {report.provenance}", f"({what})"]
    return "\n".join([*lines, *(f"{n:,} documents of {task}" for task, n in report.n_documents.items())])


def _scores(report: RaterReport) -> str:
    if not report.rows:
        return ""
    lines = [
        f"{'':3}{'group':<14}{'dimension':<20}{'RPS skill [95 %] ↑':<23}{'Cramér ↓':>9}{'pairs ↓':>9}{'r ↑':>7}{'of':>6}"
        f"{'JS ↓':>7}{'items':>6}"
    ]
    shown = [row for row in report.rows if row.group == EVERYONE or row.dimension == ALL or row.n_items >= FEW]
    for row in shown:
        lines.append(
            f"{row.language:<3}{row.group:<14.13}{SHORT.get(row.dimension, row.dimension):<20.19}{ranged(row.skill):<23}"
            f"{number(row.cramer, 3):>9}{number(row.pairwise, 3):>9}{number(row.correlation):>7}{number(row.ceiling):>6}"
            f"{number(row.pooled_js):>7}{row.n_items:>6}"
        )
    if left_out := len(report.rows) - len(shown):
        lines.append(f"   ({left_out} cells with fewer than {FEW} items are in the JSON only)")
    return "\n".join(lines)


def _nearest(report: RaterReport) -> str:
    if not report.nearest:
        return ""
    lines = ["Representativeness: which group's ratings are fitted best (paired difference of skills, common items)"]
    shown = [one for one in report.nearest if one.dimension == ALL or one.n_items >= FEW]
    for one in shown:
        where = f"{one.language:<3}{one.attribute:<10}{SHORT.get(one.dimension, one.dimension):<20.19}"
        if not one.group:
            lines.append(f"{where}undefined")
            continue
        clear = "" if one.difference.is_clear else "  unclear"
        few = f"  <{FEW} items" if one.n_items < FEW else ""
        lines.append(f"{where}{one.group:<13.12}over {one.over:<13.12}{ranged(one.difference)}{clear}{few}")
    if left_out := len(report.nearest) - len(shown):
        lines.append(f"   ({left_out} comparisons on fewer than {FEW} common items are in the JSON only)")
    lines.append("Consistency: how many of the dimension × language cells have the same nearest group")
    lines += [f"   {a:<11}{group:<14}{share:.0%} of {n}" for a, (group, share, n) in report.consistency.items()]
    return "\n".join(lines)


def _steering(report: RaterReport) -> str:
    if not report.steering:
        return ""
    lines = [
        "Steerability: gain in skill when told to rate as a member of the group (net: over the wrong group's name)",
        f"{'':3}{'named':<14}{'control':<14}{'net [95 %] ↑':<23}{'over no name ↑':<23}{'away from control ↑':<23}{'cells':>6}",
    ]
    for one in report.steering:
        lines.append(
            f"{one.language:<3}{one.group:<14.13}{one.wrong:<14.13}{ranged(one.net):<23}{ranged(one.toward):<23}"
            f"{ranged(one.away):<23}{one.n_items:>6}"
        )
    return "\n".join(lines)


def _foot(report: RaterReport) -> str:
    return (
        "RPS skill: 1 perfect, 0 no better than the group's training marginal. pairs: log-loss, .693 knows nothing.\n"
        "r … of: correlation and its ceiling. JS: pooled, of 500 ratings or more. Intervals: 95 %, "
        f"{report.bootstrap:,} two-way\nbootstraps over raters and prompt templates, seed {report.seed}"
    )


def number(value: float, digits: int = 2) -> str:
    """A number without its leading zero, or a dash where it is undefined.

    >>> number(0.25), number(-0.5), number(float("nan"))
    ('.25', '-.50', '–')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:.{digits}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{digits}f}"


def ranged(interval: Interval) -> str:
    """A number with its interval."""
    if not math.isfinite(interval.value):
        return "–"
    return f"{number(interval.value, 3)} [{number(interval.low, 3)}, {number(interval.high, 3)}]"
