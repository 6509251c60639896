"""Taking a reasoning model's thinking out of what it said, and noticing when it never came to an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

MARKS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
)
"""How thinking opens and closes: DeepSeek-R1 and Qwen3, several others, Magistral, Kimi, Command A, Seed-OSS."""

LONGEST = max(len(mark) for marks in MARKS for mark in marks)

_FINAL = "<|channel|>final<|message|>"
_ANALYSIS = "<|channel|>analysis<|message|>"
"""gpt-oss's channels: what is not in `final` is thinking."""


@dataclass(frozen=True)
class Spoken:
    """What a model said.

    Attributes:
        response: without thinking, trimmed.
        thinking_truncated: whether it was cut off before it came to an answer; then `response` is empty.
        thinking_chars: length of what was taken out, in characters.
    """

    response: str
    thinking_truncated: bool
    thinking_chars: int


def without_thinking(text: str, context: str = "") -> Spoken:
    """Split an answer from the thinking before it.

    Args:
        text: what the model generated.
        context: what it was given; a chat template may have opened the thinking already.

    >>> without_thinking("<think>Hm. Be kind.</think>\\n\\nOf course.")
    Spoken(response='Of course.', thinking_truncated=False, thinking_chars=27)
    >>> without_thinking("<think>Hm. Be").thinking_truncated
    True
    >>> without_thinking("Hm. Be", context="<|assistant|><think>\\n").thinking_truncated
    True
    >>> without_thinking("The tag <think> opens it.").response
    'The tag <think> opens it.'
    """
    if _FINAL in text:
        before, _, answer = text.rpartition(_FINAL)
        return _spoken(re.split(r"<\|(?:return|end)\|>", answer)[0], len(before) + len(_FINAL))
    if text.lstrip().startswith(_ANALYSIS):
        return Spoken("", True, len(text))
    folded, began, given = text.casefold(), text.lstrip()[:LONGEST].casefold(), context[-2 * LONGEST :].rstrip()
    for opening, closing in MARKS:
        opens = began.startswith(opening.casefold())
        opened = given.endswith(opening)
        before, mark, answer = _cut(text, closing) if closing.casefold() in folded else (text, "", "")
        # A closing mark that nothing opened ends thinking only where it stands on a line of its own: an answer may mention it.
        alone = bool(mark) and opening not in text and _on_own_line(before, answer)
        if mark and (opens or opened or alone):
            return _spoken(answer, len(text) - len(answer))
        if opens or opened:
            return Spoken("", True, len(text))
    return _spoken(text, 0)


def _on_own_line(before: str, after: str) -> bool:
    return before.rpartition("\n")[2].strip() == "" and after.partition("\n")[0].strip() == ""


def _cut(text: str, closing: str) -> tuple[str, str, str]:
    """At the last closing mark: a model that thinks aloud about tags closes only once it is done."""
    # Searched for in the text itself: "ß" is two characters once it is folded, and every place behind it another one.
    found = [match.start() for match in re.finditer(re.escape(closing), text, re.IGNORECASE)]
    return (text[: found[-1]], closing, text[found[-1] + len(closing) :]) if found else (text, "", "")


def _spoken(answer: str, taken: int) -> Spoken:
    return Spoken(answer.strip(), False, taken)
