"""The manifest: one declaration, of which the schema, the documentation and the reader follow."""

import json
from dataclasses import replace

import pytest
import yaml
from made_runs import SAID

from pluralign.leaderboard.manifest import (
    Manifest,
    folder_of,
    identity_sha256,
    json_schema,
    manifest_yaml,
    read_manifest,
    schema_file,
)

jsonschema = pytest.importorskip("jsonschema")


@pytest.fixture(scope="module")
def text(base_both):
    return (base_both / "manifest.yaml").read_bytes()


def test_the_committed_schema_is_that_of_the_model(root):
    assert schema_file(root).read_text("utf-8") == json_schema(), (
        "write it again: python -c 'from pluralign.leaderboard.manifest import *; print(json_schema(), end=\"\")'"
    )


def test_the_schema_takes_what_the_reader_takes_and_no_more(text):
    held, schema = yaml.safe_load(text), json.loads(json_schema())
    jsonschema.validate(held, schema)
    for change in ({"extra": 1}, {"method": "DPO"}, {"not_trained_on_test_prompts": False}, {"reported": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**held, **change}, schema)
        assert read_manifest(json.dumps({**held, **change}).encode())[0] is None


def test_every_field_is_documented():
    schema = json.loads(json_schema())
    parts = {"Manifest": schema, **schema["$defs"]}
    missing = [
        f"{part}.{name}"
        for part, held in parts.items()
        for name, one in held.get("properties", {}).items()
        if not one.get("description")
    ]
    assert not missing
    assert set(schema["properties"]) == set(Manifest.model_fields)
    assert all(held.get("additionalProperties") is False for held in parts.values() if "properties" in held)


def test_a_manifest_that_is_written_is_read_as_it_was(text):
    found, problems = read_manifest(text)
    assert not problems
    again, problems = read_manifest(manifest_yaml(found).encode())
    assert not problems
    assert again == found


@pytest.mark.parametrize(
    "name", ["1e10", "yes", "0x1F", "2026-01-02", "null", "a: b", "#", "'\"", "~", "Größe 漢字", "- x"]
)
def test_texts_that_yaml_could_take_for_something_else_stay_texts(text, name):
    found, _ = read_manifest(text)
    again, problems = read_manifest(manifest_yaml(found.model_copy(update={"licence": name})).encode())
    assert not problems
    assert again.licence == name


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-5, 1.234567e-9, 0.1 + 0.2, 1 / 3])
def test_scores_are_written_without_exponent_and_lose_nothing_that_counts(text, value):
    found, _ = read_manifest(text)
    first = found.reported[0].model_copy(update={"score": value})
    again, problems = read_manifest(manifest_yaml(found.model_copy(update={"reported": [first]})).encode())
    assert not problems
    assert again.reported[0].score == pytest.approx(value, rel=1e-9, abs=1e-18)


def test_all_that_is_wrong_is_told_with_what_would_be_right(text):
    held = yaml.safe_load(text) | {"method": "dpoo", "licence": "", "contct": "x"}
    held["reported"][0]["dimension"] = "toxicty"
    _, problems = read_manifest(json.dumps(held).encode())
    told = {one.field: one for one in problems}
    assert set(told) == {"method", "licence", "contct", "reported.0.dimension"}
    assert all(one.code == "PA103" for one in problems)
    assert "Did you mean 'toxicity'?" in told["reported.0.dimension"].expected
    assert "Did you mean 'contact'?" in told["contct"].expected
    assert "'dpo'" in told["method"].expected


def test_a_flood_of_unknown_fields_is_counted_not_listed():
    _, problems = read_manifest("".join(f"k{k}: 1\n" for k in range(5000)).encode())
    assert len(problems) == 21
    assert "more of this kind" in problems[-1].got


def test_a_model_without_a_base_says_null_and_true_is_no_number(text):
    held = yaml.safe_load(text)
    assert held["base_model"] is None
    del held["base_model"]
    _, problems = read_manifest(json.dumps(held).encode())
    assert [(one.field, one.got) for one in problems] == [("base_model", "nothing")]


