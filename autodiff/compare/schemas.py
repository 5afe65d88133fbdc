"""Two schemas to changes: facts, in a fixed order. No SQL is sent from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from autodiff.compare.constraint_names import adopt_names, rename_constraints
from autodiff.compare.constraint_renames import paired
from autodiff.compare.inheritance import without_inherited
from autodiff.compare.tables import compare_tables
from autodiff.compare.unambiguous import differs_for_sure
from autodiff.compare.undeclared import with_unsaid
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
    "Described",
    "Doubts",
    "adopt_current_names",
    "compare_schemas",
    "find_possible_differences",
    "unspoken_left_alone",
]
__all__ += ["wanted_again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Desired tables and views as the database describes them, once it was asked."""

    tables: Mapping[Name, Table] = field(default_factory=dict)
    views: Mapping[Name, View] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What is unequal after cheap normalising, for a scratch database to settle.

    `sure` are tables that are unequal whatever a scratch would say: none is asked about them.
    """

    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    sure: tuple[Table, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tables or self.views)


_NOTHING = Described()


def unspoken_left_alone(
    current: Schema, desired: Schema, before: Schema | None, dialect: Dialect
) -> Schema:
    """The current schema without constraints that models may well lack, where they have none.

    SQLAlchemy does not reflect them, so that models made from a database know none. `before` is
    what the models declared before, where it is known: what they once said is no such thing.
    """
    said = [schema for schema in (desired, before) if schema is not None]
    everywhere = {type(c) for s in said for t in s.tables.values() for c in _unseen(t, dialect)}
    unseen = {n: found for n, t in current.tables.items() if (found := _unseen(t, dialect))}
    if not unseen:
        return current
    tables = {
        name: _spoken(table, [s.tables.get(name) for s in said], everywhere, unseen[name])
        if name in unseen
        else table
        for name, table in current.tables.items()
    }
    return replace(current, tables=tables)


def _unseen(table: Table, dialect: Dialect) -> list[Constraint]:
    return [constraint for constraint in table.constraints if dialect.is_unseen(constraint)]


def _spoken(
    table: Table, said: list[Table | None], everywhere: set[type], unseen: list[Constraint]
) -> Table:
    """The table without unseen constraints of a kind that the models don't speak of."""
    kinds = everywhere | {type(c) for other in said if other for c in other.constraints}
    left = [c for c in unseen if type(c) not in kinds]
    if not left:
        return table
    return replace(table, constraints=tuple(c for c in table.constraints if c not in left))


def adopt_current_names(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: Described = _NOTHING,
    *,
    known: Schema | None = None,
) -> tuple[Schema, Described]:
    """The desired schema with a name for each constraint, and `described` with the same names.

    `known` is the schema that was resolved when nothing was described: what is not described now
    is as it was.
    """
    tables: dict[Name, Table] = {}
    renamed: dict[Name, Table] = {}
    for name in in_order(desired.tables):
        if known is not None and name not in described.tables:
            tables[name] = known.tables[name]
            continue
        table, now = desired.tables[name], current.tables.get(name)
        if now is not None:
            now = dialect.align(now, table)
        first = adopt_names(table, now, dialect)
        contents = described.tables.get(name)
        if contents is not None:
            first, contents = _adopt_described(table, first, now, dialect, contents)
            renamed[name] = contents
        tables[name] = first
    return replace(desired, tables=tables), replace(described, tables=renamed)


def _adopt_described(
    table: Table, first: Table, now: Table | None, dialect: Dialect, contents: Table
) -> tuple[Table, Table]:
    """Names found by what the database says of the contents, where the models' texts had none."""
    plain = dialect.align(contents, table)
    final = adopt_names(table, now, dialect, first=first, contents=plain)
    names = {
        old.name: new.name
        for old, new in zip(first.constraints, final.constraints, strict=True)
        if old.name and new.name and old.name != new.name
    }
    return final, rename_constraints(contents, names)


def wanted_again(schema: Schema, dialect: Dialect) -> Schema:
    """A schema that was read, as one to be compared with: what the database makes by itself is
    left out, and a name that nobody gave may be any."""
    tables: dict[Name, Table] = {}
    for name, table in schema.tables.items():
        tables[name] = unnamed(dialect.without_implied(table))
    return replace(schema, tables=tables)


def find_possible_differences(current: Schema, desired: Schema, dialect: Dialect) -> Doubts:
    """The tables and views on both sides that are unequal after cheap normalising; those tables
    apart that are so for sure.

    `desired` comes from `resolve`.
    """
    tables: list[Table] = []
    sure: list[Table] = []
    for name, table in desired.tables.items():
        if name in current.tables:
            differs = _differs(dialect.align(current.tables[name], table), table, dialect)
            if differs is not False:
                (sure if differs else tables).append(table)
    views = [
        view
        for name, view in desired.views.items()
        if name in current.views
        and not _views_equal(current.views[name], _unsaid_kept(view, current.views[name]), dialect)
    ]
    return Doubts(tables=tuple(tables), views=tuple(views), sure=tuple(sure))


