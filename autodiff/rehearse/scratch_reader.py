"""Read the schema and the rows of a scratch, and later only what migrations have changed.

A history has about as many migrations as tables, so the time of a rehearsal would grow with the
square of its length if everything were read after each migration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from autodiff.autogenerate.scratch_inspector import ScratchComparison, ScratchInspector
from autodiff.rehearse.losses import RowsByTable, TableRows
from autodiff.rehearse.sample_rows import read_plain_rows
from autodiff.schema.objects import Name, Schema, Table
from autodiff.utils.shared_dict import SharedDict

__all__ = ["ScratchReader", "Snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The schema and all rows of a scratch at one moment.

    Snapshots share the tables and the lists of rows that did not change between them.
    """

    schema: Schema
    rows: RowsByTable


class ScratchReader:
    """Reads a scratch that only one runner changes.

    Args:
        inspector: The connection to the scratch.
        take_changed: Returns the tables that the runner has changed since the last call; None if
            all can have been.
    """

    def __init__(
        self, inspector: ScratchInspector, take_changed: Callable[[], frozenset[Name] | None]
    ) -> None:
        self._inspector = inspector
        self._take_changed = take_changed
        self._schema: Schema | None = None
        self._rows: SharedDict[Name, TableRows] = SharedDict({})
        self._stale: set[Name] = set()
        """The tables whose rows must be read again."""
        self._references = _References()
        self._has_programs = False
        self._to_fill: set[Name] = set()

    def read(self) -> Schema:
        """Return the current schema."""
        changed = self._take_changed()
        schema = self._schema
        if schema is None or changed is None or not self._is_readable_alone(schema, changed):
            return self._read_all()
        return self._read_tables(schema, changed) if changed else schema

    def snapshot(self) -> Snapshot:
        """Return the current schema and rows."""
        schema = self.read()
        stale = [schema.tables[name] for name in sorted(self._stale) if name in schema.tables]
        if stale:
            connection = self._inspector.connection
            self._rows.update(read_plain_rows(connection, self._inspector.dialect, stale))
            connection.rollback()
        self._stale = set()
        rows = SharedDict(self._rows)
        self._rows = SharedDict(rows)  # shares what `rows` was made of, also if that is new
        return Snapshot(schema=schema, rows=rows)

    def take_tables_to_fill(self) -> Schema:
        """Return the tables whose rows may be missing; they count as filled afterwards."""
        schema = self.read()
        names, self._to_fill = self._to_fill, set()
        self._stale |= names
        kept = {name: schema.tables[name] for name in sorted(names) if name in schema.tables}
        return replace(schema, tables=kept)

    def compare_with_earlier(self, earlier: Schema) -> ScratchComparison:
        """Return the changes that would restore a schema that was read from this scratch."""
        if self.read() == earlier:
            return ScratchComparison(lines=())
        return self._inspector.compare_with_earlier(earlier)

    def _read_all(self) -> Schema:
        inspector = self._inspector
        schema = inspector.read()
        programs = inspector.dialect.catalog.unmanaged_objects(
            inspector.connection, inspector.scope
        )
        inspector.connection.rollback()
        self._schema = schema
        self._has_programs = any(item.kind != "extension" for item in programs)
        self._references = _References(schema.tables.values())
        self._rows = SharedDict({})
        self._stale = set(schema.tables)
        self._to_fill = set(schema.tables)
        return schema

    def _is_readable_alone(self, schema: Schema, changed: frozenset[Name]) -> bool:
        """Return whether a change of some tables shows in these tables only.

        Other tables can inherit from them, and other objects can belong to them.
        """
        known = {None, *self._inspector.scope.namespaces}
        return (
            not schema.sequences
            and not schema.views
            and all(name.schema in known for name in changed)
            and changed.isdisjoint(self._references.inheriting)
        )

    def _read_tables(self, schema: Schema, changed: frozenset[Name]) -> Schema:
        """Read some tables again, and note the tables whose rows can have changed with them."""
        inspector = self._inspector
        # The declared objects of extensions, which no migration changes, stay as they were read.
        scope = replace(inspector.scope, only=tuple(sorted(changed)), declared=None)
        found = replace(inspector, scope=scope).read().tables
        is_spelled_alike = all(name in found or name in schema.tables for name in changed)
        inherits = any(table.inherits for table in found.values())
        if inherits or not is_spelled_alike or not changed.issuperset(found):
            return self._read_all()
        reached = self._references.reached(changed)
        self._references.change([schema.tables.get(name) for name in changed], found.values())
        reached |= self._references.reached(changed)
        tables = SharedDict(schema.tables)
        for name in changed:
            tables.pop(name, None)
            self._rows.pop(name, None)
        tables.update(found)
        self._schema = replace(schema, tables=tables)
        if self._has_programs:
            reached |= set(self._schema.tables)
        self._to_fill |= reached
        self._stale |= reached
        return self._schema


class _References:
    """Which tables reference a table, and which inherit or are inherited from."""

    def __init__(self, tables: Iterable[Table] = ()) -> None:
        self._children: dict[Name, set[Name]] = {}
        self.inheriting: set[Name] = set()
        for table in tables:
            self._add(table)
            if table.inherits:
                self.inheriting |= {table.name, *table.inherits}

    def change(self, before: Iterable[Table | None], after: Iterable[Table]) -> None:
        """Replace the references of some tables."""
        for old in filter(None, before):
            for key in old.foreign_keys:
                self._children[key.referred].discard(old.name)
        for table in after:
            self._add(table)

    def reached(self, names: Iterable[Name]) -> set[Name]:
        """Return the tables and all tables that reference them, directly or indirectly."""
        found = set(names)
        waiting = list(found)
        while waiting:
            new = self._children.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return found

    def _add(self, table: Table) -> None:
        for key in table.foreign_keys:
            self._children.setdefault(key.referred, set()).add(table.name)
