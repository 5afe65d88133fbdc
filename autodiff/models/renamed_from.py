"""Read renames that the models declare: info={"renamed_from": "nick"}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.schema.objects import Name, Renamed, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["declared_renames", "renamed"]

_KEY = "renamed_from"


def renamed(name: Name, table: sa.Table, columns: Sequence[sa.Column[Any]]) -> Renamed | None:
    """Return the old names of a table and its columns, None if it declares none."""
    before = _old_name(table)
    old_names = [(column.name, _old_name(column)) for column in columns if "info" in vars(column)]
    declared = tuple((str(old), str(column)) for column, old in old_names if old)
    if before is None and not declared:
        return None
    old = name if before is None else Name(str(before), name.schema)
    return Renamed(table=name, before=old, columns=declared)


def _old_name(thing: Any) -> Any:
    """Return the old name in `info`, which is read only if it exists: SQLAlchemy creates it."""
    info = vars(thing).get("info")
    return None if info is None else info.get(_KEY)


def declared_renames(desired: Schema, current: Schema) -> list[str]:
    """Return the declared renames as `old:new`, without those that are already applied."""
    texts: list[str] = []
    for declared in desired.renamed:
        name, before = declared.table, declared.before
        if before != name and before in current.tables and name not in current.tables:
            texts.append(f"{before}:{name}")
        else:
            before = name
        known = current.tables.get(before)
        for old, column in declared.columns:
            if known and known.column(old) and not known.column(column):
                texts.append(f"{before}.{old}:{column}")
    return texts
