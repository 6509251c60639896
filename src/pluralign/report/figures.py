"""The report's figures, each a function from rows to a matplotlib figure in a given look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from pluralign.analysis.agreement import AlphaRow, DisagreementRow
from pluralign.analysis.conditional import ConditionalRow
from pluralign.analysis.numbers import DASH
from pluralign.analysis.raters import Distribution, RaterCount
from pluralign.analysis.table import printable
from pluralign.report.look import Look

Published = Mapping[tuple[str, str], float]
"""(dimension, group) -> what the study published."""
MOST = 3
"""Panels beside each other."""
ROW = 0.21
"""Height of a row of a forest plot, in inches."""
POINTS = ("strongly disagree", "disagree", "neutral", "agree", "strongly agree")


@contextmanager
def drawn_in(look: Look) -> Iterator[Any]:
    """matplotlib's pyplot with a look's settings and without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    settings: Any = look.settings()
    with plt.rc_context(settings):
        yield plt


def words(name: str) -> str:
    """A name as people write it.

    >>> words("emotional_awareness")
    'emotional awareness'
    """
    return printable(name.replace("_", " "))


def _label(name: str, look: Look) -> str:
    """A name as a figure shows it: cut where it would leave no room for what it names; tables have it in full."""
    text, most = words(name), 22 if look.narrow else 30
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _panels(plt: Any, look: Look, n: int, heights: Sequence[float]) -> tuple[Any, list[Any]]:
    """A figure of n panels: up to three beside each other, or all below each other on a phone."""
    columns = 1 if look.narrow else min(n, MOST)
    rows = -(-n // columns)
    tallest = [max(heights[r * columns : (r + 1) * columns]) for r in range(rows)]
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, figsize=(look.width, sum(tallest) + 0.45 * rows + 0.35),
        gridspec_kw={"height_ratios": tallest},
    )  # fmt: skip
    flat = list(axes.ravel())
    for axis in flat[n:]:
        axis.axis("off")
    return figure, flat[:n]


def raters_figure(counts: Sequence[RaterCount], look: Look) -> Any:
    """Who rated: raters by value of each attribute."""
    by_attribute: dict[str, list[RaterCount]] = {}
    for one in counts:
        by_attribute.setdefault(one.attribute, []).append(one)
    with drawn_in(look) as plt:
        lengths = [len(rows) for rows in by_attribute.values()]
        figure, axes = _panels(plt, look, len(lengths), [0.3 + ROW * n for n in lengths])
        widest = max(one.n_raters for one in counts)
        columns = 1 if look.narrow else MOST
        for k, (axis, (attribute, rows)) in enumerate(zip(axes, by_attribute.items(), strict=True)):
            y = np.arange(len(rows))[::-1]
            # Bars are equally thick in all panels of a row, the shorter ones ending higher.
            first = k // columns * columns
            longest = max(lengths[first : first + columns])
            axis.barh(y, [one.n_raters for one in rows], height=0.62, color=look.main)
            for place, one in zip(y, rows, strict=True):
                axis.annotate(f"{one.n_raters:,}", (one.n_raters, place), (4, 0), textcoords="offset points", va="center",
                              color=look.quiet, fontsize=8)  # fmt: skip
            axis.set(title=words(attribute), yticks=y, yticklabels=[_label(one.value, look) for one in rows],
                     xlim=(0, widest * 1.18), xticks=[], ylim=(len(rows) - longest - 0.6, len(rows) - 0.4))  # fmt: skip
            axis.spines["bottom"].set_visible(False)
        return figure


def distribution_figure(found: Sequence[Distribution], look: Look) -> Any:
    """Ratings of every dimension over the scale, as stacked bars around the middle of the scale."""
    with drawn_in(look) as plt:
        figure, axis = plt.subplots(figsize=(look.width, 0.75 + 0.42 * len(found)))
        y = np.arange(len(found))[::-1]
        for place, one in zip(y, found, strict=True):
            shares = np.asarray(one.counts, dtype=float) / max(sum(one.counts), 1)
            colours = _scale_colours(look, len(shares))
            middle = len(shares) // 2
            below = shares[:middle].sum() + (shares[middle] / 2 if len(shares) % 2 else 0.0)
            left = -below
            for share, colour in zip(shares, colours, strict=True):
                axis.barh(place, share, left=left, height=0.66, color=colour, edgecolor=look.paper, linewidth=0.8)
                if share > (0.08 if look.narrow else 0.045):
                    axis.text(
                        left + share / 2,
                        place,
                        f"{share:.0%}",
                        ha="center",
                        va="center",
                        fontsize=8,
                        color=_readable(colour),
                    )
                left += share
        axis.axvline(0, color=look.quiet, linewidth=0.8)
        axis.set(
            yticks=y,
            yticklabels=[_label(one.dimension, look) for one in found],
            xticks=[],
            ylim=(-0.6, len(found) - 0.4),
        )
        axis.spines["bottom"].set_visible(False)
        _scale_legend(axis, look, max(len(one.values) for one in found))
        return figure


