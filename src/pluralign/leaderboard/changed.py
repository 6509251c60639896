"""Which files of answers a page has already: a build writes those of new and changed submissions only, and takes the removed ones away.

A page keeps a record of what each of these files was made of, with the file's size and time. A file counts as made only if it is the very
one that the record speaks of, so that a build that was killed, before or after the record, and a file that somebody changed cost a second
writing and nothing else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pluralign import __version__
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.leaderboard.summary import Summary
from pluralign.leaderboard.view import FORMAT
from pluralign.ratings.tables import write_text

PART, RECORD = "submissions", "made.json"


def file_name(summary: Summary) -> str:
    """Of a submission's file; the page asks for it under this name."""
    return f"{summary.place.replace('/', '__')}.js"


def file_key(summary: Summary) -> str:
    """What changes with anything that a submission's file is made of: its contents, its manifest, this code."""
    parts = {"digest": summary.digest, "manifest": summary.manifest, "version": __version__, "format": FORMAT}
    return identity_sha256(parts)


def write_changed(folder: Path, wanted: Mapping[str, str], text: Callable[[str], str], *, anew: bool = False) -> None:
    """Write the files of a page that are new, or were made of something else; the others are neither read nor touched.

    Args:
        folder: of the page.
        wanted: name of a file -> its key.
        text: gives what a file is to hold, by its name; called for those only that are written.
        anew: write all of them.
    """
    held = {} if anew else _record(folder / RECORD)
    made = {}
    for name, key in wanted.items():
        path = folder / PART / name
        now = _made(key, path)
        if now is None or held.get(name) != now:
            write_text(text(name), path)
            now = _made(key, path)
        made[name] = now
    write_text(json.dumps(made, indent=0) + "\n", folder / RECORD)


def _made(key: str, path: Path) -> dict[str, Any] | None:
    """What the record says of a file; None where it is not there."""
    try:
        now = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return {"key": key, "size": now.st_size, "mtime_ns": now.st_mtime_ns}


def _record(path: Path) -> dict[str, Any]:
    """What a former build wrote down; nothing where there is no record or a broken one, so that every file is written."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def keep_only(folder: Path, names: Collection[str]) -> None:
    """Take away everything in a part of the page that does not belong there any more."""
    for path in list(folder.iterdir()):
        if path.name in names:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
