"""How the app is laid out; what it shows comes from `app`."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from pluralign import __version__
from pluralign.leaderboard.app import (
    ANY,
    COLUMNS,
    NOTICE,
    RANKS,
    Boards,
    answers_of,
    compared,
    download,
    facts_html,
    forest,
    link,
    pareto_figure,
    scores_of,
    table_rows,
)
from pluralign.leaderboard.page import TITLE
from pluralign.leaderboard.view import LABELS, published_view

CSS = "footer {display: none !important} .pa-warning {border-left: 4px solid #D55E00; padding: .5rem 1rem} .pa-table td {white-space: normal}"


def layout(board: Boards) -> Any:
    """The app's blocks."""
    titles = list(board.views)
    with gr.Blocks(title=TITLE) as blocks:
        gr.HTML(f"<style>{CSS}</style><h1>{TITLE}</h1><p>{html.escape(RANKS)}</p>")
        if not titles:
            gr.HTML("<p>No submission yet.</p>")
        else:
            opened = _tabs(board, titles)

            def at_address(request: gr.Request) -> list[Any]:
                return from_address(board, dict(request.query_params))

            blocks.load(at_address, None, opened)
        with gr.Tab("The study's own effects"):
            gr.HTML(
                "<p>Published by the study, of seven other models, people's ratings and gpt-4o-mini as judge: for reference, never submissions.</p>"
            )
            effects = [
                [str(one[key]) if one[key] is not None else "only p published" for key in one]
                for one in published_view()
            ]
            gr.Dataframe(
                effects,
                headers=["experiment", "outcome", "first", "second", "effect"],
                datatype="str",
                interactive=False,
            )
        with gr.Tab(f"Refused ({len(board.refused)})"):
            refused = [
                [place, ", ".join(sorted({str(one["code"]) for one in problems}))]
                for place, problems in board.refused.items()
            ]
            gr.Dataframe(refused or [["none", ""]], headers=["submission", "codes"], datatype="str", interactive=False)
        gr.HTML(f"<p>pluralign {__version__}</p>")
    return blocks


def _tabs(board: Boards, titles: list[str]) -> list[Any]:
    """Everything about the boards; returns what an address sets."""
    first = board.views[titles[0]]
    dimensions, languages = [one["name"] for one in first["dimensions"]], first["languages"]
    with gr.Row():
        title = gr.Dropdown(titles, value=titles[0], label="Board", elem_id="board")
        dimension = gr.Dropdown(
            [(LABELS[name], name) for name in dimensions], value=dimensions[0], label="Rank by", elem_id="dimension"
        )
        language = gr.Dropdown(languages, value=languages[0], label="Language", elem_id="language")
    warning = gr.HTML(_warning(first))
    with gr.Tab("Board"):
        with gr.Row():
            search = gr.Textbox(label="Model contains", elem_id="search")
            method = gr.Dropdown(_options(first, "method"), value=ANY, label="Method")
            base = gr.Dropdown(_options(first, "base_model"), value=ANY, label="Base")
            tier = gr.Dropdown(_options(first, "tier"), value=ANY, label="Tier")
            most = gr.Number(value=0, label="At most so many billion parameters (0: all)", minimum=0)
            flagged = gr.Checkbox(value=True, label="Show flagged")
        rows = table_rows(first, dimensions[0], languages[0])
        table = gr.Dataframe(
            rows,
            headers=list(COLUMNS),
            datatype="str",
            interactive=False,
            elem_id="table",
            elem_classes="pa-table",
            pinned_columns=1,
        )
        drawn = gr.Plot(value=forest(first, dimensions[0], languages[0], rows), label="Scores with 95 % intervals")
        address = gr.Textbox(
            link({}), label="Link that keeps this view", interactive=False, buttons=["copy"], elem_id="link"
        )
        files = gr.Files(label="This board as CSV and Parquet", interactive=False)
        fetch = gr.Button("Prepare downloads")
    with gr.Tab("Model"):
        places = board.places(titles[0])
        place = gr.Dropdown(places, value=places[0], label="Submission", elem_id="model")
        facts = gr.HTML(facts_html(board, places[0]))
        scores = gr.Dataframe(
            scores_of(board, places[0]),
            headers=["dimension", "language", "score", "95 % interval", "not scored"],
            datatype="str",
            interactive=False,
        )
        gr.HTML(f"<p class='pa-warning'>{NOTICE}</p>")
        agreed = gr.Checkbox(value=False, label="Show the answers", elem_id="agreed")
        answers = gr.Dataframe(
            [],
            headers=["language", "prompt", "answer", "scores (1–5)"],
            datatype="str",
            interactive=False,
            wrap=True,
            elem_id="answers",
        )
    with gr.Tab("Compare"):
        with gr.Row():
            one = gr.Dropdown(places, value=places[0], label="First", elem_id="first")
            two = gr.Dropdown(places, value=places[-1], label="Second", elem_id="second")
        gr.HTML(
            "<p>Differences are first − second on the same prompts; intervals draw the same templates for both.</p>"
        )
        headers = ["dimension", "language", "difference", "95 % interval", "told apart"]
        differences = gr.Dataframe(
            _compare(board, places[0], places[-1]),
            headers=headers,
            datatype="str",
            interactive=False,
            elem_id="differences",
        )
    with gr.Tab("Toxicity against emotional awareness"):
        front = gr.Plot(
            value=pareto_figure(first, languages[0]), label="Filled: no other ranked submission is better on both"
        )
    with gr.Tab("Groups"):
        groups = gr.HTML(_groups(first))
    kept: list[Any] = [title, dimension, language, search, method, base, tier, most, flagged]

    def shown(
        title: str,
        dimension: str,
        language: str,
        search: str,
        method: str,
        base: str,
        tier: str,
        most: float,
        flagged: bool,
    ) -> tuple[Any, ...]:
        view = board.views[title]
        found = table_rows(view, dimension, language, search or "", method, base, tier, flagged, most or 0.0)
        values = {
            "board": view["key"],
            "dimension": dimension,
            "language": language,
            "search": search or "",
            "method": "" if method == ANY else method,
        }
        return (
            found,
            forest(view, dimension, language, found),
            link(values),
            pareto_figure(view, language),
            _warning(view),
            _groups(view),
        )

    outputs = [table, drawn, address, front, warning, groups]
    for control in kept:
        control.change(shown, kept, outputs)
    title.change(
        lambda name: [gr.update(choices=board.places(name), value=board.places(name)[0]) for _ in range(3)],
        title,
        [place, one, two],
    )
    place.change(
        lambda name: (facts_html(board, name), scores_of(board, name), False, []),
        place,
        [facts, scores, agreed, answers],
    )
    agreed.change(lambda name, yes: answers_of(board, name, yes), [place, agreed], answers)
    for control in (one, two):
        control.change(lambda a, b: _compare(board, a, b), [one, two], differences)
    fetch.click(lambda name: download(board, name, Path(tempfile.mkdtemp(prefix="pluralign-"))), title, files)
    return [title, dimension, language, search]


