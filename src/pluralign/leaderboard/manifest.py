"""`manifest.yaml`: what a submission says of itself. Declared once here; the JSON Schema and the page's columns come from it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pluralign.errors import Problem, did_you_mean
from pluralign.leaderboard.strict import StrictError, strict_yaml
from pluralign.schema import DIMENSIONS, LANGUAGES

MANIFEST = "manifest.yaml"
SCHEMA_VERSION = 1
MOST_TOLD = 20
"""Problems that are told at once."""
FIX = "leaderboard/manifest.schema.json describes every field; `pluralign submission new` fills in what the run knows."


def _one_of(*options: str) -> Any:
    def check(value: str) -> str:
        if value not in options:
            raise ValueError(f"one of {', '.join(options)}.{did_you_mean(value, options)}".rstrip("."))
        return value

    return AfterValidator(check)


def _exactly(value: object) -> Any:
    """Python takes True for 1; a manifest does not."""

    def check(given: object) -> object:
        if type(given) is not type(value):
            raise ValueError(repr(value))
        return given

    return BeforeValidator(check)


def _plain_id(value: str) -> str:
    if ".." in value or "__" in value:  # `__` parts organisation and name in a folder's name
        raise ValueError("an id without '..' and '__'")
    return value


def _seen(value: str) -> str:
    """A text that a reader sees, and all of it."""
    if TAGS.search(value):
        raise ValueError("a text without characters that a reader does not see")
    if value and not any(unicodedata.category(one)[0] not in "ZC" and one not in BLANKS for one in value):
        raise ValueError("a text, not only blanks")
    return value


def _no_script(value: str) -> str:
    if SCRIPT.search(value):
        raise ValueError("a name, a mail address or an https address: nothing that a browser would run")
    return value


TAGS = re.compile("[\u00ad\U000e0000-\U000e007f]")
"""A hyphen that does not show, and a second alphabet that never does."""
BLANKS = frozenset("\u2800\u3164\uffa0\u115f\u1160")
"""Letters and signs of nothing."""
SCRIPT = re.compile(r"\b(?:javascript|vbscript|data|file)\s*:(?=\S)|\b(?:java|vb)script\s*:", re.IGNORECASE)
HubId = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"),
    AfterValidator(_plain_id),
]
Revision = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_UNSEEN = r"\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""What a reader does not see, or what turns the order of what is seen: a terminal obeys the first, an eye the second."""
Line = Annotated[str, Field(min_length=1, max_length=400, pattern=rf"^[^\x00-\x1f{_UNSEEN}]+$"), AfterValidator(_seen)]
Text = Annotated[
    str, Field(min_length=1, max_length=4000, pattern=rf"^[^\x00-\x08\x0b-\x1f{_UNSEEN}]+$"), AfterValidator(_seen)
]
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

    id: HubId = Field(description="organisation and name on the Hub")
    revision: Revision = Field(description="the full commit hash: a branch can change")


class OnHub(Named):
    """Weights on the Hub."""

    kind: Literal["hub"] = Field(description="weights on the Hub")


class Adapter(Named):
    """An adapter on the Hub, and the base that it goes onto."""

    kind: Literal["adapter"] = Field(description="an adapter on the Hub, and the base that it goes onto")
    base: Named = Field(description="that it goes onto")


class Local(Strict):
    """Weights that are not on the Hub."""

    kind: Literal["local"] = Field(description="weights that are not on the Hub")
    id: HubId = Field(description="organisation and a name of your own")
    weights_sha256: Sha256 = Field(description="of the weights, or of the adapter's")
    quantisation: Line = Field(description="e.g. none, Q4_1, bnb-4bit")
    base_sha256: Sha256 | None = Field(default=None, description="of the weights that an adapter goes onto")


class Served(Strict):
    """A system without weights that anyone could load: an API, a program."""

    kind: Literal["served"] = Field(description="a system without weights that anyone could load: an API, a program")
    id: HubId = Field(description="who serves it and its name")
    what: Line = Field(description="version, date, or what it does")


class BaseModelRef(Strict):
    """What a model was made from; the board shows the change against its own submission."""

    id: HubId = Field(description="organisation and name")
    revision: Revision | None = Field(default=None, description="of the one that it was made from; null for the newest")


