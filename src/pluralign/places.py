"""Where things lie: what ships with the package, and what is kept between runs."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path

from pluralign.errors import PluralignError

CACHE_VARIABLE = "PLURALIGN_CACHE"


def cache_folder(part: str) -> Path:
    """The folder in which something is kept between runs; made if it is not there.

    It is `$PLURALIGN_CACHE/part` where that is set, else the platform's user cache folder (`~/.cache/pluralign/part` on Linux).

    Args:
        part: what is kept, e.g. `models`.

    Raises:
        PluralignError: PA055 where it cannot be made.
    """
    named = os.environ.get(CACHE_VARIABLE)
    base = Path(named).expanduser() if named else _user_cache() / "pluralign"
    folder = base / part
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PluralignError(
            "PA055",
            f"cannot make {folder}: {error.strerror}.",
            f"Set {CACHE_VARIABLE} to a folder that can be written to.",
        ) from error
    return folder


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def carried(name: str, checkout: str) -> Path:
    """A folder that the wheel carries under `_data`, or the checkout has at its top.

    Args:
        name: under `_data`, e.g. `prompts`.
        checkout: relative to the checkout's root, e.g. `datasets/prompts`.

    Raises:
        PluralignError: PA001 where neither is there.
    """
    package = Path(str(files("pluralign")))
    for folder in (package / "_data" / name, package.parents[1] / checkout):
        if folder.is_dir():
            return folder
    raise PluralignError(
        "PA001", f"this installation of pluralign has no {name} (neither {package / '_data' / name} nor a checkout).",
        "Install the wheel again.",
    )  # fmt: skip
