"""The static page: a folder that any web server, or a browser without one, shows as it lies there.

OUT/
  index.html                     the page; boards as a table, models, comparisons, the Pareto plot
  boards/<key>.js                a board's data, for the page
  boards/<key>.csv, .parquet     the same for people and programs
  draws.js                       how often each template is drawn, for paired differences of any two models
  submissions/<place>.js         a model's manifest, sums by template and answers; loaded when they are looked at
  refused.json                   submissions that were not accepted, with every reason
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pluralign import __version__
from pluralign.leaderboard.board import Board, boards, drawn
from pluralign.leaderboard.folder import submission_files
from pluralign.leaderboard.summary import Store, Summary, axis, submission_folders, summaries
from pluralign.leaderboard.view import FORMAT, board_view, published_view, submission_view
from pluralign.ratings.tables import refuse_foreign, rewritten_whole, write_parquet, write_text

PAGE, DRAWS = "index.html", "draws.js"
TITLE = "PlurAlign leaderboard"


def build_site(
    submissions: Path,
    out: Path,
    *,
    records: Path,
    kept: Path | None = None,
    jury: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Check what is new, rank, and write the page, whole or not at all.

    Args:
        submissions: folder of submissions.
        out: where to; a former page there is replaced.
        records: the keepers' folder.
        kept: folder for checks and pairs that were made already; None makes all anew.
        jury: folder of a rater model fitted to ratings that people gave, for group columns; None for none.
        progress: told what is being done.

    Returns:
        n_accepted, n_refused, boards (key -> title and n), refused (place -> problems), page.

    Raises:
        PluralignError: PA113 for folders and records that cannot be used, PA052 where `out` holds something else.
    """
    refuse_foreign(out, {PAGE, "boards", "submissions", DRAWS, "refused.json"}, {PAGE, DRAWS}, "the page")
    folders = submission_folders(submissions)
    store = Store(kept / "checks.sqlite" if kept else None)
    accepted, refused = summaries(folders, store, lambda: progress("check"))
    progress("rank")
    places = {f"{one.parent.name}/{one.name}": one for one in folders}
    name, groups = _groups(jury, accepted, places, kept, progress) if jury else ("", {})
    found = boards(accepted, records, kept, name, groups)
    with rewritten_whole(out) as folder:
        write_site(found, accepted, refused, folder, lambda summary: samples_of(places[summary.place]), progress)
    return {
        "n_accepted": len(accepted), "n_refused": len(refused), "refused": refused, "page": str(out / PAGE),
        "boards": {one.world.key: {"title": one.world.title, "n": len(one.rows)} for one in found},
    }  # fmt: skip


def _groups(
    jury: Path,
    accepted: Sequence[Summary],
    places: Mapping[str, Path],
    kept: Path | None,
    progress: Callable[[str], None],
) -> tuple[str, dict[str, Any]]:
    """Name of a jury of people, and what it expects of every submission."""
    from pluralign.leaderboard.groups import PeoplesJury, kept_means

    people = PeoplesJury(jury)
    found = {}
    for one in accepted:
        progress(f"jury {people.name}")
        found[one.digest] = kept_means(
            people,
            one.digest,
            lambda place=places[one.place]: [s for of in samples_of(place).values() for s in of],
            kept,
        )
    return people.name, found


def samples_of(folder: Path) -> dict[str, Any]:
    """Language -> answers of a submission that was accepted."""
    from pluralign.leaderboard.answers import read_answers

    files, _ = submission_files(folder)
    assert files is not None
    found = {language: read_answers(path, language, []) for language, path in files.samples.items()}
    return {language: one.samples for language, one in found.items() if one is not None}


