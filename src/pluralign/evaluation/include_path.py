"""Where the task YAMLs lie: lm-eval's include path."""

from __future__ import annotations

from pathlib import Path

from pluralign.places import carried


def tasks_dir() -> Path:
    """The folder of the task YAMLs, in the wheel or in the checkout; also the entry point `lm_eval.tasks`."""
    return carried("tasks", "tasks")
