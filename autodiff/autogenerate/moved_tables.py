"""Find tables that the models have in another schema than the database.

The old schema may be one that no model uses any more, so it was not read with the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects import Dialect, Scope
from autodiff.dialects.scope import EVERYTHING, Selection
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["read_outside_tables", "with_outside_tables"]


def read_outside_tables(
    connection: sa.Connection,
    dialect: Dialect,
    current: Schema,
    desired: Schema,
    *,
    renames: Iterable[str] = (),
    selection: Selection = EVERYTHING,
    declared_before: Schema | None = None,
) -> Schema:
    """Return the tables of schemas that no model uses, for which the models have a new table.

    Those are the tables that `renames` name ("sales.invoices:archive.invoices") or that a model
    names as its old one, and tables with the name of a new one. If `declared_before` is known, only
    its tables are among the latter; else a name that is in several schemas is left out.
    """
    new = [name for name in desired.tables if name not in current.tables]
    if not dialect.features.namespaces or not new:
        return Schema()
    named = {name for text in renames if (name := _old_name(text)) is not None}
    named |= {renamed.before for renamed in desired.renamed}
    wanted = {name.name for name in (*new, *named)}
    used = {dialect.default_schema or "", *desired.namespaces}
    found = [
        name
        for name in dialect.catalog.tables_named(connection, sorted(wanted))
        if name.schema not in used and not selection.leaves_out(name)
    ]
    known = None if declared_before is None else declared_before.tables
    outside = [name for name in found if name in named or _is_likely(name, found, known)]
    if not outside:
        return Schema()
    namespaces = tuple(sorted({name.schema for name in outside if name.schema}))
    scope = Scope(namespaces=namespaces, only=tuple(outside))
    read = dialect.catalog.reflect(connection, scope)
    return replace(selection.reflected(read, desired), sequences={}, views={})


def _old_name(rename: str) -> Name | None:
    """Return the old table of a rename, if it names a schema: "sales.invoices:archive.invoices"."""
    schema, _, name = rename.partition(":")[0].partition(".")
    return Name(name, schema) if name else None


def _is_likely(name: Name, found: Sequence[Name], known: Collection[Name] | None) -> bool:
    if known is not None:
        return name in known
    return Counter(other.name for other in found)[name.name] == 1


def with_outside_tables(current: Schema, outside: Schema, names: Collection[Name]) -> Schema:
    """Return the current schema with some of the tables outside, and the enum types they use."""
    tables = {name: outside.tables[name] for name in outside.tables if name in names}
    if not tables:
        return current
    used = {column.type.enum for table in tables.values() for column in table.columns}
    enums = {name: enum for name, enum in outside.enums.items() if name in used}
    return replace(
        current,
        tables={**current.tables, **tables},
        enums={**enums, **current.enums},
        namespaces=current.namespaces | {name.schema for name in tables if name.schema},
    )
