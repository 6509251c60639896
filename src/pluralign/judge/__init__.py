"""Judges: score (prompt, response, dimension) on 1–5, with a reason, or say why not. See README, "Who judges"."""

from pluralign.judge.base import FAILURES, Answer, Failure, Judge, Judgement, JudgeOptions, Score, Usage
from pluralign.judge.names import open_judge

__all__ = ["FAILURES", "Answer", "Failure", "Judge", "JudgeOptions", "Judgement", "Score", "Usage", "open_judge"]
