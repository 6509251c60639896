"""`pluralign judge …`: score saved samples again, validate a judge against people, fit the offline judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pluralign.errors import PluralignError, unknown

if TYPE_CHECKING:
    from pluralign.judge.base import Judge, Progress
    from pluralign.ratings import Ratings

judge = typer.Typer(help="Judges: score saved samples, validate against people, fit.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a program.")]
Name = Annotated[
    str | None,
    typer.Option(
        "--judge", help="openai:MODEL[@BASE_URL], rater-model[:FOLDER], zero-shot, offline; several by commas."
    ),
]
Dimension = Annotated[list[str] | None, typer.Option("--dimension", help="On what; may be repeated.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
Bootstrap = Annotated[int, typer.Option(help="Replicates of the intervals; 0 for none.", min=0, max=100_000)]
Calls = Annotated[int | None, typer.Option(help="Budget in requests to the judge.", min=0)]
Dollars = Annotated[float | None, typer.Option(help="Budget in US dollars.", min=0)]
Prices = Annotated[
    tuple[float, float] | None,
    typer.Option("--usd-per-million", help="Prices per million prompt and completion tokens, for --max-usd."),
]
Concurrency = Annotated[int, typer.Option(help="Requests to the judge in flight.", min=1)]


@judge.command(
    epilog="Examples:  pluralign judge score results/my-model --judge openai:gpt-4o-mini  ·  "
    "pluralign judge score samples_pluralign_en_2026-11-24.jsonl --judge zero-shot --dimension toxicity --json"
)
def score(
    samples: Annotated[
        list[Path], typer.Argument(help="Files of samples (.jsonl, .jsonl.gz) or lm-eval output folders.")
    ],
    name: Name = None,
    dimension: Dimension = None,
    validation: Annotated[
        Path | None, typer.Option(help="validation.json of the judge, from pluralign judge validate --read.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="One file for all; by default one beside each.")] = None,
    seed: Seed = 0,
    bootstrap: Bootstrap = 1000,
    max_calls: Calls = None,
    max_usd: Dollars = None,
    usd_per_million: Prices = None,
    concurrency: Concurrency = 16,
    as_json: Json = False,
) -> None:
    """Judge saved samples again, without generating, and say how far the former judge and this one agree."""
    from pluralign.judge.report import described
    from pluralign.judge.rescore import asked_dimensions, rescore, save
    from pluralign.judge.samples import read_samples
    from pluralign.judge.validated import open_validation

    validated, read = open_validation(validation), read_samples(samples)
    if out is not None and out.exists():
        raise PluralignError(
            "PA055", f"{out} exists, and samples are never overwritten.", "Name another file with --out."
        )
    opened = _opened(
        name, max_calls=max_calls, max_usd=max_usd, usd_per_million=usd_per_million, concurrency=concurrency
    )
    asked = asked_dimensions(read, dimension)
    with _bar(len(read) * len(asked), opened.name) as progress:
        found = rescore(read, opened, asked, validation=validated, seed=seed, bootstrap=bootstrap, progress=progress)
    written = save(found, out)
    if as_json:
        typer.echo(json.dumps(found.as_dict() | {"written": [str(one) for one in written]}, ensure_ascii=False))
    else:
        typer.echo(described(found))
        typer.echo("written: " + ", ".join(str(one) for one in written))


@judge.command(
    epilog="Examples:  pluralign judge validate --judge offline  ·  "
    "pluralign judge validate crehate --judge openai:gpt-4o-mini --limit 200 --json  ·  "
    "pluralign judge validate --sheet results/my-model --out sheet  ·  "
    "pluralign judge validate --read anna.csv ben.csv --key sheet/key.json"
)
def validate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folder of three tables (the shipped release by default); or more files after --sheet or --read."
        ),
    ] = None,
    name: Name = None,
    dimension: Dimension = None,
    group: Annotated[list[str] | None, typer.Option(help="Whose ratings; may be repeated.")] = None,
    language: Annotated[str | None, typer.Option(help="en or de; both by default.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many items.", min=1)] = None,
    split: Annotated[str, typer.Option(help="test: items of held-out prompts; all: every item.")] = "test",
    sheet: Annotated[
        list[Path] | None, typer.Option("--sheet", help="Write a blind sheet of these samples for people to score.")
    ] = None,
    read: Annotated[
        list[Path] | None, typer.Option("--read", help="Read filled sheets, or Potato's output folder.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="key.json that was written with the sheet.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the sheet; file for the result.")] = None,
    per_language: Annotated[int, typer.Option(help="Answers a language in the sheet.", min=1)] = 50,
    seed: Seed = 0,
    bootstrap: Bootstrap = 1000,
    max_calls: Calls = None,
    max_usd: Dollars = None,
    usd_per_million: Prices = None,
    concurrency: Concurrency = 16,
    as_json: Json = False,
) -> None:
    """Compare a judge with people: with ratings that exist, or by a blind sheet of a model's own outputs."""
    if sheet and read:
        raise typer.BadParameter("--sheet writes and --read reads: give one of them.")
    rest = paths or []
    if sheet:
        _write_sheet([*sheet, *rest], out, dimension, per_language, seed, as_json)
        return
    options = {
        "max_calls": max_calls, "max_usd": max_usd, "usd_per_million": usd_per_million, "concurrency": concurrency,
    }  # fmt: skip
    if read:
        _read_sheets([*read, *rest], key, name, out, bootstrap, seed, options, as_json)
        return
    if len(rest) > 1:
        raise typer.BadParameter(f"got {len(rest)} folders of ratings; validate against one at a time.")
    from pluralign.judge.report import validation_lines
    from pluralign.judge.validate import validate as run
    from pluralign.ratings import load

    ratings = load(rest[0] if rest else None)
    opened = _opened(name, **options)
    with _bar(None, opened.name) as progress:
        found = run(
            opened, ratings, dimension, group, language=language, limit=limit, split=split, seed=seed, bootstrap=bootstrap,
            progress=progress,
        )  # fmt: skip
    _told(found.as_dict(), validation_lines(found), out, as_json)


