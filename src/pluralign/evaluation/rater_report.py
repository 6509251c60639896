"""Whose ratings a model reproduces: the tables that are computed of the samples of `pluralign_rater*` and the human ratings.

Representativeness is which group's ratings a model fits best as
it comes; steerability is what naming a group does for that group's ratings beyond what the wrong group's name does; consistency is
whether the same group is nearest on every dimension and in both languages.

Source: Santurkar et al. (2023), "Whose opinions do language models reflect?" (OpinionQA), ICML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pluralign.errors import PluralignError
from pluralign.evaluation.rater_comparisons import Comparison
from pluralign.evaluation.rater_docs import compared_groups
from pluralign.evaluation.rater_prompts import distribution
from pluralign.evaluation.rater_rows import Nearest, Row, Steer
from pluralign.evaluation.rater_scores import Rated
from pluralign.evaluation.rater_tables import RaterReport
from pluralign.ratings import Ratings

BOOTSTRAP = 1000


def report_of(
    files: Mapping[str, Path], configs: Mapping[str, Any], seed: int = 0, bootstrap: int = BOOTSTRAP
) -> RaterReport:
    """The report of a run of lm-eval.

    Args:
        files: task -> its samples file.
        configs: the results file's `configs`, which say which ratings were used.
        seed, bootstrap: of the intervals.

    Raises:
        PluralignError: PA076 where samples are not those of a rater task or the ratings are not the ones that were used.
    """
    import pluralign

    metadata = configs[next(iter(files))]["metadata"]
    ratings = pluralign.load(metadata.get("ratings"))
    if (used := metadata.get("ratings_checksum")) != ratings.provenance.checksum:
        raise PluralignError(
            "PA076", f"the samples belong to ratings of checksum {used}; these have {ratings.provenance.checksum}.",
            "Name the folder of ratings that the model was evaluated with.",
        )  # fmt: skip
    groups = metadata.get("groups")
    samples = {task: list(read_rows(path)) for task, path in files.items()}
    return rater_report(samples, ratings, seed, bootstrap, groups=[groups] if isinstance(groups, str) else groups)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a samples file with their distributions: doc's fields and `p`.

    Raises:
        PluralignError: PA076 for a line that is no sample of a rater task.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                sample = json.loads(line)
                doc = sample["doc"]
                shares = [float(one) for one in sample["filtered_resps"]]
                yield {**doc, "p": distribution(shares, len(doc["points"]), reverse=doc["reverse"])}
            except (ValueError, KeyError, TypeError) as error:
                raise PluralignError(
                    "PA076", f"{path}, line {number}: {error!r} in what should be a sample of pluralign_rater.",
                    "Run lm-eval with --log_samples.",
                ) from error  # fmt: skip


def rater_report(
    samples_by_task: Mapping[str, Sequence[Mapping[str, Any]]],
    ratings: Ratings,
    seed: int = 0,
    bootstrap: int = BOOTSTRAP,
    *,
    groups: Sequence[str] | None = None,
) -> RaterReport:
    """Compare predicted distributions with human ratings.

    Args:
        samples_by_task: task -> rows as `read_rows` gives them: item_id, dimension, nearest, reverse, language, named_group and p.
        ratings: the three tables that the documents were made of.
        seed, bootstrap: of the intervals; 1,000 replicates take seconds.
        groups: to compare; None for the study's that have enough raters.

    Returns:
        The tables.
    """
    comparison = Comparison(Rated(ratings), compared_groups(ratings, groups), bootstrap, seed)
    by_language = _predictions(row for rows in samples_by_task.values() for row in rows)
    rows: list[Row] = []
    nearest: list[Nearest] = []
    steering: list[Steer] = []
    for language, named in by_language.items():
        if as_it_comes := named.get("", {}):
            some_rows, some_nearest = comparison.fit(language, as_it_comes)
            rows += some_rows
            nearest += some_nearest
        steering += comparison.steering(language, named)
    return RaterReport(
        ratings.provenance.label, ratings.provenance.kind == "simulated", tuple(rows), tuple(nearest), tuple(steering),
        comparison.consistency(nearest), {task: len(found) for task, found in samples_by_task.items()}, _asked(samples_by_task),
        bootstrap, seed,
    )  # fmt: skip


def _predictions(rows: Any) -> dict[str, dict[str, dict[tuple[str, str], list[float]]]]:
    """Language -> named group ("" as it comes) -> (item, dimension) -> distribution."""
    found: dict[str, dict[str, dict[tuple[str, str], list[float]]]] = {}
    for row in rows:
        of = found.setdefault(row["language"], {}).setdefault(row["named_group"], {})
        of[row["item_id"], row["dimension"]] = list(row["p"])
    return dict(sorted(found.items(), reverse=True))


def _asked(samples_by_task: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Dimension -> which of ours the model was asked about in its place."""
    rows = [row for rows in samples_by_task.values() for row in rows]
    return {row["dimension"]: f"{row['nearest']}{', reversed' if row['reverse'] else ''}" for row in rows}
