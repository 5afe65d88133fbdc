"""Operations to SQLite's SQL. What ALTER TABLE does not reach is done by a rebuild.

https://www.sqlite.org/lang_altertable.html says what ALTER TABLE reaches, and how to rebuild.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from autodiff.dialects.ddl import DDL
from autodiff.dialects.sqlite.expressions import plain_default
from autodiff.errors import PlanError
from autodiff.schema.apply import columns_of, evolve
from autodiff.schema.naming import name_constraints, unnamed
from autodiff.schema.objects import Column, Constraint, Name, PrimaryKey, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetTableOptions,
)
from autodiff.schema.sqltext import mentions

__all__ = ["SQLiteDDL"]

_PLAIN_DEFAULT = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|x?'(?:[^']|'')*'|null|true|false"
    r"|current_(?:time|date|timestamp)|\(.*\)",
    re.IGNORECASE | re.DOTALL,
)


_STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
"""What a STRICT table may have: https://sqlite.org/stricttables.html. Any other type comes in one
rebuild with the end of being strict."""


_SHARE_REBUILD = (
    AddColumn,
    DropColumn,
    AlterColumn,
    AddConstraint,
    DropConstraint,
    RenameConstraint,
    CreateIndex,
    DropIndex,
    RenameIndex,
    SetTableOptions,
)


def _can_be_added(column: Column) -> bool:
    """With rows in the table, as the manual has it under ALTER TABLE ADD COLUMN."""
    default = (column.default or "null").lower()
    constant = not default.startswith(("(", "current_")) and _is_plain(default)
    stored = column.computed is not None and column.computed.persisted
    filled = column.nullable or default != "null" or column.computed is not None
    return constant and filled and not stored


def _is_plain(default: str) -> bool:
    return _PLAIN_DEFAULT.fullmatch(default) is not None


def _can_be_dropped(name: str, table: Table) -> bool:
    """As the manual has it under ALTER TABLE DROP COLUMN."""
    texts = [column.computed.sql for column in table.columns if column.computed]
    texts += [c.sql for c in table.constraints if hasattr(c, "sql")]
    texts += [e.text for index in table.indexes for e in index.elements]
    texts += [index.where or "" for index in table.indexes]
    texts += list(table.triggers)
    named = any(name in columns_of(constraint) for constraint in table.constraints)
    return not named and not any(mentions(text, name) for text in texts)


class SQLiteDDL(DDL):
    """SQL for SQLite."""

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table of an operation that may need a rebuild, or share one."""
        return operation.table if isinstance(operation, _SHARE_REBUILD) else None

    def can_share_rebuild(self, operation: Operation) -> bool:
        """Return whether one rebuild of a table can do the operation along with others.

        Tables and columns are renamed by ALTER TABLE, which also rewrites the triggers, views and
        checks that use the name.
        """
        return isinstance(operation, _SHARE_REBUILD)

    def needs_rebuild(self, operation: Operation, current: Table) -> bool:
        """Return whether ALTER TABLE cannot do the operation on this table."""
        match operation:
            case AddColumn(column=column):
                strict = bool(current.options.get("sqlite_strict"))
                other_type = strict and column.type.sql not in _STRICT_TYPES
                return other_type or not _can_be_added(column)
            case DropColumn(name=name):
                return not _can_be_dropped(name, current)
            case AlterColumn(after=patch):
                return patch.fields != ("comment",)
            case AddConstraint() | DropConstraint() | RenameConstraint() | SetTableOptions():
                return True
            case _:
                return False

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        if current is not None and self.needs_rebuild(operation, current):
            return self.rebuild([operation], current)
        return super().statements(operation, current)

    def alter_column(self, operation: AlterColumn, current: Table | None) -> list[str]:
        if operation.after.fields == ("comment",):
            return []
        return self._needs_current(operation.table)

    def add_constraint(self, operation: AddConstraint) -> list[str]:
        return self._needs_current(operation.table)

    def drop_constraint(self, operation: DropConstraint) -> list[str]:
        return self._needs_current(operation.table)

    def set_table_options(
        self, operation: SetTableOptions, current: Table | None = None
    ) -> list[str]:
        return self._needs_current(operation.table)

    def _needs_current(self, table: Name) -> list[str]:
        raise PlanError(
            f"cannot say the SQL for table {table} without knowing the table: SQLite rebuilds it",
            hint="run it against a database",
        )

    def rename_table(self, operation: RenameTable) -> list[str]:
        return _through_spare(
            operation.before.name,
            operation.after.name,
            lambda old, new: super(SQLiteDDL, self).rename_table(
                RenameTable(
                    before=replace(operation.before, name=old),
                    after=replace(operation.after, name=new),
                )
            ),
        )

    def column_spec(self, column: Column, table: Table | None = None) -> str:
        sql = column.type.sql
        spec = super().column_spec(replace(column, identity=None))
        spec = spec if sql else spec.replace("  ", " ", 1)
        conflict = column.options.get("sqlite_on_conflict_not_null")
        spec += f" ON CONFLICT {conflict}" if conflict else ""
        if table is not None and _is_autoincrement(table, column):
            key = table.primary_key
            named = self.named(key) if key else ""
            spec += f" {named}PRIMARY KEY AUTOINCREMENT"
        return spec

    def default_sql(self, default: str) -> str:
        default = plain_default(default)
        return default if _is_plain(default) else f"({default})"

    def _inline_constraints(self, table: Table) -> list[Constraint]:
        constraints = super()._inline_constraints(table)
        autoincrement = bool(table.options.get("sqlite_autoincrement"))
        return [c for c in constraints if not (autoincrement and isinstance(c, PrimaryKey))]

    def named(self, constraint: Constraint) -> str:
        """A constraint that has no name in the database stays without one."""
        return "" if constraint.implicit else super().named(constraint)

    def constraint_body(self, constraint: Constraint) -> str:
        conflict = getattr(constraint, "options", {}).get("sqlite_on_conflict")
        suffix = f" ON CONFLICT {conflict}" if conflict else ""
        return super().constraint_body(constraint) + suffix

    def table_suffix(self, table: Table) -> str:
        words = []
        if table.options.get("sqlite_with_rowid") is False:
            words.append("WITHOUT ROWID")
        if table.options.get("sqlite_strict"):
            words.append("STRICT")
        return f" {', '.join(words)}" if words else ""

    def create_index(self, operation: CreateIndex) -> list[str]:
        schema = operation.table.schema
        statements = super().create_index(operation)
        if schema is None:
            return statements
        bare = replace(operation, table=Name(operation.table.name))
        named = self.quote(operation.index.name or "")
        qualified = f"{self.quote(schema)}.{named}"
        return [sql.replace(named, qualified, 1) for sql in super().create_index(bare)]

    def rename_constraint(self, operation: RenameConstraint, current: Table | None) -> list[str]:
        return self._needs_current(operation.table)

    def rename_index(self, operation: RenameIndex, current: Table | None) -> list[str]:
        """The index dropped, and created under its new name: no statement renames one."""
        if operation.table is None:
            raise PlanError(
                f"cannot rename index {operation.before} without its table",
                hint="say table_name=...: SQLite drops the index and creates it again",
            )
        if current is None:
            return self._needs_current(operation.table)
        index = self._evolve(current, operation).index(operation.after)
        assert index is not None
        return [
            *self.drop_index(DropIndex(table=operation.table, name=operation.before)),
            *self.create_index(CreateIndex(table=operation.table, index=index)),
        ]

    def create_view(self, operation: CreateView) -> list[str]:
        view = operation.view
        return super().create_view(CreateView(view=replace(view, materialized=False)))

    # The rebuild

    def rebuild(self, operations: Collection[Operation], current: Table) -> list[str]:
        """A new table with what the operations make of `current`, its rows, and its name.

        The caller has switched foreign keys off, so that dropping the old table deletes nothing
        in tables that point at it.
        """
        desired, sources = current, {column.name: column.name for column in current.columns}
        for operation in operations:
            desired = self._evolve(desired, operation)
            sources = _follow(sources, operation)
        spare = replace(desired.name, name=f"_autodiff_{desired.name.name}")
        copied = [
            column.name
            for column in desired.columns
            if column.computed is None and column.name in sources
        ]
        body = replace(_with_lasting_names(desired), name=spare, indexes=())
        return [
            *self.create_table(body),
            *(
                self._copy(current.name, spare, copied, sources)
                or self._keep_rows(current.name, spare, desired)
            ),
            *self._keep_sequence(current, spare),
            f"DROP TABLE {self.quote_name(current.name)}",
            "PRAGMA legacy_alter_table = ON",
            f"ALTER TABLE {self.quote_name(spare)} RENAME TO {self.quote(desired.name.name)}",
            "PRAGMA legacy_alter_table = OFF",
            *self._indexes(desired),
            *current.triggers,
        ]

    def _evolve(self, table: Table, operation: Operation) -> Table:
        try:
            return evolve(table, operation)
        except KeyError as error:
            raise PlanError(
                f"cannot {operation.describe()}: table {table.name} has no {error.args[0]}",
                hint="compare the migration with the database: autodiff check",
            ) from error

    def _copy(
        self, old: Name, new: Name, copied: Sequence[str], sources: dict[str, str]
    ) -> list[str]:
        """Qualified names, since SQLite takes an unknown name in quotes for a string."""
        if not copied:
            return []
        source = self._quoted(old.name)
        values = ", ".join(f"{source}.{self._quoted(sources[name])}" for name in copied)
        targets = self.columns(copied)
        return [
            f"INSERT INTO {self.quote_name(new)} ({targets}) "
            f"SELECT {values} FROM {self.quote_name(old)}"
        ]

    def _keep_rows(self, old: Name, new: Name, desired: Table) -> list[str]:
        """A row with defaults for each that there was, where no column has stayed."""
        given = next((column for column in desired.columns if column.computed is None), None)
        if given is None:
            return []
        insert = f"INSERT INTO {self.quote_name(new)} ({self.quote(given.name)}) "
        return [insert + f"SELECT {given.default or 'NULL'} FROM {self.quote_name(old)}"]

    def _quoted(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def _keep_sequence(self, current: Table, spare: Name) -> list[str]:
        """AUTOINCREMENT never gives a number twice, so the counter moves over too."""
        if not current.options.get("sqlite_autoincrement"):
            return []
        counter = f"{self.quote(spare.schema)}." if spare.schema else ""
        new, old = (name.replace("'", "''") for name in (spare.name, current.name.name))
        return [
            f"DELETE FROM {counter}sqlite_sequence WHERE name = '{new}'",
            f"INSERT INTO {counter}sqlite_sequence (name, seq) "
            f"SELECT '{new}', seq FROM {counter}sqlite_sequence WHERE name = '{old}'",
        ]

    def _indexes(self, table: Table) -> list[str]:
        return [
            sql
            for index in sorted(table.indexes, key=lambda index: index.name or "")
            for sql in self.create_index(CreateIndex(table=table.name, index=index))
        ]


def _with_lasting_names(table: Table) -> Table:
    """The table, with the names of those constraints that would be called otherwise when read.

    Names that are made up are numbered, and others than these have come or gone.
    """
    read = name_constraints(unnamed(table)).constraints
    lasting = (
        replace(c, implicit=c.implicit and c.name == again.name)
        for c, again in zip(table.constraints, read, strict=True)
    )
    return replace(table, constraints=tuple(lasting))


def _is_autoincrement(table: Table, column: Column) -> bool:
    key = table.primary_key
    return bool(table.options.get("sqlite_autoincrement") and key and key.columns == (column.name,))


def _follow(sources: dict[str, str], operation: Operation) -> dict[str, str]:
    """Where each column's values come from, after one more operation."""
    match operation:
        case RenameColumn(before=before, after=after):
            return {(after if name == before else name): old for name, old in sources.items()}
        case DropColumn(name=dropped):
            return {name: old for name, old in sources.items() if name != dropped}
        case _:
            return sources


def _through_spare(before: str, after: str, rename) -> list[str]:  # type: ignore[no-untyped-def]
    """A rename, in two steps where the names differ in case alone."""
    if before.lower() != after.lower():
        return list(rename(before, after))
    spare = f"_autodiff_{after}"
    return [*rename(before, spare), *rename(spare, after)]
