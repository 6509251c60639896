"""One request to a judge: how it is put, how it is sent with a hard deadline, and what kind of trouble came of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pluralign.judge.base import FailureKind
from pluralign.judge.endpoint import Endpoint

SEED = 20251114
Format = Literal["schema", "object", "json", "text"]
FORMATS: tuple[Format, ...] = ("schema", "object", "json", "text")
"""A JSON schema as OpenAI takes it; as llama.cpp's server does, beside `json_object`; any JSON object; none."""
UNASKED = "remark"
"""A key of the trial's schema that its messages never name: only a server that honours the schema gives it."""


@dataclass(frozen=True)
class Manner:
    """How a server and model want to be asked; found out by a trial judgement.

    Attributes:
        format: `response_format` that is honoured, one of `FORMATS`.
        temperature: whether it takes temperature 0 (models that reason do not).
        seed: whether it takes a seed.
        limit: the parameter that limits the reply.
        logprobs: whether probabilities are asked for.
    """

    format: Format = "schema"
    temperature: bool = True
    seed: bool = True
    limit: str = "max_tokens"
    logprobs: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def body(
        self, model: str, messages: Sequence[Mapping[str, str]], max_tokens: int, trial: bool = False
    ) -> dict[str, Any]:
        """The request."""
        body: dict[str, Any] = {"model": model, "messages": list(messages), self.limit: max_tokens}
        if self.temperature:
            body["temperature"] = 0
        if self.seed:
            body["seed"] = SEED
        if self.logprobs:
            body |= {"logprobs": True, "top_logprobs": 20}
        if self.format == "schema":
            body["response_format"] = {"type": "json_schema", "json_schema": schema(trial)}
        elif self.format == "object":
            body["response_format"] = {"type": "json_object", "schema": schema(trial)["schema"]}
        elif self.format == "json":
            body["response_format"] = {"type": "json_object"}
        return body

    def without(self, complaint: str) -> Manner | None:
        """The manner without what a 400 complains about; None where it complains about nothing that can be left out."""
        said = complaint.casefold()
        if self.logprobs and "logprob" in said:
            return None
        if self.limit == "max_tokens" and "max_tokens" in said and "max_completion_tokens" in said:
            return replace(self, limit="max_completion_tokens")
        if self.temperature and "temperature" in said:
            return replace(self, temperature=False)
        if self.seed and "seed" in said:
            return replace(self, seed=False)
        if self.format != "text" and any(
            word in said for word in ("response_format", "json_schema", "json_object", "schema", "grammar")
        ):
            return self.plainer()
        return None

    def plainer(self) -> Manner:
        """The manner with the next plainer format."""
        return replace(self, format=FORMATS[FORMATS.index(self.format) + 1])


