"""The files of a submission, read without trusting them: names, kinds and sizes first, then bytes, never more than the bounds.

leaderboard/submissions/<org>__<model>/<date>-<short>/
  manifest.yaml
  results_<date>.json                       lm-eval's own
  samples_pluralign_<language>_<date>.jsonl.gz   lm-eval's own, gzipped; one a language
"""

from __future__ import annotations

import itertools
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pluralign.errors import Problem, listing
from pluralign.leaderboard.manifest import MANIFEST

MODEL_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}__[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
OWN_FOLDER = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9a-f]{8})")  # \d would take the digits of every script
DATE = r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}(?:\.[0-9]{1,6})?)"
RESULTS = re.compile(rf"results_{DATE}\.json")
SAMPLES = re.compile(rf"samples_pluralign_(en|de)_{DATE}\.jsonl\.gz")

MOST_BYTES = {"manifest": 64 * 1024, "results": 4 * 1024**2, "samples": 16 * 1024**2}
"""Of a file as it lies there."""
MOST_UNPACKED = 64 * 1024**2
"""Bytes of one file of samples, unpacked."""
MOST_RATIO = 200
"""Unpacked bytes a packed one, once a MiB has come out; JSON of answers shrinks to a tenth."""
MOST_LINE = 1024**2
MOST_LINES = 2000
MOST_MEMBERS = 64
"""Gzip files in one; each costs a copy of what follows it."""
MOST_HEADER = 1024
"""Bytes of each further part of a gzip header: nobody reads them, so that anything could lie there."""
MOST_FILES = 8
MOST_LISTED = 1000
"""Entries of a folder that are looked at, to say which one to give."""
CHUNK = 1 << 16

ALLOWED = (
    f"{MANIFEST}, one results_<date>.json, and samples_pluralign_<en|de>_<date>.jsonl.gz of the same date; nothing else"
)
FIX = "`pluralign submission new` makes such a folder from an lm-eval run."


@dataclass(frozen=True)
class Files:
    """What lies in a submission's folder.

    Attributes:
        folder: it.
        manifest, results: bytes.
        results_name: of the file.
        samples: language -> file.
        date: of the run, as lm-eval writes it into names.
    """

    folder: Path
    manifest: bytes
    results: bytes
    results_name: str
    samples: dict[str, Path]
    date: str


def submission_files(folder: Path, *, placed: bool = True) -> tuple[Files | None, list[Problem]]:
    """Look at a submission's folder; only then read what is small.

    Args:
        folder: of the submission.
        placed: whether its own name and its parent's must be those of a submission.

    Returns:
        The files, None where one is missing or may not be read, and all problems.
    """
    if folder.is_symlink() or not folder.is_dir():
        return None, [_problem(_shown(str(folder)), "a link" if folder.is_symlink() else "no folder", "a folder")]
    if (inner := _inner(folder)) is not None:
        return None, [
            _problem(
                _shown(folder.name),
                "a folder of submissions",
                f"one of them: give one <date>-<short> folder, e.g. {inner}",
            )
        ]
    problems = _names(folder) if placed else []
    found: dict[str, Path] = {}
    dates: dict[str, str] = {}
    with os.scandir(folder) as entries:
        names = sorted((entry.name, entry) for entry in itertools.islice(entries, MOST_FILES + 1))
    if len(names) > MOST_FILES:
        problems.append(_problem(_shown(folder.name), f"more than {MOST_FILES} files", ALLOWED))
        return None, problems
    for name, entry in names:
        kind, language, date = _kind(name)
        if kind is None:
            problems.append(_problem(_shown(name), "a file that does not belong there", ALLOWED))
        elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            problems.append(_problem(name, "a link, folder or device", "a plain file"))
        elif (size := entry.stat(follow_symlinks=False).st_size) > MOST_BYTES[kind]:
            problems.append(Problem("PA101", name, None, None, f"{size:,} bytes", f"at most {MOST_BYTES[kind]:,}", FIX))
        elif (key := f"{kind} {language}".strip()) in found:
            problems.append(_problem(name, f"a second file of {key}", "one run a submission"))
        else:
            found[key] = folder / name
            dates |= {name: date} if date else {}
    for key in ("manifest", "results", "samples en"):
        if key not in found and not any(p.file.startswith(key.split()[0]) for p in problems):
            problems.append(_problem(_shown(folder.name), f"no {key}", ALLOWED))
    for date in sorted(set(dates.values())):
        if moment(date) is None:
            problems.append(_problem(_shown(folder.name), f"the date {date}", "a day and time that there is"))
    if len(set(dates.values())) > 1:
        problems.append(
            _problem(
                _shown(folder.name),
                f"files of several runs: {listing(sorted(set(dates.values())))}",
                "files of one run",
            )
        )
    if problems:
        return None, problems
    results = found["results"]
    samples = {key.split()[1]: path for key, path in found.items() if key.startswith("samples")}
    return Files(
        folder, read_bytes(found["manifest"]), read_bytes(results), results.name, samples, dates[results.name]
    ), []


def _inner(folder: Path) -> str | None:
    """A submission below a folder that is none itself, as it may be shown."""
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in itertools.islice(entries, MOST_LISTED))
    if MANIFEST in names:
        return None
    if own := [one for one in names if OWN_FOLDER.fullmatch(one)]:
        return own[0]
    models = [one for one in names if MODEL_FOLDER.fullmatch(one) and (folder / one).is_dir()]
    return f"{models[0]}/<date>-<short>" if models else None


