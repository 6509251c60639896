"""A judge behind any OpenAI-compatible endpoint: concurrent, within a budget, resumable, and never raising in mid-run.

Requests run on one event loop with `concurrency` workers; each judgement goes into the cache before the next one is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pluralign.errors import PluralignError
from pluralign.judge.asking import Asker, Line
from pluralign.judge.base import Answer, Failure, Judgement, JudgeOptions, Progress, Score, Usage
from pluralign.judge.cache import JudgementCache, Kept, new_owner, open_cache
from pluralign.judge.endpoint import NO_KEY, OPENAI_URL, Endpoint, key_for
from pluralign.judge.messages import is_empty, messages_for
from pluralign.judge.prices import Budget, Prices, known_prices
from pluralign.judge.requests import SEED, Manner
from pluralign.judge.rubric import Rubric, load_rubric
from pluralign.judge.trial import find_manner, first_manner
from pluralign.schema import DIMENSIONS, LANGUAGES

T = TypeVar("T")
STEP_S, RAMP_S = 0.009, 0.15
"""Workers start one after the other: where all start at once, replies come in bursts for good, and each waits while the others' are read."""
MODEL = "gpt-4o-mini"
"""The study's judge."""


@dataclass
class Job:
    """One judgement to be asked for, for every place that wants it.

    Attributes:
        key: in the cache.
        answer, rubric: what is asked.
        places: (answer's index, dimension).
    """

    key: str
    answer: Answer
    rubric: Rubric
    places: list[tuple[int, str]]


