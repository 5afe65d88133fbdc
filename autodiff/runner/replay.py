"""The SQL of migrations without a database: those before are followed."""

from __future__ import annotations

from autodiff.dialects import Dialect
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.events import Direction
from autodiff.runner.script_sink import Border, Line, writing
from autodiff.schema.operations import Require

__all__ = ["migration_sql", "plain_statements"]


def migration_sql(
    graph: Graph, migration: Migration, direction: Direction, dialect: Dialect
) -> list[str]:
    """The statements of a migration, as they are once all that come before it were applied.

    One that is for other kinds of databases is a comment.

    Raises MigrationFailedError, with the file and the line, for what is no SQL.
    """
    if not migration.is_for(dialect):
        return [f"-- not for {dialect.backend}"]
    before = graph.in_order(graph.lineage(graph.before(migration.revision)))
    with writing(dialect) as target:
        target.follow([*before, migration] if direction == "downgrade" else before)
        return plain_statements(target.write(migration, direction), dialect)


def plain_statements(lines: list[Line], dialect: Dialect) -> list[str]:
    """The statements; a check of rows as a comment, since no statement refuses by itself."""
    found: list[str] = []
    for line in lines:
        if isinstance(line, str):
            found.append(line)
        elif isinstance(line, Require):
            found += dialect.ddl.statements(line)
        elif dialect.features.transactional_ddl:
            found.append("COMMIT" if line is Border.LEAVE else "BEGIN")
    return found
