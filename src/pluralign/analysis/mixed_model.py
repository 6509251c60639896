"""The study's mixed model on any three tables: who rates higher, by how much, and how sure that is.

    fit_mixed_model(ratings, "toxicity")
    fit_all(ratings)                        # every dimension, in processes

R's `clmm(rating ~ country + gender + age_band + politics + ethnicity + (1|rater) + (1|item))` with the study's references: us, female,
18-30, liberal, white. The numbers are `stats.clmm`'s.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pluralign.analysis.covariates import (
    Covariates,
    Several,
    Undisclosed,
    check_choices,
    covariates,
    disclosed,
    resolved,
)
from pluralign.analysis.fitting import Failure, FitTask, Fitted, NoEstimateError, attempted, fitted
from pluralign.analysis.formula import STUDY_FORMULA, Formula
from pluralign.analysis.mixed_model_table import MixedModel, MixedModels, effects_of, with_holm_over_all
from pluralign.errors import PluralignError
from pluralign.ratings import Ratings, SourceDimension
from pluralign.schema import EVERYONE, SCALES
from pluralign.stats.threads import blas_threads
from pluralign.views.groups import GroupSpec, group_name

Progress = Callable[[str], None]


@dataclass(frozen=True)
class _Options:
    """What `fit_mixed_model` and `fit_all` were asked for besides the ratings and the dimension."""

    formula: str
    references: Mapping[str, str] | None
    scale: str | None
    group: GroupSpec
    several: Several
    undisclosed: Undisclosed


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Everything about one dimension's model but its estimates."""

    ratings: Ratings
    spec: SourceDimension
    scale: str
    options: _Options
    formula: Formula
    covariates: Covariates
    task: FitTask
    n_raters_dropped: int
    n_ratings_dropped: int
    notes: tuple[str, ...]


def fit_mixed_model(
    ratings: Ratings,
    dimension: str,
    formula: str = STUDY_FORMULA,
    references: Mapping[str, str] | None = None,
    scale: str | None = None,
    group: GroupSpec = EVERYONE,
    *,
    several: Several = "level",
    undisclosed: Undisclosed = "level",
) -> MixedModel:
    """Fit the cumulative link mixed model of one dimension.

    Args:
        ratings: the three tables.
        dimension: by the source's name or ours.
        formula: see `analysis.formula`. From the study's own, attributes that tell nothing in this set are dropped with a note; in any
            other they are an error.
        references: attribute -> reference level; else those of the formula, else the schema's first.
        scale: `5pt`, `3pt` or `binary`; the finest that the dimension offers by default.
        group: whose ratings: `everyone`, an attribute value, or `{attribute: value or values}`.
        several: `level`: raters with several values of an attribute have the level `multiple`; `each`: one indicator a value, for all who
            have it, so that coefficients compare with who has the reference alone.
        undisclosed: `level`: raters who did not say have a coefficient; `drop`: they are left out, and counted.

    Returns:
        The model, converged.

    Raises:
        PluralignError: PA020–PA024 for unknown names; PA060 where there is no estimate, with the reason.
    """
    options = _Options(formula, references, scale, group, several, undisclosed)
    prepared = _prepared(ratings, dimension, options)
    return _model(prepared, fitted(prepared.task))


