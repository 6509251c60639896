"""Making bare `lm_eval --tasks pluralign` work with lm-eval releases that do not discover tasks of installed packages.

`link` writes one stub a task beside lm-eval's own tasks, each a line of YAML that includes ours; `unlink` takes away exactly what `link`
wrote. Nothing else is touched, and a file that is not ours is never overwritten.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from pluralign.errors import PluralignError
from pluralign.evaluation.include_path import tasks_dir
from pluralign.ratings.tables import write_text

FOLDER = "pluralign"
MARK = "# Written by `pluralign link`; `pluralign unlink` removes it."


@dataclass(frozen=True)
class Linked:
    """What was done.

    Attributes:
        folder: beside lm-eval's own tasks.
        files: names of the stubs.
    """

    folder: Path
    files: tuple[str, ...]


def lm_eval_tasks() -> Path:
    """The folder of lm-eval's own tasks.

    Raises:
        PluralignError: PA082 where lm-eval is not installed.
    """
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or spec.origin is None:
        raise PluralignError("PA082", "lm-eval is not installed here.", "pip install 'pluralign[eval]'")
    return Path(spec.origin).parent / "tasks"


def task_files() -> list[Path]:
    """Every YAML of ours."""
    return sorted(tasks_dir().rglob("*.yaml"))


def link(tasks: Path | None = None) -> Linked:
    """Write the stubs.

    Args:
        tasks: folder of lm-eval's tasks; by default that of the installed lm-eval.

    Raises:
        PluralignError: PA082 where the folder holds anything that `link` did not write, or cannot be written to.
    """
    folder = (tasks or lm_eval_tasks()) / FOLDER
    foreign = [path.name for path in folder.rglob("*") if path.is_file() and not _ours(path)] if folder.is_dir() else []
    if foreign:
        raise PluralignError(
            "PA082", f"{folder} holds {foreign[0]!r}, which `pluralign link` did not write.",
            "Use --include_path instead, or move the folder away.",
        )  # fmt: skip
    unlink(tasks)
    try:
        for path in task_files():
            # `include` takes the file's keys over, functions included, and finds them from the file's own folder.
            write_text(f"{MARK}\ninclude: {path}\n", folder / path.name)
    except OSError as error:
        unlink(tasks)
        raise PluralignError(
            "PA082", f"cannot write to {folder}: {error.strerror}.",
            'Use --include_path "$(pluralign tasks-dir)" instead; it needs no writing.',
        ) from error  # fmt: skip
    return Linked(folder, tuple(path.name for path in task_files()))


def unlink(tasks: Path | None = None) -> Linked:
    """Take the stubs away; what `link` did not write stays."""
    folder = (tasks or lm_eval_tasks()) / FOLDER
    removed = []
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else []:
        if _ours(path):
            path.unlink()
            removed.append(path.name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
    return Linked(folder, tuple(removed))


def _ours(path: Path) -> bool:
    return path.suffix == ".yaml" and path.read_text("utf-8", errors="replace").startswith(MARK)
