"""Compare two schemas and return changes in a fixed order. No SQL is sent from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from autodiff.compare.constraint_names import adopt_names, rename_constraints
from autodiff.compare.constraint_renames import with_part_renames
from autodiff.compare.inheritance import without_inherited
from autodiff.compare.serials import uses_sequence
from autodiff.compare.tables import compare_tables
from autodiff.compare.unambiguous import certainly_differs
from autodiff.compare.undeclared import with_undeclared_attributes
from autodiff.dialects.base import Dialect
from autodiff.schema.changes import (
    Change,
    EnumAdded,
    EnumAltered,
    EnumRemoved,
    NamespaceAdded,
    SequenceAdded,
    SequenceAltered,
    SequenceRemoved,
    TableAdded,
    TableRemoved,
    ViewAdded,
    ViewAltered,
    ViewRemoved,
)
from autodiff.schema.naming import unnamed
from autodiff.schema.objects import Constraint, Index, Name, Schema, Table, View, in_order

__all__ = [
    "DescribedObjects",
    "PossibleDifferences",
    "adopt_current_names",
    "compare_schemas",
    "find_possible_differences",
]
__all__ += ["schema_as_desired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribedObjects:
    """Desired tables and views as the database describes them, after it was asked."""

    tables: Mapping[Name, Table] = field(default_factory=dict)
    views: Mapping[Name, View] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleDifferences:
    """Objects that are unequal after cheap normalization.

    tables, views: only a scratch database can determine whether they differ.
    certain: tables that differ however the database describes them, so that none is asked.
    """

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    certain: tuple[Table, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tables or self.views)


_NOTHING = DescribedObjects()


def adopt_current_names(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: DescribedObjects = _NOTHING,
    *,
    known: Schema | None = None,
) -> tuple[Schema, DescribedObjects]:
    """Return the desired schema with a name for each constraint, and `described` with them too.

    known: the result of an earlier call without `described`. What is not described now is taken
    from it.
    """
    tables: dict[Name, Table] = {}
    renamed: dict[Name, Table] = {}
    for name in in_order(desired.tables):
        if known is not None and name not in described.tables:
            tables[name] = known.tables[name]
            continue
        table, now = desired.tables[name], current.tables.get(name)
        if now is not None:
            now = dialect.catalog.align(now, table)
        first = adopt_names(table, now, dialect)
        contents = described.tables.get(name)
        if contents is not None:
            first, contents = _adopt_described_names(table, first, now, dialect, contents)
            renamed[name] = contents
        tables[name] = first
    return replace(desired, tables=tables), replace(described, tables=renamed)


def _adopt_described_names(
    table: Table, first: Table, now: Table | None, dialect: Dialect, contents: Table
) -> tuple[Table, Table]:
    """Adopt names by the described contents, if the models' own texts match none."""
    plain = dialect.catalog.align(contents, table)
    final = adopt_names(table, now, dialect, first=first, contents=plain)
    names = {
        old.name: new.name
        for old, new in zip(first.constraints, final.constraints, strict=True)
        if old.name and new.name and old.name != new.name
    }
    return final, rename_constraints(contents, names)


def schema_as_desired(schema: Schema, dialect: Dialect) -> Schema:
    """Convert a schema that was read from a database to a desired schema to compare with.

    Objects that the database created implicitly are left out. A generated name matches any name.
    """
    tables: dict[Name, Table] = {}
    for name, table in schema.tables.items():
        tables[name] = unnamed(dialect.catalog.without_implied(table))
    return replace(schema, tables=tables)


def find_possible_differences(
    current: Schema, desired: Schema, dialect: Dialect
) -> PossibleDifferences:
    """Return the tables and views on both sides that are unequal after cheap normalization.

    `desired` comes from `adopt_current_names`.
    """
    tables: list[Table] = []
    certain: list[Table] = []
    for name, table in desired.tables.items():
        if name in current.tables:
            differs = _differs(dialect.catalog.align(current.tables[name], table), table, dialect)
            if differs is not False:
                (certain if differs else tables).append(table)
    views = [
        view
        for name, view in desired.views.items()
        if name in current.views
        and not _views_equal(
            current.views[name], _with_current_extras(view, current.views[name]), dialect
        )
    ]
    return PossibleDifferences(tables=tuple(tables), views=tuple(views), certain=tuple(certain))


def _differs(current: Table, desired: Table, dialect: Dialect) -> bool | None:
    """Return whether two tables differ; None if only the database can determine it.

    They can be equal without normalization, apart from the order of their parts, or after it.
    """
    if (
        current.columns == desired.columns
        and current.options == desired.options
        and (current.comment or None) == (desired.comment or None)
        and _in_order(current.constraints) == _in_order(desired.constraints)
        and _in_order(current.indexes) == _in_order(desired.indexes)
    ):
        return False
    before, after = dialect.normalize(current), dialect.normalize(desired)
    if before == after:
        return False
    return certainly_differs(before, after, dialect) or None


def _in_order(parts: Iterable[Constraint | Index]) -> list[Constraint | Index]:
    return sorted(parts, key=lambda part: (type(part).__name__, part.name or ""))


def _views_equal(current: View, desired: View, dialect: Dialect) -> bool:
    return _normal_view(current, dialect) == _normal_view(desired, dialect)


def _normal_view(view: View, dialect: Dialect) -> View:
    return replace(view, sql=dialect.normalize_expression(view.sql), reads=())


