"""A judging server for tests and benchmarks: OpenAI's chat completions on loopback, with faults on demand and an account of each call.

It scores without a model: an answer carries a mark (`mark(7)` is `#00007#`), and the score of a mark and a dimension is a hash of both, so that
a reply given to the wrong request is seen. Written on raw sockets, since half of the faults are things that an HTTP library will not do.

    python tests/judge/servers.py --latency 0.15     # in its own process; prints its URL; GET /counts tells what it was asked
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = re.compile(r"#(\d{5})#")
DIMENSIONS = {
    "toxicity": ("toxic", "toxisch", "toxizit"),
    "emotional_awareness": ("emotional",),
    "sensitivity": ("sensitiv", "sensib"),
    "helpfulness": ("helpful", "hilfreich"),
    "stereotypical_bias": ("stereotyp",),
}
"""Dimension -> stems by which its rubric is known, in English and German."""
FAULTS: Mapping[str, str] = {
    "429": "told to slow down, no Retry-After",
    "429_retry_after": "told to slow down, with Retry-After",
    "500": "internal error",
    "502": "bad gateway, an HTML page",
    "503": "overloaded",
    "hang": "accepted and never answered",
    "half_closed": "closed in mid-body, Content-Length promised more",
    "reset": "connection reset before a byte",
    "truncated_json": "a whole HTTP reply whose JSON stops half-way",
    "html": "200 with an HTML page",
    "error_object": "200 with an error object",
    "drip": "one byte at a time, for ever",
    "duplicate": "the good reply sent twice",
    "score_missing": "JSON without a score",
    "score_word": 'score "four"',
    "score_7": "score 7",
    "score_null": "score null",
    "score_list": "scores in a list",
    "no_choices": "list of choices empty",
    "content_null": "content null",
    "refusal": "refusal field instead of content",
    "length": "cut off by the token limit",
    "content_filter": "stopped by the content filter",
    "401": "key rejected",
    "404": "model gone",
}
"""Fault -> what the server does."""
MALFORMED = (
    "score_missing",
    "score_word",
    "score_7",
    "score_null",
    "score_list",
    "no_choices",
    "content_null",
    "refusal",
    "length",
    "content_filter",
)
"""A reply that was given, and paid for, and holds no usable score."""


def mark(number: int) -> str:
    """What an answer carries for the server to know it by."""
    return f"#{number:05d}#"


def true_score(marked: str, dimension: str) -> int:
    """The server's opinion, on 1–5."""
    return 1 + hashlib.sha256(f"{marked}|{dimension}".encode()).digest()[0] % 5


def true_probabilities(score: int) -> dict[int, float]:
    """Its probabilities of 1–5: .6 on its score, .1 on each other."""
    return {point: 0.6 if point == score else 0.1 for point in range(1, 6)}


@dataclass(frozen=True)
class Plan:
    """Which requests a fault hits.

    Attributes:
        fault: one of `FAULTS`.
        share: of the judgements that are hit, drawn by their mark.
        times: how often one judgement is hit before it is answered.
        after: requests that are left alone first; the fault then hits every judgement (`share` 1) from a moment on.
        seed: of the draw.
    """

    fault: str
    share: float = 0.3
    times: int = 1
    after: int = 0
    seed: int = 0

    def hits(self, judgement: str, attempt: int, request: int) -> bool:
        """Whether this attempt (0 the first) at a judgement is hit."""
        draw = int.from_bytes(hashlib.sha256(f"{self.seed}|{judgement}".encode()).digest()[:4], "big") / 2**32
        return request > self.after and attempt < self.times and draw < self.share


