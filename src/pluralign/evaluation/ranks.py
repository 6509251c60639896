"""Several processes that evaluate one model, as `accelerate launch` starts them: lm-eval gives each a share of the prompts.

Each judges its own share. So each gets its part of the budget, and what judging cost and how often it failed is put together before
it is reported.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TypeVar

from pluralign.judge import JudgeOptions

T = TypeVar("T")


def n_ranks() -> int:
    """How many processes there are, as torch's launchers say it."""
    return max(1, int(os.environ.get("WORLD_SIZE") or 1))


def own_part(options: JudgeOptions) -> JudgeOptions:
    """The options of one of the processes: its part of the budget and of the requests in flight.

    >>> own_part(JudgeOptions(max_calls=100)).max_calls
    100
    """
    n = n_ranks()
    if n == 1:
        return options
    return replace(
        options,
        max_calls=None if options.max_calls is None else options.max_calls // n,
        max_usd=None if options.max_usd is None else options.max_usd / n,
        concurrency=max(1, options.concurrency // n),
    )


def of_all_ranks(mine: T) -> list[T]:
    """What every process has, in their order; all of them must ask. Alone: what this one has."""
    if n_ranks() == 1:
        return [mine]
    import torch

    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [mine]
    found: list[T] = [mine] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, mine)
    return found
