"""What requests cost, and a budget that cannot be overshot: what a request may cost at most is set aside before it is sent."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence

from pluralign.errors import PluralignError

USD_PER_MILLION: Mapping[str, tuple[float, float]] = {
    "gpt-4o-mini": (0.15, 0.60),
    "gpt-4o": (2.50, 10.00),
    "gpt-4.1": (2.00, 8.00),
    "gpt-4.1-mini": (0.40, 1.60),
    "gpt-4.1-nano": (0.10, 0.40),
    "o3-mini": (1.10, 4.40),
    "o4-mini": (1.10, 4.40),
}
"""OpenAI's model -> US dollars per million prompt and completion tokens; only at OpenAI's own endpoint.

List prices as they were when each model was current; nobody has compared them with OpenAI's page for this release. Prices change and a
budget in dollars is only as right as they are: pass `usd_per_million` to use today's.
"""


def known_prices(model: str) -> tuple[float, float] | None:
    """The prices of a model or of a dated version of it; None where they are not known.

    >>> known_prices("gpt-4o-mini-2024-07-18")
    (0.15, 0.6)
    """
    return USD_PER_MILLION.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model))


class Budget:
    """Calls and dollars of a run, for all judges of a jury together; several threads may share it.

    Args:
        max_calls: requests; None for no limit.
        max_usd: dollars; None for no limit.
    """

    def __init__(self, max_calls: int | None = None, max_usd: float | None = None) -> None:
        self.max_calls, self.max_usd = max_calls, max_usd
        self.calls = 0
        self.spent = 0.0
        self.reserved = 0.0
        self._lock = threading.Lock()

    def take(self, most: float) -> bool | None:
        """Set aside one call that costs at most `most`. False: not in this run; None: perhaps when others have been settled."""
        with self._lock:
            if self.max_calls is not None and self.calls >= self.max_calls:
                return False
            if self.max_usd is not None and self.spent + self.reserved + most > self.max_usd:
                return None if self.reserved else False
            self.calls += 1
            self.reserved += most
            return True

    def settle(self, most: float, cost: float) -> None:
        """Put what a request did cost in the place of what was set aside for it."""
        with self._lock:
            self.reserved = max(0.0, self.reserved - most)
            if self.reserved < 1e-12:
                self.reserved = 0.0
            self.spent += cost


class Prices:
    """What requests to one model cost.

    Args:
        usd_per_million: dollars per million prompt and completion tokens; None where not known.
        max_usd: the limit that they are to be held against, or None.

    Raises:
        PluralignError: PA074 for a limit in dollars without prices.
    """

    def __init__(self, usd_per_million: tuple[float, float] | None, max_usd: float | None = None) -> None:
        if max_usd is not None and usd_per_million is None:
            raise PluralignError(
                "PA074", "max_usd is set, and the price of this model at this endpoint is not known.",
                "Give its prices (--usd-per-million PROMPT COMPLETION, or usd_per_million in judge_options), or set max_calls instead.",
            )  # fmt: skip
        self.known = usd_per_million is not None
        self._prompt, self._completion = usd_per_million or (0.0, 0.0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """US dollars; 0 where prices are not known."""
        return (prompt_tokens * self._prompt + completion_tokens * self._completion) / 1e6

    def most(self, messages: Sequence[Mapping[str, str]], max_tokens: int) -> float:
        """What a request may cost at most: no tokeniser makes more tokens than there are bytes, plus some for the roles and the schema."""
        return self.cost(sum(len(one["content"].encode()) for one in messages) + 400, max_tokens)
