"""What must be equal for two scores to be comparable: judge, rubrics, prompts, and how answers were generated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pluralign.evaluation.prompts import TASK_VERSION
from pluralign.judge.rubric import load_rubric
from pluralign.leaderboard.manifest import identity_sha256
from pluralign.schema import DIMENSIONS

SIMULATED = "rater-model-simulated"


@dataclass(frozen=True)
class World:
    """Submissions are ranked within one.

    Attributes:
        judge: its name.
        identity_sha256: of what fixes its scores.
        rubrics_sha256: of the rubrics of all dimensions.
        prompts: version of the prompts and the task.
        generation: how answers were generated.
    """

    judge: str
    identity_sha256: str
    rubrics_sha256: str
    prompts: str
    generation: str

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
        )

    @property
    def key(self) -> str:
        """Twelve hexadecimal digits."""
        return identity_sha256(vars(self))[:12]

    @property
    def is_demonstration(self) -> bool:
        """Whether the judge was fitted to simulated ratings, so that its board only demonstrates."""
        return SIMULATED in self.judge

    @property
    def title(self) -> str:
        """Of its board."""
        made = json.loads(self.generation)
        tokens = made.get("max_gen_toks") if isinstance(made, dict) else None
        told = f"judge {self.judge}, prompts {self.prompts}" + (
            f", answers of at most {tokens} tokens" if tokens else ""
        )
        return f"Demonstration: {told}" if self.is_demonstration else told[0].upper() + told[1:]
