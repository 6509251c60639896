"""Any change of any number, answer or prompt is caught, and what nobody changed is accepted."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import made_runs
import pytest
from broken import Copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_runs import SAID, made, put_record, record

from pluralign.judge.base import FAILURES
from pluralign.leaderboard.check import check_submission
from pluralign.leaderboard.new import new_submission

N = 216
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
fewer = settings(few, max_examples=8)
many = settings(few, max_examples=500)
factors = st.sampled_from([1 - 1e-6, 1 + 1e-6, 0.999, 1.001, 0.0, -1.0, 2.0]) | st.floats(-3, 3).filter(
    lambda x: abs(x - 1) >= 1e-6
)


@contextmanager
def copied(folder):
    """A copy under a forger's hands; fixtures of a function would be one for all examples."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) / folder.parent.name / folder.name
        shutil.copytree(folder, target)
        yield Copy(target)


def aggregates_of(one):
    """Containers and keys of every number of the results file that the samples decide."""
    tasks = [name for name in one.results["results"] if name != "pluralign"]
    places = [one.results["results"][task] for task in one.results["results"]] + [*one.results["groups"].values()]
    found = [(held, key) for held in places for key, value in held.items() if isinstance(value, int | float)]
    found += [(held["sample_count"], key) for held in places for key in held.get("sample_count", {})]
    return found + [(one.results["n-samples"][task], key) for task in tasks for key in ("original", "effective")]


def reported_of(one):
    """The same of the manifest."""
    found = [(held, key) for held in one.manifest["reported"] for key in ("score", "low", "high", "n", "n_failed")]
    return found + [(one.manifest["response_length"], key) for key in one.manifest["response_length"]]


def changed(held, key, factor):
    value = held[key]
    held[key] = value * factor if value else 1e-6 * (abs(factor) + 1)
    if isinstance(value, int) and not isinstance(value, bool):
        held[key] = round(held[key]) if round(held[key]) != value else value + 1


CAUGHT = {"PA106", "PA103", "PA076", "PA105"}


def codes_after_a_change(base_both, data, factor, kind):
    with copied(base_both) as one:
        if kind == "aggregate":
            places = aggregates_of(one)
            changed(*places[data.draw(st.integers(0, len(places) - 1))], factor)
            one.save_results()
        elif kind == "manifest":
            places = reported_of(one)
            changed(*places[data.draw(st.integers(0, len(places) - 1))], factor)
            one.save_manifest()
        else:
            row = one.rows[data.draw(st.sampled_from(["en", "de"]))][data.draw(st.integers(0, N - 1))]
            if kind == "metric":
                changed(row, data.draw(st.sampled_from(row["metrics"])), factor)
            else:
                held = record(row)
                changed(held["judgements"][data.draw(st.sampled_from(sorted(held["judgements"])))], "score", factor)
                put_record(row, held)
            one.save_rows()
        return {problem.code for problem in check_submission(one.folder, placed=False).problems}


kinds = st.sampled_from(["aggregate", "manifest", "metric", "judgement"])


@given(st.data(), factors, kinds)
@few
def test_a_change_of_any_single_number_is_caught(base_both, data, factor, kind):
    assert CAUGHT & codes_after_a_change(base_both, data, factor, kind)


@pytest.mark.slow
@given(st.data(), factors, kinds)
@many
def test_a_change_of_any_single_number_is_caught_in_many_more_cases(base_both, data, factor, kind):
    assert CAUGHT & codes_after_a_change(base_both, data, factor, kind)


@pytest.mark.slow
def test_a_millionth_of_every_aggregate_is_caught(base_both):
    """Not drawn: all of them, each by itself."""
    with copied(base_both) as one:
        (folder, results, manifest) = (one.folder, one.results_path.read_bytes(), one.manifest_path.read_bytes())
        for places_of, save in ((aggregates_of, Copy.save_results), (reported_of, Copy.save_manifest)):
            for k in range(0, len(places_of(Copy(folder))), 3):
                again = Copy(folder)
                held, key = places_of(again)[k]
                changed(held, key, 1 + 1e-6)
                save(again)
                assert not check_submission(folder, placed=False).is_accepted, key
                again.results_path.write_bytes(results)
                again.manifest_path.write_bytes(manifest)
        assert check_submission(folder, placed=False).is_accepted


