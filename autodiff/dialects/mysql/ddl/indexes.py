"""Write SQL for indexes of MySQL and MariaDB, with other changes in the same ALTER TABLE.

The server refuses to leave a foreign key or an AUTO_INCREMENT column without an index, even
between two statements (errors 1553 and 1075). An index that one of them needs is therefore replaced
in the statement that drops it. The replacement is dropped in the statement that makes it redundant.
https://dev.mysql.com/doc/refman/en/create-table-foreign-keys.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl.indexes import IndexDDL
from autodiff.dialects.mysql.catalog.implicit_indexes import (
    AUTO_INCREMENT_INDEX,
    auto_increment_index,
    has_generated_name,
    index_name,
    keys_without_index,
    looks_generated,
    starts_index,
    starts_with,
)
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.errors import PlanError
from autodiff.schema.objects import (
    Constraint,
    ForeignKey,
    Index,
    IndexElement,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.operations import CreateIndex, DropIndex, RenameIndex, SetComment
from autodiff.schema.sqltext import unquote_identifier

if TYPE_CHECKING:
    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL

__all__ = ["MySQLIndexDDL"]

_NAME = r"`(?:[^`]|``)+`|\w+"
_INDEX_CHANGE = re.compile(
    rf"(?:^|, |ALTER TABLE \S+ )(?:(?P<verb>DROP|RENAME|ADD) INDEX (?:IF (?:NOT )?EXISTS )?"
    rf"(?P<name>{_NAME})(?: TO (?P<new_name>{_NAME})| \((?P<columns>(?:(?:{_NAME})(?:, )?)+)\))?)"
)
_KINDS = ("fulltext", "spatial", "vector")
"""The index methods that are written before the word INDEX."""


class MySQLIndexDDL(IndexDDL):
    """Defines indexes, and creates, drops and renames them."""

    ddl: MySQLDDL
    dialect: MySQL

    # Definitions

    def definition(self, index: Index) -> str:
        """Return the definition of an index, for CREATE TABLE and ALTER TABLE ... ADD."""
        name = f"{self.quote(index.name)} " if index.name else ""
        return f"{_kind(index)}INDEX {name}({self.elements(index)}){self._options(index)}"

    def element(self, element: IndexElement) -> str:
        text = f"({element.text})" if element.is_expression else self.quote(element.text)
        text += f"({element.length})" if element.length else ""
        return text + (" DESC" if element.descending else "")

    def _options(self, index: Index) -> str:
        text = ""
        if index.method and index.method not in _KINDS:
            text += f" USING {index.method.upper()}"
        if index.comment is not None:
            text += f" COMMENT {quote_string(index.comment)}"
        if index.options.get("mysql_invisible"):
            text += " IGNORED" if self.dialect.is_mariadb else " INVISIBLE"
        if parser := index.options.get("mysql_with_parser"):
            text += f" WITH PARSER {parser}"
        return text

    # Creating

    def create(self, operation: CreateIndex, current: Table | None = None) -> list[str]:
        """Return CREATE INDEX; ALTER TABLE if the index makes another one redundant."""
        index = operation.index
        changes: list[str] = []
        if current is not None and starts_with(index, index.columns):
            changes += self.drop_redundant(index.columns, current, index.name)
        if changes:
            return [self.alter_table(operation.table, *changes, f"ADD {self.definition(index)}")]
        exists = "IF NOT EXISTS " if operation.if_not_exists and self.dialect.is_mariadb else ""
        head = f"CREATE {_kind(index)}INDEX {exists}{self.quote(index.name or '')}"
        on = f"ON {self.quote_name(operation.table)} ({self.elements(index)})"
        return [f"{head} {on}{self._options(index)}"]

    def drop_redundant(
        self, columns: tuple[str, ...], current: Table, name: str | None = None
    ) -> Iterator[str]:
        """Yield DROP INDEX for each index that a new key or index over the columns replaces.

        `name` is that of the new one.

        The server drops an index that it created for a foreign key when another index can replace
        it, but not the indexes that autodiff created for the same purpose.
        """
        spare = current.index(AUTO_INCREMENT_INDEX)
        if spare is not None and spare.columns[0] == columns[0]:
            yield f"DROP INDEX {AUTO_INCREMENT_INDEX}"
        for index in current.indexes:
            named_like_key = any(key.name == index.name for key in current.foreign_keys)
            if named_like_key and index.name != name and index.columns != columns:
                continue  # a person may have created it; the server drops its own indexes
            if looks_generated(index, current) and columns[: len(index.columns)] == index.columns:
                yield self.drop_change(index.name)

    def index_for_key(self, key: ForeignKey, current: Table) -> Iterator[str]:
        """Yield ADD INDEX if the foreign key needs one and has a generated name.

        The server would name the index after the key. For a key without a name, it would name the
        index after the column, and so does autodiff.
        """
        after = replace(current, constraints=(*current.constraints, key))
        if has_generated_name(key) and key in keys_without_index(after):
            yield f"ADD {self.definition(_index_of(key, current))}"

    # Dropping

    def drop(self, operation: DropIndex, current: Table | None = None) -> list[str]:
        """Return DROP INDEX; ALTER TABLE if a foreign key or AUTO_INCREMENT needs another index."""
        if operation.table is None:
            raise PlanError(
                f"cannot drop index {operation.name} without its table",
                hint="pass table_name=...: index names are unique only within a table",
            )
        changes = self.drop_changes(operation.name, current)
        if len(changes) > 1:
            return [self.alter_table(operation.table, *changes)]
        exists = "IF EXISTS " if operation.if_exists and self.dialect.is_mariadb else ""
        name = self.quote(operation.name)
        return [f"DROP INDEX {exists}{name} ON {self.quote_name(operation.table)}"]

    def drop_change(self, name: str | None) -> str:
        """Return the DROP INDEX clause of ALTER TABLE."""
        return f"DROP INDEX {self.quote(name or '')}"

    def drop_changes(self, name: str, current: Table | None) -> list[str]:
        """Return DROP INDEX for an index or unique constraint, and ADD INDEX for replacements."""
        if current is None:
            return [self.drop_change(name)]
        after = replace(
            current,
            indexes=tuple(index for index in current.indexes if index.name != name),
            constraints=tuple(c for c in current.constraints if c.name != name or _is_key(c)),
        )
        return [self.drop_change(name), *self.replacements(current, after)]

    def replacements(self, current: Table, after: Table) -> list[str]:
        """Return ADD INDEX for AUTO_INCREMENT and each foreign key that would have no index."""
        changes: list[str] = []
        spare = _auto_increment_replacement(current, after)
        if spare is not None:
            changes.append(f"ADD {self.definition(spare)}")
            after = replace(after, indexes=(*after.indexes, spare))
        while lost := keys_that_lose_index(current, after):
            index = _index_of(lost[0], after)
            changes.append(self._add_if_missing(index))
            after = replace(after, indexes=(*after.indexes, index))
        return changes

    def _add_if_missing(self, index: Index) -> str:
        """Return ADD INDEX; a script that runs again after a downgrade finds the index there."""
        text = self.definition(index)
        exists = "INDEX IF NOT EXISTS " if self.dialect.is_mariadb else "INDEX "
        return f"ADD {text.replace('INDEX ', exists, 1)}"

    def with_replacements(
        self, current: Table | None, after: Table, statements: Iterable[str]
    ) -> Table:
        """Return the table with the indexes that the statements add, drop and rename with others.

        The index that the server creates for a new foreign key is not added: the key implies it.
        `current` is None for a new table.
        """
        if current is None:
            return replace(after, indexes=(*after.indexes, *indexes_of_keys(after)))
        for sql in statements:
            after = _with_index_changes(after, sql)
        spare = _auto_increment_replacement(current, after)
        if spare is not None and after.index(AUTO_INCREMENT_INDEX) is None:
            after = replace(after, indexes=(*after.indexes, spare))
        counters = {column.name for column in after.columns if column.autoincrement}
        kept = [index for index in after.indexes if index.name != AUTO_INCREMENT_INDEX]
        others = replace(after, indexes=tuple(kept))
        is_needed = any(not starts_index(others, name) for name in counters)
        return after if is_needed else others

    def spare_indexes(self, before: Table, after: Table) -> list[str]:
        """Return new indexes of foreign keys that the table does not need."""
        found: list[str] = []
        for index in after.indexes:
            without = replace(after, indexes=tuple(i for i in after.indexes if i is not index))
            is_new = index.name is not None and before.index(index.name) is None
            if (
                is_new
                and looks_generated(index, after)
                and not keys_that_lose_index(after, without)
            ):
                found.append(index.name or "")
                after = without
        return found

    # Renaming and comments

    def rename(self, operation: RenameIndex, current: Table | None = None) -> list[str]:
        if operation.table is None:
            raise PlanError(
                f"cannot rename index {operation.before} without its table",
                hint="pass table_name=...: index names are unique only within a table",
            )
        change = self.rename_change(operation.before, operation.after)
        return [self.alter_table(operation.table, change)]

    def rename_change(self, before: str, after: str) -> str:
        """Return the RENAME INDEX clause of ALTER TABLE; MariaDB supports it since 10.5.2."""
        return f"RENAME INDEX {self.quote(before)} TO {self.quote(after)}"

    def set_comment(self, operation: SetComment, current: Table | None) -> list[str]:
        """Return ALTER TABLE that drops the index and adds it with the comment.

        No statement changes only the comment. The comment of a unique constraint is that of its
        index; other constraints have none.
        """
        table, name = operation.table, operation.name.name
        if operation.kind == "index" or current is None:
            index = current.index(name) if current else None
        elif (index := _unique_index(current, name)) is None:
            return []
        if table is None or index is None:
            raise PlanError(
                f"cannot set the comment of index {name} without knowing its definition",
                hint="drop the index and create it again with the comment",
            )
        definition = self.definition(replace(index, comment=operation.after))
        return [self.alter_table(table, self.drop_change(name), f"ADD {definition}")]


def indexes_of_keys(table: Table) -> list[Index]:
    """Return indexes for the foreign keys that need one and have a generated name.

    The server would name such an index after the key. For a key without a name, it would name the
    index after the column, and so does autodiff.
    """
    indexes: list[Index] = []
    for key in keys_without_index(table):
        with_indexes = replace(table, indexes=(*table.indexes, *indexes))
        if has_generated_name(key) and key in keys_without_index(with_indexes):
            indexes.append(_index_of(key, with_indexes))
    return indexes


def _with_index_changes(table: Table, sql: str) -> Table:
    """Return the table with the plain indexes that an ALTER TABLE adds, drops and renames."""
    indexes = list(table.indexes)
    for match in _INDEX_CHANGE.finditer(sql):
        verb, name = match["verb"], unquote_identifier(match["name"])
        if verb == "DROP":
            indexes = [index for index in indexes if index.name != name]
        elif verb == "RENAME":
            new_name = unquote_identifier(match["new_name"])
            indexes = [
                replace(index, name=new_name) if index.name == name else index for index in indexes
            ]
        elif all(index.name != name for index in indexes):
            columns = [unquote_identifier(part.strip()) for part in match["columns"].split(",")]
            elements = tuple(IndexElement(text=column) for column in columns)
            indexes.append(Index(name=name, elements=elements))
    return replace(table, indexes=tuple(indexes))


def _unique_index(table: Table, name: str) -> Index | None:
    """Return the unique index of that name, or that of the unique constraint, None without one."""
    for constraint in table.constraints:
        if isinstance(constraint, Unique) and constraint.name == name:
            elements = tuple(IndexElement(text=column) for column in constraint.columns)
            return Index(name=name, elements=elements, unique=True)
    index = table.index(name)
    return index if index is not None and index.unique else None


def keys_that_lose_index(current: Table, after: Table) -> list[ForeignKey]:
    """Return the foreign keys that have an index in `current` and none in `after`."""
    before = keys_without_index(current)
    return [key for key in keys_without_index(after) if key not in before]


def _index_of(key: ForeignKey, table: Table) -> Index:
    elements = tuple(IndexElement(text=name) for name in key.columns)
    return Index(name=index_name(key, table), elements=elements)


def _auto_increment_replacement(current: Table, after: Table) -> Index | None:
    """Return an index for the AUTO_INCREMENT column, if `after` has none."""
    counter = next((column.name for column in after.columns if column.autoincrement), None)
    if counter is None or starts_index(after, counter):
        return None
    before = current.primary_key
    if before is not None and after.primary_key is None and before.columns[0] == counter:
        return auto_increment_index(before.columns)
    return auto_increment_index((counter,), unique=False)


def _is_key(constraint: Constraint) -> bool:
    return isinstance(constraint, ForeignKey | PrimaryKey)


def _kind(index: Index) -> str:
    if index.method in _KINDS:
        return f"{index.method.upper()} "
    return "UNIQUE " if index.unique else ""
