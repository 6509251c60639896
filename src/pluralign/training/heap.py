"""Memory on CPUs: batches of ever other widths leave glibc's heap full of holes, which it keeps."""

from __future__ import annotations

import ctypes
import os
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Of `mallopt(3)`."""
MEBIBYTE = 1 << 20


def give_back_memory() -> bool:
    """Have glibc map large blocks one by one, which are given back when they are freed; what the environment says of it holds.

    A worker of the grid that trains and generates one cell after the other was seen to grow to 9 GB without, and stays at 2.3 GB.

    Returns:
        Whether it was done: not where the C library has no such settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    settings = {
        "MALLOC_MMAP_THRESHOLD_": (MMAP_THRESHOLD, MEBIBYTE), "MALLOC_TRIM_THRESHOLD_": (TRIM_THRESHOLD, MEBIBYTE),
        "MALLOC_ARENA_MAX": (ARENA_MAX, 2),
    }  # fmt: skip
    return all(mallopt(option, value) == 1 for name, (option, value) in settings.items() if name not in os.environ)
