"""Judges by name: `openai:MODEL[@BASE_URL]`, `rater-model[:FOLDER]`, `zero-shot`, `offline`, or several with commas between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pluralign.errors import PluralignError, unknown
from pluralign.judge.base import Judge, JudgeOptions

if TYPE_CHECKING:
    from pluralign.judge.prices import Budget

KINDS = ("openai", "rater-model", "zero-shot", "offline")
DEFAULT = "offline"


def open_judge(name: str, options: JudgeOptions | None = None) -> Judge:
    """The judge, or the jury, of a name. Nothing is asked of any server yet.

    Args:
        name: e.g. `openai:gpt-4o-mini`, `openai:qwen@http://localhost:8000/v1`, `rater-model`, `rater-model:FOLDER`, `zero-shot`,
            `offline` (the default without network), `openai:gpt-4o-mini,rater-model`.
        options: how to judge.

    Raises:
        PluralignError: PA070 for a name that is none, PA074 for options out of range, PA077 and PA078 for files that are broken.
    """
    from pluralign.judge.jury import Jury
    from pluralign.judge.prices import Budget

    names, options = [part.strip() for part in name.split(",")], options or JudgeOptions()
    budget = Budget(options.max_calls, options.max_usd)
    judges: list[Judge] = [_open_one(part, options, budget) for part in names]
    jury: Judge = judges[0] if len(judges) == 1 else Jury(judges)
    return jury


def _open_one(name: str, options: JudgeOptions, budget: Budget) -> Judge:
    kind, colon, rest = name.partition(":")
    if kind not in KINDS:
        raise unknown("PA070", "judge", _without_credentials(kind), KINDS)
    if kind == "openai":
        return _open_openai(rest, options, budget)
    if kind == "rater-model":
        from pluralign.judge.offline import RaterModelJudge

        if colon and not rest:
            raise PluralignError("PA070", f"got judge {name!r}.", "Write rater-model, or rater-model:FOLDER.")
        rater_model: Judge = RaterModelJudge.open(Path(rest).expanduser() if rest else None)
        return rater_model
    if colon:
        raise PluralignError("PA070", f"got judge {name!r}.", f"{kind} takes nothing after it.")
    from pluralign.judge.offline import offline_judge
    from pluralign.judge.zero_shot import ZeroShotJudge

    judge: Judge = ZeroShotJudge() if kind == "zero-shot" else offline_judge()
    return judge


def _open_openai(rest: str, options: JudgeOptions, budget: Budget) -> Judge:
    from pluralign.judge.endpoint import endpoint
    from pluralign.judge.openai_judge import MODEL, OpenAIJudge

    model, url = rest, None
    for scheme in ("@http://", "@https://"):
        if scheme in rest:
            model, _, address = rest.partition(scheme)
            url = scheme[1:] + address
    if not model:
        raise PluralignError(
            "PA070", "no model is named.", f"Write openai:{MODEL}, or openai:MODEL@http://HOST:PORT/v1."
        )
    if url is None and "@" in rest and ("/" in rest.rpartition("@")[2] or ":" in rest.rpartition("@")[2]):
        raise PluralignError("PA070", "the judge's base URL has no scheme.", "Write openai:MODEL@http://HOST:PORT/v1.")
    return OpenAIJudge(model, endpoint(url), options, budget)


def _without_credentials(name: str) -> str:
    # A mistyped kind must not spill what stands in the URL.
    return name.partition("@")[0]