def _differs(current: Table, desired: Table, dialect: Dialect) -> bool | None:
    """Whether they differ; None where only the database can say. They may be equal as they are,
    but for the order of their parts, or normalised."""
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
    return differs_for_sure(before, after, dialect) or None


def _in_order(parts: Iterable[Constraint | Index]) -> list[Constraint | Index]:
    return sorted(parts, key=lambda part: (type(part).__name__, part.name or ""))


def _views_equal(current: View, desired: View, dialect: Dialect) -> bool:
    return _normal_view(current, dialect) == _normal_view(desired, dialect)


def _normal_view(view: View, dialect: Dialect) -> View:
    return replace(view, sql=dialect.normal_text(view.sql), reads=())


def compare_schemas(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: Described = _NOTHING,
    *,
    said_before: Schema | None = None,
    unsure: Doubts | None = None,
) -> list[Change]:
    """All changes from current to desired; `desired` and `described` come from `resolve`.

    `unsure` are the doubts of these two: a table on both sides that is not in them is equal.

    A view that the models don't mention is a change only where they mention any view, or once
    mentioned it (`said_before`). An enum type that no table uses is one where they once did.
    """
    before = said_before or Schema()
    return [
        *_namespaces(current, desired),
        *_enums(current, desired, before),
        *_sequences(current, desired),
        *_tables(current, desired, dialect, described, unsure),
        *_views(current, desired, dialect, described, frozenset(before.views)),
    ]


def _namespaces(current: Schema, desired: Schema) -> list[Change]:
    return [NamespaceAdded(name=n) for n in sorted(desired.namespaces - current.namespaces)]


def _enums(current: Schema, desired: Schema, before: Schema) -> list[Change]:
    """A type that no table uses and no model ever spoke of is nobody's business, nor is one that
    tables use which are left alone; one that lost its last user goes."""
    used = {c.type.enum for table in current.tables.values() for c in table.columns}
    used |= set(before.enums)
    changes: list[Change] = []
    for name in in_order({*current.enums, *desired.enums}):
        old, new = current.enums.get(name), desired.enums.get(name)
        if old is None and new is not None:
            changes.append(EnumAdded(enum=new))
        elif old is not None and new is None and name in used and not old.elsewhere:
            changes.append(EnumRemoved(enum=old))
        elif old is not None and new is not None and old.values != new.values:
            changes.append(EnumAltered(before=old, after=replace(new, comment=old.comment)))
    return changes


def _sequences(current: Schema, desired: Schema) -> list[Change]:
    """A sequence that a default of the models uses is spoken about, though not declared."""
    defaults = [c.default for t in desired.tables.values() for c in t.columns if c.default]
    changes: list[Change] = []
    for name in in_order({*current.sequences, *desired.sequences}):
        old, new = current.sequences.get(name), desired.sequences.get(name)
        if old is None and new is not None:
            changes.append(SequenceAdded(sequence=new))
        elif old is not None and new is None:
            if not any(name.name in default for default in defaults):
                changes.append(SequenceRemoved(sequence=old))
        elif old is not None and new is not None and old != replace(new, comment=old.comment):
            changes.append(SequenceAltered(before=old, after=replace(new, comment=old.comment)))
    return changes


def _tables(
    current: Schema,
    desired: Schema,
    dialect: Dialect,
    described: Described,
    unsure: Doubts | None,
) -> list[Change]:
    changes: list[Change] = []
    unequal = None if unsure is None else {t.name for t in (*unsure.tables, *unsure.sure)}
    for name in in_order({*current.tables, *desired.tables}):
        old, new = current.tables.get(name), desired.tables.get(name)
        if new is None:
            assert old is not None
            changes.append(TableRemoved(table=dialect.without_implied(old)))
        elif old is None:
            changes.append(TableAdded(table=new))
        elif unequal is None or name in unequal:
            changes += _both(old, new, dialect, described.tables.get(name))
    return without_inherited(changes, desired.tables)


def _both(old: Table, new: Table, dialect: Dialect, described: Table | None) -> list[Change]:
    aligned = dialect.align(old, new)
    wanted = new if described is None else _described_table(described, new, dialect)
    current, desired = dialect.normalize(aligned), dialect.normalize(wanted)
    changes = compare_tables(current, desired, before=aligned, after=new)
    return [with_unsaid(change, old, aligned) for change in paired(changes, current, desired)]


def _described_table(described: Table, new: Table, dialect: Dialect) -> Table:
    """What the scratch says, with the foreign keys that it was created without, and with options
    that it does not tell."""
    aligned = dialect.align(described, new)
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
    described: Described,
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
            wanted = _unsaid_kept(described.views.get(name, new), old)
            if not _views_equal(old, wanted, dialect):
                changes.append(ViewAltered(before=old, after=_unsaid_kept(new, old)))
    return changes


def _unsaid_kept(desired: View, current: View) -> View:
    """The desired view with what models can't say of a view: its comment and indexes."""
    return replace(desired, comment=current.comment, indexes=current.indexes)
