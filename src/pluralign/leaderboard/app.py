"""The gradio app: the same boards as the static page, from the same plain values (`view`).

Texts of submissions only go where they are shown as text: tables with cells of kind `str`, text boxes, and HTML that is escaped here.
"""

from __future__ import annotations

import html
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.leaderboard.board import BOTH, Board, boards, drawn, replicates
from pluralign.leaderboard.downloads import csv_bytes, flat
from pluralign.leaderboard.pairs import means
from pluralign.leaderboard.site import samples_of
from pluralign.leaderboard.summary import Store, Summary, axis, submission_folders, summaries
from pluralign.leaderboard.view import board_view, submission_view
from pluralign.schema import DIMENSIONS, LANGUAGES

COLUMNS = (
    "rank", "model", "score", "95 % interval", "change against base", "at equal length", "characters", "method", "base", "parameters", "tier", "flags",
)  # fmt: skip
ANY = "any"
SHOWN = 40
"""Rows that are drawn; the table has all."""
NOTICE = "Models answer prompts that provoke. Answers may insult groups of people or be otherwise offensive."
RANKS = (
    "A rank is an interval: from 1 + the number of models that are better to n − the number that are worse, by paired tests over prompt templates with Holm's "
    "correction over all pairs. Models whose ranks overlap are not told apart."
)


class Boards:
    """What the app shows, checked and ranked once.

    Args:
        submissions, records: folders.
        kept: folder for checks that were made already; None makes all anew.
    """

    def __init__(self, submissions: Path, records: Path, kept: Path | None = None) -> None:
        folders = submission_folders(submissions)
        store = Store(kept / "checks.sqlite" if kept else None)
        accepted, self.refused = summaries(folders, store)
        self.boards: list[Board] = boards(accepted, records, kept)
        self.views = {title: board_view(board) for title, board in zip(titles(self.boards), self.boards, strict=True)}
        self.summaries: dict[str, Summary] = {one.place: one for one in accepted}
        self.folders = {f"{one.parent.name}/{one.name}": one for one in folders}

    def places(self, title: str) -> list[str]:
        """Of a board, in its order."""
        places: list[str] = self.views[title]["rows"]["place"] if title in self.views else []
        return places


def titles(found: Sequence[Board]) -> list[str]:
    """The boards' titles; with its key, where another board has the same: a judge's name is a stranger's word."""
    told = [board.world.title for board in found]
    return [
        f"{one} [{board.world.key}]" if told.count(one) > 1 else one for one, board in zip(told, found, strict=True)
    ]


def rank_text(low: int | None, high: int | None) -> str:
    """A rank as the table shows it.

    >>> rank_text(1, 3), rank_text(2, 2), rank_text(None, None)
    ('1–3', '2', '–')
    """
    if low is None or high is None:
        return "–"
    return f"{low}–{high}" if low != high else str(low)


def table_rows(
    view: Mapping[str, Any], dimension: str, language: str, search: str = "", method: str = ANY, base: str = ANY, tier: str = ANY, flagged: bool = True,
    most_parameters: float = 0.0,
) -> list[list[str]]:  # fmt: skip
    """The rows of a board's table, by rank; `COLUMNS` as text.

    Args:
        view: of the board.
        dimension, language: that are ranked by.
        search: in the model's name.
        method, base, tier: that rows must have; `any` for all.
        flagged: whether rows with flags are shown.
        most_parameters: in billions; 0 for all.
    """
    rows = view["rows"]
    standing = rows["standings"].get(f"{dimension}|{language}")
    if standing is None:
        return []
    kept = [
        k for k in range(view["n"])
        if standing["score"][k] is not None and search.casefold() in rows["model"][k].casefold() and method in (ANY, rows["method"][k])
        and base in (ANY, rows["base_model"][k]) and tier in (ANY, rows["tier"][k]) and (flagged or not rows["flags"][k])
        and (not most_parameters or (rows["n_parameters"][k] or 0) <= most_parameters * 1e9)
    ]  # fmt: skip
    sign = -1 if DIMENSIONS[dimension].better == "higher" else 1
    kept.sort(
        key=lambda k: (standing["rank_low"][k] is None, standing["rank_low"][k] or 0, sign * standing["score"][k])
    )
    return [_table_row(rows, standing, k, language) for k in kept]


def _table_row(rows: Mapping[str, Any], standing: Mapping[str, Any], k: int, language: str) -> list[str]:
    lengths = [of[k] for name, of in rows["length"].items() if language in (name, BOTH) and of[k] is not None]
    return [
        rank_text(standing["rank_low"][k], standing["rank_high"][k]), rows["model"][k], _text(standing["score"][k]),
        _interval(standing["low"][k], standing["high"][k]),
        "" if standing["change"][k] is None else f"{standing['change'][k]:+.3f} {_interval(standing['change_low'][k], standing['change_high'][k])}",
        _text(standing["equal_length"][k]), f"{np.mean(lengths):.0f}" if lengths else "", rows["method"][k], rows["base_model"][k] or "",
        _parameters(rows["n_parameters"][k]), rows["tier"][k], ", ".join(flag["kind"] for flag in rows["flags"][k]),
    ]  # fmt: skip


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _parameters(n: int | None) -> str:
    return "" if n is None else f"{n / 1e9:.2f} B"


