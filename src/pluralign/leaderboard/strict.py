"""JSON and YAML of strangers: nothing that two readers could read differently, nothing that grows when it is read.

Refused: NaN and infinities, repeated keys, numbers beyond a double, whole ones of more than twenty digits, lone surrogates, more than
`MOST_DEPTH` levels or `MOST_VALUES` values; in YAML also anchors, aliases, tags and everything else but the plain types of JSON.
"""

from __future__ import annotations

import codecs
import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

MOST_DEPTH = 64
MOST_VALUES = 100_000
"""Values of one text: an empty list takes three bytes in a file and sixty in memory."""
MOST_DIGITS = 20
"""Of a whole number; 64 bits have as many."""


class StrictError(ValueError):
    """A text that is not strict; the message says what it holds."""


class TooManyError(StrictError):
    """It holds more values than anyone writes by mistake: reading on would only cost."""


def strict_json(data: bytes, most_values: int = MOST_VALUES) -> Any:
    """Read JSON.

    Args:
        data: UTF-8.
        most_values: how many values it may hold, keys not counted.

    Raises:
        StrictError: for what is refused.

    >>> strict_json(b'{"a": [1, 2.5, null]}')
    {'a': [1, 2.5, None]}
    >>> strict_json(b'{"a": NaN}')
    Traceback (most recent call last):
    pluralign.leaderboard.strict.StrictError: NaN, which is no JSON
    """
    with _refusing("JSON"):
        text = _text(data)
        value = json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=_unique
        )
    _plain(value, most_values)
    return value


@contextmanager
def _refusing(form: str) -> Iterator[None]:
    """Turn what a reader raises into a refusal."""
    try:
        yield
    except RecursionError as error:
        raise StrictError(f"more than {MOST_DEPTH} levels") from error
    except UnicodeDecodeError as error:
        raise StrictError(f"bytes that are not UTF-8 (at {error.start})") from error
    except StrictError:
        raise
    except ValueError as error:
        raise StrictError(f"no {form}: {error}") from error


def _text(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        raise StrictError("a byte order mark")
    return data.decode("utf-8")


def _no_constant(name: str) -> NoReturn:
    raise StrictError(f"{name}, which is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise StrictError(f"the number {text[:30]}, which no double holds")
    return value


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise StrictError(f"the number {text[:30]}, of more than {MOST_DIGITS} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        again = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise StrictError(f"the key {again[:40]!r} more than once")
    return found


def _plain(value: Any, most_values: int) -> None:
    """Refuse depth, numbers of values, and lone surrogates, which cannot be written down again."""
    level: list[Any] = [value]
    n_values = 0
    for _ in range(MOST_DEPTH + 1):
        n_values += len(level)
        if n_values > most_values:
            raise TooManyError(f"more than {most_values:,} values")
        deeper: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _encodable(one)
            elif isinstance(one, dict):
                for key in one:
                    _encodable(key)
                deeper.extend(one.values())
            elif isinstance(one, list):
                deeper.extend(one)
        if not deeper:
            return
        level = deeper
    raise StrictError(f"more than {MOST_DEPTH} levels")


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StrictError(f"half a character (U+{ord(text[error.start]):04X})") from error


def strict_yaml(data: bytes) -> Any:
    """Read YAML that holds no more than JSON could.

    Args:
        data: UTF-8.

    Raises:
        StrictError: for what is refused.

    >>> strict_yaml(b"revision: 1e10\\nseed: 3\\nday: 2026-01-02")
    {'revision': '1e10', 'seed': 3, 'day': '2026-01-02'}
    """
    import yaml

    with _refusing("YAML"):
        try:
            value = yaml.load(_text(data), Loader=_loader())  # noqa: S506 - a safe loader that takes less
        except yaml.YAMLError as error:
            raise StrictError("no YAML: " + " ".join(str(error).split())[:200]) from error
    _plain(value, MOST_VALUES)
    return value


def _loader() -> Any:
    """PyYAML's safe loader without anchors, aliases, tags, dates, and numbers in any form but plain digits."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise StrictError("an alias, which could grow when it is read")
            event = self.peek_event()  # type: ignore[no-untyped-call]
            if getattr(event, "anchor", None):
                raise StrictError(
                    f"the anchor {event.anchor[:40]!r}: with an alias of it a file could grow when it is read"
                )
            if getattr(event, "tag", None):
                raise StrictError(f"the tag {event.tag[:40]!r}")
            self.depth += 1
            if (
                self.depth > MOST_DEPTH + 2
            ):  # `_plain` is exact; this one spares PyYAML's way back from the thousandth level
                raise StrictError(f"more than {MOST_DEPTH} levels")
            found = super().compose_node(parent, index)
            self.depth -= 1
            return found

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: ARG002 - always deep: nothing refers back
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            if odd := [name for name in names if not isinstance(name, str)]:
                raise StrictError(f"the key {odd[0]!r}, which is no text")
            return _unique(
                [
                    (name, self.construct_object(one, deep=True))
                    for name, (_, one) in zip(names, node.value, strict=True)
                ]
            )

    plain = {
        "tag:yaml.org,2002:bool": (r"true|false", "tf"), "tag:yaml.org,2002:null": (r"null|~|", ["n", "~", ""]),
        "tag:yaml.org,2002:int": (r"-?(0|[1-9][0-9]{0,17})", "-0123456789"),
        "tag:yaml.org,2002:float": (r"-?(0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
    }  # fmt: skip
    for tag, (pattern, first) in plain.items():
        Loader.add_implicit_resolver(tag, re.compile(rf"^(?:{pattern})$"), list(first))
    Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node, deep=True))  # type: ignore[arg-type]
    return Loader