def fit_all(
    ratings: Ratings,
    dimensions: Sequence[str] | None = None,
    formula: str = STUDY_FORMULA,
    references: Mapping[str, str] | None = None,
    scale: str | None = None,
    group: GroupSpec = EVERYONE,
    *,
    several: Several = "level",
    undisclosed: Undisclosed = "level",
    jobs: int | None = None,
    progress: Progress | None = None,
) -> MixedModels:
    """Fit the models of several dimensions, in processes; one that cannot be fitted does not stop the others.

    Args:
        ratings, formula, references, scale, group, several, undisclosed: see `fit_mixed_model`.
        dimensions: by the source's names or ours; all by default.
        jobs: processes, one BLAS thread each; the cores by default. The results do not depend on it. A script that asks for more than
            one keeps its own calls under `if __name__ == "__main__":`.
        progress: called with each dimension's name when it is done.

    Returns:
        The models, with p values by Holm over all of them, and the failures with their reasons.

    Raises:
        PluralignError: PA020–PA024 or PA060 for what is wrong with the question, whatever the dimension: names, formula, choices.
    """
    names = [spec.name for spec in ratings.provenance.dimensions] if dimensions is None else list(dimensions)
    specs = list({spec.name: spec for spec in map(ratings.provenance.dimension, names)}.values())
    if not specs:
        raise PluralignError("PA024", "got no dimension; expected at least one.", "Leave `dimensions` out for all.")
    options = _Options(formula, references, scale, group, several, undisclosed)
    failures: dict[str, Failure] = {}
    ready: list[_Prepared] = []
    wrong: list[PluralignError] = []
    for spec in specs:
        try:
            ready.append(_prepared(ratings, spec.name, options))
        except PluralignError as error:
            failures[spec.name] = Failure.of(spec.name, error)
            wrong += [] if isinstance(error, NoEstimateError) else [error]
            if progress:
                progress(spec.name)
    if len(wrong) == len(specs) and len({str(error) for error in wrong}) == 1:
        raise wrong[0]  # the question itself is wrong
    models = []
    for prepared, found in zip(ready, _all([each.task for each in ready], jobs, progress), strict=True):
        if isinstance(found, Failure):
            failures[found.dimension] = found
        else:
            models.append(_model(prepared, found))
    in_order = tuple(failures[spec.name] for spec in specs if spec.name in failures)
    return MixedModels(with_holm_over_all(models), in_order)


def _all(tasks: Sequence[FitTask], jobs: int | None, progress: Progress | None) -> list[Fitted | Failure]:
    """Every task's result in order."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    jobs = min(cores if jobs is None else jobs, len(tasks))
    done = progress or (lambda _: None)
    results: list[Fitted | Failure] = []
    if jobs <= 1:
        for task in tasks:
            results.append(attempted(task))
            done(task.dimension)
        return results
    # Spawned, as Polars' threads do not survive a fork.
    with ProcessPoolExecutor(jobs, get_context("spawn"), _one_thread) as pool:
        try:
            for task, result in zip(tasks, pool.map(attempted, tasks), strict=True):
                results.append(result)
                done(task.dimension)
        except BrokenProcessPool as error:
            raise PluralignError(
                "PA060", "a process ended before its model was fitted: for want of memory, or because a script called this outside "
                '`if __name__ == "__main__":`.', "Guard the call, or pass jobs=1.",
            ) from error  # fmt: skip
    return results


def _one_thread() -> None:
    blas_threads(0).__enter__()


def _prepared(ratings: Ratings, dimension: str, options: _Options) -> _Prepared:
    check_choices(options.several, options.undisclosed)
    spec = ratings.provenance.dimension(dimension)
    notes: list[str] = []
    scale = options.scale or spec.scales[0]
    if options.scale is None and scale != next(iter(SCALES)):
        notes.append(f"scale {scale!r}: the finest that the source offers")
    view = ratings.view(options.group, scale, "individual", spec.name)
    if view.num_rows == 0:
        raise NoEstimateError(
            spec.name, f"got no rating of group {group_name(options.group)!r} on the scale {scale!r}; expected some."
        )  # fmt: skip
    raters = _of(ratings.raters, view)
    formula, left_out = resolved(options.formula, options.references, raters)
    notes += left_out
    n_before = raters.num_rows, view.num_rows
    if options.undisclosed == "drop":
        view, raters, formula, left_out = _complete(view, raters, formula, options, spec.name)
        notes += left_out
    _check_several(view, formula, spec.name)
    columns = covariates(raters, formula, options.several)
    task = FitTask(
        dimension=spec.name,
        scale=scale,
        y=view.column("value").to_numpy().astype(np.int64),
        matrix=columns.matrix,
        rater=_codes(view.column("rater_id"), raters.column("rater_id")),
        item=_codes(view.column(f"{formula.item_factor}_id")),
        names=tuple(column.name for column in columns.columns),
        residual=frozenset(column.name for column in columns.columns if column.is_residual),
        interactions=frozenset(column.name for column in columns.columns if ":" in column.term),
        levels=SCALES[scale].values,
    )
    return _Prepared(
        ratings, spec, scale, options, formula, columns, task, n_before[0] - raters.num_rows, n_before[1] - view.num_rows,
        tuple(dict.fromkeys([*notes, *columns.notes])),
    )  # fmt: skip


def _check_several(view: pa.Table, formula: Formula, dimension: str) -> None:
    """A variance needs at least two: said before anything else that follows from it."""
    for what in ("rater", formula.item_factor):
        if pc.count_distinct(view.column(f"{what}_id")).as_py() < 2:
            raise NoEstimateError(
                dimension, f"got one {what}; expected at least two, as the model has a variance between {what}s.",
                "Take a larger group.",
            )  # fmt: skip


def _complete(
    view: pa.Table, raters: pa.Table, formula: Formula, options: _Options, dimension: str
) -> tuple[pa.Table, pa.Table, Formula, tuple[str, ...]]:
    """Only the ratings of raters who gave every attribute, and what of the formula still varies among them."""
    complete = disclosed(raters, formula.covariates)
    if not complete.any():
        raise NoEstimateError(
            dimension, f"got undisclosed='drop', which leaves none of {raters.num_rows} raters; expected some who gave "
            f"all of {', '.join(formula.covariates)}.", "Keep them as a level, or leave an attribute out.",
        )  # fmt: skip
    raters = raters.filter(pa.array(complete))
    view = view.filter(pc.is_in(view.column("rater_id"), raters.column("rater_id").combine_chunks()))
    again, notes = resolved(options.formula, options.references, raters)
    return view, raters, again.without([a for a in again.covariates if a not in formula.covariates]), notes


def _of(raters: pa.Table, view: pa.Table) -> pa.Table:
    """The raters who have a rating in a view, in their table's order."""
    return raters.filter(pc.is_in(raters.column("rater_id"), pc.unique(view.column("rater_id"))))