def write_site(
    found: Sequence[Board], accepted: Sequence[Summary], refused: Mapping[str, Any], folder: Path,
    samples: Callable[[Summary], Mapping[str, Any] | None], progress: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Write every file of the page into an empty folder."""
    views = [board_view(one) for one in found]
    for part in ("boards", "submissions"):
        (folder / part).mkdir()
    for view in views:
        progress(f"board {view['key']}")
        (folder / "boards" / f"{view['key']}.js").write_text(_script("board", view), "utf-8")
        table = flat(view)
        write_parquet(table, folder / "boards" / f"{view['key']}.parquet")
        (folder / "boards" / f"{view['key']}.csv").write_bytes(csv_bytes(table))
    for one in accepted:
        progress("submission")
        path = folder / "submissions" / f"{one.place.replace('/', '__')}.js"
        path.write_text(_script("submission", submission_view(one, samples(one))), "utf-8")
    _, templates = axis()
    draws = drawn(int(templates.max()) + 1).astype(np.uint8)
    told = {"n": draws.shape[0], "templates": draws.shape[1], "base64": base64.b64encode(draws.tobytes()).decode()}
    (folder / DRAWS).write_text(_script("draws", told), "utf-8")
    write_text(json.dumps(refused, indent=1, ensure_ascii=False) + "\n", folder / "refused.json")
    (folder / PAGE).write_text(page(views, refused), "utf-8")


def page(views: Sequence[Mapping[str, Any]], refused: Mapping[str, Any]) -> str:
    """The page itself; the boards' rows are in files of their own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("pluralign.leaderboard"), undefined=StrictUndefined, autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    templates = Path(__file__).parent / "templates"
    style, script = ((templates / name).read_text("utf-8") for name in ("leaderboard.css", "leaderboard.js"))
    index = {
        "format": FORMAT, "version": __version__, "published": published_view(quoted=True),
        "boards": [{key: view[key] for key in ("key", "title", "is_demonstration", "n", "n_ranked")} for view in views],
        "refused": [{"place": place, "codes": sorted({str(one["code"]) for one in problems})} for place, problems in sorted(refused.items())],
    }  # fmt: skip
    # Style and script are our own files; the index is escaped below for where it stands.
    constant = f"const INDEX = {in_script(index)};"
    return environment.get_template("leaderboard.html.j2").render(
        title=TITLE, style=Markup(style), script=Markup(script), constant=Markup(constant), policy=policy([style], [constant, script]), version=__version__  # noqa: S704
    )  # fmt: skip


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The page's own policy: these very styles and scripts and the data files beside it, nothing else, so that no stranger's text can run.

    >>> policy([], ["1"])
    "default-src 'none'; img-src data:; style-src 'none'; script-src 'self' 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='; base-uri 'none'; form-action 'none'"
    """
    told = [
        [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in some]
        for some in (styles, scripts)
    ]
    style, script = " ".join(told[0]) or "'none'", " ".join(["'self'", *told[1]])
    return f"default-src 'none'; img-src data:; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def in_script(value: Any) -> str:
    """JSON that may stand between script tags: nothing in it ends them or begins a comment.

    >>> in_script("</script><!--")
    '"\\\\u003c/script\\\\u003e\\\\u003c!--"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _script(name: str, value: Any) -> str:
    return f"pluralign.take({in_script(name)},{in_script(value)});\n"


def flat(view: Mapping[str, Any]) -> pa.Table:
    """A board as one table: a row a submission, dimension and language, every row saying judge, prompts and whether it demonstrates."""
    rows, out = view["rows"], []
    for cell, columns in rows["standings"].items():
        dimension, language = cell.split("|")
        for k in range(view["n"]):
            if columns["score"][k] is None:
                continue
            out.append({
                **{name: rows[name][k] for name in ("model", "version", "method", "base_model", "n_parameters", "precision", "licence", "date", "tier", "place")},
                "ranked": rows["ranked"][k], "flags": ", ".join(one["kind"] for one in rows["flags"][k]), "dimension": dimension, "language": language,
                **{name: values[k] for name, values in columns.items()}, "judge": view["judge"], "prompts": view["prompts"],
                "board": view["title"], "simulated_judge": view["is_demonstration"],
            })  # fmt: skip
    return pa.Table.from_pylist(out)


def csv_bytes(table: pa.Table) -> bytes:
    """CSV that a spreadsheet does not take for formulas: texts that begin like one get an apostrophe."""
    import pyarrow.compute as pc
    import pyarrow.csv as pacsv

    for k, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(k)
            risky = pc.match_substring_regex(column, r"^[=+\-@\t]")
            table = table.set_column(
                k, field.name, pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
            )
    with pa.BufferOutputStream() as stream:
        pacsv.write_csv(table, stream)
        data: bytes = stream.getvalue().to_pybytes()
    return data
