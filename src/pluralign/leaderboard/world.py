"""What must be equal for two scores to be comparable: judge, rubrics, prompts, and how answers were generated."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pluralign.evaluation.prompts import TASK_VERSION
from pluralign.judge.rubric import load_rubric
from pluralign.leaderboard.judges import UNVERIFIED, Known, Standing, fixed_sha256, known_judge
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.schema import DIMENSIONS

UNTIL = ("\nUser:", "\nNutzer:", "<|im_end|>", "<|endoftext|>")
"""Where the task stops generating, as tasks/prompts has it."""
SAMPLING = ("top_p", "top_k", "min_p", "seed")
"""Settings that change nothing where nothing is drawn."""


@dataclass(frozen=True)
class World:
    """Submissions are ranked within one.

    Attributes:
        judge: its name, as submissions give it.
        identity_sha256: of what fixes its scores.
        rubrics_sha256: of the rubrics of all dimensions.
        prompts: version of the prompts and the task.
        generation: how answers were generated.
        fixed_sha256: of the judge's identity without versions of packages; follows from the identity, and is in no key.
    """

    judge: str
    identity_sha256: str
    rubrics_sha256: str
    prompts: str
    generation: str
    fixed_sha256: str

    @classmethod
    def of(cls, judge: str, identity: Mapping[str, Any], generation: Mapping[str, Any]) -> World:
        """The world of a run with this version's prompts and rubrics."""
        rubrics = identity_sha256({name: load_rubric(name).hash for name in DIMENSIONS})
        return cls(
            judge,
            identity_sha256(identity),
            rubrics,
            TASK_VERSION,
            json.dumps(generation, sort_keys=True, ensure_ascii=False),
            fixed_sha256(identity),
        )

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits."""
        return identity_sha256({name: value for name, value in vars(self).items() if name != "fixed_sha256"})[:12]

    @property
    def known(self) -> Known | None:
        """What this package or the keepers know of the judge."""
        return known_judge(self.judge, self.identity_sha256, self.fixed_sha256)

    @property
    def standing(self) -> Standing:
        """Whose word the judge stands on: `demonstration` and `known` on this package's or the keepers', `unverified` on a submitter's."""
        if (known := self.known) is None:
            return "unverified"
        return "demonstration" if known.demonstration else "known"

    @property
    def is_demonstration(self) -> bool:
        """Whether the judge is known to be fitted to simulated ratings, so that its board only demonstrates."""
        return self.standing == "demonstration"

    @property
    def provenance_lines(self) -> tuple[str, ...]:
        """Where the judge comes from, by this package or the keepers; for any other judge a warning, and nothing that a submission says."""
        return (UNVERIFIED,) if (known := self.known) is None else known.provenance

    @property
    def title(self) -> str:
        """Of its board."""
        known, made = self.known, json.loads(self.generation)
        tokens = made.get("max_gen_toks") if isinstance(made, dict) else None
        told = f"judge {self.judge if known is None else known.title}, prompts {self.prompts}" + (
            f", answers of at most {tokens} tokens" if isinstance(tokens, int) else ""
        )
        told += ", with a system prompt" if isinstance(made, dict) and "system_sha256" in made else ""
        label = {"demonstration": "Demonstration: ", "unverified": "Unverified: "}.get(self.standing, "")
        return f"{label}{told}" if label else told[0].upper() + told[1:]


def _number(low: float, high: float) -> Callable[[Any], float | None]:
    def read(value: Any) -> float | None:
        plain = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if plain and low <= value <= high else None

    return read


def _whole(low: int, high: int) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        found = _number(low, high)(value)
        return int(found) if found is not None and found == int(found) else None

    return read


def _switch(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


SETTINGS: Mapping[str, tuple[Callable[[Any], Any], Any]] = {
    "do_sample": (_switch, None), "temperature": (_number(0, 5), None), "max_gen_toks": (_whole(1, 1 << 20), None),
    "top_p": (_number(0, 1), 1.0), "top_k": (_whole(-1, 1 << 20), None), "min_p": (_number(0, 1), 0.0),
    "repetition_penalty": (_number(0.1, 10), 1.0), "presence_penalty": (_number(-2, 2), 0.0), "frequency_penalty": (_number(-2, 2), 0.0),
    "num_beams": (_whole(1, 64), 1), "seed": (_whole(0, 1 << 63), None),
}  # fmt: skip
"""Setting -> how it is read, and the value that is the same as none."""


def settled(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Settings of generation in one form, so that two ways of saying the same are one world.

    Args:
        given: lm-eval's, without `until`.

    Returns:
        The settings: whole numbers and decimals as such, without what changes nothing; and what may not be there, `name value` each.

    >>> settled({"temperature": 0, "do_sample": False, "top_p": 1})
    ({'do_sample': False, 'temperature': 0.0}, [])
    >>> settled({"max_gen_toks": "128"})
    ({}, ["max_gen_toks '128'"])
    """
    made: dict[str, Any] = {}
    wrong = []
    for name, value in given.items():
        read, neutral = SETTINGS.get(name, (lambda _: None, None))
        if (found := read(value)) is None:
            wrong.append(f"{name[:40]} {value!r}"[:80])
        elif found != neutral:
            made[name] = found
    if made.get("temperature") == 0 or made.get("do_sample") is False:
        made = {name: one for name, one in made.items() if name not in SAMPLING}
        made |= {"do_sample": False, "temperature": 0.0}
    return dict(sorted(made.items())), wrong


def changes(system: str | None, until: Iterable[str], ends: Iterable[str]) -> dict[str, str]:
    """What else of a run changes its answers, as hashes: a system prompt, and stopping elsewhere than the task does.

    Args:
        system: the run's system instruction.
        until: where it stopped.
        ends: the model's own end tokens, which every model may add.
    """
    found = {"system_sha256": hashlib.sha256(system.encode()).hexdigest()} if system else {}
    if (own := set(until) - (set(ends) - set(UNTIL))) != set(UNTIL):
        found["until_sha256"] = hashlib.sha256("\x00".join(sorted(own)).encode()).hexdigest()
    return found
