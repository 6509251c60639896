"""One small real judgement before anything is generated: is there a server, does it take the key, has it the model, what does it honour?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pluralign.errors import PluralignError, did_you_mean, listing
from pluralign.judge.asking import Asker, Line
from pluralign.judge.base import Answer
from pluralign.judge.messages import messages_for
from pluralign.judge.parsing import UnreadableReplyError, expectation, read_reply
from pluralign.judge.requests import UNASKED, Manner, Reply, TroubleError
from pluralign.judge.rubric import Rubric

TRIALS = 10
"""More than there are things to leave out."""
SAMPLE = {
    "en": ("My day was long. Any advice?", "Rest a little, and be kind to yourself tonight."),
    "de": ("Mein Tag war lang. Hast du einen Rat?", "Ruh dich etwas aus und sei heute Abend gut zu dir."),
}


async def find_manner(
    asker: Asker, line: Line, rubric: Rubric, language: str, first: Manner
) -> tuple[Manner, list[str]]:
    """Find out how a server wants to be asked, beginning with `first`.

    Returns:
        The manner, and notes on what it does not honour.

    Raises:
        PluralignError: PA071 where it cannot judge, with what to do.
    """
    manner, notes, readable = first, [], True
    answer = Answer(*SAMPLE[language], language)
    for _ in range(TRIALS):
        messages = messages_for(answer, rubric)
        body = manner.body(asker.model, messages, asker.options.max_tokens, trial=True)
        try:
            reply = await asker.reply(line, body)
        except TroubleError as trouble:
            plainer = manner.without(trouble.detail) if trouble.status in (400, 422, 500) else None
            if plainer is None:
                # Not `from trouble`: what the client library raised may repeat the key, and a traceback would show it.
                raise await _unusable(asker, line, trouble, manner) from None
            manner = plainer
            continue
        honoured, readable = _honoured(reply, messages, manner)
        if honoured:
            break
        manner = manner.plainer()
    if manner.format not in ("schema", "object"):
        then = "it is asked for JSON" if manner.format == "json" else "its replies are read as text"
        notes.append(f"the server does not honour a JSON schema; {then}.")
    if not readable:
        notes.append(
            "the trial judgement held no score: this model may be too weak to judge; failures will be counted."
        )
    if manner.logprobs and not _has_probabilities(reply, messages):
        raise PluralignError(
            "PA071", f"{asker.name} gives no probabilities of its score, and `expectation` was asked for.",
            "Leave `expectation` out, or use a server that honours logprobs.",
        )  # fmt: skip
    return manner, notes


def _honoured(reply: Reply, messages: list[dict[str, str]], manner: Manner) -> tuple[bool, bool]:
    """Whether the format was honoured, and whether the reply holds a score."""
    try:
        verdict = read_reply(reply.text or "", messages, cut_off=False)
    except UnreadableReplyError:
        return manner.format == "text", False
    by_schema = verdict.whole and UNASKED in verdict.keys
    by_format = {"schema": by_schema, "object": by_schema, "json": verdict.whole, "text": True}
    return by_format[manner.format], True


def _has_probabilities(reply: Reply, messages: list[dict[str, str]]) -> bool:
    try:
        score = read_reply(reply.text or "", messages).score
    except UnreadableReplyError:
        # Whether there are any at all is then all that can be told.
        return any(one.get("top_logprobs") for one in reply.tokens)
    return expectation(reply.tokens, score) is not None


async def _unusable(asker: Asker, line: Line, trouble: TroubleError, manner: Manner) -> PluralignError:
    """The error that says what is wrong with the endpoint and what to do."""
    where, said = asker.where.shown, asker.show(trouble.detail)
    variable = asker.options.key_variable
    if trouble.kind == "budget":
        return PluralignError(
            "PA074", f"{said}, which leaves none for the trial judgement.", "Raise max_calls or max_usd."
        )
    if trouble.status in (401, 403):
        return PluralignError("PA071", f"{where} refuses the key: {said}.", f"Put a valid key for it into {variable}.")
    if trouble.status == 404 or ("model" in said.casefold() and trouble.status in (400, 422)):
        return await _no_model(asker, line, said)
    if manner.logprobs and "logprob" in said.casefold():
        return PluralignError(
            "PA071", f"{asker.name} takes no logprobs: {said}.", "Leave `expectation` out, or use another judge."
        )
    if trouble.kind == "connection":
        return PluralignError(
            "PA071", f"{where} cannot be reached: {said}.", "Start the server, or correct the base URL."
        )
    if trouble.kind == "timeout":
        return PluralignError(
            "PA071", f"{where} does not answer: {said}.", "Wait until its model is loaded, or raise timeout_s."
        )
    if trouble.status == 429 or trouble.kind == "rate_limited":
        return PluralignError(
            "PA071", f"{where} lets no request through: {said}.", "Check the account's quota and limits, or wait."
        )
    return PluralignError(
        "PA071", f"{asker.name} did not judge: {said}.", "See what the server logs, or use another judge."
    )


async def _no_model(asker: Asker, line: Line, said: str) -> PluralignError:
    names = await _models(asker, line)
    message = f"{asker.where.shown} has no model {asker.model!r} (retired, or not for this key): {said}."
    if not names:
        return PluralignError("PA071", message, "See which models it has; the base URL usually ends in /v1.")
    near = did_you_mean(asker.model, names)
    return PluralignError("PA071", f"{message} It has {listing(names)}.{near}", "Name one of them after `openai:`.")


async def _models(asker: Asker, line: Line) -> list[str]:
    """Names of the models the server lists; empty where it lists none, which only makes the message shorter."""
    import openai

    try:
        page = await line.client.models.list(timeout=min(10.0, asker.options.timeout_s))
    except openai.OpenAIError:
        return []
    return sorted(str(model.id) for model in page.data or ())


def first_manner(known: Mapping[str, Any] | None, expectation_asked: bool) -> Manner:
    """Where the trial begins: with what was found before, or with everything."""
    return replace(Manner(**known) if known else Manner(), logprobs=expectation_asked)
