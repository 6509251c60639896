"""Power of planned rating studies, by simulating them and fitting the study's mixed model to every replicate.

How a replicate is tested was measured before it was chosen (toxicity's parameters, one core):

- the exact fit is kept. Started from the true parameters, with gradient tolerance 1e-3 instead of 1e-5, it reaches the same
  maximum (coefficients and standard errors equal to five decimals in ten designs of 1,500 to 6,000 ratings) in half to three
  quarters of the time: .04 s at 1,500 ratings, .2 s at 6,000, 1 s at the study's 1,095 raters × 1,761 items;
- the whole covariance is computed. It is a quarter to a third of the time, and the coefficient's standard error alone would
  need the same Hessian. The expected information in its place would be free, but where raters have one or two ratings it is
  15 % above what the fit reports, and a test that nobody would make is not what a planner asks about;
- `power_approximation` uses that information to answer without any fit, for a first look.

A fit that fails or does not converge is counted with its reason, and the shares are of the replicates that could be fitted.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from pluralign.errors import PluralignError
from pluralign.simulate.power_design import RatingDesign, checked_effect, outcome
from pluralign.simulate.power_model import RatingModel
from pluralign.simulate.power_summary import PowerRow, Replicate, summary
from pluralign.stats.clmm import fit_clmm
from pluralign.stats.clmm_data import ClmmDataError
from pluralign.stats.threads import blas_threads

TOLERANCE = 1e-3
"""Of the gradient; see above."""
SMALLEST_START = 0.1
"""An sd of 0 has no logarithm to start from."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Task:
    """One replicate: its place in the results, and all that it is drawn from.

    Its random stream does not depend on the effect: power and type-I error see the same raters and the same luck.
    """

    place: int
    design: RatingDesign
    model: RatingModel
    log_odds_ratio: float
    seed: int
    replicate: int


def fitted(task: Task) -> Replicate:
    """Simulate one study and fit it."""
    drawn = outcome(task.design.generator(task.seed, task.replicate), task.design, task.model, task.log_odds_ratio)
    full = len(np.unique(drawn.value)) == len(task.model.thresholds) + 1
    try:
        fit = fit_clmm(
            drawn.value, drawn.in_group[:, None], drawn.rater, drawn.item, names=["group"], gtol=TOLERANCE,
            start=_start(task.model, task.log_odds_ratio) if full else None,
        )  # fmt: skip
    except ClmmDataError as error:
        return Replicate(failure=type(error).__name__.removesuffix("Error"))
    except np.linalg.LinAlgError:
        return Replicate(failure="LinearAlgebra")
    place = len(fit.thresholds)
    if not fit.converged:
        return Replicate(failure="NotConverged")
    if not np.isfinite(fit.se[place]):
        return Replicate(failure="NoStandardError")
    return Replicate(float(fit.coef[0]), float(fit.se[place]), float(fit.p[place]))


def _start(model: RatingModel, log_odds_ratio: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    cuts = np.array(model.thresholds)
    sds = np.maximum([model.rater_sd, model.item_sd], SMALLEST_START)
    return np.concatenate([cuts[:1], np.log(np.diff(cuts)), [log_odds_ratio], np.log(sds)])


def power(
    designs: Sequence[RatingDesign],
    model: RatingModel,
    odds_ratio: float,
    *,
    replicates: int = 200,
    alpha: float = 0.05,
    seed: int = 0,
    jobs: int | None = 1,
    type_i_error: bool = False,
    progress: Progress | None = None,
) -> list[PowerRow]:
    """How often studies of each design find a group's effect.

    Args:
        designs: the studies.
        model: what their ratings are drawn from.
        odds_ratio: the group's true effect; above 1 it rates higher.
        replicates: simulated studies a design.
        alpha: two-sided level of the Wald test.
        seed: of all replicates; results are the same for any number of jobs, and for a design in any company.
        jobs: processes; None for one a core. They are spawned, so a script needs `if __name__ == "__main__":`.
        type_i_error: also simulate every design without the effect.
        progress: called with 1 after each replicate.

    Returns:
        One row a design, in order.

    Raises:
        PluralignError: PA041 for an argument out of range, PA061 where a process died.
    """
    effect = checked_effect(odds_ratio, alpha)
    if replicates < 1 or seed < 0 or (jobs is not None and jobs < 1):
        raise PluralignError(
            "PA041", f"got replicates = {replicates}, seed = {seed}, jobs = {jobs}; expected ≥ 1, ≥ 0 and ≥ 1."
        )
    effects = [effect, 0.0] if type_i_error else [effect]
    runs = [(design, one) for design in designs for one in effects]
    tasks = [
        Task(place * replicates + k, design, model, one, seed, k)
        for place, (design, one) in enumerate(runs)
        for k in range(replicates)
    ]
    found: list[Replicate] = [Replicate(failure="NotRun")] * len(tasks)
    for place, replicate in _all(tasks, n_cores() if jobs is None else jobs):
        found[place] = replicate
        if progress:
            progress(1)
    each = [found[start : start + replicates] for start in range(0, len(found), replicates)]
    step = len(effects)
    return [
        summary(design, effect, alpha, each[k * step], each[k * step + 1] if type_i_error else None)
        for k, design in enumerate(designs)
    ]


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _all(tasks: Sequence[Task], jobs: int) -> Iterator[tuple[int, Replicate]]:
    """Every task's place and result, as they come."""
    if min(jobs, len(tasks)) <= 1:
        with blas_threads(0):
            for task in tasks:
                yield task.place, fitted(task)
        return
    with ProcessPoolExecutor(min(jobs, len(tasks)), get_context("spawn"), _in_worker) as pool:
        with _ignoring_interrupts():
            places = {pool.submit(fitted, task): task.place for task in tasks}
        try:
            for done in as_completed(places):
                yield places.pop(done), done.result()
        except BrokenProcessPool as error:
            raise PluralignError("PA061", "a process ended before its replicates did, perhaps for want of memory.",
                                 "Take fewer jobs, or smaller designs.") from error  # fmt: skip
        finally:
            # Also on Ctrl-C, and when the caller stops reading: what is queued is dropped, what runs is waited for.
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """While workers are started, which inherit it: until they have their own way, Ctrl-C would be a traceback of each."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set signals
        return
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


def _in_worker() -> None:
    """One BLAS thread; and Ctrl-C, which a terminal sends to every process, ends a worker without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    blas_threads(0).__enter__()
