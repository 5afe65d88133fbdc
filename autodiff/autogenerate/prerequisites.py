"""Find schemas and extensions that a migration needs and that no migration creates.

They were created by hand in this database. A new database would not have them, and the rehearsal of
one migration does not notice that, because its scratch gets them too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from autodiff.autogenerate.plan import Plan
from autodiff.dialects import Dialect
from autodiff.plan import Finding
from autodiff.schema.operations import (
    CreateEnum,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    Operation,
    RenameEnum,
    RenameTable,
)
from autodiff.schema.sqltext import names_in

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["find_prerequisites"]


def find_prerequisites(
    connection: sa.Connection, plan: Plan, texts: Sequence[str]
) -> list[Finding]:
    """Return a finding for each schema and extension that only this database has.

    `texts` are those of the migrations so far.
    """
    lowered = [text.lower() for text in texts]
    extensions = plan.dialect.catalog.extension_names(connection)
    connection.rollback()
    return [*_schemas(plan, lowered), *_extensions(plan, extensions, lowered)]


def _schemas(plan: Plan, texts: Sequence[str]) -> Iterator[Finding]:
    """Yield the schemas in which the plan creates something, if they exist already."""
    if not plan.dialect.features.search_path:
        return
    made = {item.name for item in plan.operations if isinstance(item, CreateNamespace)}
    used = {schema for item in plan.operations if (schema := _schema_of(item)) is not None}
    for schema in sorted(used - made):
        if not any(_creates(text, "schema", schema) for text in texts):
            yield _finding("schema", schema, plan.dialect)


def _schema_of(operation: Operation) -> str | None:
    """Return the schema in which an operation puts an object, None for the default one."""
    match operation:
        case CreateTable(table=table):
            return table.name.schema
        case CreateEnum(enum=enum):
            return enum.name.schema
        case CreateSequence(sequence=sequence):
            return sequence.name.schema
        case CreateView(view=view):
            return view.name.schema
        case RenameTable(before=before, after=after) | RenameEnum(before=before, after=after):
            return after.schema if after.schema != before.schema else None
        case _:
            return None


def _extensions(
    plan: Plan, extensions: Mapping[str, frozenset[str]], texts: Sequence[str]
) -> Iterator[Finding]:
    """Yield the extensions whose types, operator classes or functions the plan uses."""
    if not extensions:
        return
    used = {name for sql in plan.sql() for name in names_in(sql)}
    for extension, names in sorted(extensions.items()):
        created = any(_creates(text, "extension", extension) for text in texts)
        if used & names and not created:
            yield _finding("extension", extension, plan.dialect)


def _creates(text: str, kind: str, name: str) -> bool:
    """Return whether the text of a migration creates the schema or extension."""
    return name.lower() in text and (f"create {kind}" in text or f"create_{kind}" in text)


def _finding(kind: str, name: str, dialect: Dialect) -> Finding:
    statement = f"CREATE {kind.upper()} IF NOT EXISTS {dialect.quote(name)}"
    return Finding(
        code="made-by-hand",
        severity="warning",
        message=f"{kind} {name} exists in this database, and no migration creates it: the "
        "migration would fail on a new database",
        hint=f"put op.execute({statement!r}) at the start of upgrade(), in this migration or an "
        "earlier one",
        place=f"{kind} {name}",
    )
