"""Which of the processes of one run this is, as `accelerate launch` tells it in the environment, and how they share work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def own_rank() -> int:
    """The number of this process, 0 where it is alone; `evaluation.ranks.n_ranks` says how many there are."""
    return int(os.environ.get("RANK") or 0)


def is_main_process() -> bool:
    """Whether this is the first of them."""
    return own_rank() == 0


def own_gpu() -> str:
    """The GPU that is this process's own: that of its number on this machine, or torch's current one where it is alone."""
    local = os.environ.get("LOCAL_RANK") or ""
    return f"cuda:{local}" if local else "cuda"


def own_order(pieces: Sequence[T], rank: int, n: int) -> list[T]:
    """All pieces of a work that n processes share, in the order in which one of them takes them.

    Each begins with every n-th piece, so that long and short ones are dealt out evenly. Then come those of the others from the end, where
    they are not yet: who only went on behind another one would compute every piece beside it.

    Args:
        pieces: in an order that all processes have in common.
        rank: of the process, 0 … n − 1.
        n: processes.

    >>> own_order("abcdef", 0, 2), own_order("abcdef", 1, 2)
    (['a', 'c', 'e', 'f', 'd', 'b'], ['b', 'd', 'f', 'e', 'c', 'a'])
    """
    dealt = [list(pieces[(rank + step) % n :: n]) for step in range(n)]
    return dealt[0] + [piece for others in dealt[1:] for piece in reversed(others)]
