"""Read renames that the models declare: info={"renamed_from": "nick"}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.schema.objects import Name, Renamed, Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["declared_renames", "renamed"]

_KEY = "renamed_from"


def renamed(
    name: Name,
    table: sa.Table,
    columns: Sequence[sa.Column[Any]],
    default_schema: str | None = None,
) -> Renamed | None:
    """Return the old names of a table and its columns, None if it declares none."""
    before = _old_name(table)
    old_names = [(column.name, _old_name(column)) for column in columns if "info" in vars(column)]
    declared = tuple((str(old), str(column)) for column, old in old_names if old)
    if before is None and not declared:
        return None
    old = name if before is None else _in_schema(str(before), name, default_schema)
    return Renamed(table=name, before=old, columns=declared)


def _in_schema(before: str, name: Name, default_schema: str | None) -> Name:
    """Return the old name of a table, in the schema that it names or else in the present one."""
    schema, _, plain = before.rpartition(".")
    if not schema:
        return Name(plain, name.schema)
    return Name(plain, None if schema == default_schema else schema)


def _old_name(thing: Any) -> Any:
    """Return the old name in `info`, which is read only if it exists: SQLAlchemy creates it."""
    info = vars(thing).get("info")
    return None if info is None else info.get(_KEY)


def declared_renames(
    desired: Schema, current: Schema, default_schema: str | None = None
) -> list[str]:
    """Return the declared renames as `old:new`, without those that are already applied."""
    texts: list[str] = []
    for declared in desired.renamed:
        name, before = declared.table, declared.before
        if before != name and before in current.tables and name not in current.tables:
            moved = before.schema != name.schema
            schema = f"{name.schema or default_schema}." if moved else ""
            texts.append(f"{before}:{schema}{name.name}")
        else:
            before = name
        known = current.tables.get(before)
        for old, column in declared.columns:
            if known and known.column(old) and not known.column(column):
                texts.append(f"{before}.{old}:{column}")
    return texts
