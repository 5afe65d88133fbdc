"""Each scenario folder says in one sentence what it guarantees, on line 1 of its models.py."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.scenarios.scenario import FOLDER, purpose_of

FOLDERS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
LINE_LENGTH = 100
"""The line length of the project, for the whole line with its quotes."""


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_models_begin_with_a_sentence_on_one_line(folder: Path) -> None:
    first_line = (folder / "models.py").read_text().partition("\n")[0]
    purpose = purpose_of(folder)
    assert first_line == f'"""{purpose}"""'
    assert purpose[:1].isupper()
    assert purpose.endswith(".")
    assert len(first_line) <= LINE_LENGTH


def test_no_two_scenarios_have_the_same_purpose() -> None:
    counts = Counter(purpose_of(folder) for folder in FOLDERS)
    assert [purpose for purpose, count in counts.items() if count > 1] == []