def _codes(values: pa.ChunkedArray, options: pa.ChunkedArray | None = None) -> np.ndarray[tuple[int], np.dtype[np.int64]]:  # fmt: skip
    options = pc.unique(values) if options is None else options.combine_chunks()
    codes: np.ndarray[tuple[int], np.dtype[np.int64]] = pc.index_in(values, options).to_numpy().astype(np.int64)
    return codes


def _model(prepared: _Prepared, found: Fitted) -> MixedModel:
    task, fit = prepared.task, found.fit
    by_name = {column.name: column for column in prepared.covariates.columns}
    n_raters = {name: int(task.matrix[found.kept, k].sum()) for k, name in enumerate(task.names)}
    notes = list(prepared.notes)
    for name in found.separated:
        column = by_name[name]
        n_out = int(task.matrix[:, task.names.index(name)].sum())
        notes.append(f"{n_out} raters left out: the effect of {column.term} {column.level!r} has no finite estimate")
    for name in found.aliased:
        column = by_name[name]
        notes.append(f"no coefficient of {column.term} {column.level!r}: other columns tell the same raters apart")
    notes += [part for part in fit.message.split("; ") if part != "gradient below tolerance"]
    return MixedModel(
        dimension=prepared.spec.name,
        nearest=prepared.spec.nearest,
        source=prepared.ratings.provenance.label,
        scale=prepared.scale,
        group=group_name(prepared.options.group),
        formula=str(prepared.formula),
        item_factor=prepared.formula.item_factor,
        references=prepared.covariates.references,
        several=prepared.options.several,
        undisclosed=prepared.options.undisclosed,
        n_raters_dropped=prepared.n_raters_dropped + int((~found.kept).sum()),
        n_ratings_dropped=prepared.n_ratings_dropped + len(task.y) - fit.n_ratings,
        merged=prepared.covariates.merged,
        effects=effects_of(fit, by_name, n_raters),
        notes=tuple(notes),
        fit=fit,
    )
