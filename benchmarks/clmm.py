"""What the mixed model costs, as ratios within one run: against R's ordinal::clmm, a dense Cholesky factorisation, and itself when larger.

OMP_NUM_THREADS=1 python benchmarks/clmm.py                      # with Rscript installed it ends with R's fit, ten minutes or so
OMP_NUM_THREADS=1 python benchmarks/clmm.py --r answer.json      # R's answer of an earlier run on this machine
OMP_NUM_THREADS=1 python benchmarks/clmm.py --no-r --times 1 2 4

- R fits the shipped release's toxicity from the same design matrix (`clmm.R`; apt-get install r-base-core r-cran-ordinal), alone, after
  ours. Without it the ratio is to a recorded figure and says so. CPU seconds are compared besides elapsed ones: on a machine with other
  work only they mean something.
- A step is what the optimiser asks for: the modes at new parameters, the likelihood and its gradient. The bound is one dense Cholesky
  factorisation of a matrix of raters × raters, which a straightforward implementation needs at least once a step.
- Growth is that of a step, raters and items multiplied: at random as in the study, and in batches of 25 raters who share 40 items.
"""

import argparse
import csv
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.linalg

import pluralign
from pluralign.analysis.mixed_model import fit_all
from pluralign.schema import DIMENSIONS
from pluralign.stats import elimination
from pluralign.stats.clmm import ClmmFit, fit_clmm
from pluralign.stats.crossed import CrossedFactors
from pluralign.stats.design import design_matrix
from pluralign.stats.laplace import LaplaceLikelihood
from pluralign.stats.threads import blas_threads

RECORDED_R_S = 508.0
"""ordinal 2022.11.16 on R 4.2.2, the same size, a quiet machine with two cores."""
STUDY = (1095, 1761, 5)
"""Raters, items, ratings a rater."""

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]


