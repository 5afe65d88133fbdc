"""What the ALTER statements of a database can do, for the generic dialect."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.schema.objects import Check, Constraint, ForeignKey, PrimaryKey, Unique

__all__ = ["ALL_CONSTRAINTS", "Abilities"]

ALL_CONSTRAINTS: tuple[type[Constraint], ...] = (PrimaryKey, ForeignKey, Unique, Check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """The statements of a database that its SQLAlchemy dialect does not write.

    A statement is a template with {table}, {column}, {type}, {null}, {default}, {before} and
    {after}, which are quoted SQL. {path} is the table and the old name; {column_name} and
    {after_name}, the new name, have no quotes. {table_text} and so on are the same as SQL strings.
    None means that the database has no such statement, or that it is unknown.

    add_column: the words before the definition of a new column.
    adds_not_null: ADD COLUMN accepts NOT NULL.
    adds_without_default: ADD COLUMN accepts NOT NULL without a default, if there are no rows.
    adds_expressions: ADD COLUMN accepts a default that is an expression, such as the current time.
    adds_computed: the kinds of computed columns that ADD COLUMN accepts.
    alter_type, set_not_null, drop_not_null, set_default, drop_default: alter a column.
    drop_default_first: dropping a column, or changing its type, needs `drop_default` first.
    rename_table, rename_column, rename_index, rename_constraint: rename an object.
    drop_column: drops a column.
    added_constraints: the kinds of constraints that can be added to an existing table.
    drops_constraints: constraints of an existing table can be dropped.
    keeps_constraint_names: the catalog keeps the names of constraints.
    reflects_expressions: SQLAlchemy's Inspector reads indexes over expressions.
    partial_indexes: an index can have a WHERE clause.
    indexes_block_alter: a table with indexes can only get columns and defaults, so its indexes are
        dropped before other changes and created again.
    refuse_referenced: a query that fails if foreign keys of other tables refer to the table
        {name}, so that only columns and defaults can be added to it.
    counting_sequence: the name of the sequence that numbers the rows of a table by a column
        {column}, if the SQLAlchemy dialect uses one that it does not create with the table.
    native_enums: how the database stores sa.Enum; None if as a text.
    memory_url: the URL of an empty database in memory; None if the database is not embedded.
    runs_migrations: migrations can be applied by autodiff, not only written as scripts.
    reports_own_version: the SQLAlchemy dialect returns the version of the database itself.
    """

    add_column: str = "ADD COLUMN"
    adds_not_null: bool = True
    adds_without_default: bool = True
    adds_expressions: bool = True
    adds_computed: tuple[str, ...] = ("stored", "virtual")
    alter_type: str | None = None
    set_not_null: str | None = None
    drop_not_null: str | None = None
    set_default: str | None = None
    drop_default: str | None = None
    drop_default_first: bool = False
    rename_table: str | None = None
    rename_column: str | None = None
    rename_index: str | None = None
    rename_constraint: str | None = None
    drop_column: str | None = "ALTER TABLE {table} DROP COLUMN {column}"
    added_constraints: tuple[type[Constraint], ...] = ALL_CONSTRAINTS
    drops_constraints: bool = True
    keeps_constraint_names: bool = True
    reflects_expressions: bool = False
    partial_indexes: bool = False
    indexes_block_alter: bool = False
    refuse_referenced: str | None = None
    counting_sequence: str | None = None
    native_enums: str | None = None
    memory_url: str | None = None
    runs_migrations: bool = True
    reports_own_version: bool = True
