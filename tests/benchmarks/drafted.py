"""Benchmarks of generating and rehearsing a migration."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from autodiff import Project
from autodiff.migrations import LockFile, write_lock
from tests.benchmarks.comparing import create
from tests.benchmarks.shop import models
from tests.benchmarks.timing import Row, Seconds, in_turn, seconds

__all__ = ["created", "generated"]


def generated(
    kind: str, url: sa.URL, folder: Path, *, tables: int, changed: int, rounds: int
) -> Row:
    """Measure a draft with its rehearsal; the baseline is a draft without one."""
    create(url, models(tables))
    project = _project(kind, url, folder, models(tables, changed=changed))

    def draft(*, rehearse: bool) -> None:
        migration_draft = project.draft("changes", rehearse=rehearse, assume="drop-and-add")
        assert migration_draft is not None

    ours, limit = in_turn(rounds, lambda: draft(rehearse=True), lambda: draft(rehearse=False))
    return Row(
        work=f"generate with rehearsal, {tables:,} tables, {changed} changed",
        database=kind,
        ours=ours,
        limit=limit,
        wanted="3 times the baseline",
    )


def created(kind: str, url: sa.URL, other_url: sa.URL, folder: Path, tables: int) -> Row:
    """Measure a draft of new tables with its rehearsal; the baseline is create_all()."""
    metadata = models(tables)
    project = _project(kind, url, folder, metadata)
    ours = seconds(lambda: project.draft("create"))
    return Row(
        work=f"generate with rehearsal, {tables:,} new tables",
        database=kind,
        ours=Seconds(rounds=(ours,)),
        limit=Seconds(rounds=(seconds(lambda: create(other_url, metadata)),)),
        wanted="3 times the baseline",
    )


def _project(kind: str, url: sa.URL, folder: Path, metadata: sa.MetaData) -> Project:
    folder.mkdir()
    write_lock(folder, LockFile(database=kind))
    return Project(url=url, metadata=metadata, directory=folder)
