"""The judged tasks `pluralign_en` and `pluralign_de`: lm-eval generates, then every answer is judged, all in one batch.

lm-eval asks a task for its metrics one document at a time; judging there would be one call after the other. This class judges where
lm-eval applies its filters, which is once, with all answers at hand. What the judge said goes into the samples (`filtered_resps`);
the metrics are on 0–1.

The generations are saved before they are judged. A judgement that fails is counted and left out; when more than `max_failed` of them
do, the run fails after every task has been judged, and says where the generations are.
"""

from __future__ import annotations

import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lm_eval.api.task import ConfigurableTask

from pluralign.errors import PluralignError
from pluralign.evaluation.generations import save_generations
from pluralign.evaluation.prompts import CHECKSUMS, TASK_VERSION, load_prompts
from pluralign.evaluation.ranks import of_all_ranks, own_part
from pluralign.evaluation.records import Record, metrics_of
from pluralign.evaluation.settings import NO_JUDGE, OURS, settings_from
from pluralign.evaluation.thinking import without_thinking
from pluralign.judge import FAILURES, Answer, Failure, Judge, Judgement, JudgeOptions, Usage
from pluralign.judge.rescore import judged_answers
from pluralign.schema import DIMENSIONS

__all__ = ["JudgedTask", "metrics_of"]

log = logging.getLogger("pluralign")
SPEAKERS = {"en": ("User", "Assistant"), "de": ("Nutzer", "Assistent")}
"""Who speaks, where no chat template marks it."""
FILTER = "none"


@functools.cache
def shared_judge(name: str, options: JudgeOptions) -> Judge:
    """One judge for all tasks of a run, so that they share its budget, its connections and its count of what it cost."""
    from pluralign.judge.names import open_judge

    return open_judge(name, own_part(options))


def refuse_think_end(metadata: Mapping[str, Any]) -> None:
    """Refuse lm-eval's own stripping: after it, an answer and thinking that was cut off look the same.

    Raises:
        PluralignError: PA081.
    """
    if metadata.get("think_end_token"):
        raise PluralignError(
            "PA081", "think_end_token is among the model's arguments.",
            "Leave it out (and enable_thinking with it): thinking is taken out here, and one that was cut off is counted.",
        )  # fmt: skip