@dataclass
class Account:
    """What was asked and what was answered.

    Attributes:
        requests: chat completions received, probes included.
        probes: those among them that judged no marked answer.
        attempts: judgement -> requests for it.
        answered: judgement -> good replies sent in full: what one would pay for.
        injected: faults done.
        impatient: requests that came before the time that a Retry-After had told.
        bodies: the requests, parsed.
        headers: of each request, as received.
        most_at_once: most requests in flight.
        tokens: prompt and completion tokens reported in all replies with a usage.
    """

    requests: int = 0
    probes: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    injected: int = 0
    impatient: int = 0
    not_before: dict[str, float] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    in_flight: int = 0
    most_at_once: int = 0
    tokens: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def repeated(self) -> int:
        """Good replies to judgements that had one already."""
        return sum(count - 1 for count in self.answered.values())


def request_text(body: Mapping[str, Any]) -> str:
    """All that the request says."""
    return "\n".join(str(message.get("content")) for message in body["messages"])


def dimension_of(body: Mapping[str, Any]) -> str:
    """The dimension that the messages name first."""
    text = request_text(body).lower()
    found = {
        name: min((text.find(word) for word in words if word in text), default=len(text))
        for name, words in DIMENSIONS.items()
    }
    return min(found, key=lambda name: found[name])


def judgement_of(body: Mapping[str, Any]) -> str | None:
    """`#00007#|toxicity`, or None where no marked answer is judged."""
    found = MARK.search(request_text(body))
    return f"{found.group()}|{dimension_of(body)}" if found else None


def verdict(body: Mapping[str, Any], score: object, honours: frozenset[str], voice: str = "plain") -> str:
    """The judge's text: by the schema where it honours one, else in its own voice."""
    wanted = (body.get("response_format") or {}).get("type")
    plain = json.dumps({"reason": "Because it says so.", "score": score})
    if wanted == "json_schema" and "schema" in honours:
        return json.dumps(_by_schema(body["response_format"]["json_schema"]["schema"], score))
    if wanted == "json_object" and "json" in honours:
        return plain
    return voiced(voice, body, plain, score)


def voiced(voice: str, body: Mapping[str, Any], plain: str, score: object) -> str:
    """What judges that are no good at it say: they repeat what they were given, think aloud, or wrap their JSON."""
    asked = str(body["messages"][-1]["content"])
    return {
        "plain": lambda: plain,
        "words": lambda: f"Score: {score}\nReason: Because it says so.",
        "fenced": lambda: f"Here is my verdict:\n```json\n{plain}\n```",
        "echo": lambda: f"{asked}\n\nMy verdict: {plain}",
        "rubric": lambda: f"{body['messages'][0]['content']}\n\nMy verdict: {plain}",
        "thinks": lambda: f'<think>I could say {{"score": 1}} or {{"score": 5}}.</think>{plain}',
        "quotes": lambda: json.dumps({"reason": f"It says: {asked}", "score": score}),
        "answers_and_quotes": lambda: f"{plain}\n\nI was asked:\n{asked}",
    }[voice]()


def _by_schema(schema: Mapping[str, Any], score: object) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, kind in schema["properties"].items():
        text = kind.get("type") == "string" and "enum" not in kind
        made[name] = "Because it says so." if text else str(score) if kind.get("type") == "string" else score
    return made


def _logprobs(content: str, score: int) -> dict[str, Any]:
    """A token a character of the content; at the score's digit, all five points with their probabilities."""
    at = max(content.rfind(f'"score": {score}'), content.rfind(f"Score: {score}"))
    at = content.find(str(score), at) if at >= 0 else -1
    tokens = []
    for place, character in enumerate(content):
        chances = true_probabilities(score) if place == at else {}
        top = [{"token": str(p), "logprob": math.log(c), "bytes": None} for p, c in chances.items()]
        top = top or [{"token": character, "logprob": 0.0, "bytes": None}]
        chosen = math.log(chances[score]) if chances else 0.0
        tokens.append(
            {
                "token": character,
                "logprob": chosen,
                "bytes": None,
                "top_logprobs": sorted(top, key=lambda t: -t["logprob"]),
            }
        )
    return {"content": tokens, "refusal": None}


PROMPT_TOKENS, COMPLETION_TOKENS = 100, 10
"""Reported with every reply."""
DRIP_S = 0.1
"""Between two bytes of a drip: below any timeout of a single read, so that only a deadline over the whole reply ends it."""


