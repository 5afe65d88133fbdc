"""What rows and values a migration lost: those of before and after, held against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from autodiff.rehearse.sample_rows import Rows
from autodiff.schema.moves import Moves, renames
from autodiff.schema.objects import Name

__all__ = ["Moves", "losses", "moved", "renames"]

T = TypeVar("T")


def losses(before: Rows, after: Rows, direction: str, moves: Moves) -> list[str]:
    """A line for each table that lost rows, and for each column that lost values.

    Tables that are not in `after` are gone.
    """
    gone = [name for name in before if moves.table(name) not in after and before[name]]
    lines = [f"{direction}: the rows of table {name}" for name in gone]
    for name in before:
        if moves.table(name) in after:
            lines += _of_table(name, before[name], after[moves.table(name)], direction, moves)
    return lines


def _of_table(
    name: Name,
    old: list[dict[str, object]],
    new: list[dict[str, object]],
    direction: str,
    moves: Moves,
) -> Iterator[str]:
    if len(new) < len(old):
        yield f"{direction}: {len(old) - len(new)} rows of table {name}"
        return
    for column in old[0] if old else ():
        names = moves.values.get((name, column), {})
        values = (names.get(value, value) for value in _values(old, column))
        if Counter(values) - Counter(_values(new, moves.column(name, column))):
            yield f"{direction}: the values of {name}.{column}"


def _values(rows: Iterable[dict[str, object]], column: str) -> list[str]:
    """The values of a column as texts, sorted; nothing where the column is not there."""
    return sorted(str(row[column]) for row in rows if column in row and row[column] is not None)


def moved(before: Rows, after: Rows) -> Moves:
    """The moves that rows show, where nobody knows the operations.

    A table that is gone is the new one with as many rows and the same values; a column that is
    gone is the new one with the same values, however it was renamed or copied.
    """
    moves = Moves()
    fresh = [name for name in after if name not in before]
    for name in before:
        if name not in after and before[name]:
            match = next((new for new in fresh if _same_rows(before[name], after[new])), None)
            if match is not None:
                moves.tables[name] = match
                fresh.remove(match)
    for name, rows in before.items():
        _note_columns(moves, moves.table(name), rows, after.get(moves.table(name), []))
    return moves


def _same_rows(old: list[dict[str, object]], new: list[dict[str, object]]) -> bool:
    """Whether most columns have the same values in both."""
    if len(old) != len(new):
        return False
    values = [_values(new, column) for column in (new[0] if new else ())]
    kept = [column for column in (old[0] if old else ()) if _values(old, column) in values]
    return bool(old) and 2 * len(kept) > len(old[0])


def _note_columns(
    moves: Moves, table: Name, old: list[dict[str, object]], new: list[dict[str, object]]
) -> None:
    if not old or not new:
        return
    fresh = [column for column in new[0] if column not in old[0]]
    for column in old[0]:
        values = _values(old, column)
        if column not in new[0] and values:
            match = next((other for other in fresh if _values(new, other) == values), None)
            if match is not None:
                moves.columns[table, column] = match
