"""Two processes of one run on a machine without GPUs.

`accelerate launch --cpu --num_processes 2` starts one process and says nothing of it; torch's launcher starts two, in the environment that
accelerate's own gives them on GPUs. Tests that use this also look at how many there were.
"""

import os
import sys

TWO = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
"""Comes before a script."""


def environment():
    """Of the processes: CPUs only, a thread each."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
