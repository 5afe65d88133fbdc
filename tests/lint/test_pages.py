"""Test that the pages about rules are those that the rules generate.

AUTODIFF_TEST_UPDATE=1 writes them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from autodiff.lint import own_rules
from autodiff.lint.pages import rule_pages

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "rules"
COMPARISON = FOLDER / "comparison.md"


@pytest.mark.parametrize("name", rule_pages())
def test_the_page_is_up_to_date(name: str) -> None:
    expected = rule_pages()[name]
    if os.environ.get("AUTODIFF_TEST_UPDATE"):
        (FOLDER / name).write_text(expected)
    assert (FOLDER / name).read_text() == expected


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*rule_pages(), COMPARISON.name}


def test_the_comparison_has_each_rule_once() -> None:
    """It is written by hand."""
    first_cells = re.findall(r"^\| (AD\d+) ([\w-]+) \|", COMPARISON.read_text(), re.MULTILINE)
    assert first_cells == [(rule.code, rule.name) for rule in own_rules()]
