"""Renames that the models tell themselves: info={"renamed_from": "nick"}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.declare.tables import name_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.dialects.base import Dialect
    from autodiff.schema import Schema

__all__ = ["told_renames"]

_KEY = "renamed_from"


def _told(thing: Any) -> Any:
    """What `info` tells of a table or column; where nobody gave one, SQLAlchemy makes none."""
    info = vars(thing).get("info")
    return None if info is None else info.get(_KEY)


def told_renames(metadata: Sequence[sa.MetaData], current: Schema, dialect: Dialect) -> list[str]:
    """Renames as `old:new` texts; one that was done already is left out."""
    texts: list[str] = []
    for table in (item.tables[key] for item in metadata for key in sorted(item.tables)):
        old, nicks = _told(table), [(c, _told(c)) for c in table.columns if "info" in vars(c)]
        if old is None and not nicks:
            continue
        name = name_of(table, dialect)
        before = name if old is None else type(name)(str(old), name.schema)
        if before != name and before in current.tables and name not in current.tables:
            texts.append(f"{before}:{name}")
        else:
            before = name
        known = current.tables.get(before)
        for column, nick in nicks:
            if nick and known and known.column(nick) and not known.column(column.name):
                texts.append(f"{before}.{nick}:{column.name}")
    return texts
