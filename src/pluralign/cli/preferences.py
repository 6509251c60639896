"""`pluralign preferences …`: build the dataset repository or one condition, and list the conditions."""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pluralign.errors import PluralignError
from pluralign.ratings import load
from pluralign.schema import ATTRIBUTES, EVERYONE, MINIMUM_CELL

if TYPE_CHECKING:
    from pluralign.preferences import Condition
    from pluralign.release.preferences_configs import PreferenceConfig
    from pluralign.views import GroupSpec

preferences = typer.Typer(help="Preference pairs, single responses and prompts for trl.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for a program.")]
FOLDER = Path("datasets/preferences")


class TiesOption(StrEnum):
    """What a tie is worth."""

    drop = "drop"
    half = "half"


class FormOption(StrEnum):
    """What a row is: a vote, or a pair with a soft label; or a single response; or a prompt."""

    votes = "votes"
    collapsed = "collapsed"
    unpaired = "unpaired"
    rewards = "rewards"


class CombineOption(StrEnum):
    """What becomes of two dimensions."""

    pooled = "pooled"
    scalarised = "scalarised"


class LanguageOption(StrEnum):
    """Of the texts."""

    en = "en"
    de = "de"


@preferences.command(
    epilog="Examples:  pluralign preferences build  ·  pluralign preferences build exp3-majority-toxicity --out majority  ·  "
    "pluralign preferences build --group 51-60 --scale 3pt --dimension helpfulness --ties half --out older  ·  "
    "pluralign preferences build --group gender=female,politics=liberal --dimension toxicity --out liberal-women"
)
def build(
    name: Annotated[str | None, typer.Argument(metavar="CONDITION", help="`conditions` lists them.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; datasets/preferences for all of them.")] = None,
    ratings: Annotated[Path | None, typer.Option(help="Folder of three tables; the shipped ones by default.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Whose ratings: a group, or attribute=value,attribute=value.")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="5pt, 3pt or binary.")] = None,
    aggregation: Annotated[str | None, typer.Option(help="individual, majority, consensus, first or mean.")] = None,
    dimension: Annotated[list[str] | None, typer.Option(help="What was rated; may be given twice.")] = None,
    balanced_with: Annotated[
        str | None, typer.Option(help="A group that gave as many ratings, or is cut to it.")
    ] = None,
    ties: Annotated[TiesOption, typer.Option(help="What a tie is worth.")] = TiesOption.drop,
    form: Annotated[FormOption | None, typer.Option(help="What a row is; collapsed pairs by default.")] = None,
    combine: Annotated[CombineOption, typer.Option(help="Of several dimensions.")] = CombineOption.pooled,
    language: Annotated[LanguageOption, typer.Option(help="Of the texts.")] = LanguageOption.en,
    draw: Annotated[
        int | None, typer.Option(help="One draw of a balanced group; the mean of five by default.", min=0)
    ] = None,
    minimum_cell: Annotated[int, typer.Option(help="Groups with fewer raters get no config.", min=1)] = MINIMUM_CELL,
    as_json: Json = False,
) -> None:
    """Write every config as a dataset repository; or, with CONDITION or --dimension, one condition as train and test files."""
    own = {"--group": group, "--scale": scale, "--aggregation": aggregation, "--dimension": dimension,
           "--balanced-with": balanced_with}  # fmt: skip
    given = [option for option, value in own.items() if value]
    if name is None and not given:
        _build_all(out or FOLDER, ratings, minimum_cell, as_json)
        return
    if name is not None and given:
        raise PluralignError(
            "PA093", f"got condition {name!r} and {given[0]}.", "Name a condition, or describe another."
        )
    if out is None:
        raise PluralignError("PA093", "got no folder for the condition.", "Name one with --out.")
    from pluralign.preferences import condition, condition_of
    from pluralign.release.preferences import write_condition

    if name is not None:
        cond = condition(name)
    else:
        against = None if balanced_with is None else group_of(balanced_with)
        cond = condition_of(
            dimension or [],
            group_of(group or EVERYONE),
            scale or "5pt",
            aggregation or "individual",
            balanced_with=against,
        )
    config = _config(cond, ties, form, combine, draw)
    rows = write_condition(config, load(ratings), out, language.value)
    if as_json:
        typer.echo(json.dumps({"condition": cond.name, "folder": str(out), "rows": rows}))
    else:
        typer.echo(f"{cond.name}: {', '.join(f'{n:,} {split}' for split, n in rows.items())} rows in {out}")


def _config(
    cond: Condition, ties: TiesOption, form: FormOption | None, combine: CombineOption, draw: int | None
) -> PreferenceConfig:
    from pluralign.release.preferences_configs import PreferenceConfig

    if form is None:
        form = FormOption.rewards if cond.kind == "rewards" else FormOption.collapsed
    base = PreferenceConfig(cond.name, cond, ties=ties.value, combine=combine.value, draw=draw)
    if form is FormOption.rewards:
        return replace(base, what="rewards")
    if form is FormOption.unpaired:
        return replace(base, what="unpaired")
    return replace(base, form=form.value)


def _build_all(out: Path, ratings: Path | None, minimum_cell: int, as_json: bool) -> None:
    from pluralign.release.preferences import build_preferences

    built = build_preferences(load(ratings), out, minimum_cell=minimum_cell, progress=not as_json)
    if as_json:
        told = {"folder": str(out), "configs": list(built.configs), "left_out": built.contents.left_out}
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for config, why in built.contents.left_out.items():
        typer.echo(f"left out {config}: {why}")
    typer.echo(f"{len(built.configs)} configs in {out}: load_dataset({str(out)!r}, {built.configs[0]!r})")


def group_of(text: str) -> GroupSpec:
    """A group as the command line writes it.

    >>> group_of("female"), group_of("gender=female,politics=liberal")
    ('female', {'gender': ['female'], 'politics': ['liberal']})

    Raises:
        PluralignError: PA020 where an attribute has no value.
    """
    if "=" not in text:
        return text
    found: dict[str, list[str]] = {}
    for part in text.split(","):
        attribute, _, value = part.partition("=")
        if not value:
            raise PluralignError(
                "PA020",
                f"got {part!r} in group {text!r}.",
                f"Write attribute=value; attributes are {', '.join(ATTRIBUTES)}.",
            )
        found.setdefault(attribute.strip(), []).append(value.strip())
    return dict(found)


@preferences.command(epilog="Examples:  pluralign preferences conditions  ·  pluralign preferences conditions --json")
def conditions(as_json: Json = False) -> None:
    """List the conditions of the experiments."""
    from pluralign.preferences import ALIASES, CONDITIONS

    if as_json:
        told = [
            {
                "name": c.name, "dimensions": list(c.dimensions), "group": c.group_name, "scale": c.scale,
                "aggregation": c.aggregation, "balanced_with": c.balanced_with, "kind": c.kind,
                "aliases": [alias for alias, name in ALIASES.items() if name == c.name],
            }
            for c in CONDITIONS.values()
        ]  # fmt: skip
        typer.echo(json.dumps(told))
        return
    for c in CONDITIONS.values():
        aliases = [alias for alias, name in ALIASES.items() if name == c.name]
        also = f"  (also {', '.join(aliases)})" if aliases else ""
        against = f", against {c.balanced_with}" if c.balanced_with else ""
        of_whom = f"{' and '.join(c.dimensions)} by {c.group_name}{against}"
        typer.echo(f"{c.name}: {of_whom}, {c.scale}, {c.aggregation}, {c.kind}{also}")
