"""The held-out prompts are parallel, in a fair order, what the lexicon gives, and what their checksum says."""

import json
import re
from collections import Counter
from itertools import pairwise

import pytest

from pluralign.errors import PluralignError
from pluralign.evaluation.prompts import CHECKSUMS, load_prompts
from pluralign.release import prompts as writing
from pluralign.release.checks import check_files
from pluralign.schema import LANGUAGES, MANNERS
from pluralign.simulate.lexicon import load_lexicon, shared_sequences


@pytest.fixture(scope="module")
def rows():
    return {language: load_prompts(language) for language in LANGUAGES}


def test_both_languages_ask_the_same_prompts_in_the_same_order(rows):
    keys = [
        [{k: v for k, v in row.items() if k not in ("language", "prompt")} for row in rows[one]] for one in LANGUAGES
    ]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 216
    assert all(tuple(row) == tuple(writing.FIELDS) for one in LANGUAGES for row in rows[one])
    assert not {row["prompt"] for row in rows["en"]} & {row["prompt"] for row in rows["de"]}


def test_no_prompt_comes_twice(rows):
    for one in LANGUAGES:
        assert len({row["prompt"] for row in rows[one]}) == len({row["prompt_id"] for row in rows[one]}) == 216


@pytest.mark.parametrize("limit", [3, 10, 36, 72, 100, 216])
def test_the_first_prompts_are_a_fair_sample(rows, limit):
    first = rows["en"][:limit]
    manners = Counter(row["manner"] for row in first)
    assert max(manners.values()) - min(manners[manner] for manner in MANNERS) <= 1
    templates = Counter(row["template_id"] for row in first)
    assert max(templates.values()) - min(templates.values()) <= 1 or len(templates) < 72
    assert max(templates.values()) == -(-limit // 72)


def test_neighbours_are_not_of_one_topic_by_rule(rows):
    same = sum(a["topic"] == b["topic"] for a, b in pairwise(rows["en"]))
    assert same < len(rows["en"]) / 4, "an order that goes topic by topic would make --limit unfair"


def test_the_committed_files_are_what_the_lexicon_gives(root, rows, tmp_path):
    writing.write_prompts(tmp_path)
    for name in ("en.jsonl", "de.jsonl", "README.md"):
        assert (tmp_path / name).read_bytes() == (root / "datasets/prompts" / name).read_bytes(), (
            f"{name}: make release"
        )
    assert check_files(root / "datasets/prompts") == []


@pytest.mark.parametrize("other", ["t", "j"])
def test_no_prompt_shares_six_words_with_training_or_judge_texts(other):
    assert shared_sequences(load_lexicon("e"), load_lexicon(other), words=6) == []


def test_no_prompt_is_among_the_rated_ones(rows, shipped):
    def words(text):
        return " ".join(re.findall(r"\w+", text.casefold()))

    for language in LANGUAGES:
        rated = {words(text) for text in shipped.items.column(f"prompt_{language}").to_pylist() if text}
        assert not rated & {words(row["prompt"]) for row in rows[language]}


@pytest.mark.parametrize("damage", ["edited", "shortened", "missing"])
def test_other_prompts_than_those_of_the_version_are_refused(root, tmp_path, damage):
    text = (root / "datasets/prompts/en.jsonl").read_text("utf-8")
    if damage != "missing":
        changed = text.replace("mocking", "kind") if damage == "edited" else text[: len(text) // 2]
        (tmp_path / "en.jsonl").write_text(changed, "utf-8")
    with pytest.raises(PluralignError, match="PA080"):
        load_prompts("en", tmp_path)


def test_an_unknown_language_is_said():
    with pytest.raises(PluralignError, match=r"PA080.*'fr'"):
        load_prompts("fr")


def test_the_checksums_are_of_the_files_as_written():
    import hashlib

    for language in LANGUAGES:
        written = writing.to_jsonl(writing.prompt_rows(language))
        assert hashlib.sha256(written.encode()).hexdigest() == CHECKSUMS[language]
        assert json.loads(written.splitlines()[0])["language"] == language
