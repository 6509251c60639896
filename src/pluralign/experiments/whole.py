"""Whether a file that a stage left is whole: one that was cut off (a full disk, a machine that lost power) is made again, not believed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def is_whole(path: Path) -> bool:
    """Whether a Parquet file or one of JSON lines is there and can be read to its end, with at least a row.

    Args:
        path: a name ending in .parquet or .jsonl.
    """
    try:
        if path.suffix == ".parquet":
            return bool(pq.read_table(path).num_rows)
        lines = path.read_text("utf-8").splitlines()
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except FileNotFoundError:
        return False
    except (ValueError, pa.ArrowException, OSError):  # Arrow tells of a torn page as an OSError
        return False
