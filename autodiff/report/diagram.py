"""The diagram of tables and their foreign keys, with the changed parts marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from autodiff.report.review import Picture
from autodiff.schema.name_map import NameMap
from autodiff.schema.objects import Column, Constraint, ForeignKey, Index, Name, PrimaryKey, Table
from autodiff.schema.operations import KIND_WORDS, constraint_kind

if TYPE_CHECKING:
    from autodiff.report.review import Sign

__all__ = ["Box", "Diagram", "Edge", "Row", "Side", "draw_changes", "draw_tables"]

Side: TypeAlias = Literal["before", "after", "both"]
_ROWS = 16
"""How many rows a box has at most: keys and changed parts come first, the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A column, or a changed constraint or index.

    keys: `PK`, `FK`, both or none.
    mark: `+`, `-`, `~`; None if it does not change.
    note: what it was before, such as `was integer`.
    """

    name: str
    type: str = ""
    keys: tuple[str, ...] = ()
    mark: Sign | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A table; `key` is the same for a table before and after a change.

    hidden: how many rows are left out.
    """

    key: str
    title: str
    rows: tuple[Row, ...] = ()
    mark: Sign | None = None
    note: str = ""
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A foreign key, from the table that has it to the table that it refers to."""

    source: str
    target: str
    label: str
    mark: Sign | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """Boxes and edges; `hidden` is how many tables are left out."""

    boxes: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """A table before and after the change; None if it does not exist."""

    before: Table | None
    after: Table | None
    columns_before: Mapping[str, str]

    @property
    def name(self) -> Name:
        table = self.after or self.before
        assert table is not None
        return table.name

    @property
    def old_name(self) -> Name:
        return self.before.name if self.before is not None else self.name


def draw_changes(picture: Picture, side: Side = "both", *, limit: int = 1000) -> Diagram:
    """Return the diagram of the tables that change, and of those linked to them.

    Args:
        picture: The tables before and after.
        side: Which of them to draw. `both` has what is added, what is removed and what changes.
        limit: How many tables to draw at most; those that change come first.

    Returns:
        The diagram. The keys of its boxes do not depend on the side.
    """
    pairs = list(_pairs(picture))
    changed = [pair for pair in pairs if _mark(pair, picture.names) is not None]
    near = _linked(changed, pairs)
    chosen = [*changed, *near][:limit]
    keys = _keys(pairs)
    return _draw(chosen, keys, picture.names, side, hidden=len(changed) + len(near) - len(chosen))


def draw_tables(tables: Mapping[Name, Table], *, limit: int = 5000) -> Diagram:
    """Return the diagram of tables that do not change."""
    picture = Picture(before=tables, after=tables)
    pairs = list(_pairs(picture))
    return _draw(
        pairs[:limit], _keys(pairs), picture.names, "after", hidden=max(len(pairs) - limit, 0)
    )


def _pairs(picture: Picture) -> Iterator[_Pair]:
    """Yield each table of both sides, sorted by name."""
    names = picture.names
    found: dict[Name, _Pair] = {}
    seen: set[Name] = set()
    for name, table in picture.after.items():
        old = names.table_before(name)
        seen.add(old)
        found[name] = _Pair(
            before=picture.before.get(old),
            after=table,
            columns_before=names.columns_before(name) if names.columns else {},
        )
    for name, table in picture.before.items():
        if name not in seen and name not in found:
            found[name] = _Pair(before=table, after=None, columns_before={})
    yield from (found[name] for name in sorted(found))


def _keys(pairs: Sequence[_Pair]) -> dict[tuple[bool, Name], str]:
    """Return the key of each table, by whether it is the new name, and the name."""
    keys: dict[tuple[bool, Name], str] = {}
    for number, pair in enumerate(pairs):
        if pair.before is not None:
            keys[False, pair.before.name] = f"t{number}"
        if pair.after is not None:
            keys[True, pair.after.name] = f"t{number}"
    return keys


def _linked(changed: Sequence[_Pair], pairs: Sequence[_Pair]) -> list[_Pair]:
    """Return the tables that changed ones refer to, and those that refer to changed ones."""
    own = {id(pair) for pair in changed}
    olds = {pair.old_name for pair in changed}
    news = {pair.name for pair in changed}
    targets = {key.referred for pair in changed for key in _foreign_keys(pair)}
    return [
        pair
        for pair in pairs
        if id(pair) not in own
        and (
            pair.name in targets
            or pair.old_name in targets
            or any(key.referred in olds or key.referred in news for key in _foreign_keys(pair))
        )
    ]


def _foreign_keys(pair: _Pair) -> Iterator[ForeignKey]:
    for table in (pair.before, pair.after):
        if table is not None:
            yield from table.foreign_keys


def _draw(
    pairs: Sequence[_Pair],
    keys: Mapping[tuple[bool, Name], str],
    names: NameMap,
    side: Side,
    *,
    hidden: int,
) -> Diagram:
    boxes = [box for pair in pairs if (box := _box(pair, keys, names, side)) is not None]
    shown = {box.key for box in boxes}
    edges = dict.fromkeys(edge for pair in pairs for edge in _edges(pair, keys, names, side, shown))
    return Diagram(boxes=tuple(boxes), edges=tuple(edges), hidden=hidden)


def _box(
    pair: _Pair, keys: Mapping[tuple[bool, Name], str], names: NameMap, side: Side
) -> Box | None:
    table = {"before": pair.before, "after": pair.after, "both": pair.after or pair.before}[side]
    if table is None:
        return None
    key = keys.get((True, pair.name)) or keys[False, pair.name]
    rows = [row for row in _rows(pair, names) if _is_on(row.mark, side)]
    if side == "before":
        rows = list(_rows_before(pair, rows))
    shown, left = _shortened(rows)
    mark = _mark(pair, names)
    old = pair.before is not None and pair.after is not None and pair.before.name != pair.name
    note = f"was {pair.old_name}" if old and side != "before" else ""
    return Box(key=key, title=str(table.name), rows=shown, mark=mark, note=note, hidden=left)


def _is_on(mark: Sign | None, side: Side) -> bool:
    """Return whether a part with a mark exists on a side."""
    return side == "both" or mark != {"before": "+", "after": "-"}[side]


def _shortened(rows: list[Row]) -> tuple[tuple[Row, ...], int]:
    """Return at most as many rows as a box has, in their order, and how many are left out."""
    if len(rows) <= _ROWS:
        return tuple(rows), 0
    ranked = sorted(range(len(rows)), key=lambda i: (rows[i].mark is None, not rows[i].keys, i))
    kept = sorted(ranked[:_ROWS])
    return tuple(rows[i] for i in kept), len(rows) - _ROWS


def _rows(pair: _Pair, names: NameMap) -> list[Row]:
    """Return the rows of a table for both sides."""
    before, after = pair.before, pair.after
    if before is None or after is None:
        table = after or before
        assert table is not None
        mark: Sign = "+" if before is None else "-"
        return [_row(column, table, mark) for column in table.columns]
    rows: list[Row] = []
    kept: set[str] = set()
    for column in after.columns:
        old_name = pair.columns_before.get(column.name, column.name)
        old = before.column(old_name)
        if old is None:
            rows.append(_row(column, after, "+"))
            continue
        kept.add(old_name)
        note = _difference(old, column)
        rows.append(replace(_row(column, after, "~" if note else None), note=note))
    rows += [_row(c, before, "-") for c in before.columns if c.name not in kept]
    return [*rows, *_parts(pair, names)]


def _rows_before(pair: _Pair, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows as they were: with the old name and the old type."""
    for row in rows:
        old = (
            pair.before.column(pair.columns_before.get(row.name, row.name)) if pair.before else None
        )
        if old is None or row.mark != "~" or pair.before is None:
            yield row
        else:
            yield replace(_row(old, pair.before, "~"), note="changes")