def _write_sheet(
    samples: Sequence[Path],
    out: Path | None,
    dimensions: Sequence[str] | None,
    per_language: int,
    seed: int,
    as_json: bool,
) -> None:
    from pluralign.judge.samples import read_samples
    from pluralign.judge.sheet import write_sheet

    if out is None:
        raise typer.BadParameter("--sheet needs --out FOLDER.")
    written = write_sheet(
        read_samples(samples, unique=False), out, per_language=per_language, seed=seed, dimensions=dimensions
    )
    if as_json:
        typer.echo(json.dumps(written.as_dict(), ensure_ascii=False))
    else:
        typer.echo(str(written))


def _read_sheets(
    sheets: Sequence[Path], key: Path | None, name: str | None, out: Path | None, bootstrap: int, seed: int,
    options: dict[str, Any], as_json: bool,
) -> None:  # fmt: skip
    from pluralign.judge.filled import read_filled
    from pluralign.judge.report import sheet_lines
    from pluralign.judge.sheet import Key, validate_sheets

    if key is None:
        raise typer.BadParameter("--read needs --key key.json, which was written with the sheet.")
    opened_key = Key.open(key)
    filled = read_filled(sheets, opened_key)
    opened = _opened(name, **options) if name else None
    with _bar(None, opened.name if opened else "") as progress:
        found = validate_sheets(filled, opened_key, opened, bootstrap=bootstrap, seed=seed, progress=progress)
    _told(found, sheet_lines(found), out or key.with_name("validation.json"), as_json)


