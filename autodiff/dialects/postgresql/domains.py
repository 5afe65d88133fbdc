"""Compare domains, which autodiff does not create or change.

https://www.postgresql.org/docs/current/sql-createdomain.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from autodiff.dialects.literals import plain_dialect
from autodiff.dialects.postgresql.catalog.prerequisites import DOMAIN_DEFINITION
from autodiff.schema.objects import Domain, Name

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from autodiff.dialects.base import Dialect

__all__ = ["declared_domain", "find_domain_problems"]

_CONSTRAINT = "pg_get_constraintdef(c.oid, true)"
_DOMAINS = f"""
SELECT n.nspname, t.typname, {DOMAIN_DEFINITION.format(constraint=_CONSTRAINT)} AS definition
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND t.typname = ANY(:names)
"""


def declared_domain(type_: Any, column: str, dialect: Dialect) -> Domain | None:
    """Return the domain that a type is, or that its elements or its decorated type are."""
    while isinstance(type_, sa.ARRAY | sa.types.TypeDecorator):
        if isinstance(type_, sa.ARRAY):
            type_ = type_.item_type
        else:
            type_ = type_.load_dialect_impl(dialect.sqlalchemy)
    if not isinstance(type_, postgresql.DOMAIN):
        return None
    plain = plain_dialect(dialect.sqlalchemy)
    statement = str(postgresql.CreateDomainType(type_).compile(dialect=plain))
    formatted = plain.identifier_preparer.format_type(type_)  # type: ignore[attr-defined]
    schema = None if type_.schema == dialect.default_schema else type_.schema
    return Domain(
        name=Name(str(type_.name), schema),
        definition=statement.strip().removeprefix(f"CREATE DOMAIN {formatted} AS ").strip(),
        column=column,
    )


def find_domain_problems(
    connection: Connection, dialect: Dialect, domains: Sequence[Domain]
) -> list[str]:
    """Return a sentence for each domain that the database lacks or defines in another way.

    PostgreSQL rewrites definitions, so the declared ones are created in a transaction that is
    rolled back. If the user may not do that, only domains that are missing are found.
    """
    default = dialect.default_schema or "public"
    with dialect.scratch.open(connection, create=False) as scratch:
        declared: dict[str, str] = {}
        if scratch is not None:
            schema = str(scratch.exec_driver_sql("SELECT current_schema()").scalar_one())
            created = {domain.name.name: domain for domain in domains}
            for name, domain in created.items():
                _create(scratch, f"{dialect.quote_name(Name(name, schema))} AS {domain.definition}")
            found = _definitions(scratch, list(created))
            declared = {name: sql for (owner, name), sql in found.items() if owner == schema}
        live = _definitions(scratch or connection, [domain.name.name for domain in domains])
    problems = []
    for domain in domains:
        current = live.get((domain.name.schema or default, domain.name.name))
        wanted = declared.get(domain.name.name)
        if current is None:
            problems.append(f"the database has no domain {domain.name}, which {domain.column} uses")
        elif wanted is not None and current != wanted:
            problems.append(f"domain {domain.name} is {current}, and the models have {wanted}")
    return problems


def _create(scratch: Connection, definition: str) -> None:
    try:
        with scratch.begin_nested():
            sql = f"CREATE DOMAIN {definition}"
            scratch.exec_driver_sql(sql, execution_options={"no_parameters": True})
    except SQLAlchemyError:
        pass  # it needs a type that does not exist: the migration reports that


def _definitions(connection: Connection, names: Sequence[str]) -> dict[tuple[str, str], str]:
    rows = connection.execute(sa.text(_DOMAINS), {"names": list(names)})
    return {(row.nspname, row.typname): row.definition for row in rows}
