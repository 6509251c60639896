"""The tasks `pluralign_rater_*`: a language model rates; lm-eval asks for the log-likelihoods of the options.

No judge and no generation: each document is 4 framings × the dimension's points, and the options of a framing share one forward pass
on `hf`. What is kept in the samples (`filtered_resps`) is the probability of every option within its framing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

import pluralign
from pluralign.errors import PluralignError
from pluralign.evaluation.rater_comparisons import Comparison
from pluralign.evaluation.rater_docs import VERSION, compared_groups, documents, rater_settings
from pluralign.evaluation.rater_prompts import FRAMINGS, distribution, framed_probabilities, messages, plain
from pluralign.evaluation.rater_scores import Rated, average, rivals, shown_groups, skills
from pluralign.ratings import Ratings
from pluralign.schema import EVERYONE, LANGUAGES

FILTER = "none"
BOOTSTRAP = 1000
SEED = 0
PRIMARY = "rps_skill"
KEPT = ("ratings", "dimensions", "groups")


@functools.lru_cache(maxsize=2)
def opened(folder: str | None) -> tuple[Ratings, Rated]:
    """A set of ratings, opened and encoded once for all tasks of a run."""
    ratings = pluralign.load(folder)
    return ratings, Rated(ratings)


def metrics_of(doc: Mapping[str, Any], results: Sequence[float]) -> dict[str, Any]:
    """What a document gives to every metric: its row and the predicted distribution; the task turns them into skills."""
    return {PRIMARY: [doc["row"], *distribution(results, len(doc["points"]), reverse=doc["reverse"])]}


class RaterTask(ConfigurableTask):  # type: ignore[misc]
    """Items of the test split in one language, rated by a model as it comes, or as a member of a named group (`steered`).

    Args:
        config: the YAML, with lm-eval's metadata: `ratings`, `dimensions`, `groups`.

    Raises:
        PluralignError: PA081 for settings; PA001 and on where the ratings cannot be opened.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        config = {key: value for key, value in config.items() if key != "class"}
        metadata = dict(config.get("metadata") or {})
        self.language, self.steered = str(metadata.get("language")), bool(metadata.get("steered"))
        name = str(config["task"])
        # --metadata reaches every task, so it could turn the German task into a second English one.
        if (
            self.language not in LANGUAGES
            or not name.endswith(f"_{self.language}")
            or self.steered != ("steered" in name)
        ):
            raise PluralignError(
                "PA081", f"task {name!r} got language {self.language!r} and steered {self.steered} in its metadata.",
                "Leave `language` and `steered` out of --metadata.",
            )  # fmt: skip
        self.settings = rater_settings(metadata)
        self.ratings, self.rated = opened(self.settings.ratings)
        self.compared = compared_groups(self.ratings, self.settings.groups)
        kept = {key: value for key, value in metadata.items() if key in KEPT}
        config["metadata"] = {
            **kept, "version": VERSION, "language": self.language, "steered": self.steered,
            "provenance": self.ratings.provenance.label, "ratings_checksum": self.ratings.provenance.checksum,
        }  # fmt: skip
        groups = () if self.steered else shown_groups(self.compared)[1:]
        ends = () if self.steered else (f"{PRIMARY}_low", f"{PRIMARY}_high")
        self.metrics = (PRIMARY, *ends, *(f"{PRIMARY}_{group}" for group in groups))
        config["metric_list"] = [{"metric": m, "aggregation": "mean", "higher_is_better": True} for m in self.metrics]
        super().__init__(config=config)

    def download(self, dataset_kwargs: Mapping[str, Any] | None = None, **_: Any) -> None:  # noqa: ARG002
        """Make the documents out of the ratings; nothing is downloaded."""
        found = documents(self.ratings, self.settings, self.language, steered=self.steered)
        # By name: from the checkout, type checkers take the folder datasets/ for the package.
        self.dataset = {"test": import_module("datasets").Dataset.from_list(found)}
        self._docs = found

    def build_all_requests(self, **kwargs: Any) -> None:
        """Build the requests afresh: lm-eval's cache of them knows neither the ratings nor the dimensions, and would ask others."""
        super().build_all_requests(**{**kwargs, "cache_requests": False})

    def fewshot_context(self, doc: Mapping[str, Any], num_fewshot: int, *_: Any, **kwargs: Any) -> Any:
        """The question in its four framings, each ending in "Answer:"; with a chat template, as the model's own turn begun."""
        if num_fewshot:
            raise PluralignError("PA081", f"got --num_fewshot {num_fewshot}; a rater is asked without examples.")
        system, template = kwargs.get("system_instruction"), kwargs.get("chat_template")
        if not (kwargs.get("apply_chat_template") and template):
            return [plain(doc, framing, system) for framing in FRAMINGS]
        texts = [template(messages(doc, framing, system), add_generation_prompt=False) for framing in FRAMINGS]
        if not all(isinstance(text, str) and not text.lstrip().startswith("[{") for text in texts):
            raise PluralignError(
                "PA081", "this backend takes messages and gives no log-likelihoods of options, so a model cannot rate there.",
                "Use hf, vllm, or local-completions with a tokenizer.",
            )  # fmt: skip
        return texts

    def construct_requests(self, doc: Mapping[str, Any], ctx: Sequence[str], **kwargs: Any) -> list[Instance]:
        """One request a framing and point, points ascending, so that results need no unshuffling."""
        given = {key: kwargs[key] for key in ("metadata",) if key in kwargs}
        requests: list[Instance] = []
        for text, framing in zip(ctx, FRAMINGS, strict=True):
            for label, _ in sorted(framing.options(doc["points"]), key=lambda option: option[1]):
                # One token " A" where the tokenizer has it; the space belongs to the continuation.
                made = Instance("loglikelihood", doc, (text, f" {label}"), len(requests), **given)
                requests.append(made)
        return requests

    def apply_filters(self) -> None:
        """Turn log-likelihoods into the probability of every option within its framing."""
        start = 0
        while start < len(self.instances):
            block = self.instances[start : start + len(FRAMINGS) * len(self.instances[start].doc["points"])]
            table = np.array([one.resps[0][0] for one in block]).reshape(len(FRAMINGS), -1)
            for one, share in zip(block, framed_probabilities(table).ravel(), strict=True):
                one.filtered_resps[FILTER] = float(share)
            start += len(block)

    def process_results(self, doc: Mapping[str, Any], results: Sequence[float]) -> dict[str, Any]:
        """The document's row and distribution, under every metric's name."""
        if "bypass" in self._metric_fn_list:
            return {"bypass": 0.0}
        value = metrics_of(doc, results)[PRIMARY]
        return dict.fromkeys(self.metrics, value)

    def aggregation(self) -> Any:
        """Metric -> the skill that it is, of the values of all documents, from whichever rank they come."""
        if "bypass" in self._metric_fn_list:
            return super().aggregation()
        return {metric: partial(self.score, metric) for metric in self.metrics}

    def score(self, metric: str, values: Sequence[Sequence[float]]) -> float:
        """One number of lm-eval's table.

        Args:
            metric: `rps_skill`, its interval's `_low` or `_high`, or `rps_skill_<group>`.
            values: row and distribution of each document.
        """
        last = metric.removeprefix(PRIMARY).removeprefix("_")
        if self.steered:
            return self._steered_skill(values)
        if last in ("low", "high"):
            # Drawn as the report draws it, so that both show one interval.
            comparison = Comparison(self.rated, self.compared, BOOTSTRAP, SEED)
            return float(getattr(comparison.pooled_skill(EVERYONE, self._predictions(values)), last))
        return self._skill(last or EVERYONE, values)

    def _predictions(self, values: Sequence[Sequence[float]], named: str = "") -> dict[tuple[str, str], list[float]]:
        docs = ((self._docs[int(row)], p) for row, *p in values)
        return {(d["item_id"], d["dimension"]): p for d, p in docs if d["named_group"] == named}

    def _skill(self, group: str, values: Sequence[Sequence[float]], named: str = "") -> float:
        cells = self.rated.cells(group, rivals(group, self.compared), self._predictions(values, named))
        return average(*skills(list(cells.values())))[0]

    def _steered_skill(self, values: Sequence[Sequence[float]]) -> float:
        """Mean over groups of the skill for a group's ratings when told to rate as that group."""
        skills = [self._skill(group, values, named=group) for group in shown_groups(self.compared)[1:]]
        known = [value for value in skills if np.isfinite(value)]
        return float(np.mean(known)) if known else float("nan")
