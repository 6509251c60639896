"""One BLAS thread where more would only get in each other's way."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any

# Below about this many rows, factorising is too little work to share. Threads that spin while they wait made fits of 40
# rows twenty times slower on two cores with other work; at 1,095 rows a second thread gains nothing.
WORTH_SHARING = 2_000


def blas_threads(n_rows: int) -> AbstractContextManager[Any]:
    """Limit BLAS to one thread while dense matrices of ``n_rows`` rows are factorised, if threadpoolctl is installed.

    Without it nothing is limited: set OMP_NUM_THREADS=1 instead.
    """
    if n_rows >= WORTH_SHARING:
        return nullcontext()
    try:
        threadpoolctl = importlib.import_module("threadpoolctl")
    except ImportError:
        return nullcontext()
    limits: AbstractContextManager[Any] = threadpoolctl.threadpool_limits(limits=1, user_api="blas")
    return limits
