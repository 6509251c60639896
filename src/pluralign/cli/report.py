"""`pluralign report`: everything that the ratings say, on one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pluralign.cli.stats import Bootstrap, Folder, Seed
from pluralign.ratings import load


def report(
    folder: Folder = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the page, figures and tables.")] = Path("report"),
    bootstrap: Bootstrap = 1000,
    seed: Seed = 0,
) -> None:
    """Write one self-contained page on who rated, how, where raters disagree and who differs, with figures and tables as files."""
    from tqdm import tqdm

    from pluralign.analysis.table import printable
    from pluralign.report.contents import contents
    from pluralign.report.write import refuse_foreign, write_report

    refuse_foreign(out)
    ratings = load(folder)
    words = ["pluralign", "report", *([str(folder)] if folder else []), "--out", str(out)]
    words += ["--bootstrap", str(bootstrap), "--seed", str(seed)]
    with tqdm(desc="report", unit="step", delay=1) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what)
            bar.update()

        made = contents(ratings, bootstrap=bootstrap, seed=seed, command=shlex.join(words), progress=progress)
        page = write_report(made, out, progress)
    typer.echo(
        f"{printable(ratings.provenance.label)}\nwritten: {page}, with figures/ (SVG, PNG), tables/ (CSV, Markdown) and report.json beside it"
    )


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(epilog="Examples:  pluralign report --out report  ·  pluralign report crehate --out crehate-report")(
        report
    )
