"""Test the lines about rows that a rehearsal lost."""

from __future__ import annotations

import pytest

from autodiff.cli.format import rehearsal_loss_lines
from autodiff.plan.data_loss import DataLoss


@pytest.mark.parametrize("name", ["logs", "old logs", "a.b c", "two\nlines"])
def test_stated_losses_are_not_repeated(name: str) -> None:
    """A name can have spaces, and lines are about the end of one name only."""
    stated = DataLoss(kind="table", place=name, message=f"drop table {name}")
    line = f"upgrade: the rows of table {name}"
    assert rehearsal_loss_lines([line], [stated]) == []
    assert rehearsal_loss_lines([line], []) == [f"lost from sample rows in the rehearsal: {line}"]
    down = f"downgrade: 3 rows of table {name}"
    assert rehearsal_loss_lines([line, down], [stated]) == ["  the downgrade does not restore them"]
