"""The held-out prompts that models are asked, opened and checked.

The sha256 of each language's file is written here, beside the version: results of one version are answers to the same prompts,
whatever became of a file on the way.
"""

from __future__ import annotations

import json
from pathlib import Path

from pluralign.errors import PluralignError, unknown
from pluralign.places import carried
from pluralign.ratings.tables import file_checksum

CHECKSUMS: dict[str, str] = {
    "en": "b342b875d7a6617364906f2eb7f2b898db3e10cdab5e1971f1250fa6232e465a",
    "de": "4f96bbec634e9a95b590b6b16794363ea347e562e7e8b9d651725e7b39f6c1d3",
}
"""Language -> sha256 of its prompts, at `TASK_VERSION`."""

TASK_VERSION = "1.0.0"
"""Version of the tasks `pluralign_*`: prompts, generation settings and metrics. `tasks/CHANGELOG.md` says what changed."""


def prompts_folder() -> Path:
    """Where the prompts lie: in the wheel, or in the checkout."""
    return carried("prompts", "datasets/prompts")


def load_prompts(language: str, folder: Path | None = None) -> list[dict[str, str]]:
    """The prompts of a language, in the order in which models are asked; a prefix samples fairly.

    Args:
        language: `en` or `de`.
        folder: by default where they ship.

    Returns:
        One dictionary a prompt: prompt_id, template_id, topic, manner, language, prompt.

    Raises:
        PluralignError: PA080 where the file is missing or is not, to the byte, that of this version.

    >>> row = load_prompts("de")[0]
    >>> row["prompt_id"], row["manner"]
    ('e-grandfather_childcare-adversarial-0-1', 'adversarial')
    """
    if language not in CHECKSUMS:
        raise unknown("PA080", "language", language, list(CHECKSUMS))
    path = (folder or prompts_folder()) / f"{language}.jsonl"
    if not path.is_file():
        raise PluralignError("PA080", f"{path} is missing.", "Install pluralign again, or restore datasets/prompts.")
    if (got := file_checksum(path)) != CHECKSUMS[language]:
        raise PluralignError(
            "PA080",
            f"{path} has sha256 {got[:12]}…; version {TASK_VERSION} of the tasks asks {CHECKSUMS[language][:12]}….",
            "Results on other prompts are not comparable: install pluralign again, or restore datasets/prompts.",
        )
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
