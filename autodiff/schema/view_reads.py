"""Find the tables and columns that the text of a view or of another stored query names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from autodiff.schema.objects import Name, View, in_order
from autodiff.schema.sqltext import tokens, unquote_identifier

__all__ = ["reads", "with_reads"]

_Tokens = Sequence[tuple[str, str]]


def reads(sql: str, table: str, column: str | None = None, *, also: Collection[str] = ()) -> bool:
    """Return whether a query reads a table, or a column of a table, as far as its text shows.

    A column without a qualifier counts for each table of the query. So does `*`: servers replace it
    by the columns when they create a view.

    Args:
        sql: The query, or the statements of a trigger or a routine. Case is ignored.
        table: The name of the table, without its schema.
        column: The name of the column; None for the table itself.
        also: Other qualifiers for the table, such as `new` in a trigger. With them, the query need
            not name the table.
    """
    found = [(kind, token) for kind, token in tokens(sql) if kind != "space"]
    names = [_folded(kind, token) for kind, token in found]
    places = [
        place
        for place, name in enumerate(names)
        if name == table.lower() and names[place + 1 : place + 2] != ["."]
    ]
    if column is None:
        return bool(places)
    if not places and not also:
        return False
    qualifiers = {table.lower(), *also, *(_alias(found, names, place) for place in places)}
    return any(
        _names_column(names, place, qualifiers)
        for place, name in enumerate(names)
        if name == column.lower() or (name == "*" and _is_star(names, place))
    )


def with_reads(views: Mapping[Name, View], tables: Iterable[Name]) -> dict[Name, View]:
    """Return the views with the tables and views that their texts name.

    These can be more than they read, such as a table with the name of a column.
    """
    known = in_order({*tables, *views}) if views else []
    return {
        name: replace(view, reads=_named_in(view.sql, [other for other in known if other != name]))
        for name, view in views.items()
    }


def _named_in(sql: str, names: Iterable[Name]) -> tuple[Name, ...]:
    found = {_folded(kind, token) for kind, token in tokens(sql) if kind in ("word", "quoted")}
    return tuple(name for name in names if name.name.lower() in found)


def _folded(kind: str, token: str) -> str:
    return token if kind == "string" else unquote_identifier(token).lower()


def _alias(found: _Tokens, names: Sequence[str], place: int) -> str:
    """Return the name after that of a table, which is its alias if it has one."""
    following = place + 2 if names[place + 1 : place + 2] == ["as"] else place + 1
    is_name = following < len(found) and found[following][0] in ("word", "quoted")
    return names[following] if is_name else names[place]


def _is_star(names: Sequence[str], place: int) -> bool:
    return place > 0 and names[place - 1] in ("select", "distinct", "all", ",", ".")


def _names_column(names: Sequence[str], place: int, qualifiers: Collection[str]) -> bool:
    """Return whether a name is that of a column of the table, and not of another one."""
    before = names[place - 1] if place else ""
    if before == ".":
        return place > 1 and names[place - 2] in qualifiers
    return before != "as"
