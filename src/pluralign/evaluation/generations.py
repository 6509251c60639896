"""Generations saved as soon as they exist, so that no judge, no limit and no crash can lose them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pluralign.evaluation.records import Record
from pluralign.places import cache_folder
from pluralign.ratings.tables import write_text

KEPT = 40
"""Files of former runs that are kept in the user's cache folder."""


def save_generations(
    task: Any, docs: Sequence[Mapping[str, Any]], raw: Sequence[str], records: Sequence[Record]
) -> Path:
    """Write what a model generated as samples that `pluralign judge score` reads.

    Args:
        task: gives its name and its setting `save_to`.
        docs: prompts, in order.
        raw: what was generated, thinking included.
        records: the same without thinking, not judged yet.

    Returns:
        The file: in `save_to` where that is set, else in the user's cache folder, where the newest `KEPT` stay.
    """
    named = task.settings.save_to
    folder = Path(named) if named else cache_folder("generations")
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    path = folder / f"generations_{task.config.task}_{stamp}_{os.getpid()}.jsonl"
    lines = [
        json.dumps({"doc_id": k, "doc": dict(doc), "resps": [[text]], "filtered_resps": [record.to_json()]}, ensure_ascii=False)
        for k, (doc, text, record) in enumerate(zip(docs, raw, records, strict=True))
    ]  # fmt: skip
    write_text("".join(line + "\n" for line in lines), path)
    if not named:
        for old in sorted(folder.glob("generations_*.jsonl"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    return path
