"""Upload a dataset folder to the Hugging Face Hub, as one commit.

One commit, so that nobody ever loads half a release (`upload_folder` would split it into several where hf_xet is installed).
Only files that `checksums.sha256` lists are uploaded; configs on the Hub that no longer belong are deleted in the same commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pluralign.errors import PluralignError, Problem, unknown
from pluralign.ratings.core import read_provenance
from pluralign.release.checks import check_files, check_release, is_built, read_checksums
from pluralign.release.folder import CHECKSUMS, PROVENANCE

if TYPE_CHECKING:
    from huggingface_hub import HfApi

KINDS = ("ratings", "preferences", "prompts")
_BUILDERS = {"ratings": "pluralign data build", "preferences": "pluralign preferences build"}


@dataclass(frozen=True)
class PushPlan:
    """What a push uploads.

    Attributes:
        repo_id: `namespace/kind` on the Hub, or `namespace/source` for imported ratings.
        folder: from where.
        files: path -> bytes.
        uploaded: whether it was done (False for a dry run).
        url: of the commit, once it was done.
    """

    repo_id: str
    folder: Path
    files: dict[str, int]
    uploaded: bool = False
    url: str | None = None

    @property
    def n_bytes(self) -> int:
        """Total size."""
        return sum(self.files.values())

    def __str__(self) -> str:
        verb = "uploaded to" if self.uploaded else "would be uploaded to (dry run)"
        lines = [f"{len(self.files):,} files, {self.n_bytes / 1e6:,.1f} MB, {verb} datasets/{self.repo_id}"]
        if self.uploaded:
            return "\n".join([*lines, self.url or ""]).rstrip()
        return "\n".join([*lines, *(f"  {size:>12,}  {name}" for name, size in self.files.items())])


def push(
    kind: str,
    folder: str | Path,
    namespace: str,
    *,
    dry_run: bool,
    endpoint: str | None = None,
    token: str | None = None,
) -> PushPlan:
    """Upload a built dataset folder.

    Args:
        kind: `ratings`, `preferences` or `prompts`; names the repository (imported ratings go by their source).
        folder: a built folder that passes its checks.
        namespace: organisation or account on the Hub.
        dry_run: say what would be uploaded, and contact no one.
        endpoint: another Hub endpoint.
        token: a write token; by default what HF_TOKEN or `hf auth login` left.

    Returns:
        What was (or would be) uploaded.

    Raises:
        PluralignError: PA051 where the folder is not built, has problems, has no licence to be passed on, there is no token, or the Hub says no. The token
            never appears in a message.
    """
    if kind not in KINDS:
        raise unknown("PA051", "dataset", kind, KINDS)
    folder = Path(folder)
    if not is_built(folder):
        raise PluralignError(
            "PA051",
            f"{folder} is not built (no {CHECKSUMS}).",
            f"Build it first: {_BUILDERS.get(kind, _BUILDERS['ratings'])}.",
        )
    if problems := _problems(kind, folder):
        shown = "\n".join(f"  {problem}" for problem in problems[:5])
        raise PluralignError(
            "PA051", f"{folder} has {len(problems)} problem(s):\n{shown}\n", "See `pluralign data check`."
        )
    names = [*sorted(read_checksums(folder)), CHECKSUMS]
    plan = PushPlan(
        f"{namespace}/{_repository(kind, folder)}", folder, {name: (folder / name).stat().st_size for name in names}
    )
    return plan if dry_run else _upload(plan, endpoint, token)


def _repository(kind: str, folder: Path) -> str:
    """The repository's name: the kind, but what comes of an imported set goes by its source, never over the simulated release."""
    if not (folder / PROVENANCE).is_file():
        return kind
    provenance = read_provenance(folder / PROVENANCE)
    if provenance.kind == "simulated":
        return kind
    if not provenance.licence.strip() or provenance.licence.startswith(("none", "to be stated")):
        raise PluralignError(
            "PA051",
            f"{provenance.label} has no licence that allows passing it on (got {provenance.licence!r}).",
            "Keep it local; others can import it from the source themselves.",
        )
    return provenance.source if kind == "ratings" else f"{provenance.source}-{kind}"


def _problems(kind: str, folder: Path) -> list[Problem]:
    return check_release(folder) if kind == "ratings" else check_files(folder)


def _upload(plan: PushPlan, endpoint: str | None, token: str | None) -> PushPlan:
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    token = token or get_token()
    if not token:
        raise PluralignError("PA051", "no token for the Hub.", "Set HF_TOKEN to a write token, or run `hf auth login`.")
    api = HfApi(endpoint=endpoint, token=token)
    with explained(plan.repo_id, api.endpoint, token):
        api.create_repo(plan.repo_id, repo_type="dataset", exist_ok=True)
        operations: list[Any] = [*_stale(api, plan)]
        operations += [CommitOperationAdd(name, plan.folder / name) for name in plan.files]
        commit = api.create_commit(
            plan.repo_id, operations, commit_message=f"PlurAlign {plan.repo_id.split('/')[1]}", repo_type="dataset"
        )  # fmt: skip
    return PushPlan(plan.repo_id, plan.folder, plan.files, uploaded=True, url=str(commit.commit_url))


def _stale(api: HfApi, plan: PushPlan) -> Iterator[Any]:
    """Deletions of configs that an earlier release had. Other files on the Hub (`.gitattributes`, a logo) are left alone."""
    from huggingface_hub import CommitOperationDelete

    for name in api.list_repo_files(plan.repo_id, repo_type="dataset"):
        if name.startswith("configs/") and name not in plan.files:
            yield CommitOperationDelete(name)


_HINTS = {
    401: "The token was not accepted: set HF_TOKEN to a valid write token.",
    403: "The token may not write there: use one with write access to the namespace.",
    404: "The namespace or the endpoint does not exist.",
    429: "The Hub asks to slow down: wait and push again.",
}


@contextmanager
def explained(repo_id: str, endpoint: str, token: str, code: str = "PA051") -> Iterator[None]:
    """Turn what the Hub's client raises into an error of ours, without the token.

    Args:
        repo_id, endpoint: where to, for the message.
        token: taken out of the message.
        code: of the error.
    """
    try:
        yield
    except Exception as error:  # whatever HTTP library the client uses this year
        message, fix = _explanation(error, repo_id, endpoint)
        raise PluralignError(code, message.replace(token, "***"), fix) from None


def _explanation(error: BaseException, repo_id: str, endpoint: str) -> tuple[str, str]:
    from huggingface_hub.errors import HfHubHTTPError

    # A failed upload of one file is wrapped; the cause says why.
    cause = error if isinstance(error, HfHubHTTPError) or error.__cause__ is None else error.__cause__
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else "no reason given"
    if not isinstance(cause, HfHubHTTPError):
        fix = "Check the network and the endpoint, and push again; a commit is all or nothing."
        return f"uploading {repo_id} to {endpoint}: {type(cause).__name__}: {said}", fix
    status = getattr(cause.response, "status_code", 0)
    fix = _HINTS.get(status, "The Hub failed: push again later; a commit is all or nothing." if status >= 500 else "")
    return f"{endpoint} answered {status} for {repo_id}: {said}", fix