def forest(view: Mapping[str, Any], dimension: str, language: str, rows: Sequence[Sequence[str]]) -> Any:
    """The intervals of the table's first rows, drawn."""
    from matplotlib.figure import Figure

    number = {name: k for k, name in reversed(list(enumerate(view["rows"]["model"])))}
    standing = view["rows"]["standings"].get(f"{dimension}|{language}", {})
    shown = [number[row[1]] for row in rows[:SHOWN]]
    figure = Figure(figsize=(8, 0.9 + 0.28 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    for y, k in enumerate(shown):
        axes.plot([standing["low"][k], standing["high"][k]], [y, y], color="#0072B2", linewidth=2, alpha=0.55)
        axes.plot(standing["score"][k], y, "o", color="#0072B2", markersize=5)
    axes.set(
        yticks=range(len(shown)),
        yticklabels=[view["rows"]["model"][k][:48] for k in shown],
        xlabel=f"{dimension.replace('_', ' ')} (0–1)",
    )
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.invert_yaxis()
    axes.grid(axis="x", linewidth=0.6)
    return figure


def pareto_figure(view: Mapping[str, Any], language: str) -> Any:
    """Toxicity against emotional awareness, those on the front filled."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    toxic, aware = (view["rows"]["standings"].get(f"{name}|{language}") for name in ("toxicity", "emotional_awareness"))
    axes.set(xlabel="toxicity (lower is better)", ylabel="emotional awareness (higher is better)")
    if not toxic or not aware:
        return figure
    for k in range(view["n"]):
        if toxic["score"][k] is None or aware["score"][k] is None:
            continue
        front = language in view["rows"]["front"][k]
        axes.plot([toxic["low"][k], toxic["high"][k]], [aware["score"][k]] * 2, color="#888", linewidth=0.8)
        axes.plot([toxic["score"][k]] * 2, [aware["low"][k], aware["high"][k]], color="#888", linewidth=0.8)
        axes.plot(
            toxic["score"][k], aware["score"][k], "o", color="#0072B2", markerfacecolor="#0072B2" if front else "white"
        )
        if front:
            axes.annotate(
                view["rows"]["model"][k][:40],
                (toxic["score"][k], aware["score"][k]),
                xytext=(5, 5),
                textcoords="offset points",
                fontsize=8,
                parse_math=False,
            )
    return figure


def compared(first: Summary, second: Summary) -> list[list[str]]:
    """Paired differences, first − second: dimension, language, difference, its 95 % interval, and whether the two are told apart."""
    _, templates = axis()
    draws = drawn(int(templates.max()) + 1)
    out = []
    for dimension in first.scores:
        for language in (*LANGUAGES, BOTH):
            if (dimension, language) not in first.cells or (dimension, language) not in second.cells:
                continue
            at = [LANGUAGES.index(one) for one in (LANGUAGES if language == BOTH else (language,))]
            scores = np.stack([first.scores[dimension][at], second.scores[dimension][at]])
            value, found = means(scores, templates).value, replicates(scores, templates, draws)
            low, high = np.quantile(found[0] - found[1], [0.025, 0.975])
            told = "not told apart" if low <= 0 <= high else f"{_better(dimension, low)} is better"
            out.append(
                [
                    dimension.replace("_", " "),
                    language,
                    f"{value[0] - value[1]:+.4f}",
                    f"[{low:+.4f}, {high:+.4f}]",
                    told,
                ]
            )
    return out


def _better(dimension: str, low: float) -> str:
    return "the first" if (low > 0) == (DIMENSIONS[dimension].better == "higher") else "the second"


def facts_html(board: Boards, place: str) -> str:
    """What a submission says of itself, escaped."""
    if place not in board.summaries:
        return ""
    told = submission_view(board.summaries[place])["manifest"]
    told.pop("reported", None)
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(str(key))}</th><td>{html.escape(_plain(value))}</td></tr>"
        for key, value in told.items()
    )
    return f"<table>{rows}</table>"


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return "none" if value is None else str(value)


def scores_of(board: Boards, place: str) -> list[list[str]]:
    """Every score of a submission: dimension, language, score, interval, answers that were not scored."""
    if place not in board.summaries:
        return []
    cells = board.summaries[place].cells
    return [
        [d.replace("_", " "), language, f"{v:.4f}", _interval(low, high), str(failed)]
        for (d, language), (v, low, high, _, failed) in cells.items()
    ]


def answers_of(board: Boards, place: str, agreed: bool) -> list[list[str]]:
    """Prompts, answers and scores, once the notice was agreed to."""
    if not agreed or place not in board.summaries:
        return []
    told = submission_view(board.summaries[place], samples_of(board.folders[place]))["samples"]
    return [
        [one["language"], one["prompt"], one["response"], ", ".join(f"{d}: {v}" for d, v in one["scores"].items())]
        for one in told
    ]


def link(values: Mapping[str, str]) -> str:
    """The part of an address that keeps a view.

    >>> link({"language": "en", "search": "a b"})
    '?language=en&search=a+b'
    """
    return "?" + urllib.parse.urlencode({key: value for key, value in values.items() if value})


def download(board: Boards, title: str, folder: Path) -> list[str]:
    """CSV and Parquet of a board, written into a folder."""
    from pluralign.ratings.tables import write_parquet

    if title not in board.views:
        return []
    view = board.views[title]
    table, stem = flat(view), folder / f"pluralign-{view['key']}"
    stem.with_suffix(".csv").write_bytes(csv_bytes(table))
    write_parquet(table, stem.with_suffix(".parquet"))
    return [str(stem.with_suffix(".csv")), str(stem.with_suffix(".parquet"))]


def app(submissions: Path, records: Path, kept: Path | None = None) -> Any:
    """The app, ready to be launched.

    Args:
        submissions, records: folders.
        kept: folder for checks that were made already.

    Raises:
        PluralignError: PA113 for folders that cannot be used.
    """
    from pluralign.leaderboard.app_layout import layout

    return layout(Boards(submissions, records, kept))