def _scale_colours(look: Look, n: int) -> list[str]:
    return {2: [look.scale[0], look.scale[4]], 3: [look.scale[0], look.scale[2], look.scale[4]]}.get(
        n, list(look.scale)
    )


def _scale_legend(axis: Any, look: Look, n: int) -> None:
    from matplotlib.patches import Patch

    names = {2: (POINTS[1], POINTS[3]), 3: (POINTS[1], POINTS[2], POINTS[3])}.get(n, POINTS)
    handles = [Patch(color=colour, label=name) for colour, name in zip(_scale_colours(look, n), names, strict=True)]
    axis.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.35 if look.narrow else 0.5, -0.02), ncols=2 if look.narrow else 5,
                handlelength=0.9, columnspacing=1.0)  # fmt: skip


def _readable(colour: str) -> str:
    """Black or white, whichever is read on a colour."""
    r, g, b = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return "#000000" if 0.299 * r + 0.587 * g + 0.114 * b > 0.55 else "#ffffff"


def disagreement_figure(rows: Sequence[DisagreementRow], published: Published, look: Look) -> Any:
    """Shares of items whose raters differ, by dimension; one panel a definition."""
    panels: dict[tuple[str, str], list[DisagreementRow]] = {}
    for row in rows:
        panels.setdefault((row.scale, row.definition), []).append(row)
    titles = {"differ": "ratings differ", "range-2": "2+ points apart"}
    with drawn_in(look) as plt:
        figure, axes = _panels(plt, look, len(panels), [0.3 + ROW * len(own) for own in panels.values()])
        for axis, ((scale, definition), own) in zip(axes, panels.items(), strict=True):
            marks = {
                row.dimension: published[row.dimension, row.group] for row in own
                if (scale, definition) == ("5pt", "differ") and (row.dimension, row.group) in published
            }  # fmt: skip
            points = [(row.dimension, row.share.share, row.share.low, row.share.high) for row in own]
            _forest(axis, points, [marks.get(row.dimension) for row in own], look)
            axis.set(title=f"{titles[definition]}, {scale}", xlim=(0, 1.02))
            axis.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        _share_labels(axes, look)
        _published_legend(figure, published, look)
        return figure


def alpha_figure(rows: Sequence[AlphaRow], published: Published, look: Look) -> Any:
    """Alpha of every group that is shown, one panel a dimension."""
    panels: dict[str, list[AlphaRow]] = {}
    shown = [row.group for row in rows if not row.suppressed]
    for row in rows:
        if row.group in shown:
            panels.setdefault(row.dimension, []).append(row)
    with drawn_in(look) as plt:
        figure, axes = _panels(plt, look, len(panels), [0.3 + ROW * len(own) for own in panels.values()])
        low, high = _range([(one.alpha.low, one.alpha.high) for one in rows])
        for axis, (dimension, own) in zip(axes, panels.items(), strict=True):
            points = [(row.group, row.alpha.alpha, row.alpha.low, row.alpha.high) for row in own]
            _forest(axis, points, [published.get((dimension, row.group)) for row in own], look)
            axis.set(title=_label(dimension, look), xlim=(low, high))
            axis.axvline(0, color=look.quiet, linewidth=0.8)
        _share_labels(axes, look)
        _published_legend(figure, published, look)
        return figure


