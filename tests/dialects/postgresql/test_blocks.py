"""Tests for groups of statements that are sent in one round trip."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from autodiff import Scope, diff, reflect
from autodiff.dialects.postgresql.ddl.do_blocks import combine
from autodiff.schema.objects import Name


def test_failed_group_is_rolled_back_and_others_are_kept(
    database: Callable[[str], sa.URL],
) -> None:
    groups = [
        ["CREATE TABLE a (x text DEFAULT 'it''s 100%')", "CREATE INDEX ix_a ON a (x)"],
        ["CREATE TABLE b (x int)", "CREATE INDEX ix_b ON b (nothing)"],
        ["CREATE TABLE c (x text DEFAULT '\\ $$ :x')"],
    ]
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(combine(groups), execution_options={"no_parameters": True})
        tables = reflect(connection, Scope()).tables
    assert list(tables) == [Name("a"), Name("c")]
    assert tables[Name("a")].columns[0].default == "'it''s 100%'"
    assert tables[Name("a")].index("ix_a") is not None
    assert tables[Name("c")].columns[0].default == "'\\ $$ :x'"


def test_number_of_statements_does_not_depend_on_tables(database: Callable[[str], sa.URL]) -> None:
    """A scratch for thirty tables needs as many statements as for two.

    A table that cannot be created there does not affect the others.
    """
    assert _statements_sent(database("postgresql"), 2) == _statements_sent(
        database("postgresql"), 30
    )


def _statements_sent(url: sa.URL, tables: int) -> int:
    """Return how many statements a comparison sends if each table has an ambiguous check."""
    metadata, sent = sa.MetaData(), 0
    for number in range(tables):
        check = sa.CheckConstraint("a IN ('x', 'y') AND length(a) < 1 + 2", name=f"ck_{number}")
        sa.Table(f"t{number}", metadata, sa.Column("a", sa.String(9)), check)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    metadata.create_all(engine)

    def count(*_: object) -> None:
        nonlocal sent
        sent += 1

    sa.Table("odd", metadata, sa.Column("a", sa.String), sa.CheckConstraint("nothing(a) > 1"))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE odd (a varchar CHECK (a > ''))")
        sa.event.listen(engine, "before_cursor_execute", count)
        changes = diff(connection, metadata).changes
    assert {str(change.table) for change in changes} == {"odd"}
    return sent