def _row(column: Column, table: Table, mark: Sign | None) -> Row:
    key = table.primary_key
    keys = ("PK",) if key is not None and column.name in key.columns else ()
    if any(column.name in foreign.columns for foreign in table.foreign_keys):
        keys = (*keys, "FK")
    return Row(name=column.name, type=column.type.sql or "", keys=keys, mark=mark)


def _difference(old: Column, new: Column) -> str:
    """Return what a column was before; empty if it does not change."""
    found: list[str] = []
    if old.name != new.name:
        found.append(f"was {old.name}")
    if old.type != new.type:
        found.append(f"was {old.type.sql or 'without a type'}")
    if old.nullable != new.nullable:
        found.append("now nullable" if new.nullable else "now not null")
    if not found and replace(old, name=new.name) != new:
        found.append("changed")
    return ", ".join(found)


def _parts(pair: _Pair, names: NameMap) -> Iterator[Row]:
    """Yield the indexes, unique constraints and checks that only one side has."""
    if pair.before is None or pair.after is None:
        return
    old = {_part_key(part, pair, names): part for part in _other_parts(pair.before)}
    new = {_part_key(part, None, names): part for part in _other_parts(pair.after)}
    for key, part in old.items():
        if key not in new:
            yield _part_row(part, "-")
    for key, part in new.items():
        if key not in old:
            yield _part_row(part, "+")