def from_address(board: Boards, asked: dict[str, str]) -> list[Any]:
    """Board, dimension, language and search out of an address; what does not exist there is left as it is."""
    title = next((name for name, view in board.views.items() if view["key"] == asked.get("board")), None)
    view = board.views[title or next(iter(board.views))]
    dimension, language = asked.get("dimension"), asked.get("language")
    return [
        title or gr.skip(), dimension if dimension in [one["name"] for one in view["dimensions"]] else gr.skip(),
        language if language in view["languages"] else gr.skip(), asked.get("search", gr.skip())[:100] if "search" in asked else gr.skip(),
    ]  # fmt: skip


def _compare(board: Boards, first: str, second: str) -> list[list[str]]:
    if first not in board.summaries or second not in board.summaries:
        return []
    return compared(board.summaries[first], board.summaries[second])


def _options(view: dict[str, Any], name: str) -> list[str]:
    return [ANY, *sorted({str(one) for one in view["rows"][name] if one is not None})]


def _warning(view: dict[str, Any]) -> str:
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in view["judge_lines"])
    told = f"<p class='pa-warning'><strong>{html.escape(view['warning'])}</strong></p>" if view["warning"] else ""
    return f"{told}<details><summary>The judge</summary><ul>{lines}</ul></details>"


def _groups(view: dict[str, Any]) -> str:
    if not view["jury"]:
        return "<p>No groups are shown: no jury fitted to real ratings has rated these answers, and what simulated raters would say is an assumption.</p>"
    groups = view["rows"]["groups"]
    head = "".join(f"<th>{html.escape(key.replace('|', ', '))}</th>" for key in groups)
    body = "".join(
        f"<tr><th scope='row'>{html.escape(model)}</th>"
        + "".join(f"<td>{'' if values[k] is None else format(values[k], '.3f')}</td>" for values in groups.values())
        + "</tr>"
        for k, model in enumerate(view["rows"]["model"])
    )
    return f"<p>Jury: {html.escape(view['jury'])}</p><table><tr><th>model</th>{head}</tr>{body}</table>"
