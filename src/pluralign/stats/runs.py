"""What a method does, from the few runs there are of it: the chance of training is in the error, beside that of the prompts.

An interval over prompts is about the checkpoints at hand, however many: two runs that differ in nothing but their seed often differ by more
than it. Where a contrast was run with several seeds, its variance has two parts: that of the prompts (cluster-robust, of the mean over
seeds), and that of the seeds, the spread of the contrast from seed to seed over their number. They are added, and the degrees of freedom
are Satterthwaite's. What prompts and seeds do together is in both parts, which errs on the wide side by little.

With one run there is no spread to see: the inference is then by t over clusters, and about these checkpoints.

Coverage of the 95 % interval (`benchmarks/run_coverage.py`): .93 with three seeds that differ much, .99 with three that do not.

Source: Satterthwaite (1946), "An approximate distribution of estimates of variance components", Biometrics Bulletin 2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pluralign.stats.pooling import Inference, by_t


def over_runs(estimate: float, se: float, n_clusters: int, by_run: ArrayLike = ()) -> Inference:
    """Test and 95 % interval of a contrast that was run several times.

    Args:
        estimate: mean over runs and prompts.
        se: its standard error over clusters of prompts, runs averaged; NaN where nothing estimates it.
        n_clusters: of prompts.
        by_run: (n_runs,) the contrast in each run, on the same prompts; with fewer than two nothing is known of runs.

    Returns:
        The inference by t; all NaN without a standard error.

    Two runs at 0.1 ± 0.03 have a variance of 2 · 0.03² over their number; the prompts add 0.04²:

    >>> found = over_runs(0.1, 0.04, 41, [0.07, 0.13])
    >>> round(found.se, 12), round(found.df, 3)
    (0.05, 7.151)
    >>> over_runs(0.1, 0.04, 41, [0.1]).df
    40.0
    """
    runs = np.asarray(by_run, dtype=np.float64)
    of_prompts, of_runs = se**2, float(runs.var(ddof=1) / len(runs)) if len(runs) > 1 else 0.0
    variance = of_prompts + of_runs
    if not math.isfinite(variance) or variance <= 0.0 or n_clusters < 2:
        return Inference(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan)
    parts = of_prompts**2 / (n_clusters - 1) + (of_runs**2 / (len(runs) - 1) if len(runs) > 1 else 0.0)
    return by_t(estimate, math.sqrt(variance), variance**2 / parts)
