"""Which part of a database is reflected, and which objects autodiff manages."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from autodiff.dialects.object_filter import IncludeObject, ObjectFilter
from autodiff.schema.objects import Name, Schema, Table

__all__ = [
    "EVERYTHING",
    "FLEET_OUTCOMES_TABLE",
    "FLEET_RUNS_TABLE",
    "HISTORY_COLUMNS",
    "HISTORY_TABLE",
    "JOURNAL_COLUMNS",
    "OWN_TABLES",
    "Scope",
    "Selection",
    "is_excluded",
    "is_left_out",
    "journal_table",
    "lock_table",
    "records_migrations",
]

HISTORY_TABLE = "autodiff_history"
"""The default name of the history table."""
_SCRATCH_TABLE = "autodiff_scratch"
_LOCK_TABLE = "autodiff_lock"
FLEET_RUNS_TABLE = "autodiff_fleet_runs"
FLEET_OUTCOMES_TABLE = "autodiff_fleet_outcomes"
OWN_TABLES = (
    *(HISTORY_TABLE, "autodiff_journal", _LOCK_TABLE, _SCRATCH_TABLE, "alembic_version"),
    *(FLEET_RUNS_TABLE, FLEET_OUTCOMES_TABLE),
)
"""The tables in which autodiff and Alembic record migrations; they are never compared."""

HISTORY_COLUMNS = ("revision", "name", "checksum", "applied_at", "digest")
JOURNAL_COLUMNS = (
    *("id", "revision", "name", "kind", "checksum", "actor", "host", "pid", "tool"),
    *("started_at", "seconds", "outcome", "error", "progress"),
)


def journal_table(history_table: str) -> str:
    """Return the name of the journal table that belongs to a history table."""
    return "autodiff_journal" if history_table == HISTORY_TABLE else f"{history_table}_journal"


def lock_table(history_table: str) -> str:
    """Return the name of the table with the lock of a history table, on databases without locks."""
    return _LOCK_TABLE if history_table == HISTORY_TABLE else f"{history_table}_lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects a project manages, in its models and in the database.

    include: shell patterns over table names (`shop_*`, `audit.*`); empty means all tables.
    exclude: patterns of tables to leave out, even if `include` has them.
    history_table: the name of the project's history table.
    include_object: a function of the project that leaves out more objects; see `ObjectFilter`.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    history_table: str = HISTORY_TABLE
    include_object: IncludeObject | None = None

    @classmethod
    def without(cls, patterns: Iterable[str]) -> Selection:
        """Return the selection of all objects whose names match none of the patterns."""
        return cls(exclude=tuple(patterns))

    @property
    def project_tables(self) -> tuple[str, ...]:
        """The tables in which the project records migrations, and the mark of a scratch."""
        own = journal_table(self.history_table), lock_table(self.history_table)
        return (self.history_table, *own, _SCRATCH_TABLE)

    @property
    def own_tables(self) -> tuple[str, ...]:
        """The tables in which this project, the default one and Alembic record migrations."""
        return tuple(dict.fromkeys((*OWN_TABLES, *self.project_tables)))

    @property
    def objects(self) -> ObjectFilter | None:
        """The filter that asks `include_object`, if there is one."""
        return None if self.include_object is None else ObjectFilter(include=self.include_object)

    def leaves_out(self, name: Name) -> bool:
        """Return whether the patterns leave out the table, view or sequence of that name."""
        return is_left_out(name, self.include, self.exclude)

    def declared(self, schema: Schema) -> Schema:
        """Return what the models declare, without the objects that `include_object` leaves out."""
        return schema if self.objects is None else self.objects.declared(schema)

    def reflected(self, schema: Schema, desired: Schema) -> Schema:
        """Return what a database has, without the objects that `include_object` leaves out.

        desired: what `declared` returned.
        """
        return schema if self.objects is None else self.objects.reflected(schema, desired)


EVERYTHING = Selection()
"""The selection of a project without settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a database to reflect: the default schema and the schemas in `namespaces`.

    `exclude` has shell patterns over table names (`spatial_*`, `audit.*`) of tables to leave out,
    and `include` those of the tables to read; empty means all tables. `only` limits the tables to
    those names; None means all tables. `others` is whether to read the tables in which other
    projects record their migrations. `managed` returns the objects that are managed. `declared` is
    the schema of the models: its objects that an extension owns are taken from there.
    """

    namespaces: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    only: tuple[Name, ...] | None = None
    others: bool = True
    managed: Callable[[Schema], Schema] | None = field(default=None, compare=False)
    declared: Schema | None = field(default=None, compare=False, repr=False)

    def leaves_out(self, name: Name) -> bool:
        """Return whether the patterns leave out a table, view or sequence."""
        return is_left_out(name, self.include, self.exclude)

    def select(self, schema: Schema) -> Schema:
        """Return the objects of a schema that are in the scope."""
        if not self.others:
            schema = _without_records(schema)
        return schema if self.managed is None else self.managed(schema)


def _without_records(schema: Schema) -> Schema:
    """Return a schema without the tables in which projects record their migrations."""
    records = {name for name, table in schema.tables.items() if records_migrations(table)}
    if not records:
        return schema
    kept = {name: table for name, table in schema.tables.items() if name not in records}
    return replace(schema, tables=kept)


def records_migrations(table: Table) -> bool:
    """Return whether a table is a history or a journal of autodiff, whatever its name is.

    Another project in the same database can have its own, named by its setting `history_table`.
    """
    if len(table.columns) not in (len(HISTORY_COLUMNS), len(JOURNAL_COLUMNS)):
        return False
    columns = tuple([column.name for column in table.columns])
    return columns in (HISTORY_COLUMNS, JOURNAL_COLUMNS)


def is_left_out(name: Name, include: Collection[str], exclude: Collection[str]) -> bool:
    """Return whether a name matches a pattern of `exclude`, or none of `include` if it has any."""
    if exclude and is_excluded(name, exclude):
        return True
    return bool(include) and not is_excluded(name, include)


def is_excluded(name: Name, patterns: Iterable[str]) -> bool:
    """Return whether a name matches one of the shell patterns (`spatial_*`, `audit.*`)."""
    return _compile(tuple(patterns)).match(str(name)) is not None


@lru_cache(64)
def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
