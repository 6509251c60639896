"""The curve of a power analysis: power over the number of raters, one line a combination of everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pluralign.report.figures import drawn_in
from pluralign.report.look import LOOKS, Look
from pluralign.simulate.power_report import PowerReport
from pluralign.simulate.power_summary import Share

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osD^vP"


def power_figure(report: PowerReport, look: Look = LOOKS[0]) -> Any:
    """Power with its interval over raters; the line of each combination goes through the monotone curve.

    Args:
        report: of `pluralign stats power`, with two numbers of raters or more somewhere.
        look: the form.
    """
    points: dict[tuple[Any, ...], list[tuple[int, Share | float]]] = {}
    for row in report.rows:
        design = row.design
        key = (design.n_items, design.raters_per_item, design.items_per_rater, design.share)
        points.setdefault(key, []).append((design.n_raters, row.power))
    with drawn_in(look) as plt:
        figure, axis = plt.subplots(figsize=(look.width, 0.6 * look.width))
        for k, curve in enumerate(report.curves):
            colour, marker = COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
            load = (
                f"{curve.raters_per_item} raters an item"
                if curve.raters_per_item
                else f"{curve.items_per_rater} items a rater"
            )
            label = f"{curve.n_items:,} items, {load}, share {curve.share:g}"
            axis.plot(curve.n_raters, curve.power, color=colour, linewidth=1.6)
            own = points[curve.n_items, curve.raters_per_item, curve.items_per_rater, curve.share]
            for n_raters, power in own:
                if isinstance(power, Share):
                    axis.plot([n_raters, n_raters], [power.low, power.high], color=colour, linewidth=1.2, alpha=0.6)
            values = [power.value if isinstance(power, Share) else power for _, power in own]
            axis.plot([n for n, _ in own], values, marker, color=colour, markersize=5, label=label)
        axis.axhline(report.target, color=look.quiet, linewidth=0.8, linestyle="--")
        axis.annotate(f"{report.target:.0%}", (1, report.target), xycoords=("axes fraction", "data"), xytext=(3, 0),
                      textcoords="offset points", va="center", color=look.quiet, fontsize=8)  # fmt: skip
        axis.set(ylim=(0, 1.02), xlabel="raters", ylabel="power", yticks=np.arange(0, 1.01, 0.2),
                 title=f"Power to see an odds ratio of {report.odds_ratio:g}")  # fmt: skip
        axis.yaxis.set_major_formatter(lambda power, _: f"{power:.0%}")
        axis.xaxis.set_major_formatter(lambda raters, _: f"{raters:,.0f}")
        axis.grid(linewidth=0.6)
        axis.legend(loc="lower right")
        return figure


def save_power_figure(report: PowerReport, folder: Path) -> list[Path]:
    """Write `power.svg` and `power.png`; nothing where no combination has two numbers of raters."""
    if not report.curves:
        return []
    import matplotlib.pyplot as plt

    figure = power_figure(report)
    paths = [folder / "power.svg", folder / "power.png"]
    with drawn_in(LOOKS[0]):
        figure.savefig(paths[0], metadata={"Date": None, "Creator": None})
        figure.savefig(paths[1], dpi=200)
    plt.close(figure)
    return paths
