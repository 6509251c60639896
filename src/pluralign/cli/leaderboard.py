"""`pluralign leaderboard`: build the page, or serve it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

leaderboard = typer.Typer(help="Boards of checked submissions, ranked with their uncertainty.", no_args_is_help=True)

Submissions = Annotated[Path, typer.Option("--submissions", help="Folder of submissions.")]
Records = Annotated[
    Path, typer.Option("--records", help="The keepers' records: judged again, generated again, flags cleared.")
]
Jury = Annotated[
    Path | None, typer.Option("--jury", help="Folder of a rater model fitted to real ratings, for group columns.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Check and compare everything anew, whatever was kept.")]
SUBMISSIONS, RECORDS, PAGE = Path("leaderboard/submissions"), Path("leaderboard/records"), Path("leaderboard-page")


@leaderboard.command()
def build(
    submissions: Submissions = SUBMISSIONS,
    out: Annotated[Path, typer.Option("--out", help="Folder of the page.")] = PAGE,
    records: Records = RECORDS,
    jury: Jury = None,
    fresh: Fresh = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was built as JSON.")] = False,
) -> None:
    """Check what is new, rank, and write the static page; refused submissions are listed, and the exit code is 1 then.

    Examples:

        pluralign leaderboard build

        pluralign leaderboard build --submissions leaderboard/submissions --out public --json
    """
    built = _built(submissions, out, records, jury, fresh)
    if as_json:
        typer.echo(json.dumps(built, indent=1, ensure_ascii=False))
    else:
        _told(built)
    if built["refused"]:
        raise typer.Exit(1)


@leaderboard.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="Of the page; it is built where it is not there.")] = PAGE,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On this machine; 0 for any that is free.")] = 8000,
    anew: Annotated[bool, typer.Option("--build", help="Build the page first, though it is there.")] = False,
    submissions: Submissions = SUBMISSIONS,
    records: Records = RECORDS,
    jury: Jury = None,
    fresh: Fresh = False,
) -> None:  # fmt: skip
    """Show the page to this machine's browser, at an address of its own (127.0.0.1), until Ctrl-C.

    Examples:

        pluralign leaderboard serve

        pluralign leaderboard serve public --build --port 8001
    """
    from pluralign.leaderboard.serve import address, page_server

    if anew or not folder.exists():
        _told(_built(submissions, folder, records, jury, fresh))
    with page_server(folder, port) as server:
        try:
            typer.echo(f"{address(server)} shows {folder}; Ctrl-C ends it.")
            server.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            typer.echo()


def _built(submissions: Path, out: Path, records: Path, jury: Path | None, fresh: bool) -> dict[str, Any]:
    """Build the page, with a bar where that takes longer."""
    from tqdm import tqdm

    from pluralign.leaderboard.site import build_site
    from pluralign.places import cache_folder

    with tqdm(desc="leaderboard", unit="step", delay=1) as bar:

        def progress(what: str) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.update()

        kept = None if fresh else cache_folder("leaderboard")
        return build_site(submissions, out, records=records, kept=kept, jury=jury, progress=progress)


def _told(built: dict[str, Any]) -> None:
    """Say what was built."""
    for one in built["boards"].values():
        typer.echo(f"{one['n']:>6,}  {one['title']}")
    for place, problems in built["refused"].items():
        codes = ", ".join(sorted({one["code"] for one in problems}))
        typer.echo(f"refused: {place}: {codes} (pluralign submission check)")
    typer.echo(built["page"])