def _names(folder: Path) -> list[Problem]:
    problems = []
    resolved = folder.absolute()
    if resolved.parent.is_symlink():
        problems.append(_problem(_shown(resolved.parent.name), "a link", "a folder"))
    if not OWN_FOLDER.fullmatch(resolved.name):
        problems.append(_problem(_shown(resolved.name), "this name", "<yyyy-mm-dd>-<eight hexadecimal digits>"))
    if not MODEL_FOLDER.fullmatch(resolved.parent.name):
        problems.append(_problem(_shown(resolved.parent.name), "this name", "<organisation>__<model>"))
    return problems


def moment(date: str) -> datetime | None:
    """When a file was written, by the date in its name; None where there is no such day or time.

    >>> moment("2026-11-27T00-03-51.044831").day, moment("2026-02-30T00-00-00")
    (27, None)
    """
    try:
        return datetime.strptime(date, "%Y-%m-%dT%H-%M-%S.%f" if "." in date else "%Y-%m-%dT%H-%M-%S")
    except ValueError:
        return None


def _kind(name: str) -> tuple[str | None, str, str]:
    """Kind, language and date of a file by its name; None for what does not belong there."""
    if name == MANIFEST:
        return "manifest", "", ""
    if found := RESULTS.fullmatch(name):
        return "results", "", found[1]
    if found := SAMPLES.fullmatch(name):
        return "samples", found[1], found[2]
    return None, "", ""


def read_bytes(path: Path) -> bytes:
    """A file's bytes; a link that was put there meanwhile is not followed."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        return stream.read(max(MOST_BYTES.values()) + 1)


class PackedError(ValueError):
    """A gzip file that is broken or grows beyond the bounds; `code` says which."""

    def __init__(self, code: str, got: str, expected: str) -> None:
        super().__init__(got)
        self.code, self.got, self.expected = code, got, expected


def unpacked_lines(path: Path) -> Iterator[bytes]:
    """The lines of a gzipped file, one after the other, within the bounds.

    Raises:
        PackedError: PA100 for what is no whole gzip file, PA101 for what is too much.
    """
    rest, n_lines = b"", 0
    for part in _unpacked(path):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > MOST_LINE or any(len(line) > MOST_LINE for line in lines):
            raise PackedError("PA101", "a line longer than a MiB", f"at most {MOST_LINE:,} bytes a line")
        n_lines += len(lines)  # empty ones too: a file of nothing else takes as long to read
        if n_lines > MOST_LINES:
            raise PackedError("PA101", f"more than {MOST_LINES} lines", "a line a prompt")
        for line in lines:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


def _unpacked(path: Path) -> Iterator[bytes]:
    packed = unpacked = n_members = 0
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        data = stream.read(CHUNK)
        while data:
            n_members += 1
            if n_members > MOST_MEMBERS:
                raise PackedError("PA101", f"more than {MOST_MEMBERS} gzip files in one", "one")
            if len(data) < 4 * MOST_HEADER:
                data += stream.read(CHUNK)
            _header(data)
            member = zlib.decompressobj(31)
            while not member.eof:
                ended = not data and not (data := stream.read(CHUNK))
                try:
                    part = member.decompress(data, CHUNK)
                except zlib.error as error:
                    raise PackedError("PA100", f"no gzip file ({error})", "a gzip file") from error
                if ended and not part and not member.eof:  # what zlib still held came out first
                    raise PackedError("PA100", "a gzip file that ends too early", "a whole gzip file")
                packed += len(data) - len(member.unconsumed_tail) - len(member.unused_data)
                unpacked += len(part)
                if unpacked > MOST_UNPACKED or (unpacked > MOST_LINE and unpacked > MOST_RATIO * max(packed, 1)):
                    raise PackedError(
                        "PA101",
                        f"{unpacked:,} bytes out of {packed:,}",
                        f"at most {MOST_UNPACKED:,}, and {MOST_RATIO} a packed byte",
                    )
                data = member.unconsumed_tail or member.unused_data
                if part:
                    yield part
            data = data or stream.read(CHUNK)


def _header(data: bytes) -> None:
    """Refuse a gzip header whose extra field, name or comment is longer than a tool's own.

    Raises:
        PackedError: PA101.
    """
    if not data.startswith(b"\x1f\x8b"):
        return  # no gzip file, which is told where it is unpacked
    flags, at = (data[3] if len(data) > 3 else 0), 10
    sizes = {}
    if flags & 4:
        sizes["extra field"] = int.from_bytes(data[at : at + 2], "little")
        at += 2 + sizes["extra field"]
    for bit, what in ((8, "name"), (16, "comment")):
        if flags & bit:
            end = data.find(b"\0", at, at + MOST_HEADER + 1)
            sizes[what] = end - at if end >= 0 else MOST_HEADER + 1
            at += sizes[what] + 1
    for what, size in sizes.items():
        if size > MOST_HEADER:
            raise PackedError("PA101", f"a gzip header with a {what} of more than {MOST_HEADER:,} bytes", "none")


def _shown(name: str) -> str:
    """A name as a message may show it."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= 80 else text[:79] + "…"


def _problem(file: str, got: str, expected: str) -> Problem:
    return Problem("PA100", file, None, None, got, expected, FIX)
