"""The report on a model as a rater: its tables, as plain text within 110 columns and as plain values for JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from pluralign.evaluation.rater_rows import ALL, NAN, Consistency, Interval, Nearest, Row, Steer
from pluralign.evaluation.rater_scores import MINIMUM_CLUSTERS
from pluralign.schema import EVERYONE
from pluralign.stats.proper_scores import POOLED_MINIMUM

R = TypeVar("R", Row, Nearest)
FEW = 30
"""Items below which a group's single dimensions are left out of the text: they are in the JSON, and mostly noise."""
SHORT = {ALL: "all (mean)"}


@dataclass(frozen=True)
class RaterReport:
    """All tables; `str()` gives the text, `as_dict()` plain values for JSON.

    Attributes:
        provenance: of the ratings; says `SIMULATED` where they are.
        simulated: whether they are.
        rows, nearest, steering: the tables.
        consistency: attribute -> its most frequent nearest group.
        n_documents: task -> documents it rests on.
        asked: dimension -> which of our dimensions the model was asked about in its place.
        bootstrap, seed: of all intervals.
    """

    provenance: str
    simulated: bool
    rows: tuple[Row, ...]
    nearest: tuple[Nearest, ...]
    steering: tuple[Steer, ...]
    consistency: Mapping[str, Consistency]
    n_documents: Mapping[str, int]
    asked: Mapping[str, str]
    bootstrap: int
    seed: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values; an undefined number is null, and `undefined` says why."""
        held: dict[str, Any] = _plain(asdict(self))
        held["consistency"] = {attribute: one._asdict() for attribute, one in self.consistency.items()}
        held["undefined"] = {
            "skill": "no rating, or none by the group in the train split",
            "low, high": f"fewer than {MINIMUM_CLUSTERS} prompt templates in one of the cells",
            "cramer": "no item with two ratings of the group",
            "pairwise": "fewer than two prompts with two rated items",
            "ceiling": "fewer than three items with two ratings, or halves that do not correlate above 0",
            "pooled_js": f"under {POOLED_MINIMUM} ratings",
            "toward": "no unsteered samples of the same items",
        }
        held["clusters"] = "raters × prompt templates, two-way bootstrap"
        return held

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Those of every table."""
        steering = [one for row in self.steering for one in (row.net, row.toward, row.specific)]
        return (*(row.skill for row in self.rows), *(one.difference for one in self.nearest), *steering)

    def __str__(self) -> str:
        parts = (_head(self), _scores(self), _nearest(self), _steering(self), _foot(self))
        return "\n\n".join(part for part in parts if part)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _head(report: RaterReport) -> str:
    what = "simulated raters, so no statement about people" if report.simulated else "people's ratings"
    lines = [f"The model as a rater, against {report.provenance}", f"({what})"]
    lines += [f"{n:,} documents of {task}" for task, n in report.n_documents.items()]
    for ours in dict.fromkeys(report.asked.values()):
        own = [name for name, asked in report.asked.items() if asked == ours and name != ours]
        lines += [f"asked about {ours} in place of {', '.join(own)}"] if own else []
    return "\n".join(lines)


def _told_once(rows: Sequence[R]) -> list[R]:
    """Rows without the mean over dimensions where there is one dimension alone, which it would repeat."""
    single = len({row.dimension for row in rows} - {ALL}) < 2
    return [row for row in rows if not (single and row.dimension == ALL)]


def _is_pooled(row: Row | Nearest, rows: Sequence[Row | Nearest]) -> bool:
    """Whether nothing in the table rests on more of a group's ratings."""
    return row.dimension == ALL or all(other.dimension != ALL for other in rows)


def _scores(report: RaterReport) -> str:
    if not report.rows:
        return ""
    lines = [
        f"{'in':<3}{'group':<14}{'dimension':<20}{'RPS skill [95 %] ↑':<23}{'Cramér ↓':>9}{'pairs ↓':>9}{'r ↑':>7}{'of':>6}"
        f"{'JS ↓':>7}{'items':>6}"
    ]
    rows = _told_once(report.rows)
    shown = [row for row in rows if row.group == EVERYONE or _is_pooled(row, rows) or row.n_items >= FEW]
    for row in shown:
        described = row if row.n_items >= FEW else replace(row, cramer=NAN, pairwise=NAN, correlation=NAN, ceiling=NAN)
        lines.append(
            f"{row.language:<3}{row.group:<14.13}{SHORT.get(row.dimension, row.dimension):<20.19}{ranged(row.skill):<23}"
            f"{number(described.cramer, 3):>9}{number(described.pairwise, 3):>9}{number(described.correlation):>7}"
            f"{number(described.ceiling):>6}{number(row.pooled_js):>7}{row.n_items:>6}"
        )
    if left_out := len(rows) - len(shown):
        lines.append(f"   ({left_out} cells with fewer than {FEW} items are in the JSON only)")
    return "\n".join(lines)


