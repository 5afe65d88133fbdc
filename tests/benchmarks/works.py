"""Pieces of work that one revision of autodiff does by itself, to be compared with another one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from tests.benchmarks.shop import models

__all__ = ["WORKS", "Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a piece of work is done.

    url: a database that has the tables of `models(tables)`, and is not changed.
    apart: another one, which has those of `models(tables, apart=True)`.
    folder: an empty folder that nothing else uses.
    tables: the number of tables; a tenth of it is the number of migrations.
    """

    url: str
    apart: str
    folder: Path
    tables: int


Work = Callable[[], object]


def _comparison(url: str, metadata: sa.MetaData) -> Work:
    # Both revisions run this module, so it imports of autodiff only what every revision has.
    from autodiff import diff

    connection = sa.create_engine(url).connect()
    return lambda: diff(connection, metadata, assume="drop-and-add", data_checks=False)


def _compare(place: Place) -> Work:
    return _comparison(place.url, models(place.tables))


def _compare_apart(place: Place) -> Work:
    return _comparison(place.apart, models(place.tables, apart=True))


def _compare_changed(place: Place) -> Work:
    changed = max(place.tables // 20, 1)
    return _comparison(place.url, models(place.tables, changed=changed, worded=True))


def _draft(place: Place, *, rehearse: bool) -> Work:
    from autodiff import Project
    from autodiff.migrations import LockFile, write_lock

    write_lock(place.folder, LockFile(database=sa.make_url(place.url).get_backend_name()))
    metadata = models(place.tables, changed=max(place.tables // 20, 1))
    project = Project(url=sa.make_url(place.url), metadata=metadata, directory=place.folder)
    return lambda: project.draft("changes", rehearse=rehearse, assume="drop-and-add")


def _history(place: Place) -> int:
    from tests.benchmarks.running import our_folder

    migrations = max(place.tables // 10, 1)
    our_folder(place.folder / "migrations", migrations)
    return migrations


def _load(place: Place) -> Work:
    from autodiff.migrations import load_graph

    _history(place)
    return lambda: load_graph(place.folder / "migrations")


def _upgrade(place: Place) -> Work:
    """Apply and revert the migrations on a SQLite file of its own."""
    from autodiff import Project

    migrations = _history(place)
    url = sa.URL.create("sqlite", database=f"{place.folder / 'upgraded.db'}")

    def work() -> None:
        project = Project(url=url, directory=place.folder / "migrations")
        assert len(project.upgrade()) == migrations
        assert len(project.downgrade("base")) == migrations

    return work


def _lint(place: Place) -> Work:
    from autodiff.cli import main

    _history(place)
    settings = f'migrations = "migrations"\nurl = "{place.url}"\n'
    (place.folder / "autodiff.toml").write_text(settings)

    def work() -> None:
        printed = io.StringIO()
        with contextlib.chdir(place.folder), contextlib.redirect_stdout(printed):
            assert main(["lint"]) in (0, 1), printed.getvalue()

    return work


WORKS: Mapping[str, Callable[[Place], Work]] = {
    "compare, none changed": _compare,
    "compare, no repeated columns": _compare_apart,
    "compare, some changed": _compare_changed,
    "draft": lambda place: _draft(place, rehearse=False),
    "draft and rehearse": lambda place: _draft(place, rehearse=True),
    "load": _load,
    "upgrade and downgrade": _upgrade,
    "lint": _lint,
}
"""Each piece of work by name. Called with its place, it prepares and returns what is measured."""
