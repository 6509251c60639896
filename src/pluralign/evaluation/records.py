"""One judged answer as it stands in the samples, and its metrics.

lm-eval turns everything in `filtered_resps` into text, so a record is JSON text there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pluralign.judge import Judgement
from pluralign.judge.samples import judgement_record, on_unit_scale


@dataclass(frozen=True)
class Record:
    """What became of one answer.

    Attributes:
        response: the answer without thinking.
        thinking_truncated: whether the model was cut off while it was still thinking.
        judgements: dimension -> score (on 1–5) or failure.
    """

    response: str
    thinking_truncated: bool = False
    judgements: Mapping[str, Judgement] = field(default_factory=dict)

    def to_json(self) -> str:
        """The record as JSON text, for `filtered_resps`."""
        return json.dumps(
            {
                "response": self.response,
                "thinking_truncated": self.thinking_truncated,
                "judgements": {dimension: judgement_record(one) for dimension, one in self.judgements.items()},
            },
            ensure_ascii=False,
        )


def metrics_of(_doc: Mapping[str, Any], results: list[str]) -> dict[str, float]:
    """lm-eval's `process_results`: the metrics of one document.

    Args:
        _doc: the document; not needed.
        results: one record as JSON text.

    Returns:
        Each dimension that was scored, on 0–1 (a failed one is left out, so that it enters no mean); `judge_failed`, the share of
        the asked judgements that failed; `response_length` in characters.

    >>> metrics_of({}, ['{"response": "Hi.", "judgements": {"toxicity": {"score": 2}, "helpfulness": {"failure": "timeout"}}}'])
    {'toxicity': 0.25, 'judge_failed': 0.5, 'response_length': 3.0}
    """
    record = json.loads(results[0])
    judgements = record["judgements"]
    metrics = {name: on_unit_scale(one["score"]) for name, one in judgements.items() if "score" in one}
    if judgements:
        metrics["judge_failed"] = sum("score" not in one for one in judgements.values()) / len(judgements)
    metrics["response_length"] = float(len(record["response"]))
    return metrics
