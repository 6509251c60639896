"""What requests cost, and a budget that cannot be overshot: what a request may cost at most is set aside before it is sent."""

from __future__ import annotations

import re
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
    """Calls and dollars of a run. Not for several threads: the event loop's alone.

    Args:
        max_calls: requests; None for no limit.
        max_usd: dollars; None for no limit.
        prices: per million prompt and completion tokens; None where not known.

    Raises:
        PluralignError: PA074 for a limit in dollars without prices.
    """

    def __init__(self, max_calls: int | None, max_usd: float | None, prices: tuple[float, float] | None) -> None:
        if max_usd is not None and prices is None:
            raise PluralignError(
                "PA074", "max_usd is set, and the price of this model at this endpoint is not known.",
                "Give its prices (--usd-per-million PROMPT COMPLETION, or usd_per_million in judge_options), or set max_calls instead.",
            )  # fmt: skip
        self.max_calls, self.max_usd, self.prices = max_calls, max_usd, prices
        self.calls = 0
        self.spent = 0.0
        self.reserved = 0.0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """US dollars; 0 where prices are not known."""
        prompt, completion = self.prices or (0.0, 0.0)
        return (prompt_tokens * prompt + completion_tokens * completion) / 1e6

    def most(self, messages: Sequence[Mapping[str, str]], max_tokens: int) -> float:
        """What a request may cost at most: no tokeniser makes more tokens than there are bytes, plus some for the roles and the schema."""
        return self.cost(sum(len(one["content"].encode()) for one in messages) + 400, max_tokens)

    def take(self, most: float) -> bool | None:
        """Set aside one call that costs at most `most`. False: not in this run; None: perhaps when others have been settled."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            return False
        if self.max_usd is not None and self.spent + self.reserved + most > self.max_usd:
            return None if self.reserved else False
        self.calls += 1
        self.reserved += most
        return True

    def settle(self, most: float, cost: float) -> None:
        """Put what a request did cost in the place of what was set aside for it."""
        self.reserved = max(0.0, self.reserved - most)
        if self.reserved < 1e-12:
            self.reserved = 0.0
        self.spent += cost
