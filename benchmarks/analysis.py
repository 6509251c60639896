"""Alpha's bootstrap beside a loop over `krippendorff`'s value-count form, in one run; and what the whole report takes.

python benchmarks/analysis.py
"""

import json
import subprocess
import sys
import tempfile
import time

import krippendorff
import numpy as np
from targets import Targets

import pluralign
from pluralign.analysis.cells import Coded
from pluralign.stats.agreement import krippendorff_alpha

REPLICATES = 1000
RUNS = 5


def looped(counts, seed=0):
    """What a user of the package writes: draw items, compute alpha, a thousand times."""
    rng = np.random.default_rng(seed)
    kept = counts[counts.sum(axis=1) > 1]
    return np.quantile(
        [
            krippendorff.alpha(
                value_counts=kept[rng.integers(len(kept), size=len(kept))], level_of_measurement="ordinal"
            )
            for _ in range(REPLICATES)
        ],
        [0.025, 0.975],
    )


def best(work):
    """Shortest wall time, and the result."""
    times, found = [], None
    for _ in range(RUNS):
        start = time.perf_counter()
        found = work()
        times.append(time.perf_counter() - start)
    return min(times), found


def main() -> None:
    """Measure and print."""
    coded = Coded(pluralign.load())
    cells = coded.cells(coded.dimensions(["toxicity"])[0])
    counts = cells.counts
    slow, theirs = best(lambda: looped(counts))
    quick, ours = best(lambda: krippendorff_alpha(counts, bootstrap=REPLICATES))
    estimate = krippendorff.alpha(value_counts=counts[counts.sum(axis=1) > 1], level_of_measurement="ordinal")
    print(f"ordinal alpha of {ours.n_items:,} items with {REPLICATES:,} item bootstraps, best of {RUNS}")
    print(f"  looping krippendorff  {slow:7.3f} s  [{theirs[0]:.3f}, {theirs[1]:.3f}]")
    print(f"  ours                  {quick:7.3f} s  [{ours.low:.3f}, {ours.high:.3f}]")
    report = Targets()
    report.add("  looping / ours", slow / quick, ">= 10")
    report.add("  difference of the estimates", abs(estimate - ours.alpha), "< 0.000001")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "pluralign.cli", "report", "--out", f"{folder}/report"],
            check=True,
            capture_output=True,
        )
        whole = time.perf_counter() - start
    report.add("the whole report on the shipped release, seconds", whole, "<= 60")
    print(json.dumps({"analysis": report.rows}))
    report.leave()


if __name__ == "__main__":
    main()