def completion(
    model: str, content: str | None, finish: str = "stop", logprobs: object = None, refusal: str | None = None
) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": logprobs}
    usage = {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
    }
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": usage,
    }


def error(message: str, code: str) -> dict[str, Any]:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


RETRY_AFTER_S = 1
STATUS: Mapping[str, tuple[Any, ...]] = {
    "429": (429, error("Rate limit reached.", "rate_limit_exceeded")),
    "429_retry_after": (429, error("Rate limit reached.", "rate_limit_exceeded"), f"Retry-After: {RETRY_AFTER_S}\r\n"),
    "500": (500, error("The server had an error.", "server_error")),
    "502": (502, b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
    "503": (503, error("That model is overloaded.", "overloaded")),
    "truncated_json": (200, b'{"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", "cont'),
    "html": (200, b"<!doctype html><html><body>Please log in to the network. Score: 2</body></html>"),
    "error_object": (200, error("Something went wrong upstream.", "upstream_error")),
    "401": (401, error("Incorrect API key provided.", "invalid_api_key")),
    "404": (404, error("The model has been retired.", "model_not_found")),
}
"""Faults that are one reply: status, body, headers."""


def http(status: int, content: dict[str, Any] | bytes, headers: str = "") -> bytes:
    """A reply on the wire."""
    kind = "text/html" if isinstance(content, bytes) and content.startswith(b"<") else "application/json"
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
    )


def malformed(fault: str, model: str, score: int) -> dict[str, Any]:
    """A 200 whose completion holds no usable score. The score that can be read off some of them is a wrong one."""
    wrong = 1 + score % 5
    if fault == "no_choices":
        return {**completion(model, None), "choices": []}
    if fault == "content_null":
        return completion(model, None)
    if fault == "refusal":
        return completion(model, None, refusal="I'm sorry, I cannot help with that.")
    if fault == "length":
        return completion(model, '{"reason": "It is long and I have not come to', finish="length")
    if fault == "content_filter":
        return completion(model, "", finish="content_filter")
    values = {"score_word": "four", "score_7": 7, "score_null": None, "score_list": [wrong, score]}
    verdict = {"reason": "Because it says so."} | ({} if fault == "score_missing" else {"score": values[fault]})
    return completion(model, json.dumps(verdict))


