"""Refuse models in which two objects have a name that only one of them can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from autodiff.errors import ModelsError
from autodiff.schema.objects import Exclusion, PrimaryKey, Schema, Table, Unique

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect
    from autodiff.dialects.features import Features

__all__ = ["require_distinct_index_names"]


def require_distinct_index_names(schema: Schema, dialect: Dialect) -> None:
    """Raise ModelsError if an index, or a key that is an index, has the name of another object."""
    features = dialect.features
    named = list(_named(schema, features))
    if features.case_insensitive_names:
        named = [(owner, name.lower(), words) for owner, name, words in named]
    if len({(owner, name) for owner, name, _ in named}) == len(named):
        return
    found: dict[tuple[object, str], str] = {}
    for owner, name, words in named:
        what = " ".join(map(str, words))
        other = found.setdefault((owner, name), what)
        if other != what:
            raise ModelsError(
                f"cannot declare {what}: {other} has the same name", hint="rename one of them"
            )


def _named(schema: Schema, features: Features) -> Iterator[tuple[object, str, tuple[object, ...]]]:
    """Yield what must have different names: the schema or table, the name, and what it is."""
    shared = features.distinct_index_names
    if shared:
        for kind, names in (
            ("table", schema.tables),
            ("view", schema.views),
            ("sequence", schema.sequences),
        ):
            for name in names:
                yield name.schema, name.name, (kind, name)
    for table in schema.tables.values():
        owner = table.name.schema if shared else table.name
        if shared or features.unique_is_index:
            for key in _keys(table, features):
                yield owner, key, ("constraint", key, "of table", table.name)
            for index in table.indexes:
                if index.name:
                    yield owner, index.name, ("index", index.name, "of table", table.name)
    if shared:
        for view in schema.views.values():
            for index in view.indexes:
                if index.name:
                    yield view.name.schema, index.name, ("index", index.name, "of view", view.name)


def _keys(table: Table, features: Features) -> Iterator[str]:
    """Yield the names of the constraints that are indexes of the same name."""
    if features.repeated_constraint_names:
        return
    kinds = (Unique,) if features.unique_is_index else (PrimaryKey, Unique, Exclusion)
    for constraint in table.constraints:
        if isinstance(constraint, kinds) and constraint.name and not constraint.implicit:
            yield constraint.name
