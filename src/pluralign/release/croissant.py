"""Croissant: the release described for machines, with the responsible-AI fields.

Record sets are given for the canonical tables and the first hundred configs, as on the Hub; a record carries its split.
Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html and croissant-rai-spec-1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pluralign.ratings import Ratings
from pluralign.ratings.tables import file_checksum
from pluralign.release.card import repository, title
from pluralign.release.configs import Plan, TableConfig, ViewConfig
from pluralign.schema import ATTRIBUTES, SPLITS, UNDISCLOSED, ArrowName, Field

MOST_CONFIGS = 100
PARQUET = "application/x-parquet"
_TYPES: dict[ArrowName, str] = {
    "string": "sc:Text", "list<string>": "sc:Text", "bool": "sc:Boolean", "float64": "sc:Float",
    "int8": "sc:Integer", "int16": "sc:Integer", "int32": "sc:Integer", "list<int32>": "sc:Integer",
}  # fmt: skip

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.0, as mlcroissant expects it word for word."""


def croissant(ratings: Ratings, wanted: Plan, folder: Path) -> dict[str, Any]:
    """Describe a release as Croissant JSON-LD.

    Args:
        ratings: the three tables.
        wanted: the release's configs.
        folder: where the canonical tables lie; their checksums are taken from there.
    """
    p = ratings.provenance
    views = wanted.views[: MOST_CONFIGS - len(wanted.tables)]
    languages = [language for language, n in ratings.describe()["texts"].items() if n]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": repository(p).replace("/", "-").lower(),
        "alternateName": title(p),
        "description": f"{p.label}. {p.description}".strip(),
        "license": _licence_url(p.licence),
        "url": f"https://huggingface.co/datasets/{repository(p)}",
        "version": p.version,
        "inLanguage": languages,
        "keywords": ["alignment", "pluralism", "human feedback", "disagreement", p.kind],
        "creator": {"@type": "sc:Organization", "name": "The PlurAlign authors" if p.kind == "simulated" else p.source},
        **({"citeAs": p.citation} if p.citation else {}),
        **_responsible_ai(ratings, wanted),
        "distribution": [*(_file_object(t, folder) for t in wanted.tables), *(_file_set(view) for view in views)],
        "recordSet": [*map(_table_records, wanted.tables), _split_records(), *map(_view_records, views)],
    }


def croissant_text(ratings: Ratings, wanted: Plan, folder: Path) -> str:
    """The contents of `croissant.json`."""
    return json.dumps(croissant(ratings, wanted, folder), ensure_ascii=False, indent=1) + "\n"


def _licence_url(licence: str) -> str:
    return licence if "/" in licence or " " in licence else f"https://spdx.org/licenses/{licence}.html"


def _file_object(table: TableConfig, folder: Path) -> dict[str, Any]:
    (path,) = table.files.values()
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{(folder / path).stat().st_size} B",
        "encodingFormat": PARQUET,
        "sha256": file_checksum(folder / path),
    }


def _file_set(view: ViewConfig) -> dict[str, Any]:
    includes = f"configs/{view.name}/*.parquet"
    return {"@type": "cr:FileSet", "@id": f"files-{view.name}", "name": f"files-{view.name}", "encodingFormat": PARQUET,
            "includes": includes}  # fmt: skip


def _table_records(table: TableConfig) -> dict[str, Any]:
    (path,) = table.files.values()
    return _records(table.name, f"The table of {table.name}.", table.fields, {"fileObject": {"@id": path}})


