"""What a user may set is checked before anything runs."""

import pytest

from pluralign.errors import PluralignError
from pluralign.evaluation.settings import settings_from

VERSION = "1.0.0"


def test_without_settings_the_judge_is_the_offline_one(monkeypatch):
    monkeypatch.delenv("PLURALIGN_JUDGE", raising=False)
    settings = settings_from({"version": VERSION, "config_source": "x", "pretrained": "gpt2"}, VERSION)
    assert (settings.judge, settings.dimensions) == ("offline", ("toxicity", "emotional_awareness"))


def test_the_environment_names_a_judge_and_metadata_overrules_it(monkeypatch):
    monkeypatch.setenv("PLURALIGN_JUDGE", "zero-shot")
    assert settings_from({}, VERSION).judge == "zero-shot"
    assert settings_from({"judge": "openai:gpt-4o-mini"}, VERSION).judge == "openai:gpt-4o-mini"


def test_options_of_the_judge_are_taken_over():
    given = {"concurrency": 4, "max_usd": 1.5, "usd_per_million": [0.15, 0.6], "cache": ""}
    options = settings_from({"judge_options": given}, VERSION).options
    assert (options.concurrency, options.max_usd, options.usd_per_million, options.cache) == (4, 1.5, (0.15, 0.6), "")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"jugde": "offline"}, "'judge'"),
        ({"dimension": "toxicity"}, "'dimensions'"),
        ({"dimensions": ["toxcity"]}, "'toxicity'"),
        ({"dimensions": []}, "a list"),
        ({"max_failed": 5}, "from 0 to 1"),
        ({"max_failed": True}, "a number"),
        ({"judge_options": {"concurrency": 0}}, "whole number"),
        ({"judge_options": {"concurrency": 1.5}}, "whole number"),
        ({"judge_options": {"max_usd": "much"}}, "a number"),
        ({"judge_options": {"usd_per_million": 3}}, "two prices"),
        ({"judge_options": {"expectation": "yes"}}, "true or false"),
        ({"judge_options": {"concurency": 3}}, "'concurrency'"),
        ({"judge_options": 3}, "a mapping"),
        ({"version": "9.9.9"}, "9.9.9"),
        ({"api_key": "sk-123"}, "results files"),
        ({"token": "hf_123"}, "HF_TOKEN"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_meant_is_refused_with_the_fix(metadata, said):
    with pytest.raises(PluralignError, match="PA081") as error:
        settings_from(metadata, VERSION)
    assert said in str(error.value)
    assert "sk-123" not in str(error.value)


def test_arguments_of_the_model_pass():
    for key in (
        "pretrained",
        "dtype",
        "tokenizer",
        "max_length",
        "parallelize",
        "trust_remote_code",
        "base_url",
        "num_concurrent",
        "timeout",
        "max_retries",
    ):
        assert settings_from({key: "x"}, VERSION) == settings_from({}, VERSION)
