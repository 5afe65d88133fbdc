"""Write SQL for constraints of MySQL and MariaDB.

Foreign keys need indexes, and a unique constraint is an index, so many statements use
`MySQLIndexDDL`.
https://dev.mysql.com/doc/refman/en/alter-table.html and
https://mariadb.com/kb/en/alter-table/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, assert_never

from autodiff.dialects.ddl.constraints import ConstraintDDL
from autodiff.dialects.mysql.catalog.implicit_indexes import (
    has_generated_name,
    index_name,
    is_generated_for,
    keys_without_index,
    looks_generated_for,
)
from autodiff.dialects.mysql.column_checks import column_check
from autodiff.dialects.mysql.ddl.indexes import keys_that_lose_index
from autodiff.dialects.mysql.expressions import quote_string
from autodiff.errors import PlanError
from autodiff.schema.objects import (
    Check,
    Constraint,
    Exclusion,
    ForeignKey,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AddConstraint,
    ConstraintKind,
    DropConstraint,
    RenameConstraint,
    constraint_kind,
)

if TYPE_CHECKING:
    from autodiff.dialects.mysql import MySQL
    from autodiff.dialects.mysql.ddl.statements import MySQLDDL

__all__ = ["MySQLConstraintDDL"]

C = TypeVar("C", Check, ForeignKey)

_GENERATED_NAME = re.compile(r".+(_(?:ibfk|chk)_\d+)")
"""The name of a foreign key or check that the server chose, which starts with the table's name."""