class OpenAIJudge:
    """The judge.

    Args:
        model: as the endpoint calls it.
        where: the endpoint.
        options: how to judge.
        budget: that it shares with other judges; None for one of its own, of the options' size.

    Raises:
        PluralignError: PA074 for a setting out of range, PA078 where the cache cannot be used.
    """

    def __init__(self, model: str, where: Endpoint, options: JudgeOptions, budget: Budget | None = None) -> None:
        check_options(options)
        self.model, self.where, self.options = model, where, options
        own = where.shown == OPENAI_URL
        self.name = f"openai:{model}" if own else f"openai:{model}@{where.shown}"
        prices = options.usd_per_million or (known_prices(model) if own else None)
        budget = budget or Budget(options.max_calls, options.max_usd)
        self._asker = Asker(self.name, model, where, options, budget, Prices(prices, options.max_usd))
        self.usage: Usage = self._asker.usage
        self.cache: JudgementCache = open_cache(options.cache)
        self._server = json.dumps([where.shown, model, options.expectation])
        self._manner: Manner | None = None
        self._notes: list[str] = []

    def __repr__(self) -> str:
        return f"OpenAIJudge({self.name!r})"

    def identity(self) -> dict[str, Any]:
        """Model, endpoint, rubrics and settings; the manner is known after `preflight`."""
        rubrics = {name: load_rubric(name) for name in DIMENSIONS}
        return {
            "judge": "openai",
            "model": self.model,
            "endpoint": self.where.shown,
            "rubrics": {name: {"version": rubric.version, "sha256": rubric.hash} for name, rubric in rubrics.items()},
            "max_tokens": self.options.max_tokens,
            "expectation": self.options.expectation,
            "seed": SEED,
            "manner": self._manner.as_dict() if self._manner else None,
        }

    def provenance(self) -> dict[str, Any]:
        """What it is, how its replies were read, and that nobody measured its agreement with people here."""
        return {
            "kind": "language model with a rubric",
            "model": self.model,
            "endpoint": self.where.shown,
            "read_as": dict(self._asker.read_as),
            "reminders": self._asker.reminders,
            "notes": list(self._notes),
            "agreement_with_people": None,
            "agreement_note": "not measured by this run; `pluralign judge validate` measures it",
        }

    def preflight(self, dimensions: Sequence[str], languages: Sequence[str]) -> list[str]:
        """Make one small judgement, the first time, and find out what the server honours; see `Judge.preflight`."""
        rubrics = [load_rubric(dimension) for dimension in dimensions]
        if unknown := [language for language in languages if language not in LANGUAGES]:
            raise PluralignError(
                "PA071", f"{self.name} has no rubric in {unknown[0]!r}.", f"It has {', '.join(LANGUAGES)}."
            )
        if not rubrics or not languages:
            return []
        if self._manner is not None and self._asker.closed is None:
            return list(self._notes)
        known = self.cache.server(self._server)
        if self.options.max_calls == 0 and known:
            self._manner = first_manner(known, self.options.expectation)
            return ["max_calls is 0: only what the cache holds is judged."]
        key = key_for(self.where, self.options.key_variable)
        self._asker.with_key(key)
        self._asker.closed = None
        first = first_manner(known, self.options.expectation)
        self._manner, self._notes = _run(lambda: self._trial(rubrics[0], languages[0], first))
        if self.where.has_login and key != NO_KEY:
            self._notes.append(
                f"the base URL's user and password are sent in place of the key in {self.options.key_variable}."
            )
        self.cache.remember_server(self._server, self._manner.as_dict())
        return list(self._notes)

    async def _trial(self, rubric: Rubric, language: str, first: Manner) -> tuple[Manner, list[str]]:
        line = self._asker.line()
        try:
            return await find_manner(self._asker, line, rubric, language, first)
        finally:
            await line.close()

    def judge(
        self, answers: Sequence[Answer], dimensions: Sequence[str], progress: Progress | None = None
    ) -> list[dict[str, Judgement]]:
        """Judge every answer on every dimension; see `Judge.judge`."""
        begin = time.perf_counter()
        found: list[dict[str, Judgement]] = [{} for _ in answers]
        done = progress or (lambda _: None)
        trouble = self._ready(dimensions, answers)
        jobs = self._jobs(answers, dimensions, found, trouble, done)
        for key, kept in self._kept(list(jobs)).items():
            job = jobs.pop(key)
            self._place(job, self._of_kept(kept), found, done)
            self.usage.cached += len(job.places)
        if jobs:
            _run(lambda: self._ask_all(list(jobs.values()), found, done))
        self.usage.seconds += time.perf_counter() - begin
        return [{dimension: row[dimension] for dimension in dimensions} for row in found]

    def _ready(self, dimensions: Sequence[str], answers: Sequence[Answer]) -> Failure | None:
        """Preflight, where the caller has not made it; its error becomes every judgement's failure."""
        if self._manner is not None or not answers:
            return None
        try:
            judged = [dimension for dimension in dimensions if dimension in DIMENSIONS]
            self.preflight(judged, [one.language for one in answers if one.language in LANGUAGES][:1])
        except PluralignError as error:
            return self._asker.failure("budget" if error.code == "PA074" else "rejected", error)
        return None

    def _jobs(
        self, answers: Sequence[Answer], dimensions: Sequence[str], found: list[dict[str, Judgement]], trouble: Failure | None, done: Progress
    ) -> dict[str, Job]:  # fmt: skip
        """What has to be asked, the same question once; what need not be is answered here."""
        jobs: dict[str, Job] = {}
        for k, answer in enumerate(answers):
            for dimension in dimensions:
                if failure := self._hopeless(answer, dimension) or trouble:
                    found[k][dimension] = failure
                    done(1)
                    continue
                rubric = load_rubric(dimension)
                key = self._key(answer, rubric)
                jobs.setdefault(key, Job(key, answer, rubric, [])).places.append((k, dimension))
        return jobs

    def _hopeless(self, answer: Answer, dimension: str) -> Failure | None:
        if dimension not in DIMENSIONS or answer.language not in LANGUAGES:
            return self._asker.failure("unsupported", f"{dimension} in {answer.language}")
        return self._asker.failure("empty_answer", "no visible character") if is_empty(answer.response) else None

    def _key(self, answer: Answer, rubric: Rubric) -> str:
        """sha256 of everything that could change the judgement; the key that opens the endpoint is no part of it."""
        assert self._manner is not None
        body = self._manner.body(self.model, messages_for(answer, rubric), self.options.max_tokens)
        parts: dict[str, Any] = {
            "endpoint": self.where.shown,
            "rubric": rubric.hash,
            "dimension": rubric.dimension,
            "language": answer.language,
        }
        parts |= {"expectation": self.options.expectation, "body": body}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _of_kept(self, kept: Kept) -> Score:
        return Score(kept.value, self.name, kept.reason, kept.mode, cached=True)

    def _place(self, job: Job, judgement: Judgement, found: list[dict[str, Judgement]], done: Progress) -> None:
        for k, dimension in job.places:
            found[k][dimension] = judgement
        done(len(job.places))

    async def _ask_all(self, jobs: list[Job], found: list[dict[str, Judgement]], done: Progress) -> None:
        waiting, owner, line = deque(jobs), new_owner(), self._asker.line()
        try:
            workers = min(2 * self.options.concurrency, len(jobs))
            async with asyncio.TaskGroup() as group:
                for k in range(workers):
                    group.create_task(self._work(line, waiting, owner, found, done, min(k * STEP_S, RAMP_S)))
        finally:
            await line.close()

    async def _work(
        self, line: Line, waiting: deque[Job], owner: str, found: list[dict[str, Judgement]], done: Progress,
        delay_s: float,
    ) -> None:  # fmt: skip
        await asyncio.sleep(delay_s)
        while waiting:
            job = waiting.popleft()
            judgement = await self._one(line, job, owner)
            if judgement is None:
                # Someone else is asking for it: look again after the others.
                waiting.append(job)
                await asyncio.sleep(0.02)
            else:
                self._place(job, judgement, found, done)

    async def _one(self, line: Line, job: Job, owner: str) -> Judgement | None:
        """One judgement, from the server or from whoever else asked for it meanwhile; None while somebody does."""
        if not self._claimed(job, owner):
            kept = self._kept([job.key]).get(job.key)
            self.usage.cached += len(job.places) if kept else 0
            return self._of_kept(kept) if kept else None
        assert self._manner is not None
        judgement: Judgement | None = None
        try:
            judgement = await self._asker.judge(line, job.answer, job.rubric, self._manner)
        finally:
            self._keep(job, owner, judgement)
        return judgement

    # A full or failing disk must not end a run that has been paid for: judging goes on without the cache, and a note says so.

    def _kept(self, keys: Sequence[str]) -> dict[str, Kept]:
        try:
            return self.cache.get(keys)
        except sqlite3.Error as error:
            self._note_once(f"the cache of judgements cannot be read: {error}")
            return {}

    def _claimed(self, job: Job, owner: str) -> bool:
        try:
            return self.cache.claim(job.key, owner, self._claim_s())
        except sqlite3.Error as error:
            self._note_once(f"judgements are asked for without a claim in the cache: {error}")
            return True

    def _keep(self, job: Job, owner: str, judgement: Judgement | None) -> None:
        """Keep a judgement and give up the claim."""
        try:
            if isinstance(judgement, Score):
                self.cache.put(job.key, Kept(judgement.value, judgement.reason, judgement.mode))
            else:
                self.cache.release(job.key, owner)
        except sqlite3.Error as error:
            self._note_once(f"judgements are no longer kept in the cache: {error}")

    def _note_once(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def _claim_s(self) -> float:
        # As long as a judgement with all its retries can reasonably take.
        return 30.0 + 2 * (self.options.retries + 1) * (self.options.timeout_s + 1.0)


def check_options(options: JudgeOptions) -> None:
    """Refuse settings that make no sense.

    Raises:
        PluralignError: PA074, naming the setting.
    """
    low, high = options.usd_per_million or (0.0, 0.0)
    rules: tuple[tuple[str, object, bool, str], ...] = (
        ("concurrency", options.concurrency, options.concurrency >= 1, "1 or more"),
        (
            "timeout_s",
            options.timeout_s,
            math.isfinite(options.timeout_s) and options.timeout_s > 0,
            "more than 0 seconds",
        ),
        ("retries", options.retries, options.retries >= 0, "0 or more"),
        ("max_calls", options.max_calls, options.max_calls is None or options.max_calls >= 0, "0 or more"),
        ("max_usd", options.max_usd, options.max_usd is None or options.max_usd >= 0, "0 or more"),
        ("usd_per_million", options.usd_per_million, min(low, high) >= 0, "two prices of 0 or more"),
        ("max_tokens", options.max_tokens, options.max_tokens >= 1, "1 or more"),
    )
    for name, value, right, expected in rules:
        if not right:
            raise PluralignError("PA074", f"{name}: got {value}; expected {expected}.", "Set it so.")


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on an event loop: here, or on a thread where this one has a loop already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    outcome: list[T] = []
    errors: list[BaseException] = []

    def aside() -> None:
        try:
            outcome.append(asyncio.run(work()))
        except BaseException as error:  # handed to the caller's thread
            errors.append(error)

    thread = threading.Thread(target=aside, name="pluralign-judge")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return outcome[0]
