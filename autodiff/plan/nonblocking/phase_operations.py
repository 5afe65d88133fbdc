"""Sort the operations of a plan by the phases in which they are possible."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce

from autodiff.dialects.base import Dialect
from autodiff.plan.migration_plan import MigrationPlan
from autodiff.plan.nonblocking.copied_columns import CopiedColumn, Copy
from autodiff.plan.nonblocking.late import LateObjects, is_one_name, late_objects
from autodiff.plan.nonblocking.late_names import (
    refuse_late_names,
    refuse_taken_columns,
    takes_late_name,
)
from autodiff.plan.nonblocking.parts import (
    adds_target,
    drop_of,
    filled_columns,
    mentions_column,
    new_part,
)
from autodiff.plan.nonblocking.refusals import refusal
from autodiff.schema.apply import names_column
from autodiff.schema.apply_to_schema import evolve_schema
from autodiff.schema.objects import Column, Name, PrimaryKey, Schema, Table, View
from autodiff.schema.operations import (
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
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    Require,
)

__all__ = ["PhaseOperations", "sort_operations"]

_REMOVALS = DropTable | DropEnum | DropSequence | DropNamespace


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOperations:
    """The operations of each phase, without those that only ask for rows.

    proofs: the beginning of `contract`, which must be finished before the rest begins.
    dropped_views: the views of `contract` that only `expand` has created.
    copies: the columns that are renamed.
    guards: queries for what must not be there when `contract` begins.
    requires: the queries for rows that prevent an operation of any phase.
    """

    expand: tuple[Operation, ...]
    migrate: tuple[Operation, ...]
    proofs: tuple[Operation, ...]
    contract: tuple[Operation, ...]
    dropped_views: tuple[DropView, ...]
    copies: tuple[Copy, ...]
    guards: tuple[str, ...]
    requires: tuple[Require, ...]

    @property
    def wait(self) -> bool:
        """Whether something must wait for a deploy."""
        return bool(self.proofs or self.contract)


def sort_operations(plan: MigrationPlan) -> PhaseOperations:
    """Return the operations of a plan by phase.

    Raises PlanError for a change that cannot be split.
    """
    refuse_taken_columns(plan)
    sorter = _Sorter(plan, late_objects(plan))
    for operation in plan.operations:
        sorter.add(operation)
    return sorter.sorted()


@dataclass(slots=True)
class _Sorter:
    """Collects the operations of each phase.

    first, last: the views that are dropped at the beginning and the end of `contract`.
    renamed: the tables that get other names.
    new: the tables that are created.
    """

    plan: MigrationPlan
    late: LateObjects
    copies: list[Copy] = field(default_factory=list)
    expand: list[Operation] = field(default_factory=list)
    migrate: list[Operation] = field(default_factory=list)
    proofs: list[Operation] = field(default_factory=list)
    contract: list[Operation] = field(default_factory=list)
    first: list[DropView] = field(default_factory=list)
    last: list[DropView] = field(default_factory=list)
    guards: list[str] = field(default_factory=list)
    renamed: list[RenameTable] = field(default_factory=list)
    new: set[Name] = field(default_factory=set)
    requires: list[Require] = field(default_factory=list)

    @property
    def dialect(self) -> Dialect:
        return self.plan.dialect

    def sorted(self) -> PhaseOperations:
        """Return what has been collected."""
        return PhaseOperations(
            expand=tuple(self.expand),
            migrate=tuple(self.migrate),
            proofs=tuple(self.proofs),
            contract=(*self.first, *self.contract, *self.last),
            dropped_views=(*self.first, *self.last),
            copies=tuple(self.copies),
            guards=(*(copy.guard for copy in self.copies), *self.guards),
            requires=tuple(self.requires),
        )

    def add(self, operation: Operation) -> None:
        """Put an operation into its phase."""
        match operation:
            case Require():
                self.requires.append(operation)
            case CreateTable(table=table):
                refuse_late_names(table, self.contract, self.dialect)
                self.new.add(table.name)
                self.expand.append(operation)
            case RenameTable():
                self._rename_table(operation)
            case RenameColumn() if is_one_name(operation, self.plan):
                self.expand.append(operation)
            case RenameColumn():
                self._rename(operation)
            case DropColumn(table=table, name=column) if (table, column) in self.late.recreated:
                self.expand.append(operation)
            case DropIndex() | DropConstraint() if mentions_column(operation, self.late.recreated):
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
            case _ if mentions_column(operation, self.late.types):
                self.contract.append(operation)
            case (
                AddConstraint(table=table, constraint=PrimaryKey())
                | DropConstraint(table=table, kind="primary")
            ) if table in self.late.keys:
                self.contract.append(operation)
            case CreateIndex() | AddConstraint() if self._takes_late_name(operation) or adds_target(
                self.contract, operation
            ):
                self.contract.append(operation)
            case CreateIndex() | AddConstraint() if (
                self.late.mentioned_by(operation)
                or filled_columns(self.migrate, operation)
                or adds_target(self.migrate, operation)
            ):
                self.migrate.append(operation)
            case CreateView() | DropView() if self.late.views:
                self.contract.append(operation)
            case RenameIndex() | RenameConstraint() if operation.table in self.late.tables:
                self.expand.append(operation)  # a new part takes the name
            case RenameIndex() | RenameConstraint():
                self._rename_part(operation)
            case _ if isinstance(operation, _REMOVALS) or self.late.mentioned_by(operation):
                self.contract.append(operation)
            case _:
                self.expand.append(operation)

    def _takes_late_name(self, operation: CreateIndex | AddConstraint) -> bool:
        """Return whether the name of a new part is free only after a change in `contract`."""
        part = new_part(operation)
        return takes_late_name(operation.table, part, self.contract, self.dialect)

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
            raise refusal(
                f"rename table {before} to {after}", reason, "rename it in a migration of its own"
            )
        self.renamed.append(operation)
        self.expand.append(replace(operation, leaves_view=True))
        drop = DropView(name=before, view=self._old_name(before, after))
        changes = any(t == after for t, _ in self.late.columns)  # the view has old columns
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
                raise refusal(
                    f"rename {name}.{old} to {operation.after}",
                    f"{part.name} names {shared[0]} too, which is also renamed",
                    "rename one of them in a migration of its own, and deploy that first",
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
        self.contract[self.contract.index(copy)] = drop_of(operation, copy.before)
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
        if operation.table in self.late.keys:
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
            raise refusal(
                f"drop {column}",
                "it is in the primary key and has no default, so that the new version of the "
                "application cannot leave it out before the deploy",
                f"give {column} a server_default in a migration of its own",
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
        return operation.table in self.late.keys and any(
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
        if any((operation.table, column) in self.late.types for column in columns):
            self.contract.append(operation)
            return
        required = any(
            isinstance(other, AlterColumn)
            and (other.table == operation.table and other.name in columns)
            and other.after.nullable is False
            for other in self.plan.operations
        )
        (self.migrate if required else self.expand).append(operation)


def _has_value(column: Column) -> bool:
    """Return whether a row can be inserted without the column."""
    filled = column.default is not None or column.computed is not None
    return column.nullable or filled or column.identity is not None or column.autoincrement