@judge.command(
    epilog="Examples:  pluralign judge fit crehate --out my-judge  ·  pluralign judge fit crehate awa --out my-judge"
)
def fit(
    ratings: Annotated[list[Path], typer.Argument(help="Folders of three tables; several are pooled.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the fitted judge.")],
    embedding: Annotated[str, typer.Option(help="Frozen embedding: use, e5, minilm, or several by +.")] = "use",
    dimension: Annotated[
        list[str] | None, typer.Option("--dimension", help="Only these of ours; may be repeated.")
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Do not measure held-out agreement first.")] = False,
    as_json: Json = False,
) -> None:
    """Fit the offline judge to ratings of your own; then: --judge rater-model:FOLDER."""
    from tqdm import tqdm

    from pluralign.judge.fit import fit_judge, refuse_full, save_judge
    from pluralign.rater_model.rows import rated_dimensions
    from pluralign.ratings import load
    from pluralign.schema import DIMENSIONS

    refuse_full(out)
    for name in dimension or ():
        if name not in DIMENSIONS:
            raise unknown("PA024", "dimension", name, list(DIMENSIONS))
    sets = [load(folder) for folder in ratings]
    wanted = dimension or list(rated_dimensions(sets))
    typer.echo(f"fitting to {', '.join(one.provenance.label for one in sets)} …", err=True)
    with tqdm(total=len(wanted) * (1 if no_check else 2), desc="fitting", unit="head", delay=2) as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        told = [] if no_check else _held_out(sets, embedding, wanted, progress)
        save_judge(fit_judge(sets, embedding=embedding, dimensions=wanted, progress=progress), out)
    if as_json:
        typer.echo(json.dumps({"judge": f"rater-model:{out}", "held_out": told}, ensure_ascii=False))
        return
    for one in told:
        typer.echo(f"{one['ratings']}  {one['dimension']}: held-out Spearman {one['text']} (ceiling {one['ceiling_text']}, "
                   f"{one['n_items']} items)")  # fmt: skip
    typer.echo(f"written to {out}: --judge rater-model:{out}")


def _held_out(
    sets: Sequence[Ratings], embedding: str, wanted: Sequence[str], progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Spearman with everyone's mean rating on test prompts, of a judge that was fitted to the training prompts only.

    What is saved is fitted to all prompts, as it is meant for other answers; there is no held-out item left to measure it on.
    """
    from tempfile import TemporaryDirectory

    from pluralign.judge.fit import fit_judge
    from pluralign.judge.offline import RaterModelJudge
    from pluralign.judge.validate import training_part
    from pluralign.judge.validate import validate as run

    told = []
    with TemporaryDirectory() as folder:
        training = [training_part(one) for one in sets]
        fit_judge(training, embedding=embedding, dimensions=wanted, progress=progress).save(Path(folder) / "judge")
        opened = RaterModelJudge.open(Path(folder) / "judge")
        for ratings in sets:
            own = [spec.name for spec in ratings.provenance.dimensions if spec.nearest in wanted]
            if not own:
                continue
            with _bar(None, ratings.provenance.source) as judged:
                found = run(opened, ratings, own, ["everyone"], progress=judged, fitted_split="train")
            told += [
                {"ratings": ratings.provenance.label, "dimension": row.dimension, "n_items": row.agreement.n_items,
                 "spearman": row.agreement.spearman.as_dict(), "ceiling": row.agreement.ceiling.as_dict(),
                 "text": str(row.agreement.spearman), "ceiling_text": str(row.agreement.ceiling)}
                for row in found.rows
            ]  # fmt: skip
    return told


def _opened(name: str | None, **options: Any) -> Judge:
    from pluralign.judge.base import JudgeOptions
    from pluralign.judge.names import open_judge

    if not name:
        raise typer.BadParameter("name a judge: --judge offline, or openai:MODEL, …")
    return open_judge(name, JudgeOptions(**options))


def _told(found: dict[str, Any], text: str, out: Path | None, as_json: bool) -> None:
    from pluralign.ratings.tables import write_text

    if out is not None:
        write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", out)
    typer.echo(json.dumps(found, ensure_ascii=False) if as_json else text)
    if out is not None and not as_json:
        typer.echo(f"written: {out}")


@contextmanager
def _bar(total: int | None, what: str) -> Iterator[Progress]:
    """A progress bar on stderr, once it takes more than two seconds."""
    from tqdm import tqdm

    with tqdm(total=total, desc=f"judging: {what}", unit="judgement", delay=2) as bar:
        yield lambda done: (bar.update(done), None)[1]
