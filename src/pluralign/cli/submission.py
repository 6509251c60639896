"""`pluralign submission`: make one, check one, send one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pluralign.leaderboard.check import Checked

submission = typer.Typer(help="Submissions to the leaderboard.", no_args_is_help=True)

Folder = Annotated[
    Path, typer.Argument(help="Of the submission: leaderboard/submissions/<org>__<model>/<date>-<short>.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")]


@submission.command(no_args_is_help=True)
def new(
    results: Annotated[Path, typer.Argument(help="lm-eval's output folder of the model, with results_*.json and samples_*.jsonl.")],
    model: Annotated[str | None, typer.Option("--model", help="org/name, where the run opened a folder.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="hub, adapter, local or served; found out where the run tells.")] = None,
    revision: Annotated[str | None, typer.Option("--revision", help="Full commit hash of the model or adapter.")] = None,
    base: Annotated[str | None, typer.Option("--base", help="org/name that it was made from, or none.")] = None,
    base_revision: Annotated[str | None, typer.Option("--base-revision", help="Full commit hash of the base.")] = None,
    weights: Annotated[str | None, typer.Option("--weights", help="File of local weights, or its sha256.")] = None,
    base_weights: Annotated[str | None, typer.Option("--base-weights", help="File of the weights that a local adapter goes onto, or its sha256.")] = None,
    quantisation: Annotated[str | None, typer.Option("--quantisation", help="Of local weights, e.g. Q4_1.")] = None,
    what: Annotated[str | None, typer.Option("--what", help="Of a served system: version, date, what it does.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="dpo, grpo, sft …; none for a model as it comes.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="What it was trained on, in words.")] = None,
    configs: Annotated[list[str] | None, typer.Option("--config", help="Of PlurAlign's datasets, e.g. preferences/exp3-individual-toxicity; several times.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Of the weights.")] = None,
    hardware: Annotated[str | None, typer.Option("--hardware", help="That it was evaluated on.")] = None,
    contact: Annotated[str | None, typer.Option("--contact", help="Who answers for it; it will be public.")] = None,
    command: Annotated[str | None, typer.Option("--command", help="The exact command of the evaluation.")] = None,
    clean: Annotated[bool, typer.Option("--not-trained-on-test-prompts", help="State that neither prompts nor answers of the benchmark were trained on.")] = False,
    out: Annotated[Path, typer.Option("--out", help="Folder of submissions.")] = Path("leaderboard/submissions"),
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make a submission's folder out of an lm-eval run. Whatever is missing is asked for at once; nothing is written then.

    Examples:

        pluralign submission new results/org__model --base org/base --method dpo --data "UltraFeedback" --licence apache-2.0
        --contact me@example.org --command "lm_eval run …" --not-trained-on-test-prompts

        pluralign submission new results/my-api --model org/my-api --kind served --what "version of 2026-11-01" --base none --method other …
    """
    from pluralign.leaderboard.new import Said, new_submission

    said = Said(
        model, kind, revision, base_revision, _sha256(weights), _sha256(base_weights), quantisation, what, base, method, data, tuple(configs or ()),
        licence, hardware, contact, command, clean,
    )  # fmt: skip
    made = new_submission(results, said, out)
    if as_json:
        typer.echo(json.dumps(made.to_json(), indent=1, ensure_ascii=False))
        return
    typer.echo(f"{made.folder}")
    for flag in made.flags:
        typer.echo(f"  flag: {flag.kind}: {flag.detail}")
    typer.echo(
        "All of it will be public: manifest, results (with paths and versions of the machine that ran it), answers."
    )


