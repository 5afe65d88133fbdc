"""Write a plan as Python that needs only Alembic and SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from autodiff.alembic.spelling import spell_for_alembic
from autodiff.alembic.statements import Performed, PerformedStep
from autodiff.plan import MigrationPlan
from autodiff.render.layout import lay_out
from autodiff.render.migration import imports_of, operation_source
from autodiff.render.python import PythonSource, RenderType
from autodiff.schema.objects import Check, Constraint, Index, Name, Table
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    CreateIndex,
    CreateTable,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Operation,
    RenameColumn,
    RenameTable,
    Require,
    SetComment,
    is_concurrent,
)
from autodiff.utils.quoting import one_line, python_string

__all__ = ["Revision", "Step", "comment_step", "revision_of"]

_NOT_IN_ALEMBIC = "op.sql_type("
_ALTERED_TOGETHER = ({"type", "nullable"}, {"default", "nullable"}, {"comment"})
"""The attributes of a column that one call of Alembic's op.alter_column changes safely.

A default has to be dropped before the type changes if it can't be cast, which Alembic does not do.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of `upgrade()` or `downgrade()`.

    code: Python for Alembic's `op`, `sa` and the names in `imports`.
    description: a line for people.
    is_call: whether the code is a call of an operation of Alembic, and not SQL.
    """

    code: str
    description: str
    imports: tuple[str, ...] = ()
    is_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The steps of a revision."""

    upgrade: tuple[Step, ...]
    downgrade: tuple[Step, ...]

    @property
    def imports(self) -> tuple[str, ...]:
        """The import lines that the steps need besides those of Alembic's template."""
        steps = (*self.upgrade, *self.downgrade)
        return tuple(sorted({line for step in steps for line in step.imports}))


def comment_step(text: str) -> Step:
    """Return a step that is only a comment."""
    return Step(code=f"# {one_line(text)}", description=text)


def revision_of(
    plan: MigrationPlan,
    performed: Performed,
    render_type: RenderType | None = None,
    *,
    calls: bool = True,
) -> Revision:
    """Return the steps of a plan, both ways.

    performed: what autodiff itself would send.
    render_type: spells the types of columns.
    calls: whether to call Alembic's operations if there is one that does the same. Otherwise every
        step is SQL.
    """
    enums = {**plan.desired.enums, **plan.current.enums}
    py = PythonSource(plan.dialect, enums, render_type)
    tables = (*plan.current.tables.values(), *plan.desired.tables.values())
    writer = _Writer(py=py, calls=calls, referred=_referred(tables))
    return Revision(
        upgrade=tuple(writer.steps(performed.upgrade)),
        downgrade=tuple(writer.steps(performed.downgrade)),
    )


