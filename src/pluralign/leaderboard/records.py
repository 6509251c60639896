"""What the keepers of the leaderboard know of a submission besides what it says: judged again, generated again, flags cleared.

leaderboard/records/<org>__<model>/<date>-<short>.json is theirs: a submission cannot hold one, and one that speaks of other contents
counts for nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.leaderboard.flags import FLAGS
from pluralign.leaderboard.strict import StrictError, strict_json
from pluralign.ratings.tables import write_text

TIERS = ("reported", "recomputed", "re-judged", "reproduced")
"""Each includes the ones before it. `reported` is a submission whose check has not passed; a board shows none of them."""


@dataclass(frozen=True)
class Record:
    """What is known of a submission.

    Attributes:
        digest: of the contents that it is about.
        rejudged: what judging a sample again found; empty where that was not done.
        reproduced: what generating a sample again found; empty where that was not done.
        cleared: flag -> why it does not hold.
        note: what the page says beside its name, in the keepers' words; empty for nothing.
        received: the day on which it came to the keepers, as they write it down (of the pull request, say); empty where they did not.
    """

    digest: str
    rejudged: dict[str, Any] = field(default_factory=dict)
    reproduced: dict[str, Any] = field(default_factory=dict)
    cleared: dict[str, str] = field(default_factory=dict)
    received: str = ""
    note: str = ""

    @property
    def tier(self) -> str:
        """The highest that was reached."""
        if self.reproduced.get("passed") and self.rejudged.get("passed"):
            return "reproduced"
        return "re-judged" if self.rejudged.get("passed") else "recomputed"

    @property
    def days(self) -> tuple[Any, ...]:
        """On which it was judged and generated again, as far as that was done."""
        details = (one.get("details") for one in (self.rejudged, self.reproduced))
        return tuple(one["date"] for one in details if isinstance(one, dict) and one.get("date"))

    @property
    def seen(self) -> str:
        """Since which day the keepers know of these contents, yyyy-mm-dd: when it came, else when it was first judged or generated again; else empty."""
        return self.received or min(self.days, default="")


def record_path(records: Path, place: str) -> Path:
    """Where the record of a submission lies."""
    return records / f"{place}.json"


def read_record(records: Path, place: str, digest: str) -> Record:
    """The record of a submission; an empty one where there is none, or where it is about other contents.

    Raises:
        PluralignError: PA113 for a file that is no record, and where `records` is no folder.
    """
    if records.exists() and not records.is_dir():
        raise PluralignError("PA113", f"{records} is no folder.", "Name the folder of the keepers' records.")
    path = record_path(records, place)
    if not path.exists():
        return Record(digest)
    try:
        record = _record(strict_json(path.read_bytes()))
    except (StrictError, TypeError, ValueError, OSError) as error:
        raise PluralignError(
            "PA113",
            f"{path} is no record ({type(error).__name__}: {error}).",
            "Restore it, or remove it and judge again.",
        ) from error
    return record if record.digest == digest else Record(digest)


def _record(held: Any) -> Record:
    """A record out of what its file holds; a key that is not known is an error, because what it says would count for nothing."""
    if not isinstance(held, dict):
        raise TypeError(f"got {type(held).__name__}; expected an object")
    record = Record(**held)
    for name in ("rejudged", "reproduced", "cleared"):
        if not isinstance(getattr(record, name), dict):
            raise TypeError(f"{name} is no object")
    if odd := sorted(set(record.cleared) - set(FLAGS)):
        raise ValueError(f"there is no flag {odd[0]!r}")
    if not isinstance(record.note, str):
        raise TypeError("note is no text")
    for day in (record.received, *record.days):
        if not isinstance(day, str):
            raise TypeError(f"got the day {day!r}; expected a text, yyyy-mm-dd")
        if day:
            date.fromisoformat(day)
    return record


def write_record(records: Path, place: str, record: Record) -> Path:
    """Write a record, whole or not at all."""
    path = record_path(records, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(json.dumps(vars(record), indent=1, sort_keys=True, ensure_ascii=False) + "\n", path)
    return path