def best(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Least elapsed and CPU seconds of several runs."""
    found = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def release(dimension: str) -> Data:
    """The shipped release: ratings, covariates, raters, items and the columns' names."""
    ratings = pluralign.load()
    matrix, names = design_matrix(ratings.raters)
    view = ratings.view(dimension=dimension)
    place = {name: k for k, name in enumerate(ratings.raters.column("rater_id").to_pylist())}
    rater = np.array([place[name] for name in view.column("rater_id").to_pylist()])
    item = np.unique(view.column("item_id").to_pylist(), return_inverse=True)[1]
    return view.column("value").to_numpy(), matrix[rater], rater, item, names


def ask_r(data: Data, ours: ClmmFit, answer: Path | None) -> dict[str, float] | None:
    """R's answer to the same question, from a file or afresh; None where there is no R."""
    if answer is None:
        script = shutil.which("Rscript")
        if script is None:
            return None
        folder = Path(tempfile.mkdtemp())
        answer = folder / "answer.json"
        y, X, rater, item, names = data
        with (folder / "ratings.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["rating", "rater", "item", *(f"x{k + 1}" for k in range(len(names)))])
            writer.writerows([a, b, c, *x.astype(int)] for a, b, c, x in zip(y, rater, item, X, strict=True))
        subprocess.run(
            [script, str(Path(__file__).with_suffix(".R")), str(folder / "ratings.csv"), str(answer)], check=True
        )
    found = json.loads(answer.read_text())
    m = len(found["estimates"])
    found["estimates_off"] = float(np.abs(np.array(found["estimates"]) - ours.estimates[:m]).max())
    found["se_off"] = float(np.abs(np.array(found["se"]) - ours.se[:m]).max())
    found["loglik_off"] = abs(found["loglik"] - ours.loglik)
    return found


def step_seconds(
    y: np.ndarray, X: np.ndarray, core: np.ndarray, leaf: np.ndarray, repeats: int
) -> tuple[float, float, int]:
    """Seconds to plan, seconds of a step near the maximum, and the size of what is dense."""
    started = time.perf_counter()
    factors = CrossedFactors(core, leaf)
    plan_s = time.perf_counter() - started
    likelihood = LaplaceLikelihood(np.unique(y, return_inverse=True)[1], X - X.mean(axis=0), factors)
    rng = np.random.default_rng(0)
    psi = likelihood.start()
    likelihood.evaluate(psi)

    def step() -> None:
        point = likelihood.evaluate(psi + 0.01 * rng.normal(size=len(psi)))
        assert point is not None
        assert np.isfinite(point.gradient).all()

    return plan_s, best(step, repeats)[0], factors.n_dense


def drawn(times: int, batches: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ratings of so many times the study's raters and items."""
    n_raters, n_items, per_rater = STUDY[0] * times, STUDY[1] * times, STUDY[2]
    rng = np.random.default_rng(times)
    rater = np.repeat(np.arange(n_raters), per_rater)
    item = 40 * (rater // 25) + rng.integers(0, 40, len(rater)) if batches else rng.integers(0, n_items, len(rater))
    item = np.unique(item, return_inverse=True)[1]
    X = rng.integers(0, 2, (n_raters, 16))[rater].astype(float)
    latent = 0.9 * rng.normal(size=n_raters)[rater] + 1.5 * rng.normal(size=item.max() + 1)[item]
    y = np.searchsorted([-2.0, -0.5, 0.8, 2.2], latent + rng.logistic(size=len(rater)))
    return y, X, rater, item


def cholesky_seconds(n: int, repeats: int) -> float:
    """Seconds of one dense Cholesky factorisation."""
    square = np.asfortranarray(np.eye(n) + 1.0 / n)
    return best(lambda: scipy.linalg.cholesky(square, lower=True, check_finite=False), repeats)[0]


def growth(times: list[int], batches: bool, dense: bool) -> list[tuple[int, int, float, float]]:
    """Times, dense size, seconds of a step and of planning."""
    rows = []
    share = elimination.DEGREE_SHARE
    elimination.DEGREE_SHARE = 0.0 if dense else share
    for k in times:
        y, X, rater, item = drawn(k, batches)
        plan_s, step_s, n_dense = step_seconds(y, X, rater, item, 5 if k <= 2 else 2)
        rows.append((k, n_dense, step_s, plan_s))
    elimination.DEGREE_SHARE = share
    return rows


def exponent(rows: list[tuple[int, int, float, float]]) -> float:
    """Slope of log seconds on log size over the last doubling."""
    (a, _, s, _), (b, _, t, _) = rows[-2:]
    return float(np.log(t / s) / np.log(b / a))


def main() -> None:
    """Measure and print one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--r", type=Path, help="R's answer of an earlier run on this machine (clmm.R)")
    parser.add_argument("--no-r", action="store_true", help="compare with the recorded figure")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 2, 4, 8], help="sizes, in studies")
    parser.add_argument("--dense-to", type=int, default=4, help="largest size also done without sparse rounds")
    options = parser.parse_args()
    if options.r is not None and not options.r.is_file():
        parser.error(f"--r: {options.r} is no file; --no-r takes the recorded figure")
    lines = ["| what | seen |", "|---|---|"]

    def say(what: str, seen: str) -> None:
        lines.append(f"| {what} | {seen} |")
        print(f"{what}: {seen}", flush=True)

    data = release("toxicity")
    y, X, rater, item, names = data
    fit = fit_clmm(y, X, rater, item, names=names, levels=range(1, 6))
    wall_s, cpu_s = best(lambda: fit_clmm(y, X, rater, item, names=names, levels=range(1, 6)), 5)
    say(f"one dimension, {len(y):,} ratings, {fit.n_raters:,} raters, {fit.n_items:,} items, {len(names)} columns", f"{wall_s:.2f} s ({cpu_s:.2f} s of CPU)")  # fmt: skip
    five = best(lambda: fit_all(pluralign.load(), list(DIMENSIONS), jobs=2), 2)[0]
    say("five dimensions, fit_all in two processes, their start included", f"{five:.1f} s")
    with blas_threads(0):
        step_s, bound_s = step_seconds(y, X, rater, item, 20)[1], cholesky_seconds(fit.n_raters, 10)
        say("a step over one dense Cholesky of raters × raters", f"{1e3 * step_s:.0f} ms / {1e3 * bound_s:.0f} ms = {step_s / bound_s:.1f}")  # fmt: skip
        for title, batches, dense, times in (
            ("raters to items at random", False, False, options.times),
            ("the same without sparse rounds", False, True, [k for k in options.times if k <= options.dense_to]),
            ("raters in batches of 25", True, False, options.times),
        ):
            rows = growth(times, batches, dense)
            seen = ", ".join(f"{k}×: {1e3 * s:,.0f} ms (dense {n:,})" for k, n, s, _ in rows)
            say(f"growth of a step, {title}", seen + (f"; exponent {exponent(rows):.1f}" if len(rows) > 1 else ""))
            say(f"planning once, {title}", ", ".join(f"{k}×: {1e3 * p:,.0f} ms" for k, _, _, p in rows))
    found = None if options.no_r else ask_r(data, fit, options.r)
    if found is None:
        say("R's ordinal::clmm over ours", f"{RECORDED_R_S / wall_s:.0f} (R's recorded {RECORDED_R_S:.0f} s)")
    else:
        say("R's ordinal::clmm over ours, elapsed", f"{found['elapsed_s']:.0f} s / {wall_s:.2f} s = {found['elapsed_s'] / wall_s:.0f}")  # fmt: skip
        say(
            "R's ordinal::clmm over ours, CPU", f"{found['cpu_s']:.0f} s / {cpu_s:.2f} s = {found['cpu_s'] / cpu_s:.0f}"
        )
        say("largest differences from R", f"estimates {found['estimates_off']:.1e}, standard errors {found['se_off']:.1e}, log-likelihood {found['loglik_off']:.1e}")  # fmt: skip
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
