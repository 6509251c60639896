"""Memory that does not suffice: how it is recognised, and batches that become smaller where it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from pluralign.errors import PluralignError

SAID = (
    "DefaultCPUAllocator: can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""What a plain `RuntimeError` of torch says: on CPUs it has no other, and from within CUDA's own calls neither."""
FIX = "Take a smaller model or max_length, or a larger device."
T = TypeVar("T")
R = TypeVar("R")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of whichever device, did not suffice.

    >>> is_out_of_memory(RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to …"))
    True
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes cannot be multiplied"))
    (True, False)
    """
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)


def forget_memory() -> None:
    """Give a GPU's freed memory back, so that smaller pieces find room."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@dataclass
class Batches:
    """Batches that become smaller for good where memory does not suffice.

    Attributes:
        size: rows at once.
    """

    size: int

    def of(self, rows: Sequence[T], work: Callable[[Sequence[T]], R]) -> Iterator[R]:
        """Work through rows a batch at a time; one that does not fit is halved, down to one row.

        Args:
            rows: what is worked through, in order; every row once, whatever fits.
            work: takes some of the rows.

        Yields:
            What `work` gave, batch by batch.

        Raises:
            PluralignError: PA096 where one row alone does not fit.

        >>> list(Batches(2).of("abcde", "".join))
        ['ab', 'cd', 'e']
        """
        at = 0
        while at < len(rows):
            part, fits = rows[at : at + self.size], True
            try:
                found = work(part)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(part) == 1:
                    raise PluralignError("PA096", "out of memory with one row of a forward pass.", FIX) from error
                fits = False
            if not fits:  # out of the handler: with the error goes what it holds of the failed pass
                forget_memory()
                self.size = len(part) // 2
                continue
            yield found
            at += len(part)
