"""The static page: a folder that any web server, or a browser without one, shows as it lies there.

OUT/
  index.html                     the page; boards as a table, models, comparisons, the Pareto plot
  boards/<key>.js                a board's data, for the page
  boards/<key>.csv, .parquet     the same for people and programs
  draws.js                       how often each template is drawn, for paired differences of any two models
  submissions/<place>.js         a model's manifest, sums by template and answers; loaded when they are looked at
  refused.json                   submissions that were not accepted, with every reason
  made.json                      what each file of submissions/ was made of, see `changed`

A first build appears as a whole. A later one goes into the page that is there, file by file, each of them whole: first what the boards
point to, then the boards, then the page, and last what nothing points to any more is taken away. Killed anywhere, it leaves a page that
works, and the next build finishes it.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pluralign.judge.samples import Sample
from pluralign.leaderboard.board import Board, Groups, boards, drawn
from pluralign.leaderboard.changed import PART, RECORD, file_key, file_name, keep_only, write_changed
from pluralign.leaderboard.downloads import csv_bytes, flat
from pluralign.leaderboard.folder import submission_files
from pluralign.leaderboard.groups import PeoplesJury, kept_means
from pluralign.leaderboard.page import data_script, page
from pluralign.leaderboard.summary import Store, Summary, axis, submission_folders, summaries
from pluralign.leaderboard.view import board_view, submission_view
from pluralign.ratings.tables import refuse_foreign, write_parquet, write_text, written_whole

PAGE, DRAWS, BOARDS, REFUSED = "index.html", "draws.js", "boards", "refused.json"
OWN = (PAGE, DRAWS, BOARDS, PART, REFUSED, RECORD)
MARKS = (PAGE, DRAWS)
"""Names by which a folder is known for a page."""
LEFT = re.compile(rf"({'|'.join(map(re.escape, OWN))})\.[0-9]+\.part")
"""What a killed build leaves beside a file."""


def build_site(
    submissions: Path,
    out: Path,
    *,
    records: Path,
    kept: Path | None = None,
    jury: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Check what is new, rank, and write the page; of a former page, what did not change is left as it is.

    Args:
        submissions: folder of submissions.
        out: where to; may hold a former page.
        records: the keepers' folder.
        kept: folder for checks and pairs that were made already; None makes all anew, the files of a former page too.
        jury: folder of a rater model fitted to ratings that people gave, for group columns; None for none.
        progress: told what is being done.

    Returns:
        n_accepted, n_refused, boards (key -> title and n), refused (place -> problems), page.

    Raises:
        PluralignError: PA113 for folders and records that cannot be used, PA052 where `out` holds something else.
    """
    refuse_foreign(out, {*OWN, *(one.name for one in _left(out))}, MARKS, "the page")
    people = PeoplesJury(jury) if jury else None
    folders = submission_folders(submissions)
    store = Store(kept / "checks.sqlite" if kept else None)
    accepted, refused = summaries(folders, store, lambda: progress("check"))
    progress("rank")
    places = {f"{one.parent.name}/{one.name}": one for one in folders}
    groups = _groups(people, accepted, places, kept, progress) if people else {}
    found = boards(accepted, records, kept, people.name if people else "", groups)
    with _page_folder(out) as folder:
        write_site(
            found,
            accepted,
            refused,
            folder,
            lambda summary: samples_of(places[summary.place]),
            progress,
            anew=kept is None,
        )
    return {
        "n_accepted": len(accepted), "n_refused": len(refused), "refused": refused, "page": str(out / PAGE),
        "boards": {one.world.key: {"title": one.world.title, "n": len(one.rows)} for one in found},
    }  # fmt: skip


def _left(out: Path) -> list[Path]:
    """Half-written files of a build that was killed."""
    return [one for one in out.iterdir() if LEFT.fullmatch(one.name)] if out.is_dir() else []


@contextmanager
def _page_folder(out: Path) -> Iterator[Path]:
    """The folder to write into: a former page itself, or a new folder that takes its place at the end."""
    if not (out / PAGE).is_file():
        with written_whole(out) as folder:
            yield folder
        return
    for one in _left(out):
        one.unlink()
    yield out


def _groups(
    jury: PeoplesJury,
    accepted: Sequence[Summary],
    places: Mapping[str, Path],
    kept: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Groups]:
    """Digest -> what a jury of people expects of the submission."""
    found: dict[str, Groups] = {}
    for one in accepted:
        progress(f"jury {jury.name}")
        found[one.digest] = kept_means(jury, one.digest, functools.partial(_answers, places[one.place]), kept)
    return found


def _answers(folder: Path) -> list[Sample]:
    return [sample for of in samples_of(folder).values() for sample in of]


def samples_of(folder: Path) -> dict[str, Any]:
    """Language -> answers of a submission that was accepted."""
    from pluralign.leaderboard.answers import read_answers

    files, _ = submission_files(folder)
    assert files is not None
    found = {language: read_answers(path, language, []) for language, path in files.samples.items()}
    return {language: one.samples for language, one in found.items() if one is not None}


def write_site(
    found: Sequence[Board], accepted: Sequence[Summary], refused: Mapping[str, Any], folder: Path,
    samples: Callable[[Summary], Mapping[str, Any] | None], progress: Callable[[str], None] = lambda _: None, *, anew: bool = False,
) -> None:  # fmt: skip
    """Write the page's files into a folder that is empty or holds a former page.

    Args:
        found: the boards.
        accepted: submissions, those too that a newer one superseded.
        refused: place -> problems.
        folder: of the page.
        samples: gives a submission's answers, or None to leave them out; called for those only whose file is written.
        progress: told what is being done.
        anew: write every file, whatever is there.
    """
    for part in (BOARDS, PART):
        (folder / part).mkdir(exist_ok=True)
    by_file = {file_name(one): one for one in accepted}

    def text(name: str) -> str:
        progress("submission")
        return data_script("submission", submission_view(by_file[name], samples(by_file[name])))

    write_changed(folder, {name: file_key(one) for name, one in by_file.items()}, text, anew=anew)
    write_text(_draws(), folder / DRAWS)
    views = [board_view(one) for one in found]
    current = [name for view in views for name in _write_board(view, folder / BOARDS, progress)]
    write_text(json.dumps(refused, indent=1, ensure_ascii=False) + "\n", folder / REFUSED)
    write_text(page(views, refused), folder / PAGE)
    keep_only(folder / BOARDS, current)
    keep_only(folder / PART, by_file)


def _write_board(view: Mapping[str, Any], folder: Path, progress: Callable[[str], None]) -> list[str]:
    """Write a board for the page and for downloads; returns the files' names."""
    progress(f"board {view['key']}")
    table, names = flat(view), [f"{view['key']}.{ending}" for ending in ("parquet", "csv", "js")]
    write_parquet(table, folder / names[0])
    write_text(csv_bytes(table).decode("utf-8"), folder / names[1])
    write_text(data_script("board", view), folder / names[2])
    return names


def _draws() -> str:
    """How often each template is drawn, as a file of data."""
    _, templates = axis()
    draws = drawn(int(templates.max()) + 1).astype(np.uint8)
    told = {"n": draws.shape[0], "templates": draws.shape[1], "base64": base64.b64encode(draws.tobytes()).decode()}
    return data_script("draws", told)
