"""The blind sheet: what people get tells nothing, what comes back is read whatever a spreadsheet made of it."""

import csv
import io
import json

import pytest

from pluralign.errors import PluralignError, ProblemsFoundError
from pluralign.judge.base import Score
from pluralign.judge.filled import read_filled
from pluralign.judge.report import sheet_lines
from pluralign.judge.samples import Sample
from pluralign.judge.sheet import Key, validate_sheets, write_sheet
from pluralign.judge.sheet_files import ENDS, STATEMENTS_DE, guarded, unguarded
from pluralign.judge.validated import validation_line
from pluralign.schema import DIMENSIONS, LANGUAGES

NASTY = [
    '=HYPERLINK("http://x")',
    "+1",
    "-2",
    "@SUM(A1)",
    "'=1",
    "line\nbreak",
    'say "hi"; yes, ü',
    "\t=1",
    "plain",
    "<b>&</b>",
]


@pytest.fixture
def samples(tmp_path):
    path = tmp_path / "samples_pluralign_en_secretmodel.jsonl"
    path.write_text("{}\n")
    return [
        Sample(str(path), k, {}, f"p{k}", f"t{k}", language, f"prompt {k}: {text}", text,
               judgements={"toxicity": Score(1 + k % 5, "secretjudge")})
        for language in LANGUAGES for k, text in enumerate(NASTY)
    ]  # fmt: skip


def fill(folder, name, value, encoding="utf-8-sig", delimiter=",", change=None):
    text = (folder / "for-raters/sheet.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    key = Key.open(folder / "key.json")
    for row in rows[1:]:
        row[4] = str(value(key.entries[row[0]]))
    if change:
        change(rows)
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    path = folder.parent / name
    path.write_bytes(stream.getvalue().encode(encoding))
    return path, key


def judged(entry):
    return entry["judgements"]["toxicity"]["score"]


@pytest.mark.parametrize("text", NASTY)
def test_guarding_a_cell_can_be_undone(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).lstrip().startswith(("=", "+", "-", "@"))


def test_people_see_neither_model_nor_judge_nor_score_nor_prompt_name(samples, tmp_path):
    write_sheet(samples, tmp_path / "sheet", per_language=5)
    for path in (tmp_path / "sheet/for-raters").rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8-sig")
            for secret in ("secretmodel", "secretjudge", '"score":', "prompt_id", "template_id"):
                assert secret not in text, path


def test_equal_seeds_give_equal_sheets_and_others_do_not(samples, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_sheet(samples, tmp_path / name, per_language=4, seed=seed)
    a, b, c = ((tmp_path / name / "for-raters/sheet.csv").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("cp1252", ";"), ("utf-16", "\t")]
)
def test_a_sheet_comes_back_whatever_a_spreadsheet_saved(samples, tmp_path, encoding, delimiter):
    write_sheet(samples, tmp_path / "sheet")
    path, key = fill(tmp_path / "sheet", "anna.csv", judged, encoding, delimiter)
    found = read_filled([path], key)
    assert {(one.id, one.value) for one in found.scores} == {(name, judged(one)) for name, one in key.entries.items()}
    assert found.notes == []


def test_everything_wrong_is_told_at_once(samples, tmp_path):
    def change(rows):
        rows[1][4], rows[2][4], rows[3][4] = "6", "good", "2,5"
        rows[4][0] = "other-001"
        rows[5][0] = rows[6][0]
        rows[7][4] = ""
        rows[8][4] = "4,0"

    write_sheet(samples, tmp_path / "sheet")
    path, key = fill(tmp_path / "sheet", "anna.csv", judged, change=change)
    with pytest.raises(ProblemsFoundError) as caught:
        read_filled([path], key)
    assert [one.field for one in caught.value.problems] == ["toxicity", "toxicity", "toxicity", "id", "id"]


def test_two_people_and_the_judge_agree_as_planted(samples, tmp_path):
    write_sheet(samples, tmp_path / "sheet")
    first, key = fill(tmp_path / "sheet", "anna.csv", judged)
    second, _ = fill(tmp_path / "sheet", "ben.csv", judged)
    told = validate_sheets(read_filled([first, second], key), key, bootstrap=20)
    assert told["judge"] == "secretjudge"
    assert told["raters"] == ["anna", "ben"]
    both = next(row for row in told["rows"] if row["language"] == "both")
    assert both["agreement"]["spearman"]["value"] == pytest.approx(1)
    assert both["agreement"]["alpha_raters_ordinal"]["value"] == pytest.approx(1)
    assert "Spearman 1.00" in validation_line(told, "secretjudge", "toxicity")
    assert validation_line(told, "another", "toxicity") == "unvalidated on model outputs"
    assert "secretjudge" in sheet_lines(json.loads(json.dumps(told)))


def test_potato_s_state_is_read_by_person(samples, tmp_path):
    write_sheet(samples, tmp_path / "sheet")
    key = Key.open(tmp_path / "sheet/key.json")
    name = next(iter(key.entries))
    state = {"user_id": "carla", "instance_id_to_label_to_value": {name: [[{"schema": "toxicity", "name": "4"}, "4"]]}}
    path = tmp_path / "annotation_output/carla/user_state.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(state))
    (one,) = read_filled([tmp_path / "annotation_output"], key).scores
    assert (one.rater, one.id, one.value) == ("carla", name, 4)


def test_potato_is_given_text_and_no_markup_of_the_model(samples, tmp_path):
    write_sheet(samples, tmp_path / "sheet")
    items = (tmp_path / "sheet/for-raters/potato/en/data/items.jsonl").read_text("utf-8")
    assert "&lt;b&gt;" in items
    assert "<b>&" not in items


def test_a_changed_key_and_a_full_folder_are_refused(samples, tmp_path):
    write_sheet(samples, tmp_path / "sheet")
    with pytest.raises(PluralignError, match="PA052"):
        write_sheet(samples, tmp_path / "sheet")
    path = tmp_path / "sheet/key.json"
    path.write_text(path.read_text("utf-8").replace('"seed": 0', '"seed": 1'), "utf-8")
    with pytest.raises(PluralignError, match="was changed"):
        Key.open(path)


def test_every_dimension_and_language_has_its_words():
    assert set(STATEMENTS_DE) == set(DIMENSIONS)
    assert set(ENDS) == set(LANGUAGES)
