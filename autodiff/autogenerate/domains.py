"""Report domains that differ from those of the models: autodiff does not change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.dialects import Dialect
from autodiff.plan import Finding
from autodiff.schema.objects import Schema

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["DOMAIN_HINT", "domain_findings"]

DOMAIN_HINT = (
    "autodiff does not manage domains: write op.execute() with CREATE DOMAIN or ALTER DOMAIN into "
    "a migration of its own (autodiff generate --empty), and apply it first"
)


def domain_findings(connection: sa.Connection, dialect: Dialect, desired: Schema) -> list[Finding]:
    """Return an error for each domain of the models that the database lacks or has otherwise."""
    if not desired.domains:
        return []
    problems = dialect.catalog.domain_problems(connection, desired.domains)
    connection.rollback()
    return [
        Finding(code="domain", severity="error", message=problem, hint=DOMAIN_HINT)
        for problem in problems
    ]
