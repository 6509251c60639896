"""JSON and YAML of strangers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pluralign.leaderboard.strict import MOST_DEPTH, StrictError, TooManyError, _unique, strict_json, strict_yaml

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_json_writes_is_read_as_it_was(value):
    try:
        data = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a character
        with pytest.raises(StrictError, match="half a character"):
            strict_json(json.dumps(value).encode())
        return
    assert strict_json(data) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    for read in (strict_json, strict_yaml):
        try:
            read(data)
        except StrictError as error:
            assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"NaN", "NaN, which is no JSON"),
        (b"[-Infinity]", "-Infinity, which is no JSON"),
        (b"1e999", "the number 1e999, which no double holds"),
        (b"123456789012345678901", "of more than 20 digits"),
        (b'{"a": 1, "b": 2, "a": 1}', "the key 'a' more than once"),
        (b'{"a": {"b": 1, "b": 1}}', "the key 'b' more than once"),
        (rb'"\ud83d"', r"half a character \(U\+D83D\)"),
        (rb'{"\udc00": 1}', r"half a character \(U\+DC00\)"),
        (b"\xff", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "a byte order mark"),
        (b"", "no JSON"),
        (b"{} {}", "no JSON"),
        (b"[" * 100_000, "levels"),
        (b"[" * (MOST_DEPTH + 2) + b"]" * (MOST_DEPTH + 2), "more than 64 levels"),
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(text, told):
    with pytest.raises(StrictError, match=told):
        strict_json(text)


def test_depth_and_values_up_to_the_bounds_are_read():
    assert strict_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)
    assert strict_json(b"[1, 2, [3]]", most_values=5) == [1, 2, [3]]
    with pytest.raises(TooManyError, match="more than 4 values"):
        strict_json(b"[1, 2, [3]]", most_values=4)
    assert strict_json(b"-9223372036854775808") == -(2**63)
    assert strict_json(rb'"\ud83d\ude00"') == "😀"


def test_a_key_repeated_after_very_many_is_found_in_one_pass():
    """Counting each key among all takes time that grows with the square: hours for a file within the bounds."""
    looked = 0

    class Name(str):
        def __hash__(self):
            nonlocal looked
            looked += 1
            return super().__hash__()

        def __eq__(self, other):
            nonlocal looked
            looked += 1
            return super().__eq__(other)

    n = 5_000
    with pytest.raises(StrictError, match="'4999' more than once"):
        _unique([(Name(k), 0) for k in (*range(n), n - 1)])
    assert looked < 10 * n


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1e10", {"a": "1e10"}),
        ("a: 0123", {"a": "0123"}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 12:30:45", {"a": "12:30:45"}),
        ("a: yes\nb: no\nc: on", {"a": "yes", "b": "no", "c": "on"}),
        ("a: .nan\nb: -.inf", {"a": ".nan", "b": "-.inf"}),
        ("a: 2026-01-02", {"a": "2026-01-02"}),
        ("a: " + "1" * 40, {"a": "1" * 40}),
        ("a: ~\nb: null\nc:", {"a": None, "b": None, "c": None}),
        ("a: true\nb: -7\nc: 0.25", {"a": True, "b": -7, "c": 0.25}),
        ("a: {b: [1, x]}", {"a": {"b": [1, "x"]}}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ],
)
def test_yaml_is_read_as_json_would_be(text, value):
    assert strict_yaml(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x 1\nb: *x", "an alias"),
        ("a: &x 1", "the anchor 'x'"),
        ("a: &x {b: 1}", "the anchor 'x'"),
        ("a: *x", "an alias"),
        ("a: !!python/name:os.system", "the tag"),
        ("a: !!str 3", "the tag"),
        ("a: 1\na: 2", "the key 'a' more than once"),
        ("1: a", "the key 1, which is no text"),
        ("[a]: b", "which is no text"),
        ("a: [", "no YAML"),
        ("---\na: 1\n---\nb: 1", "no YAML"),
        ("a: \x07", "no YAML"),
        ('a: "\\ud800"', "half a character|no YAML"),
        ("a: " + "[" * 2000, "levels"),
    ],
)
def test_yaml_that_could_grow_or_run_is_refused(text, told):
    with pytest.raises(StrictError, match=told):
        strict_yaml(text.encode())