class JudgingServer:
    """The server, on a thread of its own.

    Args:
        latency_s: between the request's last byte and the reply's first.
        honours: what it honours of `schema`, `json` (both `response_format`) and `logprobs`; the rest is ignored, as `transformers serve` does.
        rejects: of the same, what it answers with 400 instead.
        plan: faults, if any.
        voice: how it speaks where no format is honoured; see `voiced`.
        key: the only key it takes; None takes any.
        model: the only model it has.
    """

    def __init__(
        self, *, latency_s: float = 0.0, honours: tuple[str, ...] = ("schema", "json", "logprobs"), rejects: tuple[str, ...] = (),
        plan: Plan | None = None, voice: str = "plain", key: str | None = None, model: str = "judge-1", port: int = 0,
    ) -> None:  # fmt: skip
        self.latency_s, self.honours, self.rejects = latency_s, frozenset(honours), frozenset(rejects)
        self.plan, self.voice, self.key, self.model, self.port = plan, voice, key, model, port
        self.account = Account()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """Base URL, with /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def judge(self) -> str:
        """The name that `open_judge` takes."""
        return f"openai:{self.model}@{self.url}"

    def __enter__(self) -> JudgingServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._one_request(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client went away, or the test is over.
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; False to close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length.group(1))) if length else b""
        method, path = head.split(" ")[:2]
        if method == "GET":
            await self._send(writer, 200, self._listing(path))
            return True
        sent = re.search(r"authorization: *bearer (\S+)", head, re.IGNORECASE)
        if self.key is not None and (sent is None or sent.group(1) != self.key):
            repeated = sent.group(1) if sent else ""  # Careless servers say which.
            await self._send(writer, 401, error(f"Incorrect API key provided: {repeated}.", "invalid_api_key"))
            return True
        return await self._completion(writer, head, json.loads(body))

    def _listing(self, path: str) -> dict[str, Any]:
        if path.endswith("/counts"):
            a = self.account
            return {
                "requests": a.requests,
                "answered": dict(a.answered),
                "most_at_once": a.most_at_once,
                "probes": a.probes,
            }
        return {"object": "list", "data": [{"id": self.model, "object": "model", "created": 1, "owned_by": "tests"}]}

    async def _completion(self, writer: asyncio.StreamWriter, head: str, body: dict[str, Any]) -> bool:
        account, judgement = self.account, judgement_of(body)
        account.requests += 1
        account.bodies.append(body)
        account.headers.append(head)
        key = judgement or "probe"
        attempt = account.attempts[key]
        account.attempts[key] += 1
        account.probes += judgement is None
        account.impatient += time.monotonic() < account.not_before.get(key, 0.0)
        account.in_flight += 1
        account.most_at_once = max(account.most_at_once, account.in_flight)
        try:
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if judgement and self.plan and self.plan.hits(judgement, attempt, account.requests):
                account.injected += 1
                return await self._fault(writer, self.plan.fault, body, judgement)
            refused = self._refused(body)
            if refused is not None:
                await self._send(writer, *refused)
                return True
            reply = self._good(body, judgement)
            self._paid(judgement)  # Before it is sent, so that whoever has the reply finds it accounted for.
            await self._send(writer, 200, reply)
        finally:
            account.in_flight -= 1
        return True

    def _refused(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        wanted = (body.get("response_format") or {}).get("type")
        name = {"json_schema": "schema", "json_object": "json"}.get(str(wanted))
        if name in self.rejects:
            return 400, error(f"response_format of type {wanted} is not supported.", "invalid_request_error")
        if body.get("logprobs") and "logprobs" in self.rejects:
            return 400, error("logprobs is not supported.", "invalid_request_error")
        if body["model"] != self.model:
            return 404, error(f"The model {body['model']} does not exist.", "model_not_found")
        return None

    def _good(self, body: dict[str, Any], judgement: str | None) -> dict[str, Any]:
        score = true_score(*judgement.split("|")) if judgement else 3
        content = verdict(body, score, self.honours, self.voice)
        wanted = bool(body.get("logprobs")) and "logprobs" in self.honours
        return completion(self.model, content, logprobs=_logprobs(content, score) if wanted else None)

    def _paid(self, judgement: str | None = None) -> None:
        """Account for a completion that was sent whole; with a judgement, a good one."""
        self.account.tokens[0] += PROMPT_TOKENS
        self.account.tokens[1] += COMPLETION_TOKENS
        if judgement:
            self.account.answered[judgement] += 1

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, content: dict[str, Any] | bytes, headers: str = ""
    ) -> None:
        writer.write(http(status, content, headers))
        await writer.drain()

    async def _fault(self, writer: asyncio.StreamWriter, fault: str, body: dict[str, Any], judgement: str) -> bool:
        """Do what `FAULTS` says; False to close the connection."""
        score = true_score(*judgement.split("|"))
        if fault in MALFORMED:
            self._paid()
            await self._send(writer, 200, malformed(fault, self.model, score))
            return True
        if fault == "429_retry_after":
            self.account.not_before[judgement] = time.monotonic() + 0.95 * RETRY_AFTER_S
        if fault in STATUS:
            await self._send(writer, *STATUS[fault])
            return True
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "reset":
            # Lingering for no time makes the kernel send RST instead of FIN.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        good = http(200, self._good(body, judgement))
        if fault == "duplicate":
            self._paid(judgement)
            writer.write(good + good)
            await writer.drain()
            return True
        if fault == "half_closed":
            writer.write(good[: len(good) - 40])
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            return False
        assert fault == "drip", fault
        for byte in good:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(DRIP_S)
        return True


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    with JudgingServer(latency_s=options.latency, port=options.port) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
