"""Saved samples: every line checked, all problems at once, nothing overwritten."""

import gzip
import json

import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge.base import Failure, Score
from pluralign.judge.samples import read_samples, rejudged_row, sample_files, write_rows


def line(prompt_id="e1", language="en", response="An answer.", judgements=None, as_text=True, **changes):
    record = {"response": response, "thinking_truncated": False, "judgements": judgements or {}}
    row = {
        "doc_id": 0,
        "doc": {"prompt_id": prompt_id, "template_id": f"t-{prompt_id}", "topic": "x", "manner": "ordinary",
                "language": language, "prompt": "A question?"},
        "resps": [[response]],
        "filtered_resps": [json.dumps(record) if as_text else record],
    }  # fmt: skip
    return row | changes


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def problems_of(path):
    with pytest.raises(ProblemsFoundError) as caught:
        read_samples([path])
    assert {problem.code for problem in caught.value.problems} == {"PA076"}
    return caught.value.problems


@pytest.mark.parametrize("as_text", [True, False], ids=["JSON text, as lm-eval writes it", "an object"])
def test_scores_and_failures_are_read(tmp_path, as_text):
    judgements = {
        "toxicity": {"score": 2, "judge": "j", "mode": "json", "reason": "mild"},
        "helpfulness": {"failure": "timeout", "judge": "j"},
    }
    path = write(tmp_path / "s.jsonl", [line(judgements=judgements, as_text=as_text)])
    (sample,) = read_samples([path])
    assert sample.judgements["toxicity"] == Score(2.0, "j", "mild", "json")
    assert sample.judgements["helpfulness"] == Failure("timeout", "j")
    assert (sample.prompt_id, sample.template_id, sample.language, sample.line) == ("e1", "t-e1", "en", 1)


def test_generations_that_were_not_judged_are_samples_too(tmp_path):
    row = line()
    row["filtered_resps"] = [json.dumps({"response": "Yes.", "thinking_truncated": False, "judgements": {}})]
    (sample,) = read_samples([write(tmp_path / "generations_pluralign_en_x.jsonl", [row])])
    assert sample.judgements == {}


def test_compressed_samples_are_the_same(tmp_path):
    plain = write(tmp_path / "s.jsonl", [line(), line("e2")])
    packed = tmp_path / "s.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [one.row for one in read_samples([packed])] == [one.row for one in read_samples([plain])]


def test_all_problems_are_told_at_once_with_file_line_field_got_and_expected(tmp_path):
    bad_score = line("e2", judgements={"toxicity": {"score": 7, "judge": "j"}})
    misspelt = line("e3", judgements={"toxicty": {"score": 2, "judge": "j"}})
    no_prompt = line("e4")
    no_prompt["doc"]["prompt"] = None
    french = line("e5", language="fr")
    path = write(
        tmp_path / "s.jsonl",
        [line(), bad_score, "{broken", misspelt, "[1]", no_prompt, french, line("e6", filtered_resps=["a", "b"])],
    )
    problems = problems_of(path)
    assert [(one.file.rsplit(":", 1)[1], one.field) for one in problems] == [
        ("2", "filtered_resps.judgements.toxicity.score"), ("3", None), ("4", "filtered_resps.judgements.toxicty"), ("5", None),
        ("6", "doc.prompt"), ("7", "doc.language"), ("8", "filtered_resps"),
    ]  # fmt: skip
    assert problems[0].got == "7"
    assert problems[0].expected == "a number from 1 to 5"
    assert "Did you mean 'toxicity'" in problems[2].expected


@pytest.mark.parametrize("score", ["NaN", "true", '"3"', "null", "0", "1e400"])
def test_what_is_no_score_is_refused(tmp_path, score):
    row = line(as_text=False, judgements={"toxicity": {"score": 3, "judge": "j"}})
    text = json.dumps(row).replace('"score": 3', f'"score": {score}')
    assert "expected" in str(problems_of(write(tmp_path / "s.jsonl", [text]))[0])


@pytest.mark.parametrize("judgement", [{}, {"score": 3, "failure": "timeout"}, {"failure": "tired"}, 3, None])
def test_what_is_neither_score_nor_failure_is_refused(tmp_path, judgement):
    assert problems_of(write(tmp_path / "s.jsonl", [line(judgements={"toxicity": judgement})]))


