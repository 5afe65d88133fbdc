"""Steps of a migration that no operation expresses: parts of raw SQL, and Python code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from autodiff.schema.objects import Name
from autodiff.schema.operations import AddColumn, AddConstraint, CreateTable

__all__ = [
    "AddColumnConstraint",
    "AddColumnIfAbsent",
    "ChangeRows",
    "ChangeTable",
    "CreateRoutine",
    "CreateTableIfAbsent",
    "CreateTemporary",
    "CreateTrigger",
    "DropDependents",
    "DropRoutine",
    "DropSchemaWithContents",
    "Harmless",
    "MaintainTable",
    "PythonCode",
    "RenameNamespace",
    "RowCopy",
    "SetOption",
    "Statement",
    "TransactionControl",
    "Truncate",
    "Unparsed",
    "UseIndex",
    "ValidateConstraint",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumnConstraint(AddConstraint):
    """A constraint in the definition of a new column: ADD COLUMN ... REFERENCES."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddColumnIfAbsent(AddColumn):
    """ADD COLUMN IF NOT EXISTS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTableIfAbsent(CreateTable):
    """CREATE TABLE IF NOT EXISTS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCopy:
    """A copy of each row of a table; `columns` are those that it reads, None for all."""

    source: Name
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRows:
    """INSERT, UPDATE, DELETE or MERGE.

    everywhere: whether an UPDATE or DELETE has no WHERE, or one that every row meets.
    columns: the columns that an UPDATE sets.
    copies: whether an INSERT takes its rows from a SELECT.
    copy: the table of which that SELECT returns each row; None if there is none.
    """

    table: Name
    verb: Literal["INSERT", "UPDATE", "DELETE", "MERGE"]
    everywhere: bool = False
    columns: tuple[str, ...] = ()
    copies: bool = False
    copy: RowCopy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """TRUNCATE; with the names of partitions, only these, or they are dropped (MySQL)."""

    tables: tuple[Name, ...]
    cascade: bool = False
    partitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTemporary:
    """CREATE TEMPORARY TABLE."""

    table: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class DropSchemaWithContents:
    """DROP SCHEMA ... CASCADE, or DROP DATABASE, which is DROP SCHEMA on MySQL and MariaDB."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDependents:
    """DROP ... CASCADE of an object that columns or tables can depend on (PostgreSQL)."""

    kind: str
    name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameNamespace:
    """ALTER SCHEMA ... RENAME TO."""

    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateConstraint:
    """ALTER TABLE ... VALIDATE CONSTRAINT."""

    table: Name
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UseIndex:
    """ALTER TABLE ... ADD CONSTRAINT ... UNIQUE or PRIMARY KEY USING INDEX."""

    table: Name
    name: str | None
    index: str
    primary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTrigger:
    """CREATE TRIGGER; `sql` is the whole statement."""

    table: Name
    name: str
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRoutine:
    """CREATE FUNCTION, PROCEDURE or EVENT; `sql` is the whole statement."""

    kind: str
    name: Name
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRoutine:
    """DROP FUNCTION, PROCEDURE, EVENT or TRIGGER."""

    kind: str
    name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainTable:
    """A maintenance command that locks: REINDEX, CLUSTER, VACUUM FULL, REFRESH, LOCK TABLE, ...

    kind: the command.
    name: the table, index, view or domain; None if it is for a whole schema or database.
    concurrently: whether it has CONCURRENTLY, or NOT VALID for a domain.
    """

    kind: Literal["reindex", "rewrite", "refresh", "lock", "detach", "domain"]
    words: str
    name: Name | None = None
    concurrently: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeTable:
    """A clause of ALTER TABLE on MySQL about the whole table, such as its engine."""

    table: Name
    kind: Literal["charset", "engine", "partitions", "row_format", "order", "algorithm", "lock"]
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOption:
    """SET of an option of the session, such as lock_timeout."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionControl:
    """BEGIN, COMMIT or ROLLBACK."""

    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCode:
    """Code that no rule can follow: `op.run`, or statements on the connection.

    ends: whether the rest of the migration was not read because of it. fails: whether it fails on
    every database.
    """

    what: str
    ends: bool = False
    fails: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparsed:
    """SQL that could not be parsed."""

    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Harmless:
    """SQL that was understood, and that no rule is about."""

    sql: str


Statement: TypeAlias = (
    ChangeRows
    | Truncate
    | CreateTemporary
    | DropSchemaWithContents
    | DropDependents
    | RenameNamespace
    | ValidateConstraint
    | UseIndex
    | CreateTrigger
    | CreateRoutine
    | DropRoutine
    | MaintainTable
    | ChangeTable
    | SetOption
    | TransactionControl
    | PythonCode
    | Unparsed
    | Harmless
)