def _other_parts(table: Table) -> list[Constraint | Index]:
    constraints = [c for c in table.constraints if not isinstance(c, PrimaryKey | ForeignKey)]
    return [*constraints, *table.indexes]


def _part_key(part: Constraint | Index, pair: _Pair | None, names: NameMap) -> str:
    """Return what identifies a part, with the new names of its columns."""
    columns: Iterable[str] = getattr(part, "columns", ())
    if pair is not None:
        columns = [names.column_after(pair.old_name, column) for column in columns]
    content = getattr(part, "sql", "") or getattr(part, "where", "") or ""
    return f"{type(part).__name__} {part.name} {list(columns)} {content}"


def _part_row(part: Constraint | Index, mark: Sign) -> Row:
    """Return the row of an index or a constraint: its name, its kind and its columns."""
    kind = "index" if isinstance(part, Index) else KIND_WORDS[constraint_kind(part)]
    if isinstance(part, Index) and part.unique:
        kind = "unique index"
    columns = ", ".join(getattr(part, "columns", ()))
    listed = f" ({columns})" if columns else ""
    return Row(name=part.name or kind, type=f"{kind}{listed}", mark=mark)


def _edges(
    pair: _Pair,
    keys: Mapping[tuple[bool, Name], str],
    names: NameMap,
    side: Side,
    shown: Collection[str],
) -> Iterator[Edge]:
    old = {
        _edge_key(key, pair, names): key
        for key in (pair.before.foreign_keys if pair.before else ())
    }
    new = {
        _edge_key(key, None, names): key for key in (pair.after.foreign_keys if pair.after else ())
    }
    source = keys.get((True, pair.name)) or keys[False, pair.old_name]
    for found, key in {**old, **new}.items():
        mark: Sign | None = None if found in old and found in new else "+" if found in new else "-"
        target = keys.get((found in new, key.referred))
        if target is None or target not in shown or source not in shown or not _is_on(mark, side):
            continue
        yield Edge(source=source, target=target, label=", ".join(key.columns), mark=mark)


def _edge_key(key: ForeignKey, pair: _Pair | None, names: NameMap) -> tuple[Name, tuple[str, ...]]:
    """Return what identifies a foreign key: its target and columns, by their new names."""
    if pair is None:
        return key.referred, key.columns
    columns = tuple(names.column_after(pair.old_name, column) for column in key.columns)
    return names.table_after(key.referred), columns


def _mark(pair: _Pair, names: NameMap) -> Sign | None:
    """Return whether a table is added, removed or changed."""
    if pair.before is None:
        return "+"
    if pair.after is None:
        return "-"
    if pair.before == pair.after and not pair.columns_before:
        return None
    if pair.before.name != pair.name or pair.before.comment != pair.after.comment:
        return "~"
    if any(row.mark for row in _rows(pair, names)) or pair.before.options != pair.after.options:
        return "~"
    old = {_edge_key(key, pair, names) for key in pair.before.foreign_keys}
    return "~" if old != {_edge_key(key, None, names) for key in pair.after.foreign_keys} else None
