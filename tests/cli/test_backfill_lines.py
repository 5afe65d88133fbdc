"""Test that a long backfill prints lines if stderr is not a terminal."""

from __future__ import annotations

import itertools

import pytest

from autodiff.cli import progress
from autodiff.cli.progress import show_progress
from autodiff.runner.events import BackfillProgress, MigrationFinished, MigrationStarted


def test_lines_come_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pauses between them double: a minute of batches, one for each second, prints four."""
    seconds = itertools.count()
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))
    with show_progress() as listener:
        listener(
            MigrationStarted(revision="a", name="0001_a", direction="upgrade", position=1, total=1)
        )
        for batch in range(1, 61):
            listener(BackfillProgress(table="users", done=batch * 10_000, total=600_000))
        listener(MigrationFinished(revision="a", name="0001_a", direction="upgrade", seconds=60))
    assert capsys.readouterr().err.splitlines() == [
        "0001_a ... ",
        "  users: 30,000 of 600,000 rows (5 %)",
        "  users: 70,000 of 600,000 rows (11 %)",
        "  users: 150,000 of 600,000 rows (25 %)",
        "  users: 310,000 of 600,000 rows (51 %)",
        "0001_a ... 1 min 0 s",
    ]


def test_a_short_backfill_prints_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress() as listener:
        listener(
            MigrationStarted(revision="a", name="0001_a", direction="upgrade", position=1, total=1)
        )
        for done in (1, 2):
            listener(BackfillProgress(table="users", done=done, total=2))
        listener(MigrationFinished(revision="a", name="0001_a", direction="upgrade", seconds=0.1))
    assert capsys.readouterr().err == "0001_a ... 100 ms\n"