def _nearest(report: RaterReport) -> str:
    if not report.nearest:
        return ""
    lines = ["Representativeness: which group's ratings are fitted best (paired difference of skills, common items)"]
    rows = _told_once(report.nearest)
    shown = [one for one in rows if _is_pooled(one, rows) or one.n_items >= FEW]
    for one in shown:
        where = f"{one.language:<3}{one.attribute:<10}{SHORT.get(one.dimension, one.dimension):<20.19}"
        if not one.group:
            lines.append(f"{where}undefined")
            continue
        clear = "" if one.difference.is_clear else "  unclear"
        few = f"  <{FEW} items" if one.n_items < FEW else ""
        lines.append(f"{where}{one.group:<13.12}over {one.over:<13.12}{ranged(one.difference)}{clear}{few}")
    if left_out := len(rows) - len(shown):
        lines.append(f"   ({left_out} comparisons on fewer than {FEW} common items are in the JSON only)")
    several = {attribute: one for attribute, one in report.consistency.items() if one.n_cells > 1}
    if not several:
        return "\n".join(lines)
    lines.append(
        "Consistency: how many of the dimension × language cells have the same nearest group (drawn at random)"
    )
    for attribute, found in several.items():
        lines.append(f"   {attribute:<11}{found.group:<14}{found.share:.0%} of {found.n_cells} ({found.chance:.0%})")
    return "\n".join(lines)


def _steering(report: RaterReport) -> str:
    if not report.steering:
        return ""
    lines = [
        "Steerability: gain in skill when told to rate as a member of the group (net: over the wrong group's name)",
        f"{'in':<3}{'named':<14}{'control':<14}{'net [95 %] ↑':<25}{'over no name ↑':<25}{'items':>6}",
    ]
    for one in report.steering:
        lines.append(
            f"{one.language:<3}{one.group:<14.13}{one.wrong:<14.13}{ranged(one.net):<25}{ranged(one.toward):<25}{one.n_items:>6}"
        )
    if not any(math.isfinite(one.toward.value) for one in report.steering):
        lines.append("   (over no name: needs pluralign_rater in the same run)")
    lines.append(
        "Both ways: own name over the other's, mean of both groups' ratings; a name that helps whoever rates cancels"
    )
    # Of two groups, each is the other's control, and both rows say the same.
    pairs = {(one.language, frozenset((one.group, one.wrong))): one for one in reversed(report.steering)}
    shown = list(reversed(pairs.values()))
    for one in shown:
        lines.append(
            f"{one.language:<3}{one.group:<14.13}{one.wrong:<14.13}{ranged(one.specific):<25}{_verdict(one.specific)}"
        )
    return "\n".join([*lines, _conclusion([one.specific for one in shown])])


def _verdict(specific: Interval) -> str:
    if not specific.has_ends:
        return "no interval" if math.isfinite(specific.value) else "undefined"
    if not specific.is_clear:
        return "unclear"
    return "steerable" if specific.low > 0 else "moves the wrong way"


def _conclusion(specific: Sequence[Interval]) -> str:
    """In how many comparisons the names steer, beside how many would seem to by chance."""
    known = [one for one in specific if one.has_ends]
    if not known:
        return "Conclusion: none, for no comparison has an interval."
    told, n = Counter(_verdict(one) for one in known), len(known)
    return (
        f"Conclusion: names steer the model in {told['steerable']} of {n} comparisons and move it the wrong way in "
        f"{told['moves the wrong way']}; {told['unclear']} unclear.\n"
        "By chance, a model that ignores names seems to be steered in about one comparison of 40."
    )


def _foot(report: RaterReport) -> str:
    lines = []
    if report.rows:
        lines += [
            "RPS skill: 1 perfect, 0 no better than the group's training marginal. pairs: log-loss, .693 knows nothing.",
            f"r … of: correlation and its ceiling. JS: pooled, from {POOLED_MINIMUM} ratings on. Columns without intervals only",
            f"describe, from {FEW} items on. –: undefined, or of too few; the JSON has what there is, and why.",
        ]
    lines.append(
        f"Intervals: 95 %, {report.bootstrap:,} two-way bootstraps over raters and prompt templates, seed {report.seed}."
    )
    if any(math.isfinite(one.value) and not one.has_ends for one in report.intervals):
        lines.append(
            f"[–, –]: fewer than {MINIMUM_CLUSTERS} prompt templates in a cell. Raise --limit, or name fewer groups or dimensions\n"
            """in --metadata, as '{"groups": ["female", "male"], "dimensions": ["toxicity"]}'."""
        )
    return "\n".join(lines)


def number(value: float, digits: int = 2) -> str:
    """A number without its leading zero, or a dash where it is undefined.

    >>> number(0.25), number(-0.5), number(-0.001), number(float("nan"))
    ('.25', '-.50', '.00', '–')
    """
    if not math.isfinite(value):
        return "–"
    # Adding 0 to what is rounded first turns -0 into 0.
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}f}".replace("0.", ".", 1) if abs(rounded) < 1 else f"{rounded:.{digits}f}"


def ranged(interval: Interval) -> str:
    """A number with its interval."""
    if not math.isfinite(interval.value):
        return "–"
    return f"{number(interval.value, 3)} [{number(interval.low, 3)}, {number(interval.high, 3)}]"
