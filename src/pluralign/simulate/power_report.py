"""The answer of a power analysis: for people, for programs, and as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pluralign import __version__
from pluralign.ratings.tables import write_text
from pluralign.simulate.power_approximation import Approximation
from pluralign.simulate.power_curve import PowerCurve
from pluralign.simulate.power_model import RatingModel
from pluralign.simulate.power_summary import PowerRow, Share

MANY_FAILED = 0.05
"""Above this share of replicates that could not be fitted, power says little: the rest is a selection."""
SPARSE = 4.0
"""Ratings a rater, below which the fit's standard errors were seen to be 6–16 % too small (type-I error 7 % for 5 %)."""


@dataclass(frozen=True)
class PowerReport:
    """A power analysis.

    Attributes:
        method: `simulation` or `approximation`.
        odds_ratio: the true effect.
        alpha: two-sided level.
        target: the power that is wanted.
        model: what ratings were drawn from.
        seed: of everything random.
        replicates: simulated studies a design; None for an approximation.
        rows: one a design.
        curves: how many raters the target takes.
    """

    method: str
    odds_ratio: float
    alpha: float
    target: float
    model: RatingModel
    seed: int
    replicates: int | None
    rows: Sequence[PowerRow] | Sequence[Approximation]
    curves: Sequence[PowerCurve]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, settings and version with them."""
        return {
            "method": self.method, "odds_ratio": self.odds_ratio, "log_odds_ratio": float(np.log(self.odds_ratio)),
            "alpha": self.alpha, "target": self.target, "seed": self.seed, "replicates": self.replicates,
            "model": asdict(self.model), "version": __version__, "designs": [row.as_dict() for row in self.rows],
            "curves": [curve.as_dict() for curve in self.curves], "notes": self.notes,
        }  # fmt: skip

    @property
    def notes(self) -> list[str]:
        """What a reader must not miss."""
        told = []
        rows = [row for row in self.rows if isinstance(row, PowerRow)]
        without = [row for row in rows if row.type_i_failures is not None]
        lost = sum(row.n_failed for row in rows) + sum(sum((row.type_i_failures or {}).values()) for row in without)
        if lost:
            total = sum(row.n_replicates for row in (*rows, *without))
            told.append(f"{lost} of {total} replicates could not be fitted; shares are of the others")
        if many := [row for row in rows if row.n_failed > MANY_FAILED * row.n_replicates]:
            told.append(
                f"power says little where so many could not be fitted: {'; '.join(str(row.design) for row in many)}"
            )
        for row in rows:
            if row.type_i_error is not None and row.type_i_error.low > self.alpha:
                told.append(f"{row.design}: the test finds {row.type_i_error.value:.1%} where there is nothing, so its power is "
                            "flattered: give raters more items")  # fmt: skip
        sparse = [row.design for row in self.rows if row.design.n_ratings < SPARSE * row.design.n_raters]
        if sparse:
            told.append(f"fewer than {SPARSE:g} ratings a rater in {len(sparse)} design(s): the mixed model's standard errors are "
                        "too small there; look at the type-I error")  # fmt: skip
        return told

    def header(self) -> list[str]:
        """Names of the table's columns."""
        first = ["raters", "in group", "items", "raters/item", "items/rater", "ratings", "power"]
        if self.method == "approximation":
            return [*first, "se", "type S", "exaggeration"]
        null = (
            ["type I"] if any(isinstance(row, PowerRow) and row.type_i_error is not None for row in self.rows) else []
        )
        return [*first, "mean OR", "bias", "type S", "exaggeration", *null, "not fitted"]

    def cells(self) -> list[list[str]]:
        """The table's rows, as text."""
        return [_cells(row) for row in self.rows]

    def markdown(self) -> str:
        """The table and the curves as Markdown."""
        rule = ["---:"] * len(self.header())
        lines = [f"| {' | '.join(row)} |" for row in (self.header(), rule, *self.cells())]
        return "\n".join([self.title, "", *lines, "", *(f"- {line}" for line in self._sentences()), ""])

    def csv(self) -> str:
        """Every number of every design, one design a line; intervals as `_low`, `_high`."""
        flat = [_flat(row.as_dict()) for row in self.rows]
        out = io.StringIO()
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in flat for name in row)), lineterminator="\n")
        writer.writeheader()
        writer.writerows(flat)
        return out.getvalue()

    def save(self, folder: Path) -> list[Path]:
        """Write `power.csv`, `power.md` and `power.json`, the last with all settings."""
        texts = {
            "power.csv": self.csv(),
            "power.md": self.markdown(),
            "power.json": json.dumps(self.as_dict(), ensure_ascii=False, indent=1) + "\n",
        }
        for name, text in texts.items():
            write_text(text, folder / name)
        return [folder / name for name in texts]

    @property
    def title(self) -> str:
        """What was asked, in a line."""
        how = f"{self.replicates} replicates, seed {self.seed}" if self.method == "simulation" else "approximation"
        cuts = ", ".join(f"{cut:.2f}" for cut in self.model.thresholds)
        return (f"Power to see odds ratio {self.odds_ratio:g} at two-sided alpha {self.alpha:g} ({how})\n"
                f"raters' sd {self.model.rater_sd:.2f}, items' sd {self.model.item_sd:.2f}, thresholds {cuts}: {self.model.source}")  # fmt: skip

    def __str__(self) -> str:
        table = [self.header(), *self.cells()]
        widths = [max(len(row[j]) for row in table) for j in range(len(table[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([self.title, "", *lines, "", *self._sentences()])

    def _sentences(self) -> list[str]:
        return [*map(str, self.curves), *(f"note: {note}" for note in self.notes)]


def _cells(row: PowerRow | Approximation) -> list[str]:
    d = row.design
    first = [
        f"{d.n_raters:,}", f"{d.n_group:,}", f"{d.n_items:,}", f"{d.n_ratings / d.n_items:.3g}", f"{d.n_ratings / d.n_raters:.3g}",
        f"{d.n_ratings:,}",
    ]  # fmt: skip
    if isinstance(row, Approximation):
        return [*first, f"{row.power:.1%}", f"{row.se:.3f}", f"{row.type_s_error:.1%}", f"{row.exaggeration:.2f}"]
    null = [] if row.type_i_error is None else [_share(row.type_i_error)]
    exaggeration = "–" if np.isnan(row.exaggeration) else f"{row.exaggeration:.2f}"
    wrong = "–" if np.isnan(row.type_s_error.value) else f"{row.type_s_error.value:.1%}"
    estimate = ["–", "–"] if not row.n_fitted else [f"{np.exp(row.mean_estimate):.2f}", f"{row.bias:+.3f}"]
    return [*first, _share(row.power), *estimate, wrong, exaggeration, *null, f"{row.n_failed} of {row.n_replicates}"]


def _share(share: Share) -> str:
    return "–" if np.isnan(share.value) else f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and "value" in value:
            out |= {name: value["value"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
        elif isinstance(value, dict):
            out[name] = "; ".join(f"{key} {inner}" for key, inner in value.items())
        else:
            out[name] = value
    return out