@given(
    st.lists(st.integers(0, N - 1), min_size=2, max_size=2, unique=True),
    st.sampled_from(["resps", "filtered_resps", "both", "both and numbers"]),
)
@few
def test_two_answers_that_change_places_are_caught(base_en, pair, what):
    """With everything that is said of them: then only the folder's name tells, which follows from the contents."""
    with copied(base_en) as one:
        a, b = (one.rows["en"][k] for k in pair)
        for name in ("resps", "filtered_resps") if "both" in what else (what,):
            a[name], b[name] = b[name], a[name]
        one.settle() if "numbers" in what else one.save_rows()
        found = check_submission(one.folder)
        assert not found.is_accepted
        if "numbers" not in what:
            assert "PA106" in {problem.code for problem in found.problems}


@given(
    st.integers(0, N - 1),
    st.data(),
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(["resps", "record", "both"]),
)
@few
def test_one_character_of_an_answer_is_caught(base_en, k, data, character, where):
    with copied(base_en) as one:
        row = one.rows["en"][k]
        text = row["resps"][0][0]
        at = data.draw(st.integers(0, len(text) - 1))
        edited = text[:at] + character + text[at + 1 :]
        if edited.strip() == text:
            return
        if where in ("resps", "both"):
            row["resps"] = [[edited]]
        if where in ("record", "both"):
            put_record(row, {**record(row), "response": edited})
        one.save_rows()
        assert not check_submission(one.folder).is_accepted
        if where != "both":
            assert "PA106" in {problem.code for problem in check_submission(one.folder, placed=False).problems}


@given(
    st.integers(0, N - 1),
    st.data(),
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(["prompt", "prompt_id", "template_id", "topic", "manner"]),
)
@few
def test_one_character_of_a_prompt_is_caught_whatever_follows_from_it(base_en, k, data, character, name):
    with copied(base_en) as one:
        doc = one.rows["en"][k]["doc"]
        at = data.draw(st.integers(0, len(doc[name]) - 1))
        if doc[name][at] == character:
            return
        doc[name] = doc[name][:at] + character + doc[name][at + 1 :]
        one.settle()
        codes = {problem.code for problem in check_submission(one.folder, placed=False).problems}
        assert {"PA105", "PA076"} & codes


@given(
    st.integers(0, 10**6),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), min_size=1, max_size=6),
    st.lists(st.floats(1, 5), min_size=1, max_size=6),
    st.sampled_from([("en",), ("en", "de")]),
    st.sampled_from([("toxicity", "emotional_awareness"), ("toxicity", "emotional_awareness", "helpfulness")]),
    st.integers(0, 5),
)
@fewer
def test_whatever_was_answered_and_scored_is_accepted_and_recomputed_as_reported(
    seed, texts, values, languages, dimensions, n_failed
):
    kinds = [kind for kind in FAILURES if kind not in ("empty_answer", "thinking_truncated")]
    plain, scattered = made_runs.ordinary(seed), made_runs.scattered(seed)

    def answer(language, k, prompt):
        return texts[k % len(texts)] if k % 6 == 0 else plain(language, k, prompt)  # a sixth may be empty

    def score(dimension, language, k):
        if 100 <= k < 100 + n_failed:
            return kinds[k % len(kinds)]
        return values[k % len(values)] if k % 2 else scattered(dimension, language, k)

    from pluralign.judge.messages import is_empty

    def seen(language, k, prompt):  # a judge sees nothing in invisible characters, and says so
        return "" if is_empty(answer(language, k, prompt)) else answer(language, k, prompt)

    with tempfile.TemporaryDirectory() as scratch:
        run = made(seed, seen, score, languages, dimensions).write(Path(scratch) / "run")
        checked = new_submission(run, SAID, Path(scratch) / "submissions")
        assert checked.is_accepted
        cells = {(one.dimension, one.language): one for one in checked.found.cells}
        assert len(cells) == len(checked.manifest.reported)
        for one in checked.manifest.reported:
            cell = cells[one.dimension, one.language]
            assert (one.score, one.low, one.high) == pytest.approx(
                (cell.score.value, cell.score.low, cell.score.high), rel=1e-12
            )
            assert (one.n, one.n_failed) == (cell.score.n, sum(cell.failures.values()))
