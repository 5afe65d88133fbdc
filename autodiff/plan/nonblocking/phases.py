"""Split a plan into migrations between which a new version of an application is deployed.

1. *expand* adds what the new version needs, and changes nothing that the old version uses.
2. *migrate* copies values and builds indexes.
3. *contract* removes what only the old version used. It is applied after the deploy.

A renamed column is two columns until then: a trigger writes each new value of one to the other.
A table is renamed in *expand*; until the deploy, a view has its old name.
A new type that loses values waits for the deploy as well: the old version may write such values.

Invariants:

- After `expand`, and until `contract` begins, every statement of both versions succeeds.
- `contract` drops no column before it is proved that the column in its place has all values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from autodiff.dialects.base import Dialect
from autodiff.errors import PlanError
from autodiff.migrations.files import MigrationPhase
from autodiff.plan.data_loss import lost_by_type
from autodiff.plan.migration_plan import MigrationPlan
from autodiff.plan.nonblocking.copied_columns import CopiedColumn, Copy
from autodiff.plan.row_checks.context import RowCheck
from autodiff.schema.apply import names_column
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.changes import (
    Change,
    ColumnAltered,
    ConstraintAdded,
    ConstraintAltered,
    IndexAdded,
    IndexAltered,
)
from autodiff.schema.objects import (
    Column,
    ColumnType,
    Constraint,
    ForeignKey,
    Index,
    Name,
    PrimaryKey,
    Schema,
    Table,
    View,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    ColumnPatch,
    CreateIndex,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropEnum,
    DropIndex,
    DropNamespace,
    DropSequence,
    DropTable,
    DropView,
    Execute,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    Require,
    tables_of,
)

__all__ = ["PhasePlan", "split_phases"]

_REMOVALS = DropTable | DropEnum | DropSequence | DropNamespace
_OR_STOPPED = "or pass --no-online, and apply it while the application is stopped"
"""The end of the hints for what cannot be split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhasePlan:
    """A part of a plan.

    stages: its operations, in groups of which each must be finished before the next one begins.
    downgrade: the operations of its downgrade.
    """

    plan: MigrationPlan
    stages: tuple[tuple[Operation, ...], ...]
    downgrade: tuple[Operation, ...]


def split_phases(plan: MigrationPlan) -> tuple[PhasePlan, ...]:
    """Return the phases of a plan, in order; none if nothing in it must wait for a deploy.

    Raises PlanError for a rename that cannot be split.
    """
    splitter = _Splitter(plan)
    for operation in plan.operations:
        splitter.add(operation)
    return tuple(splitter.phases()) if splitter.waits else ()