class MySQLConstraintDDL(ConstraintDDL):
    """Defines constraints, and adds, drops and renames them."""

    ddl: MySQLDDL
    dialect: MySQL

    # Definitions

    def name_clause(self, constraint: Constraint) -> str:
        """Return CONSTRAINT and the name; an empty string for a primary key, which has no name."""
        return "" if isinstance(constraint, PrimaryKey) else super().name_clause(constraint)

    def body(self, constraint: Constraint) -> str:
        text = super().body(constraint)
        if isinstance(constraint, Unique) and constraint.comment is not None:
            text += f" COMMENT {quote_string(constraint.comment)}"
        if isinstance(constraint, Check) and constraint.options.get("mysql_not_enforced"):
            text += " NOT ENFORCED"
        return text

    def deferrable(self, constraint: PrimaryKey | ForeignKey | Unique | Exclusion) -> str:
        """Return an empty string: MySQL and MariaDB cannot defer constraints."""
        return ""

    # Adding

    def add(self, operation: AddConstraint, current: Table | None = None) -> list[str]:
        """Return ADD CONSTRAINT, and DROP INDEX for the indexes that the constraint replaces."""
        constraint = operation.constraint
        changes = [f"ADD {self.definition(constraint)}"]
        if current is not None:
            match constraint:
                case PrimaryKey(columns=columns) | Unique(columns=columns):
                    changes += self.ddl.indexes.drop_redundant(columns, current)
                case ForeignKey():
                    changes = [*self.ddl.indexes.index_for_key(constraint, current), *changes]
        return [self.alter_table(operation.table, *changes)]

    # Dropping

    def drop(self, operation: DropConstraint, current: Table | None = None) -> list[str]:
        """Return ALTER TABLE with the DROP clause for the kind of constraint."""
        kind = operation.kind or _kind_of(operation, operation.name or "", current)
        name = _name_after_rename(operation.name or "", current)
        match kind:
            case "primary":
                changes = self.drop_primary_key(current)
            case "foreignkey":
                known = None if operation.keep_index else current
                changes = self._drop_foreign_key(name, known)
            case "unique":
                changes = self.ddl.indexes.drop_changes(name, current)
            case "check":
                changes = self._drop_check(name, current)
            case "exclude":
                raise PlanError(f"{self.dialect.name} does not support exclusion constraints")
            case _:
                assert_never(kind)
        return [self.alter_table(operation.table, *changes)]

    def drop_primary_key(self, current: Table | None) -> list[str]:
        """Return DROP PRIMARY KEY, and ADD INDEX for AUTO_INCREMENT and foreign keys."""
        primary = current.primary_key if current else None
        if current is None or primary is None:
            return ["DROP PRIMARY KEY"]
        after = replace(current, constraints=tuple(c for c in current.constraints if c != primary))
        return ["DROP PRIMARY KEY", *self.ddl.indexes.replacements(current, after)]

    def _drop_foreign_key(self, name: str, current: Table | None) -> list[str]:
        """Return DROP FOREIGN KEY, and DROP INDEX for its index if no other key needs it.

        If another key needs the index, it is renamed after that key.
        """
        changes = [f"DROP FOREIGN KEY {self.quote(name)}"]
        key = current.constraint(name) if current else None
        if current is None or not isinstance(key, ForeignKey):
            return changes
        after = replace(current, constraints=tuple(c for c in current.constraints if c != key))
        for index in current.indexes:
            without = replace(after, indexes=tuple(i for i in after.indexes if i != index))
            if not is_generated_for(index, key):
                continue
            if users := keys_that_lose_index(after, without):
                changes += self._rename_for(users[0], index.name or "", without)
            else:
                changes.append(self.ddl.indexes.drop_change(index.name))
                after = without
        if key in keys_without_index(current) and not _shares_columns(key, after):
            changes.append(self.ddl.indexes.drop_change(index_name(key)))
        elif self.dialect.is_mariadb and not has_generated_name(key) and not current.index(name):
            # The server may have named the index of both keys after the one that was added last
            others = [other for other in after.foreign_keys if other.columns == key.columns]
            for other in others[:1]:
                without = replace(after, indexes=())
                changes += self._rename_for(other, index_name(key), without)
        return changes

    def _rename_for(self, key: ForeignKey, name: str, without: Table) -> list[str]:
        """Return RENAME INDEX, so that an index has the name that the server gives one for the key.

        Otherwise it keeps the name of a foreign key that no longer exists.
        """
        new_name = index_name(key, without)
        if new_name == name:
            return []
        # In a revision for Alembic it runs again after a downgrade, which keeps the new name
        exists = "IF EXISTS " if self.dialect.is_mariadb else ""
        return [f"RENAME INDEX {exists}{self.quote(name)} TO {self.quote(new_name)}"]

    def _drop_check(self, name: str, current: Table | None) -> list[str]:
        """Return DROP CHECK; for a check in a column (MariaDB) MODIFY COLUMN without the check."""
        check = column_check(current, name) if current else None
        column = current.column(name) if current else None
        if current is not None and check is not None and column is not None:
            return [f"MODIFY COLUMN {self.ddl.columns.definition(column)}"]
        return [self.drop_check_by_name(name)]

    def drop_check_by_name(self, name: str | None) -> str:
        """Return the clause of ALTER TABLE that drops a check: MariaDB has no DROP CHECK."""
        word = "CONSTRAINT" if self.dialect.is_mariadb else "CHECK"
        return f"DROP {word} {self.quote(name or '')}"

    # Renaming

    def rename(self, operation: RenameConstraint, current: Table | None = None) -> list[str]:
        """Return RENAME INDEX for a unique constraint; drop and add a check or foreign key.

        The name of a primary key is always PRIMARY, so nothing is returned for it.
        """
        kind = operation.kind or _kind_of(operation, operation.before, current)
        match kind:
            case "primary":
                return []
            case "unique":
                change = self.ddl.indexes.rename_change(operation.before, operation.after)
                return [self.alter_table(operation.table, change)]
            case "check":
                return self._rename_check(operation, current)
            case "foreignkey":
                return self._rename_foreign_key(operation, current)
            case "exclude":
                raise PlanError(f"{self.dialect.name} does not support exclusion constraints")
            case _:
                assert_never(kind)

    def with_followed_names(self, before: Name, after: Table) -> Table:
        """Return a renamed table with the names of constraints that RENAME TABLE changes.

        https://dev.mysql.com/doc/refman/en/rename-table.html
        """
        constraints: list[Constraint] = []
        for item in after.constraints:
            generated = _GENERATED_NAME.fullmatch(item.name or "")
            if generated is not None and item.name == before.name + generated[1]:
                item = replace(item, name=after.name.name + generated[1])
            constraints.append(item)
        return replace(after, constraints=tuple(constraints))

    def _rename_check(self, operation: RenameConstraint, current: Table | None) -> list[str]:
        """Return one statement that drops and adds the check, so that rows are always checked."""
        check, table = _find(operation, current, Check)
        drop = self._drop_check(check.name or "", table)
        options = {name: value for name, value in check.options.items() if name != "mysql_level"}
        renamed = replace(check, name=operation.after, options=options, implicit=False)
        return [self.alter_table(table.name, *drop, f"ADD {self.definition(renamed)}")]

    def _rename_foreign_key(self, operation: RenameConstraint, current: Table | None) -> list[str]:
        """Return statements that add the key with its new name, and then drop the old one.

        Not every server accepts both in one statement. If the names differ only in case, the old
        key is dropped first, because names of keys are case-insensitive.
        https://dev.mysql.com/doc/refman/en/alter-table.html#alter-table-foreign-key
        """
        key, table = _find(operation, current, ForeignKey)
        renamed = replace(key, name=operation.after, implicit=False)
        add = f"ADD {self.definition(renamed)}"
        drop = f"DROP FOREIGN KEY {self.quote(key.name or '')}"
        same_name = operation.before.lower() == operation.after.lower()
        add_and_drop = [drop, add] if same_name else [add, drop]
        changes = [*self._rename_index_of(key, renamed, table), *add_and_drop]
        return [self.alter_table(table.name, change) for change in changes]

    def _rename_index_of(self, key: ForeignKey, renamed: ForeignKey, table: Table) -> Iterator[str]:
        """Rename the index of the key to the name that the server would choose for the new key.

        A table that is known only from migrations does not contain the index, because it is implied
        by the key.
        """
        rename = self.ddl.indexes.rename_change
        if key in keys_without_index(table) and not has_generated_name(key):
            yield rename(index_name(key), index_name(renamed, table))
        for index in table.indexes:
            others = [other for other in table.foreign_keys if other != key]
            shared = any(looks_generated_for(index, other) for other in (*others, renamed))
            if looks_generated_for(index, key) and not shared:
                yield rename(index.name or "", index_name(renamed, table))


