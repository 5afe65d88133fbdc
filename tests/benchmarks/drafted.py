"""Benchmark of generating and rehearsing a migration when one of many tables has changed."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from autodiff.migrations import LockFile, write_lock
from tests.benchmarks.comparing import create
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Row, in_turn

__all__ = ["generated"]


def generated(kind: str, url: sa.URL, folder: Path, tables: int, rounds: int) -> Row:
    """Measure a draft with its rehearsal; the baseline is a draft without one."""
    create(url, models(tables))
    folder.mkdir()
    write_lock(folder, LockFile(database=kind))
    project = Project(url=url, metadata=models(tables, changed=1), directory=folder)

    def draft(*, rehearse: bool) -> None:
        migration_draft = project.draft("one change", rehearse=rehearse, assume="drop-and-add")
        assert migration_draft is not None

    ours, limit = in_turn(rounds, lambda: draft(rehearse=True), lambda: draft(rehearse=False))
    return Row(
        work=f"generate with rehearsal, {tables:,} tables, 1 changed",
        database=kind,
        ours=ours,
        limit=limit,
        wanted="3 s over the baseline",
    )
