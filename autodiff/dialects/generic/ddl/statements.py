"""SQL for operations on a database without its own dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.ddl import DDL
from autodiff.dialects.generic.ddl.columns import GenericColumnDDL
from autodiff.dialects.generic.ddl.constraints import GenericConstraintDDL
from autodiff.dialects.generic.ddl.indexes import GenericIndexDDL
from autodiff.dialects.generic.ddl.tables import GenericTableDDL
from autodiff.dialects.literals import plain_dialect
from autodiff.errors import PlanError
from autodiff.schema.apply import evolve
from autodiff.schema.objects import Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    DropColumn,
    DropIndex,
    DropTable,
    Operation,
    RenameColumn,
    RenameIndex,
    RenameTable,
)
from autodiff.utils.object_names import name_between

if TYPE_CHECKING:
    from sqlalchemy.schema import ExecutableDDLElement

    from autodiff.dialects.generic import Generic

__all__ = ["GenericDDL"]

_BLOCKED_BY_INDEXES = (AddConstraint, AlterColumn, DropColumn, RenameColumn)


class GenericDDL(DDL):
    """Compiles SQLAlchemy's DDL constructs, and fills in the templates of `Abilities`."""

    dialect: Generic

    def __init__(self, dialect: Generic) -> None:
        super().__init__(dialect)
        self._plain = plain_dialect(dialect.sqlalchemy)
        self.compiler = self._plain.ddl_compiler(self._plain, None)  # type: ignore[arg-type]
        self.tables = GenericTableDDL(self)
        self.columns = GenericColumnDDL(self)
        self.constraints = GenericConstraintDDL(self)
        self.indexes = GenericIndexDDL(self)

    def compile(self, construct: ExecutableDDLElement) -> str:
        """Return the SQL of a DDL construct of SQLAlchemy, with spaces instead of tabs."""
        text = str(construct.compile(dialect=self._plain)).strip()
        return "\n".join(line.replace("\t", "    ").rstrip() for line in text.splitlines())

    def template(self, text: str | None, what: str, **names: str) -> str:
        """Return a statement of the database, with the names filled in.

        Raises PlanError if the database has none.
        """
        if text is None:
            raise self.impossible(what)
        texts = {f"{key}_text": self.dialect.literal(value) for key, value in names.items()}
        return text.format(**names, **texts)

    def rename_steps(self, before: str, after: str) -> list[tuple[str, str]]:
        """Return the renames that lead to a name: two if the database sees the same name in it."""
        if before.lower() != after.lower() or not self.dialect.features.case_insensitive_names:
            return [(before, after)]
        between = name_between(after)
        return [(before, between), (between, after)]

    def impossible(self, what: str, hint: str | None = None) -> PlanError:
        """Return the error for an operation that the database cannot do, as far as known."""
        return PlanError(
            f"cannot {what} on {self.dialect.name}: autodiff knows no statement for it",
            hint=hint
            or "write the SQL yourself with op.execute(), or create a new table, copy "
            "the rows, and swap the names",
        )

    def required_table(self, operation: Operation) -> Name | None:
        """Return the table, if its indexes or the rest of a definition must be known."""
        match operation:
            case DropTable(name=name) if self.dialect.abilities.counting_sequence is not None:
                return name
            case RenameTable(before=before) if self.dialect.abilities.indexes_block_alter:
                return before
            case AddConstraint() | DropColumn() | RenameColumn() if (
                self.dialect.abilities.indexes_block_alter
            ):
                return operation.table
            case RenameIndex(table=table) if self.dialect.abilities.rename_index is None:
                return table
            case AddColumn() if self._splits_not_null(operation):
                return operation.table
            case AlterColumn() if self.features.alter_repeats_definition:
                return operation.table
            case AlterColumn() if self.dialect.abilities.indexes_block_alter:
                return operation.table
            case _:
                return None

    def statements(self, operation: Operation, current: Table | None = None) -> list[str]:
        if isinstance(operation, DropTable):
            return self.tables.drop(replace(operation, table=current or operation.table))
        found = super().statements(operation, current)
        if current is None or not self._is_blocked(operation):
            return found
        return self._around_indexes(operation, current, found)

    def _splits_not_null(self, operation: AddColumn) -> bool:
        abilities = self.dialect.abilities
        is_split = not abilities.adds_not_null and not operation.column.nullable
        return is_split and abilities.indexes_block_alter

    def _is_blocked(self, operation: Operation) -> bool:
        """Return whether the indexes of the table prevent the operation."""
        if not self.dialect.abilities.indexes_block_alter:
            return False
        match operation:
            case AddColumn():
                return self._splits_not_null(operation)
            case AlterColumn(after=patch):
                return bool({"type", "nullable"}.intersection(patch.fields))
            case AddConstraint() | DropColumn() | RenameColumn() | RenameTable():
                return True
            case _:
                return False

    def _around_indexes(
        self, operation: Operation, current: Table, statements: Sequence[str]
    ) -> list[str]:
        """Return the statements between those that drop the indexes and create them again."""
        after = evolve(current, operation)
        dropped = [
            sql
            for index in current.indexes
            for sql in self.indexes.drop(DropIndex(table=current.name, name=index.name or ""))
        ]
        created = [
            sql
            for index in after.indexes
            for sql in self.indexes.create(CreateIndex(table=after.name, index=index))
        ]
        return [*self._guard(current), *dropped, *statements, *created]

    def reports_limit(self, statement: str) -> bool:
        text = self.dialect.abilities.refuse_referenced
        return text is not None and statement.startswith(text.partition("{name}")[0])

    def _guard(self, current: Table) -> list[str]:
        """Return a statement that fails if other tables prevent the change, before indexes go."""
        text = self.dialect.abilities.refuse_referenced
        if text is None:
            return []
        return [text.format(name=self.dialect.literal(current.name.name))]
