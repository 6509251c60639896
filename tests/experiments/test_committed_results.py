"""The page on the committed results says what the committed report says."""

import re

import pytest

PARTS = ("toxicity", "emotional-awareness", "order", "own-group", "groups")


@pytest.mark.parametrize("name", PARTS)
def test_the_page_has_the_report_s_own_tables(root, name):
    page = (root / "baselines/results/README.md").read_text("utf-8")
    report = (root / "baselines/report/tables" / f"glance-{name}.md").read_text("utf-8")
    (block,) = re.findall(rf"<!-- glance-{name} -->\n(.*?)\n<!-- / -->", page, re.S)
    lines = [line for line in report.splitlines() if line.startswith("|")]
    assert len(lines) > 4
    assert block.splitlines() == lines


def test_the_committed_report_was_made_as_the_page_says(root):
    page = (root / "baselines/results/README.md").read_text("utf-8")
    report = (root / "baselines/report/experiments.md").read_text("utf-8")
    command = re.search(r"`(pluralign experiment report [^`]*)`", report)[1]
    assert command == "pluralign experiment report baselines/results --out baselines/report --bootstrap 9999 --seed 0"
    assert "pluralign experiment report baselines/results" in page
    assert re.search(r"(\d+) of \d+ cells of the grid are finished", report)
