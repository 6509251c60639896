"""What the keepers of the leaderboard know of a submission besides what it says: judged again, generated again, flags cleared.

leaderboard/records/<org>__<model>/<date>-<short>.json is theirs: a submission cannot hold one, and one that speaks of other contents
counts for nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
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
    """

    digest: str
    rejudged: dict[str, Any] = field(default_factory=dict)
    reproduced: dict[str, Any] = field(default_factory=dict)
    cleared: dict[str, str] = field(default_factory=dict)

    @property
    def tier(self) -> str:
        """The highest that was reached."""
        if self.reproduced.get("passed") and self.rejudged.get("passed"):
            return "reproduced"
        return "re-judged" if self.rejudged.get("passed") else "recomputed"


def record_path(records: Path, place: str) -> Path:
    """Where the record of a submission lies."""
    return records / f"{place}.json"


def read_record(records: Path, place: str, digest: str) -> Record:
    """The record of a submission; an empty one where there is none, or where it is about other contents.

    Raises:
        PluralignError: PA113 for a file that is no record.
    """
    path = record_path(records, place)
    if not path.is_file():
        return Record(digest)
    try:
        held = strict_json(path.read_bytes())
        record = Record(held["digest"], held.get("rejudged", {}), held.get("reproduced", {}), held.get("cleared", {}))
        assert all(isinstance(one, dict) for one in (record.rejudged, record.reproduced, record.cleared))
        assert set(record.cleared) <= set(FLAGS)
    except (StrictError, KeyError, TypeError, AttributeError, AssertionError, OSError) as error:
        raise PluralignError(
            "PA113",
            f"{path} is no record ({type(error).__name__}: {error}).",
            "Restore it, or remove it and judge again.",
        ) from error
    return record if record.digest == digest else Record(digest)


def write_record(records: Path, place: str, record: Record) -> Path:
    """Write a record, whole or not at all."""
    path = record_path(records, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(json.dumps(vars(record), indent=1, sort_keys=True, ensure_ascii=False) + "\n", path)
    return path
