"""What every judge takes and gives: answers in, one judgement an answer and dimension out. A failure is typed, never guessed.

A judge is `openai:MODEL[@BASE_URL]`, `rater-model[:FOLDER]`, `zero-shot`, or several of them (a jury).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args, runtime_checkable

LOWEST, HIGHEST = 1.0, 5.0
"""A judge scores on 1–5: 1 the dimension is absent (strongly disagree), 5 it is there in full (strongly agree)."""

FailureKind = Literal[
    "empty_answer",
    "thinking_truncated",
    "too_long",
    "refused",
    "unparsable",
    "out_of_range",
    "timeout",
    "rate_limited",
    "server_error",
    "connection",
    "rejected",
    "budget",
    "unsupported",
]
FAILURES: Mapping[str, str] = {
    "empty_answer": "there is nothing to judge",
    "thinking_truncated": "the model was cut off while it was still thinking",
    "too_long": "the answer does not fit the judge's context",
    "refused": "the judge declined or was filtered",
    "unparsable": "the judge's reply holds no score",
    "out_of_range": "the judge's score is not on 1–5",
    "timeout": "no reply in time, retries included",
    "rate_limited": "still told to slow down after all retries",
    "server_error": "the server still failed after all retries",
    "connection": "the server could not be reached after all retries",
    "rejected": "the server refused the request as it stands",
    "budget": "the budget in calls or money was used up",
    "unsupported": "this judge does not judge this dimension or language",
}
"""Kind of failure -> what it means. A failure is counted and left out of the mean; it is never a score."""
assert set(FAILURES) == set(get_args(FailureKind)), "every kind of failure is explained"


@dataclass(frozen=True)
class Answer:
    """One answer to be judged.

    Attributes:
        prompt: what the model was asked.
        response: what it answered, thinking already taken out. Untrusted.
        language: of both, `en` or `de`.
    """

    prompt: str
    response: str
    language: str


@dataclass(frozen=True)
class Score:
    """A judgement that was given.

    Attributes:
        value: on 1–5; fractions where several judges or probabilities were averaged.
        reason: the judge's own words, shortened; untrusted; None where it gives none.
        judge: name of the judge.
        mode: how the value was read: `schema`, `json`, `text`, `logprobs`, `model`.
        cached: whether it came out of the cache.
        parts: judge -> its score, where several judged; empty otherwise.
    """

    value: float
    judge: str
    reason: str | None = None
    mode: str = "model"
    cached: bool = False
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A judgement that could not be given: counted, and left out of every mean.

    Attributes:
        kind: one of `FAILURES`.
        judge: name of the judge.
        detail: what happened, shortened, without keys.
    """

    kind: FailureKind
    judge: str
    detail: str = ""


Judgement = Score | Failure


@dataclass
class Usage:
    """What judging cost so far, retries and unparsable replies included.

    Attributes:
        calls: requests that a server answered or may have worked on, as after a timeout.
        retries: requests that had to be sent again.
        cached: judgements that the cache gave.
        prompt_tokens, completion_tokens: as the server reported them.
        usd: of the replies whose tokens the server reported, by the prices that were given or are known; None where the price is not.
        usd_at_most: with what requests may have cost that brought no such report (timeouts, errors); what the budget is charged.
        seconds: wall time spent judging.
    """

    calls: int = 0
    retries: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    usd_at_most: float | None = None
    seconds: float = 0.0

    @staticmethod
    def total(usages: Sequence[Usage], seconds: float) -> Usage:
        """Several judges' together, in `seconds` of wall time; the cost is unknown where that of one that makes calls is."""
        paid = [one for one in usages if one.calls or one.usd is not None]

        def dollars(costs: Sequence[float | None]) -> float | None:
            known = [cost for cost in costs if cost is not None]
            return sum(known) if known and len(known) == len(costs) else None

        return Usage(
            calls=sum(one.calls for one in usages),
            retries=sum(one.retries for one in usages),
            cached=sum(one.cached for one in usages),
            prompt_tokens=sum(one.prompt_tokens for one in usages),
            completion_tokens=sum(one.completion_tokens for one in usages),
            usd=dollars([one.usd for one in paid]),
            usd_at_most=dollars([one.usd_at_most for one in paid]),
            seconds=seconds,
        )


Progress = Callable[[int], None]
"""Called with the number of judgements that have just been finished."""


@runtime_checkable
class Judge(Protocol):
    """Anything that scores answers.

    Attributes:
        name: as shown beside every score, e.g. `openai:gpt-4o-mini`, `rater-model-simulated`.
        usage: what it cost so far.
    """

    name: str
    usage: Usage

    def identity(self) -> dict[str, Any]:
        """What fixes its scores: model, endpoint without credentials, rubric versions and hashes, settings, versions.

        Scores are comparable only between equal identities.
        """

    def provenance(self) -> dict[str, Any]:
        """Where it comes from and how far it agrees with people, as far as that is known; printed beside its scores."""

    def preflight(self, dimensions: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Find out, before anything is generated, whether it can judge; returns notes (e.g. that it falls back).

        Raises:
            PluralignError: PA070–PA075 with what to do.
        """

    def judge(
        self, answers: Sequence[Answer], dimensions: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, Judgement]]:
        """Judge every answer on every dimension: one dictionary an answer, dimension -> judgement, in order.

        Never raises for what goes wrong with single answers or the server: that is a `Failure`.
        """


@dataclass(frozen=True)
class JudgeOptions:
    """How to judge; what does not apply to a judge is ignored by it.

    Attributes:
        concurrency: requests in flight.
        timeout_s: of one request, everything received.
        retries: after the first try, on 429, 5xx, timeouts and broken connections.
        max_calls: budget in requests of this run, retries included; None for none. All judges of a jury share it.
        max_usd: budget in US dollars of this run; needs prices. All judges of a jury share it.
        usd_per_million: prices per million prompt and completion tokens; None for those known of the model.
        cache: SQLite file of judgements; None for the user's cache folder; "" for none.
        expectation: read the score as the expectation over the probabilities of 1–5, where the server gives them.
        max_tokens: of a reply.
        key_variable: environment variable that holds the key; the only place a key is taken from.
    """

    concurrency: int = 16
    timeout_s: float = 60.0
    retries: int = 6
    max_calls: int | None = None
    max_usd: float | None = None
    usd_per_million: tuple[float, float] | None = None
    cache: str | None = None
    expectation: bool = False
    max_tokens: int = 300
    key_variable: str = "OPENAI_API_KEY"