@submission.command(no_args_is_help=True)
def check(
    folder: Folder,
    unplaced: Annotated[bool, typer.Option("--unplaced", help="Whatever the folder is called.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say everything that is wrong with a submission, at once. Nothing of it is run, and nothing is fetched.

    Examples:

        pluralign submission check leaderboard/submissions/org__model/2026-11-27-0123abcd --json
    """
    from pluralign.leaderboard.check import check_submission

    found = check_submission(folder, placed=not unplaced)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        for problem in found.problems:
            typer.echo(str(problem))
        for flag in found.flags:
            typer.echo(f"flag: {flag.kind}: {flag.detail}")
        if found.problems:
            typer.echo(f"{len(found.problems)} problem(s)")
        else:
            _say_accepted(found)
    if found.problems:
        raise typer.Exit(1)


def _say_accepted(found: Checked) -> None:
    """What the samples give, which is what was reported, and the board that it goes to."""
    from pluralign.judge.report import score_lines
    from pluralign.leaderboard.view import shown

    typer.echo("accepted: scores, intervals and lengths recomputed from the samples")
    for line in score_lines(found.found.cells if found.found else ()):
        typer.echo(line)
    typer.echo(f"board: {shown(found.world.title)}")


def _sha256(given: str | None) -> str | None:
    """A hash as it is, or that of a file."""
    if given is None or re.fullmatch(r"[0-9a-f]{64}", given):
        return given
    from pluralign.errors import PluralignError
    from pluralign.ratings.tables import file_checksum

    if not Path(given).is_file():
        raise PluralignError(
            "PA103",
            f"got {given!r}, which is no file; expected one, or 64 hexadecimal digits.",
            "Name the file of weights.",
        )
    return file_checksum(Path(given))


Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the sample; one that the submitter did not know.")]
Records = Annotated[Path, typer.Option("--records", help="The keepers' records.")]
JudgeName = Annotated[
    str | None, typer.Option("--judge", help="By default the submission's own, where that is one of this package.")
]
RECORDS = Path("leaderboard/records")


@submission.command(no_args_is_help=True)
def rejudge(
    folder: Folder,
    seed: Seed,
    n: Annotated[int, typer.Option("--n", min=0, help="Answers in the sample; 0 for all.")] = 100,
    judge: JudgeName = None,
    records: Records = RECORDS,
    as_json: AsJson = False,
) -> None:
    """Judge a sample of the answers again with the same judge, and record whether both judgings agree: the third tier.

    Examples:

        pluralign submission rejudge leaderboard/submissions/org__model/2026-11-27-0123abcd --seed 20261127
    """
    from pluralign.leaderboard import again

    _told(again.rejudge(folder, _judge(folder, judge), records, n=n, seed=seed), as_json)


@submission.command(no_args_is_help=True)
def reproduce(
    folder: Folder,
    seed: Seed,
    n: Annotated[int, typer.Option("--n", min=0, help="Answers in the sample; 0 for all.")] = 60,
    model: Annotated[
        str | None, typer.Option("--model", help="Folder of local weights; their hash must be the submission's.")
    ] = None,
    adapter: Annotated[str | None, typer.Option("--adapter", help="Folder of a local adapter.")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Prompts at a time.")] = 8,
    judge: JudgeName = None,
    records: Records = RECORDS,
    as_json: AsJson = False,
) -> None:
    """Generate a sample of the answers again from the named safetensors, without remote code, and judge them: the fourth tier.

    Examples:

        pluralign submission reproduce leaderboard/submissions/org__model/2026-11-27-0123abcd --seed 7 --model models/org-model
    """
    from pluralign.leaderboard import again

    found = again.reproduce(
        folder, _judge(folder, judge), records, n=n, seed=seed, model=model, adapter=adapter, batch_size=batch_size
    )
    _told(found, as_json)


@submission.command(no_args_is_help=True)
def send(
    folder: Folder,
    repository: Annotated[str, typer.Option("--repository", help="The leaderboard's Space.")] = "pluralign/leaderboard",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and contact no one.")] = False,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Another Hub endpoint.")] = None,
) -> None:
    """Open a pull request with a submission that passes its check; the token is read from HF_TOKEN or `hf auth login`.

    Examples:

        pluralign submission send leaderboard/submissions/org__model/2026-11-27-0123abcd --dry-run
    """
    from pluralign.leaderboard import send as sending

    typer.echo(str(sending.send(folder, repo_id=repository, dry_run=dry_run, endpoint=endpoint)))
    if dry_run:
        typer.echo(
            "Without --dry-run it takes a token of the Hub that may write discussions: HF_TOKEN, or `hf auth login`."
        )


def _judge(folder: Path, name: str | None) -> Any:
    """The judge of a name, or the submission's own where that is one of this package: a model that asks money is not asked by a stranger's word.

    Raises:
        PluralignError: PA070 for a submission's own judge that is not opened.
    """
    from pluralign.errors import PluralignError
    from pluralign.judge.names import open_judge
    from pluralign.leaderboard.again import accepted, own_judge

    if name is not None:
        return open_judge(name)
    own = own_judge(accepted(folder))
    if any(part.startswith("openai:") for part in own.split(",")):
        raise PluralignError(
            "PA070", f"the submission was judged by {own[:100]!r}, which would be sent your key and its answers.", f"If you mean it: --judge {own[:100]}",
        )  # fmt: skip
    return open_judge(own)


def _told(found: Any, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    else:
        if found.identical is not None:
            typer.echo(f"{found.identical:.1%} of {found.n} answers are the same to the letter")
        for dimension, one in found.dimensions.items():
            told = (
                "nothing was scored twice"
                if one["mean"] is None
                else f"mean difference {one['mean']:+.4f} [{one['low']:+.4f}, {one['high']:+.4f}], each {one['each']:.4f}"
            )
            typer.echo(f"{dimension}: {told}; {one['n']} answers, {one['only_one']} scored once only")
        typer.echo(
            f"bounds: mean {found.bounds['mean']}, each {found.bounds['each']}: {'passed' if found.passed else 'NOT passed'}"
        )
    if not found.passed:
        raise typer.Exit(1)


@submission.command(no_args_is_help=True)
def export(
    folder: Folder,
    what: Annotated[str, typer.Option("--as", help="eval-results (for the model's repository), model-index (for an older card) or badge.")] = "eval-results",
    submissions: Annotated[Path | None, typer.Option("--submissions", help="Whose board the badge's rank is on; by default those beside.")] = None,
    records: Records = RECORDS,
    dimension: Annotated[str, typer.Option("--dimension", help="That the badge's rank is by.")] = "emotional_awareness",
    language: Annotated[str, typer.Option("--language", help="Of the badge's rank: en, de or both.")] = "en",
) -> None:  # fmt: skip
    """Print a result in the form that other places take: scalars only, higher is better, the intervals behind the source link.

    Examples:

        pluralign submission export leaderboard/submissions/org__model/2026-11-27-0123abcd > .eval_results/pluralign.yaml
    """
    from pluralign.errors import unknown
    from pluralign.leaderboard import hub
    from pluralign.leaderboard.again import accepted
    from pluralign.leaderboard.board import BOTH
    from pluralign.leaderboard.summary import summary_of
    from pluralign.schema import DIMENSIONS, LANGUAGES

    forms = {"eval-results": hub.eval_results, "model-index": hub.model_index}
    if what not in (*forms, "badge"):
        raise unknown("PA113", "form", what, [*forms, "badge"])
    if dimension not in DIMENSIONS:
        raise unknown("PA024", "dimension", dimension, list(DIMENSIONS))
    if language not in (*LANGUAGES, BOTH):
        raise unknown("PA113", "language", language, [*LANGUAGES, BOTH])
    checked = accepted(folder)
    if what == "badge":
        typer.echo(_badge(folder, submissions or folder.absolute().parents[1], records, dimension, language), nl=False)
    else:
        typer.echo(forms[what](summary_of(checked)), nl=False)


def _badge(folder: Path, submissions: Path, records: Path, dimension: str, language: str) -> str:
    from pluralign.errors import PluralignError
    from pluralign.leaderboard.board import boards
    from pluralign.leaderboard.hub import badge
    from pluralign.leaderboard.summary import Store, submission_folders, summaries
    from pluralign.places import cache_folder

    found, _ = summaries(submission_folders(submissions), Store(cache_folder("leaderboard") / "checks.sqlite"))
    place = f"{folder.absolute().parent.name}/{folder.absolute().name}"
    for board in boards(found, records):
        for row in board.rows:
            if row.summary.place == place and (dimension, language) in row.standings:
                one = row.standings[dimension, language]
                rank = (one.rank_low, one.rank_high) if one.rank_low is not None and one.rank_high is not None else None
                ranked = sum(other.is_ranked and (dimension, language) in other.standings for other in board.rows)
                what = f"{dimension.replace(chr(95), chr(32))} ({language})"
                return badge(rank, ranked, row.record.tier, board.world.is_demonstration, what)
    raise PluralignError(
        "PA113",
        f"{place} is on no board of {submissions} with {dimension} ({language}).",
        "Name the folder of submissions that it is in, and a dimension and language that it was judged in.",
    )