@dataclass(slots=True)
class _Splitter:
    """Collects the operations of each phase.

    first, last: the operations at the beginning and the end of `contract`.
    renamed: the tables that get other names.
    """

    plan: MigrationPlan
    copies: list[Copy] = field(default_factory=list)
    expand: list[Operation] = field(default_factory=list)
    migrate: list[Operation] = field(default_factory=list)
    proofs: list[Operation] = field(default_factory=list)
    contract: list[Operation] = field(default_factory=list)
    first: list[Operation] = field(default_factory=list)
    last: list[Operation] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)
    renamed: list[RenameTable] = field(default_factory=list)
    new: set[Name] = field(default_factory=set)
    late_tables: set[Name] = field(default_factory=set)
    late_columns: set[tuple[Name, str]] = field(default_factory=set)
    late_types: set[tuple[Name, str]] = field(default_factory=set)
    requires: list[Require] = field(default_factory=list)
    recreated: set[tuple[Name, str]] = field(default_factory=set)
    late_keys: set[Name] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._refuse_taken_names()
        self.recreated = _recreated_columns(self.plan.operations)
        self.late_keys = _tables_with_late_keys(self.plan.operations)
        for operation in self.plan.operations:
            match operation:
                case DropTable(name=name):
                    self.late_tables.add(name)
                case DropColumn(table=table, name=column) if (table, column) not in self.recreated:
                    self.late_columns.add((table, column))
                case RenameColumn(table=table, before=old, after=new) if not self._is_one_name(
                    operation
                ):
                    self.late_columns |= {(table, old), (table, new)}
                case AlterColumn(table=table, name=column) if self._loses_values(operation):
                    self.late_types.add((table, column))
        if self._views_are_late() and self.dialect.features.dependents_block_columns:
            self.late_types |= {
                (o.table, o.name)
                for o in self.plan.operations
                if isinstance(o, AlterColumn) and "type" in o.after.fields
            }

    @property
    def dialect(self) -> Dialect:
        return self.plan.dialect

    @property
    def waits(self) -> bool:
        """Whether something must wait for a deploy."""
        return bool(self.proofs or self.contract or self.first or self.last)

    def add(self, operation: Operation) -> None:
        """Put an operation into its phase."""
        match operation:
            case Require():
                self.requires.append(operation)
            case CreateTable(table=table):
                self._refuse_late_names(table)
                self.new.add(table.name)
                self.expand.append(operation)
            case RenameTable():
                self._rename_table(operation)
            case RenameColumn() if self._is_one_name(operation):
                self.expand.append(operation)
            case RenameColumn():
                self._rename(operation)
            case DropColumn(table=table, name=column) if (table, column) in self.recreated:
                self.expand.append(operation)
            case DropIndex() | DropConstraint() if self._mentions(operation, self.recreated):
                self.expand.append(operation)
            case DropIndex() | DropConstraint() if self._drop_copied_part(operation):
                pass
            case DropColumn():
                self._drop(operation)
            case AlterColumn(table=table, after=patch) if (
                patch.nullable is False and table not in self.new
            ):
                self._require_values(operation)
            case AlterColumn(after=patch) if patch.nullable and self._leaves_key(operation):
                self.contract.append(operation)
            case AlterColumn(after=patch) if patch.nullable and (copy := self._copy_of(operation)):
                self._admit_null(operation, copy)
            case Backfill():
                self._fill(operation)
            case _ if self._mentions(operation, self.late_types):
                self.contract.append(operation)
            case (
                AddConstraint(table=table, constraint=PrimaryKey())
                | DropConstraint(table=table, kind="primary")
            ) if table in self.late_keys:
                self.contract.append(operation)
            case CreateIndex() | AddConstraint() if self._takes_late_name(
                operation.table, _new_part(operation)
            ) or _adds_target(self.contract, operation):
                self.contract.append(operation)
            case CreateIndex() | AddConstraint() if (
                self._mentions_late(operation)
                or self._filled_columns(operation)
                or _adds_target(self.migrate, operation)
            ):
                self.migrate.append(operation)
            case CreateView() | DropView() if self._views_are_late():
                self.contract.append(operation)
            case RenameIndex() | RenameConstraint() if operation.table in self.late_tables:
                self.expand.append(operation)  # a new part takes the name
            case RenameIndex() | RenameConstraint():
                self._rename_part(operation)
            case _ if isinstance(operation, _REMOVALS) or self._mentions_late(operation):
                self.contract.append(operation)
            case _:
                self.expand.append(operation)

    def _views_are_late(self) -> bool:
        """Return whether views are dropped and created again in `contract`, around its changes."""
        views = any(isinstance(o, DropView) for o in self.plan.operations)
        renamed = any(isinstance(o, RenameTable) for o in self.plan.operations)
        late = self.late_tables or self.late_columns or self.late_types
        return views and bool(late or renamed)

    def _mentions_late(self, operation: Operation) -> bool:
        """Return whether an operation is about something that only `contract` removes."""
        if self.late_tables & set(tables_of(operation)):
            return True
        return self._mentions(operation, self.late_columns)

    def _refuse_taken_names(self) -> None:
        """Raise PlanError for a column with the name of another one, which waits for the deploy."""
        renames = [o for o in self.plan.operations if isinstance(o, RenameTable)]
        schema = reduce(evolve_schema, renames, self.plan.current)
        old: set[tuple[Name, str]] = set()
        for operation in self.plan.operations:
            match operation:
                case RenameColumn(table=name, before=before, after=after) if not self._is_one_name(
                    operation
                ):
                    old.add((name, self._folded(before)))
                    table = schema.tables.get(name)
                    names = {self._folded(c.name) for c in table.columns} if table else set()
                    if self._folded(after) in names:
                        raise _taken_name(f"rename {name}.{before} to {after}", after)
                case AddColumn(table=name, column=column):
                    if (name, self._folded(column.name)) in old:
                        raise _taken_name(f"add {name}.{column.name}", column.name)

    def _folded(self, column: str) -> str:
        """Return what the names of columns that are one name for the database have in common."""
        return column.lower() if self.dialect.features.case_insensitive_names else column

    def _is_one_name(self, operation: RenameColumn) -> bool:
        """Return whether statements with the old name work after the rename too."""
        return self._folded(operation.before) == self._folded(operation.after)

    def _takes_late_name(self, table: Name, part: Constraint | Index) -> bool:
        """Return whether the name of a new part is free only after a change in `contract`."""
        is_wide = self.dialect.catalog.has_schema_wide_name(part)
        return part.name is not None and self._is_late_name(part.name, table, is_wide=is_wide)

    def _is_late_name(self, name: str, table: Name, *, is_wide: bool) -> bool:
        """Return whether a part of the table has the name until `contract`.

        is_wide: whether parts of other tables of its schema count too.
        """
        return any(
            isinstance(o, DropIndex | DropConstraint | RenameIndex | RenameConstraint)
            and o.table is not None
            and (o.table == table or (is_wide and o.table.schema == table.schema))
            and (o.before if isinstance(o, RenameIndex | RenameConstraint) else o.name) == name
            for o in self.contract
        )

    def _refuse_late_names(self, table: Table) -> None:
        """Raise PlanError for a new table with a name that is free only after `contract`."""
        parts = (*table.constraints, *table.indexes)
        names = [part.name for part in parts if self._takes_late_name(table.name, part)]
        if not self.dialect.features.index_names_per_table and self._is_late_name(
            table.name.name, table.name, is_wide=True
        ):
            names.append(table.name.name)
        if names:
            raise PlanError(
                f"cannot create table {table.name} online: an index or a constraint of another "
                f"table is called {names[0]} until the deploy",
                hint="drop or rename that one in a migration of its own, and deploy that first; "
                f"{_OR_STOPPED}",
            )

    def _mentions(self, operation: Operation, columns: set[tuple[Name, str]]) -> bool:
        """Return whether an operation is about one of the columns."""
        match operation:
            case (
                AddConstraint(table=table, constraint=part)
                | DropConstraint(table=table, constraint=part)
            ) if part is not None:
                return any(names_column(part, c) for t, c in columns if t == table)
            case CreateIndex(table=table, index=index) | DropIndex(table=table, index=index) if (
                index is not None
            ):
                return any(names_column(index, c) for t, c in columns if t == table)
            case AlterColumn(table=table, name=name):
                return (table, name) in columns
        return False

    def _loses_values(self, operation: AlterColumn) -> bool:
        """Return whether the old version may write values that the new type does not keep."""
        before, after = operation.before.type, operation.after.type
        if not isinstance(before, ColumnType) or not isinstance(after, ColumnType):
            return False
        is_live = operation.table not in self.new
        return is_live and lost_by_type(before, after, self.dialect) is not None

    def _filled_columns(self, operation: CreateIndex | AddConstraint) -> list[str]:
        """Return the columns of a part whose rows get values in `migrate`."""
        part = _new_part(operation)
        return [
            column
            for fill in self.migrate
            if isinstance(fill, Backfill) and fill.table == operation.table
            for column, _ in fill.values
            if names_column(part, column)
        ]

    def _rename_table(self, operation: RenameTable) -> None:
        """Rename a table in `expand`, and drop the view with its old name in `contract`."""
        before, after = operation.before, operation.after
        retyped = [
            o.name
            for o in self.plan.operations
            if isinstance(o, AlterColumn) and o.table == after and "type" in o.after.fields
        ]
        created = {o.table.name for o in self.plan.operations if isinstance(o, CreateTable)}
        reason = None
        if before in created:
            reason = "another table gets its name"
        elif before not in self.plan.current.tables or after in self.plan.current.tables:
            reason = f"another table is called {after} until the deploy"
        elif retyped and self.dialect.features.dependents_block_columns:
            reason = f"the type of {after}.{retyped[0]} changes in the same migration"
        elif before.schema != after.schema and not self.dialect.features.search_path:
            reason = "it gets another schema"
        if reason is not None:
            raise PlanError(
                f"cannot rename table {before} to {after} online: {reason}",
                hint=f"rename it in a migration of its own; {_OR_STOPPED}",
            )
        self.renamed.append(operation)
        self.expand.append(replace(operation, leaves_view=True))
        drop = DropView(name=before, view=self._old_name(before, after))
        changes = any(t == after for t, _ in self.late_columns)  # the view has old columns
        is_first = changes or self.dialect.features.dependents_block_columns
        (self.first if is_first else self.last).append(drop)
        used = self.dialect.ddl.tables.used_by(before)
        self.guards += [used] if used is not None else []

    def _old_name(self, before: Name, after: Name) -> View:
        """Return the view of a renamed table."""
        quote = self.dialect.quote
        columns = ", ".join(quote(c.name) for c in self.plan.current.tables[before].columns)
        sql = f"SELECT {columns} FROM {self.dialect.quote_name(after)}"
        return View(name=before, sql=sql, reads=(after,))

    def _rename(self, operation: RenameColumn) -> None:
        schema = reduce(evolve_schema, self.renamed, self.plan.current)
        views = {name: view for name, view in schema.views.items() if view.reads}
        views |= {o.view.name: o.view for o in self.plan.operations if isinstance(o, CreateView)}
        schema = replace(schema, views=views)
        self._refuse_shared_part(operation, schema)
        copy = CopiedColumn(schema, operation, self.dialect).copy()
        self.copies.append(copy)
        self.expand += copy.expand
        self.migrate += copy.migrate
        self.proofs += copy.proofs
        self.contract += copy.contract

    def _refuse_shared_part(self, operation: RenameColumn, schema: Schema) -> None:
        """Raise PlanError for a part that names two renamed columns: it is copied for one."""
        name, old = operation.table, operation.before
        others = [copy.sync.before for copy in self.copies if copy.sync.table == name]
        table = schema.tables.get(name, Table(name=name))
        for part in (*table.constraints, *table.indexes):
            shared = [column for column in others if names_column(part, column)]
            if shared and names_column(part, old):
                raise PlanError(
                    f"cannot rename {name}.{old} to {operation.after} online: {part.name} names "
                    f"{shared[0]} too, which is also renamed",
                    hint="rename one of them in a migration of its own, and deploy that first; "
                    f"{_OR_STOPPED}",
                )

    def _rename_part(self, operation: RenameIndex | RenameConstraint) -> None:
        """Rename a constraint or an index at the end, a copied one only once."""
        copy = self._rename_of_copy(type(operation), operation.table, operation.before)
        if copy is None:
            self.contract.append(operation)
        else:
            self.contract[self.contract.index(copy)] = replace(copy, after=operation.after)

    def _drop_copied_part(self, operation: DropIndex | DropConstraint) -> bool:
        """Drop a copied constraint or index instead of renaming it; False if it is no copy."""
        kind = RenameIndex if isinstance(operation, DropIndex) else RenameConstraint
        copy = self._rename_of_copy(kind, operation.table, operation.name)
        if copy is None:
            return False
        self.contract[self.contract.index(copy)] = _named(operation, copy.before)
        return True

    def _rename_of_copy(
        self, kind: type[RenameIndex | RenameConstraint], table: Name | None, name: str | None
    ) -> RenameIndex | RenameConstraint | None:
        """Return what gives a copied constraint or index its name."""
        copied = {part for copy in self.copies for part in copy.temporary}
        for other in self.contract:
            if (
                isinstance(other, RenameIndex | RenameConstraint)
                and isinstance(other, kind)
                and (other.table, other.after) == (table, name)
                and (other.table, other.before) in copied
            ):
                return other
        return None

    def _drop(self, operation: DropColumn) -> None:
        """Let the new version leave out the column, and drop it later."""
        column = operation.column
        if column is None or _has_value(column):
            self.contract.append(operation)
            return
        if operation.table in self.late_keys:
            self._refuse_drop_of_key(operation)
        self.expand.append(
            AlterColumn(
                table=operation.table,
                name=operation.name,
                before=ColumnPatch(nullable=False),
                after=ColumnPatch(nullable=True),
            )
        )
        self.contract.append(replace(operation, column=replace(column, nullable=True)))

    def _refuse_drop_of_key(self, operation: DropColumn) -> None:
        """Raise PlanError for a column of the primary key that the new version cannot leave out."""
        renames = reduce(evolve_schema, self.renamed, self.plan.current)
        key = renames.tables[operation.table].primary_key
        if key is not None and operation.name in key.columns:
            column = f"{operation.table}.{operation.name}"
            raise PlanError(
                f"cannot drop {column} online: it is in the primary key and has no default, so "
                "that the new version of the application cannot leave it out before the deploy",
                hint=f"give {column} a server_default in a migration of its own; {_OR_STOPPED}",
            )

    def _require_values(self, operation: AlterColumn) -> None:
        others = tuple(name for name in operation.after.fields if name != "nullable")
        fill = self._fill_of(operation)
        if fill is not None and fill not in self.proofs:
            self.proofs.append(fill)  # the old version may have added rows since the last backfill
        self.proofs.append(operation.part(("nullable",)))
        if others:
            self.add(operation.part(others))

    def _copy_of(self, operation: AlterColumn) -> Copy | None:
        """Return the copy that an operation changes; None if its column is not renamed."""
        for copy in self.copies:
            if (copy.sync.table, copy.sync.after) == (operation.table, operation.name):
                return copy
        return None

    def _admit_null(self, operation: AlterColumn, copy: Copy) -> None:
        """Admit NULL in the old column too: the trigger writes it there."""
        self.proofs = [o for o in self.proofs if o not in copy.proofs]
        self.contract = [o for o in self.contract if o not in copy.relaxes]
        self.expand += copy.relaxes
        others = tuple(name for name in operation.after.fields if name != "nullable")
        if others:
            self.add(operation.part(others))

    def _leaves_key(self, operation: AlterColumn) -> bool:
        """Return whether a column is in a primary key that `contract` replaces."""
        return operation.table in self.late_keys and any(
            isinstance(o, DropConstraint)
            and o.table == operation.table
            and isinstance(o.constraint, PrimaryKey)
            and operation.name in o.constraint.columns
            for o in self.plan.operations
        )

    def _fill_of(self, operation: AlterColumn) -> Backfill | None:
        for other in self.migrate:
            if (
                isinstance(other, Backfill)
                and other.table == operation.table
                and operation.name in [column for column, _ in other.values]
            ):
                return other
        return None

    def _fill(self, operation: Backfill) -> None:
        """Fill a column after `expand` if it becomes NOT NULL; otherwise immediately."""
        columns = {column for column, _ in operation.values}
        if any((operation.table, column) in self.late_types for column in columns):
            self.contract.append(operation)
            return
        required = any(
            isinstance(other, AlterColumn)
            and (other.table == operation.table and other.name in columns)
            and other.after.nullable is False
            for other in self.plan.operations
        )
        (self.migrate if required else self.expand).append(operation)

    # The phases

    def phases(self) -> Iterator[PhasePlan]:
        """Yield the phases that have operations."""
        late = [r for r in self.requires if self._is_late(r)]
        between = [r for r in self.requires if self._is_between(r)]
        self.expand[:0] = [r for r in self.requires if r not in late and r not in between]
        self.migrate[:0] = between
        self.proofs[:0] = late
        schema = self.plan.current
        if any(not isinstance(operation, Require) for operation in self.expand):
            phase = self._phase("expand", [self.expand], schema)
            yield phase
            schema = phase.plan.desired
        else:
            self.proofs[:0] = self.expand
        if self.migrate:
            phase = self._phase("migrate", [self.migrate], schema)
            yield phase
            schema = phase.plan.desired
        contract = [*self.first, *self.contract, *self.last]
        yield self._phase("contract", [self.proofs, contract], schema, self.plan.desired)

    def _is_late(self, require: Require) -> bool:
        """Return whether a query is for the rows that prevent a change of `contract`."""
        late = [o for o in (*self.proofs, *self.contract) if isinstance(o, AlterColumn)]
        parts = [_part(o) for o in self.contract if isinstance(o, AddConstraint | CreateIndex)]
        if any(_part(check.change) in parts for check in self._checks_of(require)):
            return True
        return any(
            isinstance(check.change, ColumnAltered)
            and (check.change.table, check.change.after.name) == (operation.table, operation.name)
            and (check.fill is None or operation.after.nullable is False)
            for check in self._checks_of(require)
            for operation in late
        )

    def _is_between(self, require: Require) -> bool:
        """Return whether a query is for the rows that prevent a part that `migrate` adds.

        Only if the rows, or those to which they refer, get values there: other rows prevent the
        part before `expand` too.
        """
        late = [o for o in self.migrate if isinstance(o, AddConstraint | CreateIndex)]
        filled = [
            _part(o) for o in late if self._filled_columns(o) or _adds_target(self.migrate, o)
        ]
        return any(_part(check.change) in filled for check in self._checks_of(require))

    def _checks_of(self, require: Require) -> list[RowCheck]:
        return [check for check in self.plan.checks if check.require == require]

    def _phase(
        self,
        phase: MigrationPhase,
        stages: Sequence[Sequence[Operation]],
        before: Schema,
        after: Schema | None = None,
    ) -> PhasePlan:
        operations = tuple(operation for stage in stages for operation in stage)
        if after is None:
            after = before
            for operation in operations:
                after = _without_implicit_indexes(after, operation, self.dialect)
                after = evolve_schema(after, operation)
        shown = (o for o in operations if not isinstance(o, Require | Execute))
        plan = replace(
            self.plan,
            current=before,
            desired=after,
            changes=(),
            lines=tuple(dict.fromkeys(operation.describe() for operation in shown)),
            operations=operations,
            reversible_operations=(),
            downgrade_checks=(),
            checks=tuple(c for c in self.plan.checks if c.require in operations),
            findings=self.plan.findings if phase == "contract" else (),
            data_loss=self.plan.data_loss if phase == "contract" else (),
            downgrade_backfills=(),
            phase=phase,
            guards=self._guards() if phase == "contract" else (),
            setup=self._setup() if phase != "expand" else (),
        )
        return PhasePlan(
            plan=plan,
            stages=tuple(map(tuple, stages)),
            downgrade=tuple(self._filled(plan.reverse())),
        )

    def _setup(self) -> tuple[Operation, ...]:
        """Return what `expand` has created and no schema shows."""
        views = (o.view for o in (*self.first, *self.last) if isinstance(o, DropView))
        created = (CreateView(view=view) for view in views if view is not None)
        return (*created, *(copy.sync for copy in self.copies))

    def _guards(self) -> tuple[str, ...]:
        return (*(copy.guard for copy in self.copies), *self.guards)

    def _filled(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """Yield the operations of a downgrade, with values for columns that become NOT NULL."""
        fills = self.plan.downgrade_backfills
        for operation in operations:
            if isinstance(operation, AlterColumn) and operation.after.nullable is False:
                key = (operation.table, [operation.name])
                yield from (f for f in fills if (f.table, [c for c, _ in f.values]) == key)
            yield operation
            for copy in self.copies:
                if operation == copy.sync:
                    yield copy.undo


def _taken_name(action: str, name: str) -> PlanError:
    return PlanError(
        f"cannot {action} online: another column is called {name} until the deploy",
        hint="give the other column another name, or drop it, in a migration of its own, and "
        f"deploy that first; {_OR_STOPPED}",
    )


def _new_part(operation: CreateIndex | AddConstraint) -> Constraint | Index:
    return operation.index if isinstance(operation, CreateIndex) else operation.constraint


def _adds_target(operations: Iterable[Operation], operation: CreateIndex | AddConstraint) -> bool:
    """Return whether one of the operations adds the key to which a new foreign key refers."""
    key = _new_part(operation)
    return isinstance(key, ForeignKey) and any(
        isinstance(o, CreateIndex | AddConstraint)
        and o.table == key.referred
        and all(names_column(_new_part(o), column) for column in key.referred_columns)
        for o in operations
    )


def _part(item: Operation | Change | None) -> Constraint | Index | None:
    """Return the constraint or index that an operation or a change adds."""
    match item:
        case AddConstraint(constraint=part) | ConstraintAdded(constraint=part):
            return part
        case CreateIndex(index=part) | IndexAdded(index=part):
            return part
        case ConstraintAltered(after=part) | IndexAltered(after=part):
            return part
        case _:
            return None


def _tables_with_late_keys(operations: Sequence[Operation]) -> set[Name]:
    """Return the tables whose primary key loses a column that is dropped or becomes nullable.

    And those whose new one has a column that becomes NOT NULL: the old version may write NULL.
    """
    changed = {
        (o.table, o.name)
        for o in operations
        if isinstance(o, DropColumn)
        or (isinstance(o, AlterColumn) and "nullable" in o.after.fields)
    }
    return {
        o.table
        for o in operations
        if isinstance(o, AddConstraint | DropConstraint)
        and isinstance(o.constraint, PrimaryKey)
        and any((o.table, column) in changed for column in o.constraint.columns)
    }


def _named(operation: DropIndex | DropConstraint, name: str) -> DropIndex | DropConstraint:
    """Return the drop of a part that has another name."""
    if isinstance(operation, DropIndex):
        index = operation.index and replace(operation.index, name=name)
        return replace(operation, name=name, index=index)
    part = operation.constraint and replace(operation.constraint, name=name, implicit=False)
    return replace(operation, name=name, constraint=part)


def _without_implicit_indexes(schema: Schema, operation: Operation, dialect: Dialect) -> Schema:
    """Return the schema without the indexes that the database drops with a foreign key."""
    match operation:
        case DropConstraint(table=name, constraint=ForeignKey() as key) if name in schema.tables:
            for index in schema.tables[name].indexes:
                if dialect.catalog.is_implicit_index(index, key):
                    schema = evolve_schema(schema, DropIndex(table=name, name=index.name or ""))
    return schema


def _has_value(column: Column) -> bool:
    """Return whether a row can be inserted without the column."""
    filled = column.default is not None or column.computed is not None
    return column.nullable or filled or column.identity is not None or column.autoincrement


def _recreated_columns(operations: Sequence[Operation]) -> set[tuple[Name, str]]:
    """Return the generated columns that are dropped and added again, which must stay together."""
    added = {(o.table, o.column.name) for o in operations if isinstance(o, AddColumn)}
    return {
        (o.table, o.name)
        for o in operations
        if isinstance(o, DropColumn)
        and (o.table, o.name) in added
        and o.column is not None
        and o.column.computed is not None
    }
