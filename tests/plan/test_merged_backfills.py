"""Test that one UPDATE fills several columns, and that it keeps the values that rows have."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects import dialect_for
from autodiff.plan.merged_backfills import filled_nulls, merge_backfills
from autodiff.schema.objects import Identity, Name
from autodiff.schema.operations import AddColumn, AlterColumn, Backfill, ColumnPatch, Operation
from tests.nouns import column, table
from tests.support import opened

ITEMS = Name("items")
TABLES = {ITEMS: table("items", *(column(name) for name in "abcd"))}


def fill(name: str, value: str = "1") -> Backfill:
    return Backfill(table=ITEMS, values=((name, value),), where=f"{name} IS NULL")


def require(name: str) -> AlterColumn:
    before, after = ColumnPatch(nullable=True), ColumnPatch(nullable=False)
    return AlterColumn(table=ITEMS, name=name, before=before, after=after)


def add(name: str) -> AddColumn:
    return AddColumn(table=ITEMS, column=column(name))


def described(*operations: Operation) -> list[str]:
    merged = merge_backfills(operations, TABLES, dialect_for("sqlite"))
    return [operation.describe().removeprefix("~ rows of items: ") for operation in merged]


def test_columns_are_added_then_filled_then_required() -> None:
    merged = merge_backfills(
        [add("x"), fill("x"), require("x"), require("c"), fill("a", "'y'"), require("a"), add("z")],
        TABLES,
        dialect_for("sqlite"),
    )
    assert merged == [
        add("x"),
        add("z"),
        Backfill(
            table=ITEMS,
            values=(("x", "coalesce(x, 1)"), ("a", "coalesce(a, 'y')")),
            where="x IS NULL OR a IS NULL",
        ),
        require("x"),
        require("c"),
        require("a"),
    ]


@pytest.mark.parametrize(
    ("operations", "fills"),
    [
        pytest.param([fill("a"), fill("b", "a + 1")], ["a", "b"], id="reads-a-filled-column"),
        pytest.param([fill("a", "b"), fill("b")], ["a", "b"], id="reads-a-column-filled-later"),
        pytest.param([fill("a"), fill("b", "(SELECT 1)")], ["a", "b"], id="subquery"),
        pytest.param([fill("a"), require("b"), fill("b")], ["a", "b"], id="altered-before"),
        pytest.param(
            [fill("c", "d"), fill("d"), fill("a"), fill("b")], ["a, b", "c", "d"], id="read-before"
        ),
        pytest.param(
            [
                fill("a"),
                AddColumn(table=ITEMS, column=column("n", identity=Identity())),
                fill("b"),
            ],
            ["a", "b"],
            id="identity-between",
        ),
        pytest.param(
            [fill("a"), Backfill(table=ITEMS, values=(("b", "1"),))], ["a", "b"], id="all"
        ),
        pytest.param([fill("a"), fill("unknown")], ["a", "unknown"], id="unknown-column"),
    ],
)
def test_only_independent_values_are_merged(operations: list[Operation], fills: list[str]) -> None:
    found = [text for text in described(*operations) if text.startswith("fill ")]
    assert found == [f"fill {names}" for names in fills]


def test_tables_have_updates_of_their_own() -> None:
    other = Backfill(table=Name("users"), values=(("a", "1"),), where="a IS NULL")
    assert merge_backfills([fill("a"), other], TABLES, dialect_for("sqlite")) == [fill("a"), other]


@pytest.mark.parametrize(
    ("kind", "type_sql", "value", "is_new", "expected"),
    [
        ("postgresql", "integer", "5", False, "coalesce(c, 5)"),
        (
            "postgresql",
            "character varying(9)",
            "5",
            False,
            "coalesce(c, CAST(5 AS character varying))",
        ),
        ("postgresql", "character varying(9)", "'5'", False, "coalesce(c, '5')"),
        ("postgresql", "character(3)", "lower(d)", True, None),
        ("postgresql", "character varying(9)[]", "d", True, None),
        ("postgresql", "boolean", "true", False, "coalesce(c, true)"),
        (
            "postgresql",
            "timestamp without time zone",
            "CURRENT_TIMESTAMP",
            False,
            "coalesce(c, CAST(CURRENT_TIMESTAMP AS timestamp without time zone))",
        ),
        ("mariadb", "timestamp", "CURRENT_TIMESTAMP", False, None),
        ("mariadb", "timestamp", "CURRENT_TIMESTAMP", True, "coalesce(c, CURRENT_TIMESTAMP)"),
        ("mariadb", "enum('a','b')", "'a'", False, None),
        ("mariadb", "varchar(9)", "'a'", False, "coalesce(c, 'a')"),
        ("mariadb", "varchar(9)", "5", False, "coalesce(c, 5)"),
        ("mariadb", "decimal(8,2)", "0.5", False, "coalesce(c, 0.5)"),
        ("mariadb", "datetime", "'2001-02-03'", False, None),
        ("mariadb", "tinyint(1)", "true", False, "coalesce(c, true)"),
        ("mariadb", "decimal(65,0)", "0.5", False, None),
        ("sqlite", "TEXT", "5", False, "coalesce(c, 5)"),
    ],
)
def test_a_value_is_kept_unchanged_or_the_column_has_its_own_update(
    kind: str, type_sql: str, value: str, is_new: bool, expected: str | None
) -> None:
    rows = dialect_for(kind).ddl.rows
    assert rows.fill_nulls(column("c", type_sql), value, is_new=is_new) == expected


def test_the_value_for_null_is_found() -> None:
    values = (("a", "coalesce(a, f(1, 2))"), ("b", "coalesce(b, 1) + (2)"), ("c", "coalesce(a, 1)"))
    backfill = Backfill(table=ITEMS, values=values, where="a IS NULL")
    assert filled_nulls(backfill, lambda name: name) == {"a": "f(1, 2)"}
    assert filled_nulls(fill("a"), lambda name: name) == {"a": "1"}


def models(*, filled: bool) -> sa.MetaData:
    """Return a table whose columns become NOT NULL, and get a new one between them."""
    metadata = sa.MetaData()
    sa.Table(
        "items",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(30), nullable=not filled),
        sa.Column("count", sa.BigInteger, nullable=not filled),
        sa.Column("price", sa.Numeric(10, 2), nullable=not filled),
        sa.Column("seen", sa.DateTime, nullable=not filled),
        sa.Column("order", sa.Text, nullable=not filled),
        *([sa.Column("size", sa.Integer, nullable=False)] if filled else []),
    )
    return metadata


FILLS = ["name=5", "count=0", "price=9.5", "seen=2001-02-03 04:05:06", "order=it's % :x", "size=7"]


def test_columns_become_not_null_with_one_update(any_database: sa.URL, tmp_path: Path) -> None:
    """A time that a change of the clocks skips is kept, in a column without a time zone."""
    big, skipped = 2**63 - 1, "2024-03-31 02:30:00"
    with opened(any_database) as db:
        if any_database.get_backend_name() == "postgresql":
            db.execute(f"ALTER DATABASE {any_database.database} SET timezone = 'Europe/Berlin'")
        models(filled=False).create_all(db.connection)
        items = models(filled=False).tables["items"]
        quoted = db.connection.dialect.identifier_preparer.quote("order")
        columns = f"id, name, count, price, seen, {quoted}"
        db.execute(
            f"INSERT INTO items ({columns}) VALUES (1, NULL, NULL, NULL, NULL, NULL)",
            f"INSERT INTO items ({columns}) VALUES (2, 'é', NULL, 1.25, '{skipped}.000000', NULL)",
            f"INSERT INTO items ({columns}) VALUES (3, NULL, {big}, NULL, NULL, 'o')",
        )
    project = Project(any_database, models(filled=True), tmp_path / "m")
    draft = project.draft("fill", fills=[f"items.{text}" for text in FILLS])
    assert draft is not None and draft.plan is not None
    assert draft.proof is not None and draft.proof.skipped is None
    assert draft.plan.data_loss == ()
    backfills = draft.texts[draft.path].count("op.backfill(")
    # MariaDB may hold times that can be kept but not assigned:
    assert backfills == (2 if any_database.get_backend_name() == "mysql" else 1)
    project.generate("fill", fills=[f"items.{text}" for text in FILLS])
    project.upgrade()
    rows = sa.select(*(sa.cast(c, sa.String(40)) if c.name == "seen" else c for c in items.columns))
    with opened(any_database) as db:
        found = [tuple(row) for row in db.connection.execute(rows.order_by(items.c.id))]
    text = "it's % :x"
    assert [(*row[:4], row[4][:19], row[5]) for row in found] == [
        (1, "5", 0, Decimal("9.5"), "2001-02-03 04:05:06", text),
        (2, "é", 0, Decimal("1.25"), skipped, text),
        (3, "5", big, Decimal("9.5"), "2001-02-03 04:05:06", "o"),
    ]
    assert not project.check()
    project.downgrade("base")
    assert not Project(any_database, models(filled=False), tmp_path / "m").diff().changes
