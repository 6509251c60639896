"""Sending a submission: a pull request to the leaderboard's repository on the Hub, with the folder's files and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pluralign.errors import PluralignError
from pluralign.leaderboard.check import check_submission
from pluralign.release.push import explained

REPOSITORY = "pluralign/leaderboard"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
KIND = "space"


@dataclass(frozen=True)
class Sent:
    """A pull request.

    Attributes:
        repo_id: of the leaderboard.
        files: path in the repository -> bytes.
        title: of the pull request.
        url: of the pull request; None for a dry run.
    """

    repo_id: str
    files: dict[str, int]
    title: str
    url: str | None = None

    def __str__(self) -> str:
        verb = f"pull request: {self.url}" if self.url else "would be sent (dry run)"
        lines = [f"{len(self.files)} files to {KIND}s/{self.repo_id}, {verb}", self.title]
        return "\n".join([*lines, *(f"  {size:>12,}  {name}" for name, size in self.files.items())])


def send(
    folder: Path, *, repo_id: str = REPOSITORY, dry_run: bool, endpoint: str | None = None, token: str | None = None
) -> Sent:
    """Open a pull request with a submission.

    Args:
        folder: of the submission; it must pass its check.
        repo_id: of the leaderboard.
        dry_run: say what would be sent, and contact no one.
        endpoint: another Hub endpoint.
        token: a token; by default what HF_TOKEN or `hf auth login` left.

    Raises:
        PluralignError: PA114 where the address is none, the submission has problems, there is no token, or the Hub says no; the token is in no
            message.
    """
    _addressed(repo_id, endpoint)
    checked = check_submission(folder)
    if checked.problems or checked.manifest is None:
        told = "\n".join(f"  {problem}" for problem in checked.problems[:5])
        raise PluralignError(
            "PA114", f"{folder} has {len(checked.problems)} problem(s):\n{told}\n", "See `pluralign submission check`."
        )
    place = folder.absolute()
    names = sorted(one.name for one in place.iterdir())
    prefix = f"submissions/{place.parent.name}/{place.name}"
    plan = Sent(
        repo_id,
        {f"{prefix}/{name}": (place / name).stat().st_size for name in names},
        f"Submission: {checked.manifest.model.id} ({place.name})",
    )
    return plan if dry_run else _send(plan, place, endpoint, token, checked.manifest.contact)


def _addressed(repo_id: str, endpoint: str | None) -> None:
    """Refuse an address that is none, in a dry run too."""
    if not HUB_ID.fullmatch(repo_id):
        raise PluralignError("PA114", f"got the repository {repo_id!r}; expected namespace/name.", "Set --repository.")
    if endpoint is not None and not re.match("https?://[^/]", endpoint):
        raise PluralignError("PA114", f"got the endpoint {endpoint!r}; expected http(s)://…", "Set --endpoint.")


def _send(plan: Sent, folder: Path, endpoint: str | None, token: str | None, contact: str) -> Sent:
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    token = token or get_token()
    if not token:
        raise PluralignError("PA114", "no token for the Hub.", "Set HF_TOKEN to a token, or run `hf auth login`.")
    api = HfApi(endpoint=endpoint, token=token)
    with explained(plan.repo_id, api.endpoint, token, "PA114"):
        operations = [CommitOperationAdd(name, folder / Path(name).name) for name in plan.files]
        commit = api.create_commit(
            plan.repo_id, operations, commit_message=plan.title, commit_description=f"Contact: {contact}\n\nMade by `pluralign submission send`.",
            repo_type=KIND, create_pr=True,
        )  # fmt: skip
    return Sent(plan.repo_id, plan.files, plan.title, str(commit.pr_url or commit.commit_url))
