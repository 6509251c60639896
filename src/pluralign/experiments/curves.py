"""How training went: `curves.csv` of every cell, drawn together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pluralign.experiments.results import Finished
from pluralign.report.figures import drawn_in
from pluralign.report.look import Look
from pluralign.report.power_figure import COLOURS
from pluralign.stats.resampling import Floats

PANELS = {
    "loss": "training loss",
    "margin": "margin, nats",
    "held_out_accuracy": "accuracy on held-out pairs",
    "kl": "KL from the base, nats an answer",
    "reward": "reward of a step\u2019s answers",
    "sample_entropy": "entropy of answers, nats a token",
}
"""Column -> what it is called. Losses of two methods are not comparable; GRPO\u2019s has no level of its own and is left out."""
SMOOTHED = ("loss", "margin", "reward", "sample_entropy")
WINDOW = 8
"""Steps of the running mean: a step sees eight pairs, so that single ones say nothing."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A column of a run.

    Attributes:
        kind: method, and what is special about the run.
        share: (n,) of the run, in (0, 1].
        value: (n,) as logged, or its running mean.
    """

    kind: str
    share: Floats
    value: Floats


def kind_of(one: Finished) -> str:
    """What a curve is coloured by.

    >>> from pluralign.experiments.cells import Cell
    >>> kind_of(Finished(Cell("exp3-individual-toxicity", "m", control="shuffled"), "", {}, {}, {}, None, None))
    'dpo, shuffled'
    """
    return one.cell.method + (f", {one.cell.control}" if one.cell.control == "shuffled" else "")


def curves(cells: Sequence[Finished]) -> Mapping[str, list[Curve]]:
    """Column -> its curve in every run that logged it."""
    found: dict[str, list[Curve]] = {name: [] for name in PANELS}
    for one in cells:
        if one.curves is None:
            continue
        steps = one.curves.column("step").to_numpy()
        for name, into in found.items():
            if name not in one.curves.column_names or (name == "loss" and one.cell.method == "grpo"):
                continue
            value = one.curves.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            known = np.isfinite(value)
            if not known.any():
                continue
            share, value = steps[known] / steps.max(), value[known]
            if name in SMOOTHED and len(value) > WINDOW:
                share, value = share[WINDOW - 1 :], running_mean(value, WINDOW)
            into.append(Curve(kind_of(one), share, value))
    return {name: of for name, of in found.items() if of}


def running_mean(value: Floats, window: int) -> Floats:
    """(n - window + 1,) mean of each value and the window - 1 before it.

    >>> running_mean(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [2.0, 4.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(value)])
    out: Floats = (sums[window:] - sums[:-window]) / window
    return out


def curves_figure(found: Mapping[str, list[Curve]], look: Look) -> Any:
    """One panel a column, one line a run, coloured by method; a run that was measured only at its end is a point there."""
    kinds = sorted({curve.kind for of in found.values() for curve in of})
    columns = 1 if look.narrow else min(2, len(found))
    lines = -(-len(found) // columns)
    with drawn_in(look) as plt:
        figure, axes = plt.subplots(lines, columns, squeeze=False, figsize=(look.width, 2.2 * lines + 0.7))
        flat = list(axes.ravel())
        for axis in flat[len(found) :]:
            axis.axis("off")
        for axis, (name, of) in zip(flat, found.items(), strict=False):
            if name == "held_out_accuracy":
                axis.axhline(0.5, color=look.quiet, linewidth=0.8)
            for curve in of:
                colour = COLOURS[kinds.index(curve.kind) % len(COLOURS)]
                if len(curve.value) > 1:
                    axis.plot(curve.share, curve.value, color=colour, linewidth=1.0, alpha=0.6)
                else:
                    axis.plot(curve.share, curve.value, "o", color=colour, markersize=3.5, alpha=0.6)
            axis.set(title=PANELS[name], xlim=(0, 1.03))
            axis.grid(axis="y", linewidth=0.6)
            axis.set_axisbelow(True)
        for axis in flat[max(0, len(found) - columns) : len(found)]:
            axis.set_xlabel("share of the run", fontsize=8)
        for k, kind in enumerate(kinds):
            flat[0].plot([], [], color=COLOURS[k % len(COLOURS)], label=kind)
        figure.legend(*flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2 if look.narrow else 6)
        return figure