def test_a_prompt_answered_twice_in_one_language_is_refused(tmp_path):
    first = write(tmp_path / "a.jsonl", [line(), line(language="de")])
    second = write(tmp_path / "b.jsonl", [line()])
    with pytest.raises(ProblemsFoundError, match="first in"):
        read_samples([first, second])
    assert len(read_samples([first, second], unique=False)) == 3


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"], ids=["empty", "blank", "not UTF-8"])
def test_files_without_samples_are_refused(tmp_path, content):
    path = tmp_path / "s.jsonl"
    path.write_bytes(content)
    assert problems_of(path)


def test_a_cut_off_gzip_file_is_told_with_the_line(tmp_path):
    path = tmp_path / "s.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(line(f"e{k}")) + "\n" for k in range(50)).encode())[:-20])
    assert "gzip" in problems_of(path)[0].expected


def test_of_a_folder_the_newest_samples_of_each_language_are_taken(tmp_path):
    model = tmp_path / "org__model"
    for date in ("2026-01-01T00-00-00", "2026-02-01T00-00-00"):
        for language in ("en", "de"):
            write(model / f"samples_pluralign_{language}_{date}.jsonl", [line(language=language)])
    write(model / "rejudged_x_samples_pluralign_en_2027-01-01T00-00-00.jsonl", [line()])
    write(model / "samples_other_2027-01-01T00-00-00.jsonl", [line()])
    write(model / "generations_pluralign_en_2027-01-01T00-00-00.jsonl", [line()])
    names = [one.name for one in sample_files(tmp_path)]
    assert names == ["samples_pluralign_en_2026-02-01T00-00-00.jsonl", "samples_pluralign_de_2026-02-01T00-00-00.jsonl"]


def test_a_folder_of_several_models_asks_which(tmp_path):
    for model in ("a", "b"):
        write(tmp_path / model / "samples_pluralign_en_2026.jsonl", [line()])
    with pytest.raises(PluralignError, match="several models"):
        sample_files(tmp_path)


@pytest.mark.parametrize("make", [False, True], ids=["not there", "empty"])
def test_folders_without_samples_are_used_wrongly(tmp_path, make):
    folder = tmp_path / "out"
    if make:
        folder.mkdir()
    with pytest.raises(PluralignError) as caught:
        sample_files(folder)
    assert caught.value.code == "PA076"


def test_a_rejudged_row_keeps_the_generation_and_loses_the_former_judge(tmp_path):
    row = line(judgements={"toxicity": {"score": 5, "judge": "old"}, "helpfulness": {"score": 1, "judge": "old"}})
    row |= {"toxicity": 1.0, "helpfulness": 0.0, "judge_failed": 0.0, "response_length": 10.0, "doc_hash": "h",
            "metrics": ["toxicity", "helpfulness", "judge_failed", "response_length"]}  # fmt: skip
    path = write(tmp_path / "s.jsonl", [row])
    (sample,) = read_samples([path])
    new = rejudged_row(sample, {"toxicity": Score(2.0, "new")})
    assert "old" not in json.dumps(new)
    assert new["toxicity"] == 0.25
    assert "helpfulness" not in new
    assert new["metrics"] == ["toxicity", "judge_failed", "response_length"]
    assert (new["doc"], new["resps"], new["doc_hash"], new["response_length"]) == (row["doc"], row["resps"], "h", 10.0)
    (again,) = read_samples([write(tmp_path / "again.jsonl", [new])])
    assert again.judgements == {"toxicity": Score(2.0, "new")}


@pytest.mark.parametrize("name", ["s.jsonl", "s.jsonl.gz"])
def test_samples_are_never_overwritten_and_nothing_half_written_stays(tmp_path, name):
    path = write_rows([{"a": "ü"}], tmp_path / "deep" / name)
    with pytest.raises(PluralignError) as caught:
        write_rows([{"a": 2}], path)
    assert caught.value.code == "PA055"
    data = path.read_bytes()
    assert json.loads(gzip.decompress(data) if name.endswith("gz") else data) == {"a": "ü"}
    assert [one.name for one in path.parent.iterdir()] == [name]