def _referred(tables: Iterable[Table]) -> frozenset[Name]:
    return frozenset(key.referred for table in tables for key in table.foreign_keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    py: PythonSource
    calls: bool
    referred: frozenset[Name]

    def steps(self, performed: Sequence[PerformedStep]) -> Iterator[Step]:
        guarded = any(item.rebuilt in self.referred for item in performed if item.rebuilt)
        if guarded:
            yield Step(code=_FOREIGN_KEYS_OFF, description="turn foreign keys off")
        for item in performed:
            yield self._step(item)
        if guarded:
            yield Step(code=_FOREIGN_KEYS_ON, description="turn foreign keys on again")

    def _step(self, item: PerformedStep) -> Step:
        call = self._call(item) if self.calls else None
        code = self._sql(item) if call is None else call
        is_concurrent_step = any(map(is_concurrent, item.operations))
        if is_concurrent_step:
            block = lay_out(code, indent=4)
            code = f"with op.get_context().autocommit_block():\n{block}"
        return Step(
            code=lay_out(code),
            description="; ".join(operation.describe() for operation in item.operations),
            imports=self._imports(code),
            is_call=call is not None and not is_concurrent_step,
        )

    def _call(self, item: PerformedStep) -> str | None:
        """Return the call of Alembic's operation, None if no operation does the same."""
        [operation, *more] = item.operations
        renames_index = any(", RENAME INDEX " in sql for sql in item.statements)
        if more or item.rebuilt or renames_index:
            return None  # Alembic does not rename the index that another key needs
        if not self._has_call(operation, len(item.statements)):
            return None
        if isinstance(operation, RenameColumn):
            py, table = self.py, operation.table
            old, new = py.string(operation.before), py.string(operation.after)
            code = (
                f"op.alter_column({py.string(table.name)}, {old}, "
                f"new_column_name={new}{py.schema(table)})"
            )
        else:
            code = operation_source(operation, self.py)
        if _NOT_IN_ALEMBIC in code:
            return None
        return spell_for_alembic(code, creates_enums=self.py.dialect.features.enum_types)

    def _imports(self, code: str) -> tuple[str, ...]:
        """Return the imports of the code without those that Alembic's template has."""
        usual = ("from autodiff import op", "import sqlalchemy as sa")
        lines = imports_of(lay_out(code, indent=4), self.py.imports)
        return tuple(line for line in lines if line not in usual)

    def _has_call(self, operation: Operation, statements: int) -> bool:
        features = self.py.dialect.features
        match operation:
            case CreateTable(table=table):
                return not _has_more_than_alembic_writes(table)
            case AddColumn(column=column):
                return statements <= 1 + (column.comment is not None)
            case AlterColumn():
                known = any(set(operation.after.fields) <= names for names in _ALTERED_TOGETHER)
                return known and statements == 1 and not features.alter_repeats_definition
            case RenameColumn():
                return statements == 1 and not features.alter_repeats_definition
            case RenameTable(before=before, after=after):
                return statements == 1 and before.schema == after.schema
            case AddConstraint(constraint=constraint):
                is_plain = constraint.comment is None and constraint.name is not None
                return is_plain and not _is_late_check(constraint)
            case DropConstraint(name=name, kind=kind):
                return statements == 1 and name is not None and kind not in (None, "exclude")
            case CreateIndex(index=index, if_not_exists=optional):
                return index.comment is None and not optional
            case DropIndex(if_exists=optional):
                return statements == 1 and not optional
            case SetComment(kind="table"):
                return True
            case DropTable():
                return True
            case DropColumn(only=only):
                return statements == 1 and not only
            case _:
                return False

    def _sql(self, item: PerformedStep) -> str:
        match item.operations:
            case [Require(query=query, message=message)]:
                return _require(self.py, query, message)
            case _:
                return "\n".join(f"op.execute({_sql_argument(sql)})" for sql in item.statements)


def _has_more_than_alembic_writes(table: Table) -> bool:
    """Return whether op.create_table would leave something out: comments, some checks."""
    parts = (*table.constraints, *table.indexes)
    return any(part.comment is not None or _is_late_check(part) for part in parts)


def _is_late_check(part: Constraint | Index) -> bool:
    """Return whether SQLAlchemy cannot declare a check in full."""
    return isinstance(part, Check) and "postgresql_no_inherit" in part.options


def _sql_argument(sql: str) -> str:
    """Return SQL as the argument of op.execute, which reads it with sa.text().

    Each line is a separate string: Alembic indents every line of a function, also those inside
    of a string.
    """
    lines = sql.splitlines(keepends=True)
    if len(lines) <= 1:
        return _sql_string(sql)
    return "\n" + "\n".join(f"    {_sql_string(line)}" for line in lines) + "\n"


def _sql_string(sql: str) -> str:
    return python_string(PythonSource.escape_binds(sql))


def _require(py: PythonSource, query: str, message: str) -> str:
    """Return code that stops if a query finds rows; a script without a database skips it."""
    return (
        "if not op.get_context().as_sql:\n"
        f"    row = op.get_bind().execute(sa.text({_sql_string(query)})).first()\n"
        "    if row is not None:\n"
        f'        raise ValueError({py.string(message)} + f": {{tuple(row)}}")'
    )


_FOREIGN_KEYS_OFF = """\
# Rebuilding a table drops it, and rows that refer to it would be deleted with it.
foreign_keys = (
    not op.get_context().as_sql
    and op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar()
)
if foreign_keys:
    with op.get_context().autocommit_block():
        op.execute("PRAGMA foreign_keys = OFF")
    if op.get_bind().exec_driver_sql("PRAGMA foreign_keys").scalar():
        raise ValueError("cannot turn foreign keys off: a transaction is open")"""
_FOREIGN_KEYS_ON = """\
if foreign_keys:
    with op.get_context().autocommit_block():
        op.execute("PRAGMA foreign_keys = ON")"""
