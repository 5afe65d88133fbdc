"""Two versions of models, and the failures between them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import registry

from autodiff.commands.against.loaded_models import LoadedModels
from autodiff.commands.against.report import MigrationSafety
from autodiff.commands.against.verdicts import judge_migrations
from autodiff.dialects import Scope, dialect_of
from autodiff.dialects.scratch import SharedScratch
from autodiff.models import declare
from autodiff.utils.connections import open_connection

__all__ = ["Version", "judge", "mapped", "verdict"]


class Version:
    """A version of the models: a MetaData and its mapped classes."""

    def __init__(self) -> None:
        self.registry = registry()
        self.metadata = self.registry.metadata
        self.classes: list[type] = []  # a registry has only weak references to them

    def table(self, name: str, *parts: Any, **options: Any) -> sa.Table:
        key = sa.Column("id", sa.Integer, primary_key=True)
        return sa.Table(name, self.metadata, key, *parts, **options)

    def map(
        self, table: sa.Table | None, *, name: str = "", base: type = object, **options: Any
    ) -> Any:
        cls = type(name or str(table).title(), (options.get("inherits", base),), {})
        self.registry.map_imperatively(cls, table, **options)
        self.classes.append(cls)
        return cls


def mapped(*parts: Any, **options: Any) -> Version:
    """Return a version with one mapped table, `users`."""
    version = Version()
    version.map(version.table("users", *parts, **options))
    return version


def judge(
    database: Callable[[str], sa.URL], kind: str, old: Version, new: Version
) -> tuple[MigrationSafety, tuple[str, ...]]:
    """Return the failures if a migration leads from the old schema to the new one."""
    urls, schemas, codes = [], [], []
    for label, version in (("old", old), ("new", new)):
        url = database(kind)
        with open_connection(url, create=True) as connection:
            version.metadata.create_all(connection)
            connection.commit()
            dialect = dialect_of(connection)
            schemas.append(dialect.catalog.reflect(connection, Scope()))
        mappers = sorted(version.registry.mappers, key=lambda mapper: mapper.class_.__name__)
        declared = declare(version.metadata, dialect)
        codes.append(LoadedModels(label, dialect, declared, [version.metadata], mappers))
        urls.append(SharedScratch(url=url.render_as_string(hide_password=False)))
    migration: Any = SimpleNamespace(revision="r2", name="0002_change")
    steps, notes = judge_migrations([migration], schemas, urls, *codes)
    return steps[0], notes


def verdict(step: MigrationSafety) -> tuple[list[str], list[str]]:
    """Return the lines about the old code and about the new code, without indentation."""
    lines = [line.strip() for line in step.lines()]
    middle = next(i for i, line in enumerate(lines) if line.startswith("new code"))
    return lines[2:middle], lines[middle + 1 :]
