"""`pluralign submission`: make one, check one, send one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

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
        told = (
            f"{len(found.problems)} problem(s)"
            if found.problems
            else "accepted: scores, intervals and lengths recomputed from the samples"
        )
        typer.echo(told)
    if found.problems:
        raise typer.Exit(1)


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
