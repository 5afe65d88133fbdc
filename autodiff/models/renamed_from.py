"""Renames that the models tell themselves: info={"renamed_from": "nick"}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.schema.objects import Name, Renamed, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["renamed", "told_renames"]

_KEY = "renamed_from"


def renamed(name: Name, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> Renamed | None:
    """What a table and its columns tell; None where they tell nothing."""
    before = _told(table)
    nicks = [(column.name, _told(column)) for column in columns if "info" in vars(column)]
    told = tuple((str(nick), str(column)) for column, nick in nicks if nick)
    if before is None and not told:
        return None
    old = name if before is None else Name(str(before), name.schema)
    return Renamed(table=name, before=old, columns=told)


def _told(thing: Any) -> Any:
    """What `info` tells of a table or column; where nobody gave one, SQLAlchemy makes none."""
    info = vars(thing).get("info")
    return None if info is None else info.get(_KEY)


def told_renames(desired: Schema, current: Schema) -> list[str]:
    """Renames as `old:new` texts; one that was done already is left out."""
    texts: list[str] = []
    for told in desired.renamed:
        name, before = told.table, told.before
        if before != name and before in current.tables and name not in current.tables:
            texts.append(f"{before}:{name}")
        else:
            before = name
        known = current.tables.get(before)
        for nick, column in told.columns:
            if known and known.column(nick) and not known.column(column):
                texts.append(f"{before}.{nick}:{column}")
    return texts
