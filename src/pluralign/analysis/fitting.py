"""One model's numbers from arrays alone, so that a process can fit it that never saw the tables.

Columns of `rare` and `undisclosed` raters serve the others. Where one has no estimate it does not stop the model: raters that it
separates (one person who always gave the lowest rating) are left out, and one that repeats other columns (the same people kept silent
twice) has no coefficient of its own, nor has such an interaction. All is said. A real level without an estimate is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pluralign.errors import PluralignError
from pluralign.stats.clmm import ClmmFit, RankDeficientError, SeparationError, UnusedCategoryError, fit_clmm
from pluralign.stats.crossed import Floats
from pluralign.stats.threads import blas_threads


class NoEstimateError(PluralignError):
    """The ratings of one dimension give no estimate; those of another may."""

    def __init__(self, dimension: str, message: str, fix: str = "") -> None:
        super().__init__("PA060", f"dimension {dimension!r}: {message}", fix)


@dataclass(frozen=True, eq=False)
class FitTask:
    """What one dimension's model is fitted to.

    Attributes:
        dimension: for messages.
        scale: for messages.
        y: (n,) ratings.
        matrix: (n_raters, p) covariates by rater.
        rater: (n,) codes of raters, rows of `matrix`.
        item: (n,) codes of items or prompts.
        names: of the p columns.
        residual: names of those that are `rare` or `undisclosed`.
        interactions: names of those that are of two attributes.
        levels: the scale's categories.
    """

    dimension: str
    scale: str
    y: NDArray[np.int64]
    matrix: Floats
    rater: NDArray[np.int64]
    item: NDArray[np.int64]
    names: tuple[str, ...]
    residual: frozenset[str]
    interactions: frozenset[str]
    levels: tuple[int, ...]


@dataclass(frozen=True)
class Failure:
    """A dimension whose model could not be fitted.

    Attributes:
        dimension: the source's name of it.
        code: of the error.
        message: the whole error.
    """

    dimension: str
    code: str
    message: str

    @classmethod
    def of(cls, dimension: str, error: PluralignError) -> Failure:
        """An error's values. The error itself would not survive the way back from another process."""
        return cls(dimension, error.code, str(error))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A converged fit and what it took.

    Attributes:
        fit: with the columns that remained.
        kept: (n_raters,) which raters it rests on.
        aliased: columns without a coefficient of their own.
        separated: columns whose raters were left out.
    """

    fit: ClmmFit
    kept: NDArray[np.bool_]
    aliased: tuple[str, ...]
    separated: tuple[str, ...]


def fitted(task: FitTask) -> Fitted:
    """Fit one model.

    Raises:
        NoEstimateError: PA060, with the dimension and the reason.
    """
    kept = np.ones(len(task.matrix), dtype=bool)
    names = list(task.names)
    aliased: list[str] = []
    separated: list[str] = []
    while True:
        rows = kept[task.rater]
        design = task.matrix[:, [task.names.index(name) for name in names]][task.rater[rows]]
        try:
            fit = fit_clmm(task.y[rows], design, task.rater[rows], task.item[rows], names=names, levels=task.levels)
        except SeparationError as error:
            gone = [name for name in error.columns if name in task.residual]
            if not gone:
                raise _separated(task, error.columns) from error
            for name in gone:
                kept &= task.matrix[:, task.names.index(name)] == 0.0
            names = [name for name in names if name not in gone]
            separated += gone
        except RankDeficientError as error:
            gone = [name for name in error.columns if name in task.residual | task.interactions]
            if not gone:
                raise _refused(task, error) from error
            names = [name for name in names if name not in gone]
            aliased += gone
        except UnusedCategoryError as error:
            raise _unused(task, error.categories) from error
        except PluralignError as error:
            raise _refused(task, error) from error
        else:
            if not fit.converged:
                raise NoEstimateError(
                    task.dimension, f"the fit did not converge after {fit.n_iterations} steps, gradient "
                    f"{fit.gradient_max:.1g}: {fit.message}.", "Drop covariates, or take a coarser scale.",
                )  # fmt: skip
            return Fitted(fit, kept, tuple(aliased), tuple(separated))


def attempted(task: FitTask) -> Fitted | Failure:
    """`fitted` on one BLAS thread, its error as a value: what a worker process does."""
    with blas_threads(0):
        try:
            return fitted(task)
        except PluralignError as error:
            return Failure.of(task.dimension, error)


def _bare(error: PluralignError) -> str:
    return str(error).removeprefix(f"{error.code} {error.title}: ")


def _refused(task: FitTask, error: PluralignError) -> PluralignError:
    return NoEstimateError(task.dimension, _bare(error))


def _separated(task: FitTask, columns: Sequence[str]) -> PluralignError:
    return NoEstimateError(
        task.dimension, f"the effects of {', '.join(map(repr, columns))} are infinite: their raters gave only the "
        "lowest or only the highest categories; expected ratings that overlap with the others'.",
        "Leave the attribute out, or take a coarser scale.",
    )  # fmt: skip


def _unused(task: FitTask, categories: Sequence[object]) -> PluralignError:
    return NoEstimateError(
        task.dimension, f"nobody gave {', '.join(map(str, categories))} on the scale {task.scale!r}, so its "
        "thresholds have no estimate; expected ratings in every category.", "Take a coarser scale.",
    )  # fmt: skip
