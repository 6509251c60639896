"""Every YAML on disk is a task that lm-eval knows; a broken one would be left out without a word."""

import re

import pytest
import yaml

pytest.importorskip("lm_eval")


class Plain(yaml.SafeLoader):
    """Leaves `!function` as text."""


Plain.add_constructor("!function", lambda loader, node: node.value)


def files(root):
    return sorted((root / "tasks").rglob("*.yaml"))


@pytest.fixture(scope="module")
def manager(root):
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=str(root / "tasks"), include_defaults=False, metadata={"judge": "none"})


def test_every_yaml_is_registered_under_the_name_it_gives(root, manager):
    named = {}
    for path in files(root):
        held = yaml.load(path.read_text("utf-8"), Plain)
        named[path.name] = held.get("group") or held.get("task")
    assert set(named.values()) == set(manager.all_tasks)
    assert all(name == f"{task}.yaml" for name, task in named.items())


@pytest.mark.slow
def test_no_name_is_one_of_lm_evals_own(manager):
    from lm_eval.tasks import TaskManager

    assert not set(manager.all_tasks) & set(TaskManager().all_tasks)


def test_every_task_and_group_builds(manager):
    for name in manager.all_tasks:
        loaded = manager.load([name])
        assert name in loaded["tasks"] or name in loaded["groups"]


def test_versions_are_semver_and_in_the_changelog(root, manager):
    text = (root / "tasks/CHANGELOG.md").read_text("utf-8")
    for name in manager.all_subtasks:
        version = manager.load([name])["tasks"][name].VERSION
        assert isinstance(version, str), name
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), name
        assert f"## {version}" in text


def test_group_metrics_count_each_language_the_same(root):
    for path in files(root):
        for metric in yaml.load(path.read_text("utf-8"), Plain).get("aggregate_metric_list", []):
            assert metric["weight_by_size"] is False, path.name