def _view_records(view: ViewConfig) -> dict[str, Any]:
    source = {"fileSet": {"@id": f"files-{view.name}"}}
    text = f"Ratings of the group {view.group} on the scale {view.scale}, {view.aggregation}."
    records = _records(view.name, text, view.fields, source)
    split = {
        "@type": "cr:Field",
        "@id": f"{view.name}/split",
        "name": "split",
        "dataType": "sc:Text",
        "description": "the split that the row's prompt is in",
        "source": {
            **source,
            "extract": {"fileProperty": "fullpath"},
            # Matches its own result too: mlcroissant applies the transform a second time after joining with `splits`.
            "transform": {"regex": f"(?:.*/)?({'|'.join(SPLITS)})(?:\\.parquet)?$"},
        },
        "references": {"field": {"@id": "splits/name"}},
    }
    return {**records, "field": [split, *records["field"]]}


def _split_records() -> dict[str, Any]:
    name = {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"}
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [name],
        "data": [{"splits/name": split} for split in SPLITS],
    }


def _records(name: str, description: str, fields: tuple[Field, ...], source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": list(_fields(name, fields, source)),
    }


def _fields(name: str, fields: tuple[Field, ...], source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for field in fields:
        yield {
            "@type": "cr:Field",
            "@id": f"{name}/{field.name}",
            "name": field.name,
            "description": field.description,
            "dataType": _TYPES[field.type],
            **({"repeated": True} if field.type.startswith("list") else {}),
            "source": {**source, "extract": {"column": field.name}},
        }


def _responsible_ai(ratings: Ratings, wanted: Plan) -> dict[str, Any]:
    p, told = ratings.provenance, ratings.describe()
    simulated = p.kind == "simulated"
    per = told["ratings_per_item_and_dimension"]
    shares = [
        f"{name} ({attribute.description}): "
        + ", ".join(f"{value} {n}" for value, n in told["groups"].items() if value in attribute.values)
        for name, attribute in ATTRIBUTES.items()
    ]
    missing = f"An attribute that a rater did not give is '{UNDISCLOSED}'; texts that a source does not have are null."
    return {
        "rai:dataCollection": "Simulated: drawn from a latent model, texts composed by a grammar; no person was asked."
        if simulated else f"Imported from {p.source}; see its own documentation. {p.description}",
        "rai:dataCollectionType": ["Software Collection" if simulated else "Secondary Data Analysis"],
        "rai:dataCollectionMissingData": missing,
        "rai:dataPreprocessingProtocol": list(p.choices) or ["None beyond the conversion to three tables."],
        "rai:dataAnnotationProtocol": [f"{d.name}: '{d.statement}', {d.minimum} to {d.maximum}" for d in p.dimensions],
        "rai:annotationsPerItem": f"{per['mean']:.1f} raters on average ({per['min']:g}–{per['max']:g})",
        "rai:annotatorDemographics": shares,
        "rai:machineAnnotationTools": [p.label] if simulated else ["none"],
        "rai:dataUseCases": [
            "Testing whether methods that keep rater disagreement recover planted group effects."
            if simulated else "Studying how raters, scales and aggregations change what a model learns."
        ],
        "rai:dataLimitations": [
            "The ratings are simulated: they are no evidence about people, and no model may be called better aligned on their account."
            if simulated else "The raters are a sample of convenience; a group's ratings are not the opinion of everyone in it.",
            f"Groups with fewer than {wanted.minimum_cell} raters are not published as configs"
            + (f": {', '.join(wanted.unpublished)}." if wanted.unpublished else "; none is smaller."),
        ],
        "rai:dataBiases": [
            "Group differences are the simulation's parameters; what is not published by the study is assumed."
            if simulated else "Those of the source's recruitment, prompts and instructions."
        ],
        "rai:dataSocialImpact": "Views by group make visible whose values a model learns; read as facts about groups they would stereotype.",
        "rai:personalSensitiveInformation": [
            "None: the raters do not exist." if simulated
            else f"Attributes of pseudonymous raters ({', '.join(ATTRIBUTES)}); rare combinations may identify someone."
        ],
        "rai:dataReleaseMaintenancePlan": "Versions are kept; a change of the tables changes version and checksum. Errors: the repository's issues.",
    }  # fmt: skip