@pytest.mark.parametrize(
    "model",
    [
        {"kind": "hub", "id": "a/b", "revision": "0" * 40},
        {"kind": "adapter", "id": "a/b", "revision": "0" * 40, "base": {"id": "c/d", "revision": "1" * 40}},
        {"kind": "local", "id": "a/b", "weights_sha256": "0" * 64, "quantisation": "none"},
        {"kind": "served", "id": "a/b", "what": "2025-06"},
    ],
    ids=lambda model: model["kind"],
)
def test_a_model_is_named_in_one_of_four_ways_and_wholly(text, model):
    held = yaml.safe_load(text)
    assert read_manifest(json.dumps(held | {"model": model}).encode())[0] is not None
    for name in set(model) - {"kind"}:
        _, problems = read_manifest(
            json.dumps(held | {"model": {k: v for k, v in model.items() if k != name}}).encode()
        )
        assert [one.field for one in problems] == [f"model.{name}"]


@pytest.mark.parametrize(
    "blank", ["\u00a0", "\u3000 ", "\u2800", "\u3164", "\u115f\u1160", " ", "a\u00adb", "a\U000e0041b", "\U000e0001", "a\U000e007f"], ids=ascii
)  # fmt: skip
@pytest.mark.parametrize("name", ["licence", "contact", "hardware", "command"])
def test_a_text_that_no_reader_sees_is_none(text, name, blank):
    _, problems = read_manifest(json.dumps(yaml.safe_load(text) | {name: blank}, ensure_ascii=False).encode())
    assert [(one.code, one.field) for one in problems] == [("PA103", name)]


@pytest.mark.parametrize(
    "seen", ["Größe 漢字", "a b", "日本語", "👩\u200d🚀", "-", "https://example.org", "mailto:a@example.org"]
)
def test_a_text_that_a_reader_sees_is_one(text, seen):
    assert (
        read_manifest(json.dumps(yaml.safe_load(text) | {"contact": seen}, ensure_ascii=False).encode())[0] is not None
    )


@pytest.mark.parametrize(
    "contact", ["javascript:alert(1)", "JavaScript :alert(1)", "see data:text/html,x", "vbscript:x", "file:///etc"]
)
def test_a_contact_that_a_browser_would_run_is_refused(text, contact):
    _, problems = read_manifest(json.dumps(yaml.safe_load(text) | {"contact": contact}).encode())
    assert [(one.code, one.field) for one in problems] == [("PA103", "contact")]


@pytest.mark.parametrize("name", ["a/b..c", "a__b/c", "a/b__c", "a../b"])
def test_an_id_that_a_folder_could_not_tell_apart_is_refused(text, name):
    held = yaml.safe_load(text)
    _, problems = read_manifest(json.dumps(held | {"model": held["model"] | {"id": name}}).encode())
    assert [one.field for one in problems] == ["model.id"]


def test_the_hash_of_an_identity_is_that_of_its_contents():
    assert identity_sha256({"a": 1, "b": {"c": "ä", "d": 2}}) == identity_sha256({"b": {"d": 2, "c": "ä"}, "a": 1})
    assert identity_sha256({"a": 1}) != identity_sha256({"a": "1"})
    assert folder_of("org/model-1B") == "org__model-1B"


def test_the_manifest_says_what_was_said(make_submission, tmp_path):
    said = replace(SAID, base="acme/base", method="dpo", configs=("preferences/exp3-individual-toxicity",))
    held = make_submission(tmp_path, model="acme/tuned", said=said, languages=("en",)).manifest
    assert held.base_model.id == "acme/base"
    assert held.training.pluralign_configs == ["preferences/exp3-individual-toxicity"]
    assert held.seeds.torch == 1234
    assert held.precision == "bfloat16"
    assert held.n_parameters == 134515008
