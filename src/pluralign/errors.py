"""Errors that say what is wrong, where, what was got, what was expected and what to do.

Every code is declared once, in `CODES`. Validators return *all* problems as a list of `Problem`; what cannot go on raises
`PluralignError` (one thing wrong) or `ProblemsFoundError` (many).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

CODES: dict[str, str] = {
    # the three tables
    "PA001": "file missing",
    "PA002": "column missing",
    "PA003": "column of the wrong type",
    "PA004": "unknown category",
    "PA005": "rating off the scale",
    "PA006": "rating of an unknown item",
    "PA007": "rating by an unknown rater",
    "PA008": "repeated rating",
    "PA009": "empty text",
    "PA010": "language missing",
    "PA011": "rater with two attribute values",
    "PA012": "repeated item",
    "PA013": "value missing",
    "PA014": "provenance unreadable",
    "PA015": "column not in the schema",
    "PA016": "checksum differs",
    "PA017": "repeated rater",
    "PA018": "position below 1",
    "PA019": "values that exclude each other",
    # views
    "PA020": "unknown group",
    "PA021": "unknown scale",
    "PA022": "scale not offered by the source",
    "PA023": "unknown aggregation",
    "PA024": "unknown dimension",
    "PA025": "unknown engine",
    "PA026": "too many ratings in a cell",
    "PA027": "group too small to publish",
    # sources
    "PA030": "unknown source",
    "PA031": "source file not recognised",
    "PA032": "attention check failed",
    "PA033": "answer that is not a rating",
    # simulation
    "PA040": "lexicon broken",
    "PA041": "parameter out of range",
    "PA042": "calibration target not reached",
    # release
    "PA050": "release differs from what was built",
    "PA051": "push refused",
    "PA052": "folder not empty",
    "PA053": "no data sheet for imported ratings",
    "PA054": "package not installed",
    "PA055": "cannot read or write here",
    # statistics
    "PA060": "model cannot be fitted",
    "PA061": "statistic cannot be computed",
    # judges
    "PA070": "unknown judge",
    "PA071": "judge cannot be used",
    "PA072": "key missing",
    "PA073": "too many answers could not be judged",
    "PA074": "judge setting out of range",
    "PA075": "rubric broken",
    "PA076": "samples not recognised",
    "PA077": "fitted judge not recognised",
    "PA078": "judge cache unusable",
    "PA079": "validation not recognised",
    # evaluation
    "PA080": "prompts differ from what was released",
    "PA081": "task setting not usable",
    "PA082": "link refused",
    "PA083": "model cannot be loaded",
    # preferences
    "PA090": "unknown condition",
    "PA091": "condition without rows",
    "PA092": "no two responses to one prompt",
    "PA093": "preference setting not usable",
    "PA094": "no prompts in this language",
    # training and experiments
    "PA095": "recipe not usable",
    "PA096": "training cannot go on",
    "PA097": "experiment not usable",
    "PA098": "adapter changes nothing",
    "PA099": "result not recognised",
    # leaderboard
    "PA100": "submission folder not allowed",
    "PA101": "file too large",
    "PA102": "file not strict JSON or YAML",
    "PA103": "manifest not recognised",
    "PA104": "made with other settings",
    "PA105": "prompts not covered",
    "PA106": "reported differs from recomputed",
    "PA107": "judgements not usable",
    "PA108": "answers suspicious",
    "PA109": "submitted before",
    "PA110": "weights not safe",
    "PA111": "judged again with another outcome",
    "PA112": "generated again with another outcome",
    "PA113": "leaderboard cannot be built",
    "PA114": "submission cannot be sent",
}
"""Code -> title. Tests and fixes key on the code; the message carries the particulars."""


def did_you_mean(got: object, options: Iterable[str]) -> str:
    """Return ' Did you mean 'x'?' for the nearest option, or the empty string.

    >>> did_you_mean("femal", ["female", "male"])
    " Did you mean 'female'?"
    >>> did_you_mean("zzz", ["female", "male"])
    ''
    """
    options = list(options)
    folded = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(str(got).strip().casefold(), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def listing(options: Sequence[str], most: int = 12) -> str:
    """Join options for a message, cut after `most` of them.

    >>> listing(["a", "b", "c"], most=2)
    "'a', 'b' (and 1 more)"
    """
    shown = ", ".join(repr(option) for option in options[:most])
    return shown + (f" (and {len(options) - most} more)" if len(options) > most else "")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a file, a row or a field.

    Attributes:
        code: a key of `CODES`.
        file: the file or table it is in.
        row: the 0-based row, or None where the whole file is meant.
        field: the column or key, or None.
        got: what was found.
        expected: what would have been right.
        fix: what to do about it.
    """

    code: str
    file: str
    row: int | None
    field: str | None
    got: str
    expected: str
    fix: str

    def __str__(self) -> str:
        where = (
            self.file + ("" if self.row is None else f", row {self.row}") + (f", {self.field}" if self.field else "")
        )
        return f"{self.code} {CODES[self.code]} in {where}: got {self.got}; expected {self.expected}. {self.fix}"

    def as_dict(self) -> dict[str, object]:
        """The problem as plain values, with its title, for `--json`."""
        return {**asdict(self), "title": CODES[self.code]}


class PluralignError(Exception):
    """Something is wrong that stops the command; the message says what to do.

    Args:
        code: a key of `CODES`.
        message: what, where, got, expected.
        fix: what to do about it.
    """

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        self.code = code
        self.title = CODES[code]
        self.fix = fix
        super().__init__(f"{code} {self.title}: {message}" + (f" {fix}" if fix else ""))


class ProblemsFoundError(PluralignError):
    """A validator found problems and was told to stop at them (`strict`)."""

    def __init__(self, problems: Sequence[Problem], most: int = 20) -> None:
        self.problems = list(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems[:most])
        more = f"\n  … and {len(self.problems) - most} more" if len(self.problems) > most else ""
        super().__init__(self.problems[0].code, f"{len(self.problems)} problem(s) found\n{lines}{more}")


def unusable_place(error: Exception) -> PluralignError:
    """What a disk refuses, as an error of ours.

    Args:
        error: an `OSError`, or what a library raises in its place.
    """
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    place = getattr(error, "filename", None)
    return PluralignError(
        "PA055", f"{reason}{f': {place}' if place else ''}.", "Name a folder that can be written to, with room."
    )


def unknown(code: str, what: str, got: object, options: Sequence[str]) -> PluralignError:
    """Build the error for a name that is not in a closed list.

    >>> print(unknown("PA021", "scale", "3pts", ["5pt", "3pt", "binary"]))
    PA021 unknown scale: got scale '3pts'; expected one of '5pt', '3pt', 'binary'. Did you mean '3pt'?
    """
    return PluralignError(code, f"got {what} {got!r}; expected one of {listing(options)}.{did_you_mean(got, options)}")
