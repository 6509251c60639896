"""`pluralign leaderboard`: build the page, or serve it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

leaderboard = typer.Typer(help="Boards of checked submissions, ranked with their uncertainty.", no_args_is_help=True)

Submissions = Annotated[Path, typer.Option("--submissions", help="Folder of submissions.")]
Records = Annotated[
    Path, typer.Option("--records", help="The keepers' records: judged again, generated again, flags cleared.")
]
SUBMISSIONS, RECORDS = Path("leaderboard/submissions"), Path("leaderboard/records")


@leaderboard.command()
def build(
    submissions: Submissions = SUBMISSIONS,
    out: Annotated[Path, typer.Option("--out", help="Folder of the page.")] = Path("leaderboard-page"),
    records: Records = RECORDS,
    jury: Annotated[
        Path | None, typer.Option("--jury", help="Folder of a rater model fitted to real ratings, for group columns.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Check and compare everything anew, whatever was kept.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was built as JSON.")] = False,
) -> None:
    """Check what is new, rank, and write the static page; refused submissions are listed, and the exit code is 1 then.

    Examples:

        pluralign leaderboard build

        pluralign leaderboard build --submissions leaderboard/submissions --out public --json
    """
    from tqdm import tqdm

    from pluralign.leaderboard.site import build_site
    from pluralign.places import cache_folder

    with tqdm(desc="leaderboard", unit="step", delay=1) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        built = build_site(
            submissions,
            out,
            records=records,
            kept=None if fresh else cache_folder("leaderboard"),
            jury=jury,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(built, indent=1, ensure_ascii=False))
    else:
        for one in built["boards"].values():
            typer.echo(f"{one['n']:>6,}  {one['title']}")
        for place, problems in built["refused"].items():
            typer.echo(
                f"refused: {place}: {', '.join(sorted({one['code'] for one in problems}))} (pluralign submission check)"
            )
        typer.echo(built["page"])
    if built["refused"]:
        raise typer.Exit(1)
