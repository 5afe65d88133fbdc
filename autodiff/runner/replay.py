"""Return the SQL of migrations without a database, by replaying those before them."""

from __future__ import annotations

from autodiff.dialects import Dialect
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.alembic_versions import alembic_part
from autodiff.runner.events import Direction
from autodiff.runner.script_sink import Line, TransactionBoundary, open_script_sink
from autodiff.schema.operations import Require
from autodiff.utils.quoting import sql_comment

__all__ = ["migration_sql", "plain_statements"]


def migration_sql(
    graph: Graph, migration: Migration, direction: Direction, dialect: Dialect
) -> list[str]:
    """Return the statements of a migration after all those before it.

    A migration for other kinds of databases is a comment.

    Raises MigrationFailedError, with file and line, for a step that has no SQL.
    """
    if not migration.is_for(dialect):
        return [sql_comment(f"not for {dialect.backend}")]
    before = graph.in_order(graph.lineage(graph.before(migration.revision)))
    with open_script_sink(dialect, alembic_part(graph)) as sink:
        sink.follow([*before, migration] if direction == "downgrade" else before)
        return plain_statements(sink.write(migration, direction), dialect)


def plain_statements(lines: list[Line], dialect: Dialect) -> list[str]:
    """Return the statements, with a check of rows as a comment: no SQL statement can refuse."""
    found: list[str] = []
    for line in lines:
        if isinstance(line, str):
            found.append(line)
        elif isinstance(line, Require):
            found += dialect.ddl.statements(line)
        elif dialect.features.transactional_ddl:
            found.append("COMMIT" if line is TransactionBoundary.LEAVE else "BEGIN")
    return found
