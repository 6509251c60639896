"""Where a judge is reached and with which key. The key comes from the environment alone and is shown nowhere."""

from __future__ import annotations

import base64
import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

from pluralign.errors import PluralignError

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""Sent to a server on this machine where no key is set; the client library wants some text."""


@dataclass(frozen=True)
class Endpoint:
    """A base URL, and what of it may be shown.

    Attributes:
        url: as given, without query.
        shown: without credentials and query.
        query: of the URL, sent with every request.
        loopback: whether it is on this machine.
        secrets: parts of it that must not be shown.
        has_login: whether it holds a user or a password, which are sent in place of a key.
    """

    url: str = field(repr=False)
    shown: str
    query: dict[str, str] = field(repr=False, hash=False)
    loopback: bool
    secrets: tuple[str, ...] = field(repr=False)
    has_login: bool = False


def endpoint(url: str | None) -> Endpoint:
    """Take a base URL apart.

    Raises:
        PluralignError: PA070 where it is none.

    >>> endpoint("http://me:secret@localhost:8000/v1?code=x").shown
    'http://localhost:8000/v1'
    """
    parts = urlsplit(url or OPENAI_URL)
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _no_url() from error
    if parts.scheme not in ("http", "https") or not host:
        raise _no_url()
    place = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    path = parts.path.rstrip("/")
    query = dict(parse_qsl(parts.query))
    secrets = tuple(text for text in (*_credentials(parts), *query.values()) if text)
    return Endpoint(
        urlunsplit((parts.scheme, parts.netloc, path, "", "")),
        f"{parts.scheme}://{place}{path}",
        query,
        _loopback(host),
        secrets,
        bool(_credentials(parts)),
    )


def _credentials(parts: SplitResult) -> tuple[str, ...]:
    """User and password as written and as sent: an Authorization header holds both in base64."""
    if parts.username is None and parts.password is None:
        return ()
    user, password = parts.username or "", parts.password or ""
    sent = f"{unquote(user)}:{unquote(password)}".encode()
    return user, password, unquote(user), unquote(password), base64.b64encode(sent).decode()


def _no_url() -> PluralignError:
    return PluralignError("PA070", "the judge's base URL is not one.", "Write openai:MODEL@http://HOST:PORT/v1.")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_for(where: Endpoint, variable: str) -> str:
    """The key in an environment variable; none is needed on this machine.

    Raises:
        PluralignError: PA072 where it is missing, blank, or cannot be sent.
    """
    given = os.environ.get(variable)
    if given is None and where.loopback:
        return NO_KEY
    if given is None:
        raise PluralignError("PA072", f"{variable} is not set.", f"export {variable}=… with a key for {where.shown}.")
    if not given.strip():
        if where.loopback:
            return NO_KEY
        raise PluralignError("PA072", f"{variable} is set but blank.", f"Put a key for {where.shown} into it.")
    if any(not "!" <= character <= "~" for character in given):
        what = "a line break" if "\n" in given or "\r" in given else "a space or a character that no key has"
        raise PluralignError("PA072", f"{variable} holds {what}.", "Copy the key again, without anything around it.")
    return given


def scrubbed(text: object, secrets: tuple[str, ...], most: int = 240) -> str:
    """A text in one line, shortened, without the secrets."""
    shown = str(text)
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 4 and secret != NO_KEY:
            shown = shown.replace(secret, "[key]")
    shown = " ".join(shown.split())
    return shown if len(shown) <= most else shown[: most - 1] + "…"
