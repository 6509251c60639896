"""`link` writes stubs that lm-eval finds, `unlink` takes exactly those away."""

import pytest

from pluralign.errors import PluralignError
from pluralign.evaluation.link import MARK, link, task_files, unlink

pytest.importorskip("lm_eval")


def test_linked_tasks_are_found_without_an_include_path(tmp_path):
    from lm_eval.tasks import TaskManager

    linked = link(tmp_path)
    assert len(linked.files) == len(task_files())
    manager = TaskManager(include_path=str(tmp_path), include_defaults=False, metadata={"judge": "none"})
    assert {"pluralign", "pluralign_en", "pluralign_de"} <= set(manager.all_tasks)
    assert len(manager.load(["pluralign"])["tasks"]["pluralign_en"].eval_docs) == 216


def test_linking_twice_is_the_same_as_once_and_unlinking_leaves_nothing(tmp_path):
    assert link(tmp_path) == link(tmp_path)
    assert len(unlink(tmp_path).files) == len(task_files())
    assert list(tmp_path.iterdir()) == []
    assert unlink(tmp_path).files == ()


def test_what_link_did_not_write_is_neither_overwritten_nor_removed(tmp_path):
    (tmp_path / "pluralign").mkdir()
    mine = tmp_path / "pluralign" / "mine.yaml"
    mine.write_text("task: mine\n")
    with pytest.raises(PluralignError, match=r"PA082.*mine.yaml"):
        link(tmp_path)
    assert unlink(tmp_path).files == ()
    assert mine.read_text() == "task: mine\n"


def test_a_folder_that_cannot_be_written_to_is_said_and_left_as_it_was(tmp_path):
    (tmp_path / "pluralign").write_text("a file where the folder should be")
    with pytest.raises(PluralignError, match=r"PA082.*include_path"):
        link(tmp_path)


def test_every_stub_says_who_wrote_it(tmp_path):
    link(tmp_path)
    assert all(path.read_text().startswith(MARK) for path in tmp_path.rglob("*.yaml"))