class Training(Strict):
    """What it was trained on, as far as alignment goes."""

    data: Text = Field(description="in words; 'none' for a model as it comes")
    pluralign_configs: list[Annotated[str, Field(pattern=r"^(ratings|preferences)/[a-z0-9_.-]{1,120}$")]] = Field(
        description="configs of PlurAlign's datasets, e.g. preferences/exp3-individual-toxicity; may be empty"
    )


class JudgeRef(Strict):
    """Who judged; scores of different judges are never ranked against each other."""

    name: Line = Field(description="as the results file has it")
    identity_sha256: Sha256 = Field(description="of the judge's identity as the results file holds it")
    rubrics_sha256: dict[Dimension, Sha256] = Field(description="dimension -> hash of its rubric")


class Prompts(Strict):
    """Which prompts were answered."""

    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] = Field(description="of tasks and prompts")
    sha256: dict[Annotated[str, _one_of(*LANGUAGES)], Sha256] = Field(description="language -> hash of its prompts")


class Seeds(Strict):
    """lm-eval's."""

    random: int = Field(description="lm-eval's random_seed")
    numpy: int = Field(description="lm-eval's numpy_seed")
    torch: int = Field(description="lm-eval's torch_seed")
    fewshot: int = Field(description="lm-eval's fewshot_seed")


class Reported(Strict):
    """A score as the submitter reports it, on 0–1, with its 95 % interval over prompt templates."""

    dimension: Dimension = Field(description="what was judged")
    language: Language = Field(description="of prompts and answers; both for the mean of the languages' means")
    score: Share = Field(description="mean of (score − 1) / 4")
    low: Share = Field(description="lower end of the interval")
    high: Share = Field(description="upper end of the interval")
    n: Annotated[int, Field(ge=1)] = Field(description="answers that were scored")
    n_failed: Annotated[int, Field(ge=0)] = Field(description="answers that were not")


class Manifest(Strict):
    """A submission."""

    schema_version: Annotated[Literal[1], _exactly(1)] = Field(description="of this form")
    model: Annotated[OnHub | Adapter | Local | Served, Field(discriminator="kind")] = Field(
        description="what answered, and which version of it"
    )
    base_model: BaseModelRef | None = Field(description="null for a model that was made from no other")
    method: Method = Field(description="how it was aligned; none for a model as it comes")
    training: Training = Field(description="what it was trained on")
    licence: Line = Field(description="of the weights, an SPDX identifier where there is one")
    precision: Line = Field(description="what it ran in, e.g. bfloat16")
    n_parameters: Annotated[int, Field(ge=1)] | None = Field(description="null where nobody knows")
    judge: JudgeRef = Field(description="who judged")
    prompts: Prompts = Field(description="which prompts were answered")
    seeds: Seeds = Field(description="of the run")
    command: Text = Field(description="the exact command")
    hardware: Line = Field(description="what it ran on")
    contact: Annotated[Line, AfterValidator(_no_script)] = Field(description="whom to ask; public")
    not_trained_on_test_prompts: Annotated[Literal[True], _exactly(True)] = Field(
        description="that neither prompts nor answers of the benchmark were trained on"
    )
    reported: Annotated[list[Reported], Field(min_length=1)] = Field(
        description="every judged dimension in every language, and in both"
    )
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
        return None, manifest_problems(error, where)


def manifest_problems(error: ValidationError, where: str = MANIFEST) -> list[Problem]:
    """What is wrong with a manifest's values, the first `MOST_TOLD`; the rest is counted."""
    every = error.errors(include_url=False)
    found = [_problem(where, one) for one in every[:MOST_TOLD]]
    if len(every) > MOST_TOLD:
        found.append(Problem("PA103", where, None, None, f"{len(every) - MOST_TOLD} more of this kind", "none", FIX))
    return found


def _problem(where: str, error: Mapping[str, Any]) -> Problem:
    # The discriminator stands in the place although the file has no such level.
    place = ".".join(str(part) for part in error["loc"] if part not in ("hub", "adapter", "local", "served"))
    place = "".join(c if c.isprintable() else "�" for c in place[:80])
    got = "nothing" if error["type"] == "missing" else repr(error["input"])
    if error["type"] == "extra_forbidden":
        return Problem(
            "PA103",
            where,
            None,
            place,
            "an unknown field",
            f"none of this name.{did_you_mean(place, Manifest.model_fields)}".rstrip("."),
            FIX,
        )
    expected = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return Problem("PA103", where, None, place, got if len(got) <= 80 else got[:79] + "…", expected, FIX)


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