def schema(trial: bool = False) -> dict[str, Any]:
    """The reply's JSON schema, strict: score first, so that a reply that is cut off still has it."""
    properties: dict[str, Any] = {"score": {"type": "integer", "enum": [1, 2, 3, 4, 5]}, "reason": {"type": "string"}}
    if trial:
        properties[UNASKED] = {"type": "string"}
    body = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"name": "judgement", "strict": True, "schema": body}


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        text: of the judge; None where there is none.
        finish: why it ended.
        refusal: the judge's refusal, or None.
        tokens: with probabilities, where they were given.
        prompt_tokens, completion_tokens: as reported; None where nothing was.
    """

    text: str | None
    finish: str
    refusal: str | None
    tokens: tuple[Mapping[str, Any], ...]
    prompt_tokens: int | None
    completion_tokens: int | None


class TroubleError(Exception):
    """A request that brought no reply.

    Args:
        kind: of failure, if it stays at that.
        detail: what happened; not yet scrubbed of secrets.
        status: HTTP status, or None.
        again: whether it is worth another try.
        for_all: whether every other request would meet it too.
        wait_s: what the server asked to wait, or None.
        sent: whether the server may have worked, and charge for it.
    """

    def __init__(
        self, kind: FailureKind, detail: str, *, status: int | None = None, again: bool = False, for_all: bool = False,
        wait_s: float | None = None, sent: bool = False,
    ) -> None:  # fmt: skip
        self.kind: FailureKind = kind
        self.detail, self.status, self.again, self.for_all = detail, status, again, for_all
        self.wait_s, self.sent = wait_s, sent
        super().__init__(detail)


def new_client(where: Endpoint, key: str) -> Any:
    """An asynchronous client that retries nothing by itself."""
    from openai import AsyncOpenAI

    # A server or proxy that sends a reply twice would have the second one taken for the next request's. Over plain HTTP a connection
    # costs next to nothing, so each serves one request; over TLS they are kept, and replies are checked by their id.
    headers = None if where.url.startswith("https") else {"Connection": "close"}
    return AsyncOpenAI(
        api_key=key,
        base_url=where.url,
        default_query=where.query or None,
        default_headers=headers,
        max_retries=0,
        timeout=None,
    )


async def send(client: Any, body: Mapping[str, Any], timeout_s: float) -> tuple[Reply, str, str]:
    """Send one request; the deadline is over the whole reply, since a slow drip never trips a timeout of single reads.

    Returns:
        The reply, its id, and the sha256 of its body.

    Raises:
        TroubleError: whatever went wrong.
    """
    import openai

    try:
        async with asyncio.timeout(timeout_s):
            # The body as text, read by ourselves: the typed call walks every message and builds objects, most of a call's processor time.
            text = str(await client.post("/chat/completions", cast_to=str, body=dict(body)))
    except TimeoutError as error:
        raise TroubleError("timeout", f"no whole reply within {timeout_s:g} s", again=True, sent=True) from error
    except openai.APIStatusError as error:
        raise _of_status(error) from error
    except openai.APITimeoutError as error:
        raise TroubleError("timeout", "the connection timed out", again=True, sent=True) from error
    except openai.APIConnectionError as error:
        cause = error.__cause__ or error
        # By name, since the client library has changed the HTTP library it stands on before.
        unsent = type(cause).__name__ in ("ConnectError", "ConnectTimeout")
        raise TroubleError("connection", f"{type(cause).__name__}: {cause}", again=True, sent=not unsent) from error
    return *read_completion(text), hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _of_status(error: Any) -> TroubleError:
    status, detail = int(error.status_code), _said(error)
    said = detail.casefold()
    if status == 429 and ("insufficient_quota" in said or "exceeded your current quota" in said):
        return TroubleError("rejected", f"429: {detail}", status=status, for_all=True)
    if status in (408, 409, 429) or status >= 500:
        if status >= 500 and "response_format" in said:
            # Some servers fail on a format that they do not know; asking again for the same would not help.
            return TroubleError("server_error", f"{status}: {detail}", status=status)
        kind: FailureKind = "rate_limited" if status == 429 else "timeout" if status == 408 else "server_error"
        return TroubleError(
            kind, f"{status}: {detail}", status=status, again=True, wait_s=_retry_after(error), sent=status >= 500
        )
    if status in (400, 413, 422) and (
        "context_length" in said or "context length" in said or "too long" in said or "context window" in said
    ):
        return TroubleError("too_long", f"{status}: {detail}", status=status)
    if "content_filter" in said or "content management policy" in said:
        return TroubleError("refused", f"{status}: {detail}", status=status)
    return TroubleError("rejected", f"{status}: {detail}", status=status, for_all=status in (401, 403, 404))


def _said(error: Any) -> str:
    body = error.body
    if isinstance(body, Mapping):
        return " ".join(
            str(body.get(name)) for name in ("message", "detail", "code", "param") if body.get(name)
        ) or str(dict(body))
    return str(body or error.message)


def _retry_after(error: Any) -> float | None:
    headers = error.response.headers
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        # Missing, or a date: our own backoff then decides.
        return None


def read_completion(text: str) -> tuple[Reply, str]:
    """Read a chat completion out of a body.

    Raises:
        TroubleError: the body is no completion; worth another try.
    """
    try:
        body = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise TroubleError("server_error", f"a body that is no JSON: {text[:80]!r}", again=True, sent=True) from error
    if not isinstance(body, dict) or (body.get("error") and not body.get("choices")):
        raise TroubleError(
            "server_error", f"an error in a reply with status 200: {text[:120]!r}", again=True, sent=True
        )
    choices = body.get("choices")
    choice = _mapping(choices[0] if isinstance(choices, list) and choices else None)
    message, usage = _mapping(choice.get("message")), _mapping(body.get("usage"))
    content, logprobs = message.get("content"), choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    reply = Reply(
        content if isinstance(content, str) else None, str(choice.get("finish_reason") or ""), _text(message.get("refusal")),
        tuple(one for one in tokens or () if isinstance(one, dict) and "token" in one), _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")),
    )  # fmt: skip
    return reply, str(body.get("id") or "")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
