"""Limiting BLAS threads is a convenience, never a requirement."""

import sys
from contextlib import nullcontext

import numpy as np

from pluralign.stats.threads import WORTH_SHARING, blas_threads


def test_without_threadpoolctl_nothing_is_limited(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with blas_threads(10):
        assert np.isfinite(np.linalg.inv(np.eye(3))).all()
    assert isinstance(blas_threads(10), nullcontext)


def test_large_matrices_may_use_every_thread():
    assert isinstance(blas_threads(WORTH_SHARING), nullcontext)
