"""Statements go to PostgreSQL together, and fail by groups."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from autodiff import Scope, diff, reflect
from autodiff.dialects.postgresql.ddl.do_blocks import combine
from autodiff.schema.objects import Name


def test_a_group_that_fails_leaves_nothing_and_stops_no_other(
    database: Callable[[str], sa.URL],
) -> None:
    """Its statements are undone; the groups before and after it are there."""
    groups = [
        ["CREATE TABLE a (x text DEFAULT 'it''s 100%')", "CREATE INDEX ix_a ON a (x)"],
        ["CREATE TABLE b (x int)", "CREATE INDEX ix_b ON b (nothing)"],
        ["CREATE TABLE c (x text DEFAULT '\\ $$ :x')"],
    ]
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(combine(groups), execution_options={"no_parameters": True})
        found = reflect(connection, Scope()).tables
    assert list(found) == [Name("a"), Name("c")]
    assert found[Name("a")].columns[0].default == "'it''s 100%'"
    assert found[Name("a")].index("ix_a") is not None
    assert found[Name("c")].columns[0].default == "'\\ $$ :x'"


def test_many_tables_are_described_in_one_round_trip(database: Callable[[str], sa.URL]) -> None:
    """What is asked of a scratch takes as many statements for thirty tables as for two; one that
    can't be created there spoils no other."""
    assert _asked(database("postgresql"), 2) == _asked(database("postgresql"), 30)


def _asked(url: sa.URL, tables: int) -> int:
    """How many statements a comparison sends where each table's check is in doubt."""
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
