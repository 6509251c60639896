"""Rendering the Markdown templates that lie in `templates/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pluralign.schema import Field


def render(template: str, **values: Any) -> str:
    """Render a template of this room; a name that it uses and does not get is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pluralign.release"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML; texts of others are never rendered
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {"cell": cell, "commas": lambda n: f"{n:,}"}
    return environment.get_template(template).render(**values)


def cell(text: object) -> str:
    """A text that does not break a Markdown table.

    >>> cell("a | b")
    'a \\\\| b'
    """
    return str(text).replace("|", "\\|").replace("\n", " ")


def number(value: object) -> str:
    """A parameter's value as people read it: four significant digits, lists and mappings in a line.

    >>> number([0.123456, 2]), number({"male": 0.6})
    ('0.1235, 2', 'male 0.6')
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {number(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        between = "; " if value and isinstance(value[0], list | tuple) else ", "
        return between.join(number(inner) for inner in value)
    return str(value)


def vocabulary(field: Field) -> str:
    """A closed list of values, in words."""
    if field.vocabulary is None:
        return ""
    if field.name == "country":
        return "ISO 3166-1 alpha-2 in lower case, `undisclosed`"
    return ", ".join(f"`{value}`" for value in field.vocabulary)


def rows(fields: Iterable[Field]) -> list[tuple[str, str, str, str, str]]:
    """Fields as (name, type, meaning, values, may be missing), for a table."""
    return [(f.name, f.type, cell(f.description), cell(vocabulary(f)), "yes" if f.nullable else "no") for f in fields]