def _range(ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
    every = np.asarray([*ends, (0.0, 0.0)], dtype=float)
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    return low - 0.04 * (high - low) - 0.01, high + 0.04 * (high - low) + 0.01


def _forest(
    axis: Any, points: Sequence[tuple[str, float, float, float]], marks: Sequence[float | None], look: Look
) -> None:
    """Estimates with intervals, one a row, and published values as crosses."""
    y = np.arange(len(points))[::-1]
    for place, (_, value, low, high), mark in zip(y, points, marks, strict=True):
        axis.plot([low, high], [place, place], color=look.main, linewidth=2.0, solid_capstyle="butt", alpha=0.55)
        axis.plot(value, place, "o", color=look.main, markersize=5)
        if mark is not None:
            axis.plot(mark, place, "x", color=look.mark, markersize=7, markeredgewidth=1.6)
    axis.set(yticks=y, yticklabels=[_label(name, look) for name, *_ in points], ylim=(-0.7, len(points) - 0.3))
    axis.grid(axis="x", linewidth=0.6)
    axis.set_axisbelow(True)


def _share_labels(axes: Sequence[Any], look: Look) -> None:
    """Name rows once where a panel's neighbour on the left has the same ones."""
    if look.narrow:
        return
    labels = [[label.get_text() for label in axis.get_yticklabels()] for axis in axes]
    for k, axis in enumerate(axes):
        if k % MOST and labels[k] == labels[k - 1]:
            axis.set_yticklabels([])


def _published_legend(figure: Any, published: Published, look: Look) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=look.main, marker="o", linewidth=2, label="these ratings, 95 % interval")]
    if published:
        handles.append(
            Line2D(
                [], [], color=look.mark, marker="x", linestyle="", markeredgewidth=1.6, label="published by the study"
            )
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=1 if look.narrow else 2)


def conditional_figure(rows: Sequence[ConditionalRow], look: Look) -> Any:
    """The study's Figure 1: P(column is rated positively | row is), as a heat map with its numbers."""
    names = list(dict.fromkeys(row.given for row in rows))
    found = {(row.given, row.outcome): row.probability for row in rows}
    with drawn_in(look) as plt:
        size = look.width if look.narrow else 6.6
        figure, axis = plt.subplots(figsize=(size, size * 0.78))
        table = np.array([[found[a, b].probability if a != b else np.nan for b in names] for a in names])
        image = axis.imshow(np.ma.masked_invalid(table), cmap=look.heat, vmin=0, vmax=1)
        for i, given in enumerate(names):
            for j, outcome in enumerate(names):
                p = found[given, outcome]
                known = bool(np.isfinite(p.probability))
                text = DASH if not known else f"({p.probability:.0%})" if i == j else f"{p.probability:.0%}"
                colour = look.quiet if i == j or not known else _readable(_hex(image.cmap(image.norm(p.probability))))
                axis.text(j, i - (0 if i == j or look.narrow else 0.1), text, ha="center", va="center", color=colour,
                          fontsize=9 if look.narrow else 11)  # fmt: skip
                if i != j and not look.narrow and np.isfinite([p.low, p.high]).all():
                    axis.text(
                        j, i + 0.22, f"{p.low:.0%}–{p.high:.0%}", ha="center", va="center", color=colour, fontsize=7.5
                    )
        labels = [_label(name, look).replace(" ", "\n") for name in names]
        ticks = range(len(names))
        axis.set(xticks=ticks, yticks=ticks, xticklabels=labels, yticklabels=labels)
        axis.set_xlabel("… was also rated high on …")
        axis.set_ylabel("of what was rated high on …")
        if look.narrow:
            axis.tick_params(axis="x", labelsize=7.5, rotation=50)
        axis.tick_params(axis="x", colors=look.ink)
        axis.spines["bottom"].set_visible(False)
        return figure


def _hex(colour: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour[:3])


def odds_figure(
    effects: Mapping[str, Sequence[tuple[str, float, float, float]]], published: Published, look: Look
) -> Any:
    """Odds ratios of the mixed model, one panel a dimension, on a log axis.

    Args:
        effects: dimension -> (level, odds ratio, low, high), in the order of the model.
        published: (dimension, level) -> odds ratio.
        look: the form.
    """
    with drawn_in(look) as plt:
        from matplotlib.ticker import FixedLocator, NullLocator

        figure, axes = _panels(plt, look, len(effects), [0.3 + ROW * len(own) for own in effects.values()])
        estimates = [value for own in effects.values() for _, value, _, _ in own]
        ends = [end for own in effects.values() for _, _, low, high in own for end in (low, high) if np.isfinite(end)]
        # One runaway interval of a small group would squeeze all others together: it is cut at the edge.
        low = max(min(ends, default=0.5), min(0.2, *estimates))
        high = min(max(ends, default=2.0), max(5.0, *estimates))
        for axis, (dimension, own) in zip(axes, effects.items(), strict=True):
            _forest(axis, own, [published.get((dimension, level)) for level, *_ in own], look)
            axis.set(title=_label(dimension, look), xscale="log", xlim=(low * 0.94, high * 1.06))
            axis.axvline(1, color=look.quiet, linewidth=0.8)
            axis.xaxis.set_major_locator(FixedLocator([0.25, 0.5, 1, 2, 4]))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}")
        _share_labels(axes, look)
        _published_legend(figure, published, look)
        return figure
