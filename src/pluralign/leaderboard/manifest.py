"""`manifest.yaml`: what a submission says of itself. Declared once here; the JSON Schema and the page's columns come from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pluralign.errors import Problem, did_you_mean
from pluralign.leaderboard.strict import StrictError, strict_yaml
from pluralign.schema import DIMENSIONS, LANGUAGES

MANIFEST = "manifest.yaml"
SCHEMA_VERSION = 1
FIX = "docs/leaderboard.md lists every field; `pluralign submission new` fills in what the run knows."


def _one_of(*options: str) -> Any:
    def check(value: str) -> str:
        if value not in options:
            raise ValueError(f"expected one of {', '.join(options)}.{did_you_mean(value, options)}")
        return value

    return AfterValidator(check)


HubId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Share = Annotated[float, Field(ge=0, le=1)]
Dimension = Annotated[str, _one_of(*DIMENSIONS)]
Language = Annotated[str, _one_of(*LANGUAGES, "both")]
Method = Literal[
    "none", "dpo", "ipo", "kto", "grpo", "modpo", "sft", "dro", "ppo", "rloo", "orpo", "merge", "prompting", "other"
]


class Strict(BaseModel):
    """Unknown fields and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Named(Strict):
    """A model on the Hub at one revision."""

    id: HubId
    revision: Revision = Field(description="the full commit hash: a branch can change")


class OnHub(Named):
    """Weights on the Hub."""

    kind: Literal["hub"]


class Adapter(Named):
    """An adapter on the Hub, and the base that it goes onto."""

    kind: Literal["adapter"]
    base: Named


class Local(Strict):
    """Weights that are not on the Hub."""

    kind: Literal["local"]
    id: HubId = Field(description="organisation and a name of your own")
    weights_sha256: Sha256 = Field(description="of the weights, or of the adapter's")
    quantisation: Line = Field(description="e.g. none, Q4_1, bnb-4bit")
    base_sha256: Sha256 | None = Field(default=None, description="of the weights that an adapter goes onto")


class Served(Strict):
    """A system without weights that anyone could load: an API, a program."""

    kind: Literal["served"]
    id: HubId = Field(description="who serves it and its name")
    what: Line = Field(description="version, date, or what it does")


class BaseModelRef(Strict):
    """What a model was made from; the board shows the change against its own submission."""

    id: HubId
    revision: Revision | None = None


class Training(Strict):
    """What it was trained on, as far as alignment goes."""

    data: Text = Field(description="in words; 'none' for a model as it comes")
    pluralign_configs: list[Annotated[str, Field(pattern=r"^(ratings|preferences)/[a-z0-9_.-]{1,120}$")]] = Field(
        description="configs of PlurAlign's datasets, e.g. preferences/exp3-individual-toxicity; may be empty"
    )


class JudgeRef(Strict):
    """Who judged; scores of different judges are never ranked against each other."""

    name: Line
    identity_sha256: Sha256 = Field(description="of the judge's identity as the results file holds it")
    rubrics_sha256: dict[Dimension, Sha256] = Field(description="dimension -> hash of its rubric")


class Prompts(Strict):
    """Which prompts were answered."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]
    sha256: dict[Annotated[str, _one_of(*LANGUAGES)], Sha256]


class Seeds(Strict):
    """lm-eval's."""

    random: int
    numpy: int
    torch: int
    fewshot: int


class Reported(Strict):
    """A score as the submitter reports it, on 0–1, with its 95 % interval over prompt templates."""

    dimension: Dimension
    language: Language
    score: Share
    low: Share
    high: Share
    n: Annotated[int, Field(ge=1)] = Field(description="answers that were scored")
    n_failed: Annotated[int, Field(ge=0)] = Field(description="answers that were not")


class Manifest(Strict):
    """A submission."""

    schema_version: Literal[1]
    model: Annotated[OnHub | Adapter | Local | Served, Field(discriminator="kind")]
    base_model: BaseModelRef | None = Field(description="null for a model that was made from no other")
    method: Method
    training: Training
    licence: Line = Field(description="of the weights, an SPDX identifier where there is one")
    precision: Line = Field(description="what it ran in, e.g. bfloat16")
    n_parameters: Annotated[int, Field(ge=1)] | None
    judge: JudgeRef
    prompts: Prompts
    seeds: Seeds
    command: Text = Field(description="the exact command")
    hardware: Line
    contact: Line
    not_trained_on_test_prompts: Literal[True] = Field(
        description="that neither prompts nor answers of the benchmark were trained on"
    )
    reported: Annotated[list[Reported], Field(min_length=1)]
    response_length: dict[Annotated[str, _one_of(*LANGUAGES)], Annotated[float, Field(ge=0)]] = Field(
        description="mean, in characters"
    )


def read_manifest(data: bytes, where: str = MANIFEST) -> tuple[Manifest | None, list[Problem]]:
    """Read a manifest; everything that is wrong at once.

    Args:
        data: the file.
        where: what to call it.
    """
    try:
        raw = strict_yaml(data)
    except StrictError as error:
        return None, [Problem("PA102", where, None, None, str(error), "plain YAML", FIX)]
    if not isinstance(raw, dict):
        return None, [Problem("PA103", where, None, None, type(raw).__name__, "a mapping", FIX)]
    try:
        return Manifest.model_validate(raw), []
    except ValidationError as error:
        return None, [_problem(where, one) for one in error.errors()]


def _problem(where: str, error: Mapping[str, Any]) -> Problem:
    # The discriminator stands in the place although the file has no such level.
    place = ".".join(str(part) for part in error["loc"] if part not in ("hub", "adapter", "local", "served"))
    got = "nothing" if error["type"] == "missing" else repr(error["input"])
    if error["type"] == "extra_forbidden":
        return Problem(
            "PA103",
            where,
            None,
            place,
            "an unknown field",
            f"none of this name.{did_you_mean(place, Manifest.model_fields)}",
            FIX,
        )
    return Problem("PA103", where, None, place, got if len(got) <= 80 else got[:79] + "…", str(error["msg"]), FIX)


def manifest_yaml(manifest: Manifest) -> str:
    """A manifest as a file that `read_manifest` takes; every text in quotes, so that none is taken for a number."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def quoted(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')

    def decimal(dumper: Any, value: float) -> Any:
        plain = repr(value) if "e" not in repr(value) else f"{value:.20f}"
        return dumper.represent_scalar("tag:yaml.org,2002:float", plain)

    def mapping(dumper: Any, data: dict[str, Any]) -> Any:
        node = dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=not data)
        for key, _ in node.value:
            key.style = None
        return node

    Dumper.add_representer(str, quoted)
    Dumper.add_representer(float, decimal)
    Dumper.add_representer(dict, mapping)
    text: str = yaml.dump(
        manifest.model_dump(mode="json"), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120
    )
    return text


def json_schema() -> str:
    """The JSON Schema of `manifest.yaml`, as `leaderboard/manifest.schema.json` holds it."""
    schema = Manifest.model_json_schema()
    schema |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "PlurAlign submission"}
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def identity_sha256(identity: Mapping[str, Any]) -> str:
    """The hash of a judge's identity, whatever the order of its keys.

    >>> identity_sha256({"a": 1, "b": 2}) == identity_sha256({"b": 2, "a": 1})
    True
    """
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def folder_of(model_id: str) -> str:
    """The folder of a model's submissions.

    >>> folder_of("org/model-1B")
    'org__model-1B'
    """
    return model_id.replace("/", "__")


def schema_file(root: Path) -> Path:
    """Where the JSON Schema lies in a checkout."""
    return root / "leaderboard" / "manifest.schema.json"
