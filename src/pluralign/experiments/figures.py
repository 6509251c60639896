"""The figures of the experiments: forests of effects, and gain against KL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pluralign.experiments.recovery import FrontierPoint
from pluralign.report.figures import ROW, drawn_in
from pluralign.report.look import Look
from pluralign.report.power_figure import COLOURS

MARKERS = "osD^vP*Xhd<>"
Estimate = tuple[float, float, float]
"""Value, lower and upper end."""


@dataclass(frozen=True)
class Row:
    """One row of a forest.

    Attributes:
        label: what it is about.
        models: estimate of each model.
        pooled: over them, where there are several.
        published: the study's value, where there is one.
        survey: difference in the ratings, where it belongs there.
        of_runs: of each model, whether its interval is over several seeds; one of one seed is drawn hollow.
    """

    label: str
    models: tuple[Estimate, ...]
    of_runs: tuple[bool, ...]
    pooled: Estimate | None = None
    published: float | None = None
    survey: Estimate | None = None


@dataclass(frozen=True)
class Panel:
    """A panel of a forest.

    Attributes:
        title: what is measured.
        rows: from top to bottom.
        line: where nothing is: 0, or chance.
        axis: what the numbers are.
    """

    title: str
    rows: tuple[Row, ...]
    line: float = 0.0
    axis: str = ""


def forest_figure(panels: Sequence[Panel], look: Look) -> Any:
    """Effects with 95 % intervals, panel by panel."""
    panels = [panel for panel in panels if panel.rows]
    columns = 1 if look.narrow else min(2, len(panels))
    lines = -(-len(panels) // columns)
    heights = [
        0.62 + ROW * (1.6 if any("\n" in _short(row.label, look) for row in panel.rows) else 1.15) * len(panel.rows)
        for panel in panels
    ]
    tallest = [max(heights[k * columns : (k + 1) * columns]) for k in range(lines)]
    longest = [max(len(panel.rows) for panel in panels[k * columns : (k + 1) * columns]) for k in range(lines)]
    with drawn_in(look) as plt:
        figure, axes = plt.subplots(
            lines, columns, squeeze=False, figsize=(look.width, sum(tallest) + 0.75), gridspec_kw={"height_ratios": tallest}
        )  # fmt: skip
        flat = list(axes.ravel())
        for axis in flat[len(panels) :]:
            axis.axis("off")
        for axis, panel in zip(flat, panels, strict=False):
            _panel(axis, panel, look, longest[flat.index(axis) // columns])
        _legend(figure, [row for panel in panels for row in panel.rows], look)
        return figure


def _panel(axis: Any, panel: Panel, look: Look, longest: int) -> None:
    # Rows are equally far apart in all panels of a line, the shorter ones ending higher.
    y = np.arange(len(panel.rows))[::-1]
    within = _range(panel)
    axis.axvline(panel.line, color=look.quiet, linewidth=0.8)
    for place, row in zip(y, panel.rows, strict=True):
        several = row.pooled is not None
        spread = np.linspace(0.16, -0.16, len(row.models)) if several or len(row.models) > 1 else [0.0]
        for at, (value, low, high), of_runs in zip(spread, row.models, row.of_runs, strict=True):
            axis.plot([low, high], [place + at] * 2, color=look.main, linewidth=0.8 if several else 2.0, alpha=0.35 if several else 0.55,
                      solid_capstyle="butt")  # fmt: skip
            axis.plot(value, place + at, "o", color=look.main, markerfacecolor=look.main if of_runs else look.paper,
                      markersize=3 if several else 5, alpha=0.55 if several else 1.0)  # fmt: skip
            if not several:
                _goes_on(axis, low, high, place + at, within, look.main)
        if row.pooled is not None:
            value, low, high = row.pooled
            axis.plot([low, high], [place, place], color=look.main, linewidth=2.0, solid_capstyle="butt")
            axis.plot(value, place, "D", color=look.main, markersize=5.5)
            _goes_on(axis, low, high, place, within, look.main)
        if row.survey is not None:
            value, low, high = row.survey
            axis.plot([low, high], [place - 0.3] * 2, color=look.other, linewidth=1.6, solid_capstyle="butt", alpha=0.7)
            axis.plot(value, place - 0.3, "^", color=look.other, markersize=5.5)
        if row.published is not None:
            axis.plot(row.published, place, "x", color=look.mark, markersize=7, markeredgewidth=1.6)
    labels = [_short(row.label, look) for row in panel.rows]
    axis.set(
        yticks=y,
        yticklabels=labels,
        ylim=(len(panel.rows) - longest - 0.7, len(panel.rows) - 0.3),
        xlim=within,
        title=panel.title,
    )
    axis.set_xlabel(panel.axis, fontsize=8)
    axis.grid(axis="x", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.locator_params(axis="x", nbins=4)


def _goes_on(axis: Any, low: float, high: float, place: float, within: tuple[float, float], colour: str) -> None:
    """A mark where an interval goes on beyond its panel."""
    for out, at, mark in ((low < within[0], within[0], "<"), (high > within[1], within[1], ">")):
        if out:
            axis.plot(at, place, mark, color=colour, markersize=5, clip_on=False, markeredgewidth=0)


def _range(panel: Panel) -> tuple[float, float]:
    """What holds every estimate, and every interval that is not far longer than most."""
    shown = [panel.line]
    ends = [panel.line]
    drawn: list[tuple[float, float]] = []
    for row in panel.rows:
        for one in (*row.models, *([row.pooled] if row.pooled else []), *([row.survey] if row.survey else [])):
            shown.append(one[0])
            ends += one
            drawn += [(one[1], one[0]), (one[2], one[0])]
        shown += [row.published] if row.published is not None else []
    low, high = min(filter(math.isfinite, shown)), max(filter(math.isfinite, shown))
    halves = [reach for end, value in drawn if math.isfinite(reach := abs(end - value))]
    room = max(high - low, 0.02, 2.5 * float(np.median(halves)) if halves else 0.0)
    low, high = (
        max(min([low, *filter(math.isfinite, ends)]), low - room),
        min(max([high, *filter(math.isfinite, ends)]), high + room),
    )
    edge = 0.06 * (high - low) or room / 2  # nothing but the line: a panel of some width all the same
    return low - edge, high + edge


def _short(text: str, look: Look) -> str:
    """A label as a figure shows it: in two lines at most on a phone, in one elsewhere."""
    most = 24 if look.narrow else 36
    if len(text) <= most:
        return text
    breaks = [at for mark in (" (", ", ", " − ", " / ") if (at := text.rfind(mark, 0, most)) > 0 and look.narrow]
    if not breaks:
        return text[: most - 1].rstrip() + "…"
    at = max(breaks) + (1 if text[max(breaks)] == "," else 0)
    rest = text[at:].strip()
    return f"{text[:at]}\n{rest if len(rest) <= most else rest[: most - 1].rstrip() + '…'}"


def _legend(figure: Any, rows: Sequence[Row], look: Look) -> None:
    from matplotlib.lines import Line2D

    several = any(row.pooled is not None for row in rows)
    kinds = {of_runs for row in rows for of_runs in row.of_runs}
    told = {True: "one model, 95 % over runs", False: "one model, one seed: 95 % of this checkpoint"}
    handles = [Line2D([], [], color=look.main, marker="o", linewidth=0.8 if several else 2, markersize=3 if several else 5,
                      markerfacecolor=look.main if of_runs else look.paper, label=told[of_runs])
               for of_runs in (True, False) if of_runs in kinds]  # fmt: skip
    if several:
        handles.append(Line2D([], [], color=look.main, marker="D", linewidth=2, label="pooled over models"))
    if any(row.survey is not None for row in rows):
        handles.append(Line2D([], [], color=look.other, marker="^", linewidth=1.6, label="difference in the ratings"))
    if any(row.published is not None for row in rows):
        handles.append(
            Line2D(
                [], [], color=look.mark, marker="x", linestyle="", markeredgewidth=1.6, label="published by the study"
            )
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=1 if look.narrow else 2)


def frontier_figure(points: Sequence[FrontierPoint], labels: dict[str, str], look: Look) -> Any:
    """Change of both scores against KL: the end of each run, and the way there where it was measured.

    Args:
        points: of cells in `labels`.
        labels: name of a cell -> what the legend calls it.
        look: the form.
    """
    titles = {"toxicity": "toxicity (lower is better)", "emotional_awareness": "emotional awareness (higher is better)"}
    names = [name for name in labels if any(one.name == name for one in points)]
    with drawn_in(look) as plt:
        figure, axes = plt.subplots(2 if look.narrow else 1, 1 if look.narrow else 2, squeeze=False,
                                    figsize=(look.width, 6.8 if look.narrow else 4.2))  # fmt: skip
        for axis, (dimension, title) in zip(axes.ravel(), titles.items(), strict=True):
            axis.axhline(0, color=look.quiet, linewidth=0.8)
            for k, name in enumerate(names):
                colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
                runs: dict[tuple[str, int], list[FrontierPoint]] = {}
                for one in points:
                    if one.name == name:
                        runs.setdefault((one.model, one.seed), []).append(one)
                for of in runs.values():
                    way = sorted(of, key=lambda one: one.kl)
                    axis.plot(
                        [one.kl for one in way],
                        [one.gain[dimension] for one in way],
                        color=colour,
                        linewidth=1.0,
                        alpha=0.6,
                    )
                    for one in way:
                        axis.plot(
                            one.kl, one.gain[dimension], marker, color=colour, markersize=6 if one.at == 1.0 else 3
                        )
                axis.plot([], [], marker, color=colour, label=labels[name])
            axis.set(title=title, xlabel="KL from the base, nats an answer")
            axis.grid(linewidth=0.6)
            axis.set_axisbelow(True)
        axes[0, 0].set_ylabel("change of the mean score")
        handles, texts = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=2 if look.narrow else 4)
        return figure