def compare_schemas(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: DescribedObjects = _NOTHING,
    *,
    declared_before: Schema | None = None,
    possible: PossibleDifferences | None = None,
) -> list[Change]:
    """Return all changes from current to desired.

    `desired` and `described` come from `adopt_current_names`.

    declared_before: what the models declared before. A view that the models do not declare is
        removed only if they declare other views, or declared it before. An enum type that no table
        uses, or a sequence, is removed only if they declared it before.
    possible: the possible differences between the two schemas. Any other table on both sides is
        equal.
    """
    before = declared_before or Schema()
    return [
        *_namespaces(current, desired),
        *_enums(current, desired, before),
        *_sequences(current, desired, before, dialect),
        *_tables(current, desired, dialect, described, possible),
        *_views(current, desired, dialect, described, frozenset(before.views)),
    ]


def _namespaces(current: Schema, desired: Schema) -> list[Change]:
    return [NamespaceAdded(name=n) for n in sorted(desired.namespaces - current.namespaces)]


def _enums(current: Schema, desired: Schema, before: Schema) -> list[Change]:
    """Return the changes of enum types.

    A type that no table uses is removed only if the models declared it before, and never if tables
    that are not managed use it.
    """
    changes: list[Change] = []
    if not (current.enums or desired.enums):
        return changes
    used = {c.type.enum for table in current.tables.values() for c in table.columns}
    used |= set(before.enums)
    for name in in_order({*current.enums, *desired.enums}):
        old, new = current.enums.get(name), desired.enums.get(name)
        if old is None and new is not None:
            changes.append(EnumAdded(enum=new))
        elif old is not None and new is None and name in used and not old.elsewhere:
            changes.append(EnumRemoved(enum=old))
        elif old is not None and new is not None and old.values != new.values:
            changes.append(EnumAltered(before=old, after=replace(new, comment=old.comment)))
    return changes


def _sequences(current: Schema, desired: Schema, before: Schema, dialect: Dialect) -> list[Change]:
    """Return the changes of sequences.

    A sequence is removed only if the models declared it before and no default of theirs uses it.
    """
    changes: list[Change] = []
    if not (current.sequences or desired.sequences):
        return changes
    defaults = [c.default for t in desired.tables.values() for c in t.columns if c.default]
    for name in in_order({*current.sequences, *desired.sequences}):
        old, new = current.sequences.get(name), desired.sequences.get(name)
        if old is None and new is not None:
            changes.append(SequenceAdded(sequence=new))
        elif old is not None and new is None:
            is_used = any(uses_sequence(default, name, dialect) for default in defaults)
            if name in before.sequences and not is_used:
                changes.append(SequenceRemoved(sequence=old))
        elif old is not None and new is not None and old != replace(new, comment=old.comment):
            changes.append(SequenceAltered(before=old, after=replace(new, comment=old.comment)))
    return changes


def _tables(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: DescribedObjects,
    possible: PossibleDifferences | None,
) -> list[Change]:
    changes: list[Change] = []
    names = current.tables.keys() | desired.tables.keys()
    if possible is not None:
        unequal = {table.name for table in (*possible.tables, *possible.certain)}
        names = (current.tables.keys() ^ desired.tables.keys()) | unequal
    for name in in_order(names):
        old, new = current.tables.get(name), desired.tables.get(name)
        if new is None:
            assert old is not None
            changes.append(TableRemoved(table=dialect.catalog.without_implied(old)))
        elif old is None:
            changes.append(TableAdded(table=new))
        else:
            changes += _table_changes(old, new, dialect, described.tables.get(name))
    return without_inherited(changes, current.tables, desired.tables)


def _table_changes(
    old: Table, new: Table, dialect: Dialect, described: Table | None
) -> list[Change]:
    aligned = dialect.catalog.align(old, new)
    wanted = new if described is None else _described_table(described, new, dialect)
    current, desired = dialect.normalize(aligned), dialect.normalize(wanted)
    changes = compare_tables(current, desired, before=aligned, after=new)
    return [
        with_undeclared_attributes(change, old, aligned)
        for change in with_part_renames(changes, current, desired)
    ]


def _described_table(described: Table, new: Table, dialect: Dialect) -> Table:
    """Return the table as the scratch describes it, with the parts that the scratch lacks.

    These are foreign keys, because the scratch table was created without them, and options that the
    catalog does not report.
    """
    aligned = dialect.catalog.align(described, new)
    keys = tuple(new.foreign_keys)
    return replace(
        aligned,
        constraints=(*aligned.constraints, *keys),
        options={**new.options, **aligned.options},
    )


def _views(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: DescribedObjects,
    managed: frozenset[Name],
) -> list[Change]:
    changes: list[Change] = []
    for name in in_order({*current.views, *desired.views}):
        old, new = current.views.get(name), desired.views.get(name)
        if old is None and new is not None:
            changes.append(ViewAdded(view=new))
        elif old is not None and new is None:
            if desired.views or name in managed:
                changes.append(ViewRemoved(view=old))
        elif old is not None and new is not None:
            wanted = _with_current_extras(described.views.get(name, new), old)
            if not _views_equal(old, wanted, dialect):
                changes.append(ViewAltered(before=old, after=_with_current_extras(new, old)))
    return changes


def _with_current_extras(desired: View, current: View) -> View:
    """Return the desired view with the current comment and indexes, which models cannot declare."""
    return replace(desired, comment=current.comment, indexes=current.indexes)