class JudgedTask(ConfigurableTask):  # type: ignore[misc]
    """Held-out prompts in one language, answered by a model and judged.

    Args:
        config: the YAML, with lm-eval's metadata: `judge`, `dimensions`, `max_failed`, `save_to` and the judge's options
            (`concurrency`, `max_calls`, `max_usd`, …).

    Raises:
        PluralignError: PA080 where the prompts are not those of this version, PA081 for settings, PA070–PA078 where the judge
            cannot be used; before anything is generated.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.language: str = str(config["task"]).rsplit("_", 1)[-1].rsplit(":", 1)[-1]
        if self.language not in CHECKSUMS:
            raise PluralignError("PA081", f"task {config['task']!r} names no language.", "Its name ends in _en or _de.")
        self.settings = settings_from(metadata, TASK_VERSION)
        refuse_think_end(metadata)
        self.judge: Judge | None = None
        if self.settings.judge != NO_JUDGE:
            self.judge = shared_judge(self.settings.judge, self.settings.options)
        # The model's arguments are in here too; lm-eval writes the metadata of every task into the results.
        # So is the path of the YAML on this machine, which is nobody's business.
        kept = {key: value for key, value in metadata.items() if key in OURS}
        if self.judge:  # as it may be shown: a base URL may hold a password
            kept["judge"] = self.judge.name
        if isinstance(kept.get("judge_options"), dict):
            kept["judge_options"] = {key: value for key, value in kept["judge_options"].items() if key != "cache"}
        kept.pop("save_to", None)
        config["metadata"] = {**kept, "version": TASK_VERSION, "prompts_sha256": CHECKSUMS[self.language]}
        config["metric_list"] = self._metric_list(config["metric_list"])
        self._n_judged, self._failed = 0, Counter[str]()
        self._saved: Path | None = None
        super().__init__(config=config)

    def _metric_list(self, written: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The YAML's metrics, without dimensions that are not judged and with those that are judged besides."""
        asked = self.settings.dimensions if self.judge else ()
        others = [one for one in written if one["metric"] not in DIMENSIONS]
        if not self.judge:
            others = [one for one in others if one["metric"] != "judge_failed"]
        scored = [
            {"metric": name, "aggregation": "mean", "higher_is_better": DIMENSIONS[name].better == "higher"}
            for name in asked
        ]
        return [*scored, *others]

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Open the prompts, checked; nothing is downloaded."""
        rows = load_prompts(self.language)
        # By name, because a type checker that starts at the repository's root takes our folder `datasets` for the package.
        self.dataset = {"test": import_module("datasets").Dataset.from_list(rows)}

    def build_all_requests(self, **kwargs: Any) -> None:
        """Find out whether the judge can judge, then build the requests: the model has not generated anything yet."""
        if kwargs.get("cache_requests"):
            log.warning("cache_requests is left out: lm-eval's key holds neither the version nor the prompts of a task")
            kwargs["cache_requests"] = False
        if self.judge and not self._only_predicts():
            for note in self.judge.preflight(self.settings.dimensions, (self.language,)):
                log.warning("judge %s: %s", self.judge.name, note)
        super().build_all_requests(**kwargs)

    def _only_predicts(self) -> bool:
        """Whether lm-eval runs with `--predict_only`."""
        return "bypass" in self._metric_fn_list

    def fewshot_context(self, doc: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The prompt as the model sees it; without a chat template, as a turn of a conversation that the model goes on with."""
        if not kwargs.get("apply_chat_template"):
            asks, answers = SPEAKERS[self.language]
            doc = {**doc, "prompt": f"{asks}: {doc['prompt']}\n{answers}:"}
        return super().fewshot_context(doc, *args, **kwargs)

    def apply_filters(self) -> None:
        """Take thinking out, save the generations, judge all of them, and keep what was said beside each."""
        spoken = [without_thinking(one.resps[0], _context(one)) for one in self.instances]
        records = [Record(each.response, each.thinking_truncated) for each in spoken]
        docs = [one.doc for one in self.instances]
        self._saved = save_generations(self, docs, [one.resps[0] for one in self.instances], records)
        if self.judge and not self._only_predicts():
            records = self._judged(records, docs)
        for one, record in zip(self.instances, records, strict=True):
            one.filtered_resps[FILTER] = record.to_json()

    def _judged(self, records: list[Record], docs: list[Mapping[str, Any]]) -> list[Record]:
        assert self.judge is not None
        asked = self.settings.dimensions
        # A model that was still thinking said nothing yet: that is no answer to judge, and no fault of the judge either.
        answers = [
            None if record.thinking_truncated else Answer(doc["prompt"], record.response, self.language)
            for record, doc in zip(records, docs, strict=True)
        ]
        n_whole = sum(answer is not None for answer in answers)
        with _bar(n_whole * len(asked), f"judging {self.config.task}") as advance:
            found = judged_answers(self.judge, answers, asked, advance)
        self._count(found)
        return [
            Record(record.response, record.thinking_truncated, judgements)
            for record, judgements in zip(records, found, strict=True)
        ]

    def _count(self, found: list[dict[str, Judgement]]) -> None:
        """Count failures and write into the results what the judge was and cost."""
        assert self.judge is not None
        every = [judgement for judgements in found for judgement in judgements.values()]
        failed = Counter[str](one.kind for one in every if isinstance(one, Failure))
        ranks = of_all_ranks((len(every), failed, self.judge.usage))
        self._n_judged = sum(n for n, _, _ in ranks)
        self._failed = sum((failed for _, failed, _ in ranks), Counter[str]())
        usages = [usage for _, _, usage in ranks]
        self.config.metadata |= {
            "judge": self.judge.name,
            "judge_identity": self.judge.identity(),
            "judge_provenance": self.judge.provenance(),
            "judge_usage": vars(Usage.total(usages, max(usage.seconds for usage in usages))),
            "judge_failures": dict(self._failed),
        }

    def aggregation(self) -> Any:
        """How metrics are averaged; asked for once every task has been judged, so this is where a failed run stops."""
        # An answer that is empty or never came is the model's doing; judging again would not help.
        failed = {kind: n for kind, n in self._failed.items() if kind not in ("thinking_truncated", "empty_answer")}
        share = sum(failed.values()) / self._n_judged if self._n_judged else 0.0
        if share > self.settings.max_failed:
            kinds = ", ".join(f"{n} {kind} ({FAILURES[kind]})" for kind, n in Counter(failed).most_common())
            raise PluralignError(
                "PA073",
                f"{self.config.task}: {sum(failed.values())} of {self._n_judged} judgements failed ({share:.1%}; at most "
                f"{self.settings.max_failed:.0%} may): {kinds}. The generations are saved in {self._saved}.",
                f"Judge them again, without generating: pluralign judge score {self._saved} --judge NAME. Or allow more: "
                "--metadata '{\"max_failed\": 0.2}'.",
            )
        return super().aggregation()


def _context(instance: Any) -> str:
    """What the model was given, as text; API models get messages instead."""
    given = instance.args[0]
    return given if isinstance(given, str) else ""


class _bar:  # noqa: N801 - used like a function
    """A progress bar on stderr that takes numbers of finished judgements."""

    def __init__(self, total: int, what: str) -> None:
        from tqdm import tqdm

        self._tqdm = tqdm(total=total, desc=what, unit="judgement")

    def __enter__(self) -> Callable[[int], None]:
        def advance(finished: int) -> None:
            self._tqdm.update(finished)

        return advance

    def __exit__(self, *_: object) -> None:
        self._tqdm.close()
