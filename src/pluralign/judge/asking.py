"""Asking one judge for one judgement: budget, retries with backoff, one reminder, and a circuit that ends hopeless runs early."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pluralign.judge.base import Answer, Failure, FailureKind, Judgement, JudgeOptions, Score, Usage
from pluralign.judge.endpoint import NO_KEY, Endpoint, scrubbed
from pluralign.judge.messages import messages_for
from pluralign.judge.parsing import UnreadableReplyError, Verdict, expectation, read_reply
from pluralign.judge.prices import Budget, Prices
from pluralign.judge.requests import Manner, Reply, TroubleError, new_client, send
from pluralign.judge.rubric import Rubric

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 20.0
LONGEST_ASKED_WAIT_S = 120.0
"""A server that asks for a longer pause than this is not waited for."""


@dataclass(frozen=True)
class Line:
    """A client on one event loop, and how many requests it may have in flight.

    More workers than slots take turns: what a worker does between two requests (claims, parsing, the cache) then keeps no slot idle.
    """

    client: Any
    slots: asyncio.Semaphore

    async def close(self) -> None:
        """Close the client."""
        await self.client.close()


class Asker:
    """What all requests of a judge share.

    Args:
        name: of the judge.
        model: as the server calls it.
        where: the endpoint.
        options: of the judge.
        budget: of the run.
        prices: of the model.
    """

    def __init__(
        self, name: str, model: str, where: Endpoint, options: JudgeOptions, budget: Budget, prices: Prices
    ) -> None:
        self.name, self.model, self.where, self.options = name, model, where, options
        self.budget, self.prices = budget, prices
        self.usage = Usage(usd=0.0, usd_at_most=0.0) if prices.known else Usage()
        self.read_as: Counter[str] = Counter()
        self.reminders = 0
        self.closed: Failure | None = None
        self._exhausted_in_a_row = 0
        self._bodies: dict[str, str] = {}
        self._key = NO_KEY
        self._numbers = threading.Lock()

    def with_key(self, key: str) -> None:
        """Take a key, for the client and for blotting it out of messages."""
        self._key = key

    def line(self) -> Line:
        """A client for one event loop, with as many slots as requests may be in flight."""
        return Line(new_client(self.where, self._key), asyncio.Semaphore(self.options.concurrency))

    def show(self, text: object) -> str:
        """A text for messages, without secrets."""
        return scrubbed(text, (self._key, *self.where.secrets))

    def failure(self, kind: FailureKind, detail: object) -> Failure:
        """A failure of this judge."""
        return Failure(kind, self.name, self.show(detail))

    async def judge(self, line: Line, answer: Answer, rubric: Rubric, manner: Manner) -> Judgement:
        """Ask, remind once where the reply holds no score, and say what came of it."""
        last: UnreadableReplyError | None = None
        for again in (False, True):
            messages = messages_for(answer, rubric, again)
            body = manner.body(self.model, messages, self.options.max_tokens)
            try:
                reply = await self.reply(line, body)
                return self._score(reply, messages, manner)
            except TroubleError as trouble:
                return self.failure(trouble.kind, trouble.detail)
            except UnreadableReplyError as error:
                last = error
                self.reminders += not again
        assert last is not None
        return self.failure(last.kind, last.detail)

    def _score(self, reply: Reply, messages: Sequence[Mapping[str, str]], manner: Manner) -> Score:
        if reply.refusal is not None or reply.finish == "content_filter":
            raise TroubleError("refused", reply.refusal or "stopped by a content filter")
        verdict = read_reply(reply.text or "", messages, cut_off=reply.finish == "length")
        value, mode = float(verdict.score), _mode(verdict, manner)
        if manner.logprobs:
            expected = expectation(reply.tokens, verdict.score)
            if expected is None:
                raise UnreadableReplyError("unparsable", "the reply has no probabilities of 1–5 where its score stands")
            value, mode = expected, "logprobs"
        self.read_as[mode] += 1
        return Score(value, self.name, self.show(verdict.reason) if verdict.reason else None, mode)

    async def reply(self, line: Line, body: Mapping[str, Any]) -> Reply:
        """Send a request, again where that may help.

        Raises:
            TroubleError: what it still was after all tries.
        """
        for attempt in range(self.options.retries + 1):
            try:
                reply = await self._once(line, body, attempt)
            except TroubleError as trouble:
                if trouble.for_all:
                    self.closed = self.failure(trouble.kind, f"given up for the rest of the run: {trouble.detail}")
                wait_s = _wait(attempt, trouble.wait_s)
                if not trouble.again or attempt == self.options.retries or wait_s > LONGEST_ASKED_WAIT_S:
                    self._exhausted(trouble)
                    raise
                await asyncio.sleep(wait_s)
            else:
                self._exhausted_in_a_row = 0
                return reply
        raise AssertionError("the last attempt returns or raises")

    def _exhausted(self, trouble: TroubleError) -> None:
        """Give up on a server that has answered nobody for long: every further judgement would wait through all its retries."""
        self._exhausted_in_a_row += trouble.again
        if self._exhausted_in_a_row >= max(16, 2 * self.options.concurrency) and not self.closed:
            detail = f"given up for the rest of the run, after {self._exhausted_in_a_row} in a row: {trouble.detail}"
            self.closed = self.failure(trouble.kind, detail)

    async def _once(self, line: Line, body: Mapping[str, Any], attempt: int) -> Reply:
        async with line.slots:
            if self.closed:
                raise TroubleError(self.closed.kind, self.closed.detail)
            return await self._sent(line, body, attempt)

    async def _sent(self, line: Line, body: Mapping[str, Any], attempt: int) -> Reply:
        most = self.prices.most(body["messages"], self.options.max_tokens)
        while not (taken := self.budget.take(most)):
            if taken is False:
                raise TroubleError(
                    "budget", f"the budget ends after {self.budget.calls} calls, {self.budget.spent:.4f} USD"
                )
            await asyncio.sleep(0.01)
        # Until it is known whether the server worked, it is taken to charge in full.
        reached, tokens, cost = True, None, most
        try:
            reply, name, digest = await send(line.client, body, self.options.timeout_s)
            if reply.prompt_tokens is not None and reply.completion_tokens is not None:
                tokens = (reply.prompt_tokens, reply.completion_tokens)
                cost = self.prices.cost(*tokens)
        except TroubleError as trouble:
            reached = trouble.sent or trouble.status is not None
            cost = most if trouble.sent else 0.0
            raise
        finally:
            self.budget.settle(most, cost)
            self._count(reached, attempt > 0, tokens, cost)
        # Some servers number their replies from a few numbers, so an id alone proves nothing: a replay is the same body again.
        if name and self._bodies.get(name) == digest and self.where.url.startswith("https"):
            raise TroubleError("connection", "a reply that was given before came again", again=True, sent=True)
        self._bodies[name] = digest
        return reply

    def _count(self, reached: bool, again: bool, tokens: tuple[int, int] | None, at_most: float) -> None:
        """Add a request to the usage, with the tokens that the server reported and what the budget was charged."""
        with self._numbers:
            usage = self.usage
            usage.calls += reached
            usage.retries += again
            if tokens is not None:
                usage.prompt_tokens += tokens[0]
                usage.completion_tokens += tokens[1]
            if usage.usd is not None and usage.usd_at_most is not None:
                usage.usd += self.prices.cost(*tokens) if tokens else 0.0
                usage.usd_at_most += at_most


def _mode(verdict: Verdict, manner: Manner) -> str:
    by_schema = manner.format in ("schema", "object") and verdict.whole and verdict.keys == {"score", "reason"}
    return "schema" if by_schema else verdict.mode


def _wait(attempt: int, asked_s: float | None) -> float:
    """Seconds before the next try: what the server asked for, else doubling; spread, so that not all come back at once."""
    if asked_s is not None:
        return asked_s + random.uniform(0.0, 0.1 + asked_s / 10)  # noqa: S311 - spreads load, guards nothing
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**attempt)  # noqa: S311
