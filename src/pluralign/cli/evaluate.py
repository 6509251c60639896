"""`pluralign eval`, `tasks-dir`, `link`, `unlink`: the evaluation, through lm-eval."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pluralign.errors import PluralignError

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def eval_(
    context: typer.Context,
    tasks: Annotated[
        str,
        typer.Option(
            help="pluralign, pluralign_rater, pluralign_rater_steered, one of their tasks, or several, by commas."
        ),
    ] = "pluralign",
    judge: Annotated[
        str | None,
        typer.Option(
            help="offline, zero-shot, rater-model[:FOLDER], openai:MODEL[@BASE_URL], several by commas, or none."
        ),
    ] = None,
    dimension: Annotated[list[str] | None, typer.Option(help="What is judged; may be repeated.")] = None,
    ratings: Annotated[str | None, typer.Option(help="Folder of three tables for pluralign_rater.")] = None,
    max_failed: Annotated[float | None, typer.Option(help="Share of judgements that may fail, 0–1.")] = None,
    max_calls: Annotated[int | None, typer.Option(help="Budget in requests to the judge.")] = None,
    max_usd: Annotated[float | None, typer.Option(help="Budget in US dollars.")] = None,
    usd_per_million: Annotated[
        tuple[float, float] | None, typer.Option(help="Prices per million prompt and completion tokens, for --max-usd.")
    ] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests to the judge in flight.")] = None,
    validation: Annotated[
        Path | None, typer.Option(help="validation.json of the judge, from pluralign judge validate --read.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for results and samples.")] = Path("results"),
    chat_template: Annotated[
        bool | None, typer.Option(help="Use the model's chat template; by default where it has one.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Take generations of a former run from the cache in --out.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Evaluate a model: run lm-eval with our tasks, then print the scores with intervals.

    Everything else is passed on to lm-eval: --model, --model_args, --batch_size, --limit, --gen_kwargs, --device, …
    """
    from pluralign.evaluation import run as running
    from pluralign.judge.validated import open_validation

    validated = open_validation(validation)
    options = {
        "max_calls": max_calls, "max_usd": max_usd, "concurrency": concurrency,
        "usd_per_million": list(usd_per_million) if usd_per_million else None,
    }  # fmt: skip
    given: dict[str, Any] = {"judge": judge, "dimensions": dimension, "ratings": ratings, "max_failed": max_failed}
    given["judge_options"] = {key: value for key, value in options.items() if value is not None} or None
    metadata = {key: value for key, value in given.items() if value is not None}
    asked = running.EvalRun(tasks, out, metadata, chat_template, resume, tuple(context.args))
    for note in running.preflight(asked):
        typer.echo(f"judge: {note}", err=True)
    # lm-eval prints its tables; where a program reads, only our answer is for it.
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        results = running.evaluate(asked)
    _report(results, validated, as_json)


def _report(results: Path, validation: dict[str, Any] | None, as_json: bool) -> None:
    from pluralign.evaluation import report

    parts: dict[str, Any] = {}
    texts: list[str] = []
    if (judged := report.judged_report(results, validation)) is not None:
        parts["pluralign"] = judged.as_dict()
        texts.append(report.described(judged))
    if (rated := report.rater_part(results)) is not None:
        parts["pluralign_rater"] = rated.as_dict()
        texts.append(str(rated))
    written = report.write_report(results, parts)
    typer.echo(json.dumps(parts, ensure_ascii=False) if as_json else "\n" + "\n\n".join(texts))
    typer.echo(f"results: {results}\nreport:  {written}", err=as_json)


def tasks_dir() -> None:
    """Print the folder of the task YAMLs: lm_eval --include_path "$(pluralign tasks-dir)"."""
    from pluralign.evaluation.include_path import tasks_dir as folder

    typer.echo(folder())


Tasks = Annotated[
    Path | None, typer.Option("--tasks-folder", help="lm-eval's folder of tasks; by default the installed one's.")
]


def link(tasks: Tasks = None) -> None:
    """Make bare `lm_eval --tasks pluralign` work: write one stub a task beside lm-eval's own tasks."""
    from pluralign.evaluation import link as linking

    done = linking.link(_folder(tasks))
    typer.echo(f"wrote {len(done.files)} stubs to {done.folder}: {', '.join(done.files)}")


def unlink(tasks: Tasks = None) -> None:
    """Take the stubs of `pluralign link` away again."""
    from pluralign.evaluation import link as linking

    done = linking.unlink(_folder(tasks))
    typer.echo(f"removed {len(done.files)} stubs from {done.folder}")


def _folder(tasks: Path | None) -> Path | None:
    if tasks is not None and not tasks.is_dir():
        raise PluralignError("PA082", f"{tasks} is no folder.", "Name lm-eval's folder of tasks.")
    return tasks


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(
        "eval", context_settings=PASS_ON,
        epilog="Examples:  pluralign eval --model hf --model_args pretrained=HuggingFaceTB/SmolLM2-360M-Instruct --batch_size 16  ·  "
        "pluralign eval --judge openai:gpt-4o-mini --model vllm --model_args pretrained=Qwen/Qwen3-4B --gen_kwargs max_gen_toks=2048  ·  "
        "pluralign eval --tasks pluralign_rater --model hf --model_args pretrained=… --limit 200",
    )(eval_)  # fmt: skip
    app.command("tasks-dir", epilog='Example:  lm_eval --include_path "$(pluralign tasks-dir)" --tasks pluralign …')(
        tasks_dir
    )
    app.command(epilog="Example:  pluralign link && lm_eval --tasks pluralign --model hf …")(link)
    app.command(epilog="Example:  pluralign unlink")(unlink)
