"""Large blocks that were freed go back to the machine."""

import os
import subprocess
import sys

import pytest

HOLES = """
import ctypes, os, sys
import torch
from pluralign.training.heap import give_back_memory

def resident():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

assert give_back_memory()
before, kept = resident(), []
blocks = [torch.ones((1 << 16) + 64 * k) for k in range(400)]  # 100 MiB in blocks that glibc takes from its heap
kept = [torch.ones(64) for _ in range(400)] + blocks[::40]
del blocks
full = resident() - before
give_back_memory()
print(full, resident() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_what_is_free_between_what_is_used_is_given_back():
    env = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "33554432",
        "MALLOC_TRIM_THRESHOLD_": "1073741824",
    }  # as it is after a few batches
    found = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True, env=env)
    held, left = map(float, found.stdout.split())
    assert held > 80
    assert left < 30