def _kind_of(
    operation: DropConstraint | RenameConstraint, name: str, current: Table | None
) -> ConstraintKind:
    """Return the kind of a constraint of which the operation only has the name.

    Raises PlanError if the table is not known or has no constraint of that name.
    """
    if current is not None:
        constraint = current.constraint(name)
        if constraint is not None:
            return constraint_kind(constraint)
        if current.index(name) is not None:
            return "unique"
    if name.upper() == "PRIMARY":
        return "primary"
    hint = 'pass type_="foreignkey", "unique", "check" or "primary"'
    if current is None:
        message = f"cannot determine the kind of constraint {name} of table {operation.table}"
        raise PlanError(message, hint=hint)
    raise PlanError(
        f"table {operation.table} has no constraint {name}",
        hint=f"compare the migration with the database: autodiff check; or {hint}",
    )


def _name_after_rename(name: str, current: Table | None) -> str:
    """Return the current name of a constraint whose table may have been renamed.

    RENAME TABLE also changes generated names, which start with the name of the table.
    https://dev.mysql.com/doc/refman/en/rename-table.html
    """
    generated = _GENERATED_NAME.fullmatch(name)
    if current is None or generated is None or current.constraint(name) is not None:
        return name
    renamed = current.name.name + generated[1]
    return name if current.constraint(renamed) is None else renamed


def _shares_columns(key: ForeignKey, table: Table) -> bool:
    return any(other.columns[0] == key.columns[0] for other in table.foreign_keys)


def _find(operation: RenameConstraint, current: Table | None, kind: type[C]) -> tuple[C, Table]:
    """Return the constraint that an operation renames, and its table.

    Raises PlanError if the table is not known or has no constraint of that name and kind.
    """
    name = _name_after_rename(operation.before, current)
    found = current.constraint(name) if current else None
    if current is None or not isinstance(found, kind):
        raise PlanError(
            f"cannot rename constraint {name} of table {operation.table} "
            "without knowing its definition",
            hint="compare the migration with the database: autodiff check",
        )
    return found, current
