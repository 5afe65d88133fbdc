"""Tests for statements: each operation has its effect on a server, and its reverse undoes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from autodiff.dialects.mysql.types import type_python
from autodiff.schema.apply import evolve
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Table,
    Unique,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    Backfill,
    ColumnPatch,
    CreateIndex,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropTable,
    Operation,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameTable,
    SetComment,
    SetTableOptions,
)
from tests.dialects.mysql.conftest import differences

if TYPE_CHECKING:
    from tests.dialects.mysql.conftest import Database

PARENTS = r"""
CREATE TABLE parents (id INT PRIMARY KEY AUTO_INCREMENT, code VARCHAR(20) NOT NULL UNIQUE)
"""
ITEMS = r"""
CREATE TABLE items (
    id INT NOT NULL AUTO_INCREMENT COMMENT 'it''s \\ the id', parent_id INT, plain_id INT,
    name VARCHAR(50) NOT NULL DEFAULT 'a\\b', price DECIMAL(10,2) DEFAULT 1.5, note TEXT,
    state ENUM('a','b') NOT NULL DEFAULT 'a' COMMENT 'state', latin VARCHAR(10) COLLATE latin1_bin,
    made DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, at TIMESTAMP NULL,
    doc JSON, qty INT NOT NULL DEFAULT 3, limited INT CHECK (limited > 0),
    twice INT GENERATED ALWAYS AS (qty * 2) VIRTUAL, thrice INT AS (qty * 3) STORED COMMENT 'x3',
    PRIMARY KEY (id), UNIQUE KEY uq_name (name, price), KEY ix_name (name(10) DESC, price),
    KEY ix_twice (twice), FULLTEXT KEY ft_note (note), KEY ix_state (state) COMMENT 'by state',
    CONSTRAINT fk_parent FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE,
    CONSTRAINT fk_plain FOREIGN KEY (plain_id) REFERENCES parents (id),
    CONSTRAINT ck_qty CHECK (qty >= 0 AND qty < 1000)
) COMMENT 'things'
"""
PAIRS = r"""
CREATE TABLE pairs (
    parent_id INT NOT NULL, item_id INT NOT NULL, weight INT,
    PRIMARY KEY (parent_id, item_id),
    CONSTRAINT fk_a FOREIGN KEY (parent_id) REFERENCES parents (id),
    CONSTRAINT fk_b FOREIGN KEY (item_id) REFERENCES items (id)
)
"""
HEAP = "CREATE TABLE heap (a INT NOT NULL, b INT)"
ROWS = (
    "INSERT INTO parents (code) VALUES ('p'), ('q')",
    "INSERT INTO items (id, parent_id, plain_id, name, note, doc, qty, limited) VALUES "
    "(7, 1, 2, 'x', 'a note', '{\"a\": 1}', 4, 5), (8, 2, NULL, 'y%', NULL, NULL, 5, NULL)",
    "INSERT INTO pairs VALUES (1, 7, 1), (2, 8, 2)",
    "INSERT INTO heap VALUES (1, 2), (2, NULL)",
)
KEPT = (
    "SELECT id, parent_id, plain_id, name, price, note, doc, qty, twice, thrice FROM items "
    "ORDER BY id",
    "SELECT * FROM pairs ORDER BY 1",
    "SELECT a, b FROM heap ORDER BY 1",
)
ITEM, HEAPED, PAIR = Name("items"), Name("heap"), Name("pairs")


def type_(sql: str) -> ColumnType:
    return ColumnType(sql=sql, python=type_python(sql))


def column(name: str, sql: str, **attributes: object) -> Column:
    return Column(name=name, type=type_(sql), **attributes)  # type: ignore[arg-type]


def elements(*names: str) -> tuple[IndexElement, ...]:
    return tuple(IndexElement(text=name) for name in names)


def alter(name: str, before: ColumnPatch, after: ColumnPatch) -> AlterColumn:
    return AlterColumn(table=ITEM, name=name, before=before, after=after)


def key(name: str, *columns: str, **attributes: object) -> ForeignKey:
    return ForeignKey(
        name=name,
        columns=columns,
        referred=Name("parents"),
        referred_columns=("id",),
        **attributes,  # type: ignore[arg-type]
    )


OPERATIONS: dict[str, Operation] = {
    "add a text": AddColumn(table=ITEM, column=column("c", "varchar(9)", comment="it's \\ %s")),
    "add a default": AddColumn(
        table=ITEM, column=column("c", "varchar(9)", nullable=False, default=r"'it''s \\ %'")
    ),
    "add a text with a default": AddColumn(table=ITEM, column=column("c", "text", default="'x'")),
    "add an expression": AddColumn(table=ITEM, column=column("c", "char(36)", default="uuid()")),
    "add a sum": AddColumn(table=ITEM, column=column("c", "int", default="1 + 2")),
    "add a date of now": AddColumn(table=ITEM, column=column("c", "date", default="curdate()")),
    "add a time": AddColumn(
        table=ITEM,
        column=column(
            "c", "datetime(6)", default="CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)"
        ),
    ),
    "add a timestamp": AddColumn(table=ITEM, column=column("c", "timestamp")),
    "add a touched timestamp": AddColumn(
        table=ITEM, column=column("c", "timestamp", default="NULL ON UPDATE CURRENT_TIMESTAMP")
    ),
    "add json": AddColumn(table=ITEM, column=column("c", "json")),
    "add a boolean": AddColumn(
        table=ITEM, column=column("c", "tinyint(1)", nullable=False, default="0")
    ),
    "add a virtual column": AddColumn(
        table=ITEM, column=column("c", "int", computed=Computed(sql="qty + 1", persisted=False))
    ),
    "add a stored column": AddColumn(
        table=ITEM, column=column("c", "int", computed=Computed(sql="qty + 1", persisted=True))
    ),
    "add a collation": AddColumn(table=ITEM, column=column("c", "text COLLATE utf8mb4_unicode_ci")),
    "add an enum": AddColumn(table=ITEM, column=column("c", r"enum('it''s','d\\e')")),
    "drop a column": DropColumn(table=ITEM, name="made"),
    "drop a generated column": DropColumn(table=ITEM, name="thrice"),
    "drop a commented column": DropColumn(table=HEAPED, name="b"),
    "rename a column": RenameColumn(table=ITEM, before="name", after="title"),
    "rename a counter": RenameColumn(table=ITEM, before="id", after="number"),
    "rename a key's column": RenameColumn(table=ITEM, before="parent_id", after="mother_id"),
    "rename what checks and columns use": RenameColumn(table=ITEM, before="qty", after="select"),
    "rename a column with its own check": RenameColumn(
        table=ITEM, before="limited", after="limit2"
    ),
    "widen a number": alter(
        "price", ColumnPatch(type=type_("decimal(10,2)")), ColumnPatch(type=type_("decimal(12,3)"))
    ),
    "longer text": alter(
        "name", ColumnPatch(type=type_("varchar(50)")), ColumnPatch(type=type_("varchar(80)"))
    ),
    "a counter to bigint": AlterColumn(
        table=HEAPED,
        name="a",
        before=ColumnPatch(type=type_("int")),
        after=ColumnPatch(type=type_("bigint")),
    ),
    "json to text": alter(
        "doc", ColumnPatch(type=type_("json")), ColumnPatch(type=type_("longtext"))
    ),
    "another collation": alter(
        "latin",
        ColumnPatch(type=type_("varchar(10) COLLATE latin1_bin")),
        ColumnPatch(type=type_("varchar(10)")),
    ),
    "more values": alter(
        "state",
        ColumnPatch(type=type_("enum('a','b')")),
        ColumnPatch(type=type_("enum('a','c','b')")),
    ),
    "not null": alter("price", ColumnPatch(nullable=True), ColumnPatch(nullable=False)),
    "null": alter("qty", ColumnPatch(nullable=False), ColumnPatch(nullable=True)),
    "another default": alter(
        "name", ColumnPatch(default=r"'a\\b'"), ColumnPatch(default=r"'it''s \\'")
    ),
    "no default": alter("name", ColumnPatch(default=r"'a\\b'"), ColumnPatch(default=None)),
    "no on update": alter(
        "made",
        ColumnPatch(default="CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"),
        ColumnPatch(default="CURRENT_TIMESTAMP"),
    ),
    "an expression for a default": alter(
        "note", ColumnPatch(default=None), ColumnPatch(default="concat('a','b')")
    ),
    "a column's comment": alter(
        "state", ColumnPatch(comment="state"), ColumnPatch(comment="it's \\ %")
    ),
    "no comment": alter("state", ColumnPatch(comment="state"), ColumnPatch(comment=None)),
    "a checked column": alter("limited", ColumnPatch(comment=None), ColumnPatch(comment="c")),
    "a stored column's comment": alter(
        "thrice", ColumnPatch(comment="x3"), ColumnPatch(comment=None)
    ),
    "another expression": alter(
        "thrice",
        ColumnPatch(computed=Computed(sql="`qty` * 3", persisted=True)),
        ColumnPatch(computed=Computed(sql="`qty` * 4", persisted=True)),
    ),
    "virtual to stored": alter(
        "twice",
        ColumnPatch(computed=Computed(sql="`qty` * 2", persisted=False)),
        ColumnPatch(computed=Computed(sql="`qty` * 2", persisted=True)),
    ),
    "virtual to plain": alter(
        "twice",
        ColumnPatch(computed=Computed(sql="`qty` * 2", persisted=False)),
        ColumnPatch(computed=None),
    ),
    "stored to plain": alter(
        "thrice",
        ColumnPatch(computed=Computed(sql="`qty` * 3", persisted=True)),
        ColumnPatch(computed=None),
    ),
    "no counter": alter("id", ColumnPatch(autoincrement=True), ColumnPatch(autoincrement=False)),
    "add a unique constraint": AddConstraint(
        table=ITEM, constraint=Unique(name="uq", columns=("qty", "name"))
    ),
    "add a check": AddConstraint(
        table=ITEM, constraint=Check(name="ck", sql=r"name <> 'it''s \\ %'")
    ),
    "add a foreign key": AddConstraint(
        table=HEAPED, constraint=key("fk_heap", "b", on_delete="SET NULL", on_update="CASCADE")
    ),
    "add a primary key": AddConstraint(table=HEAPED, constraint=PrimaryKey(columns=("a",))),
    "drop a primary key that counts": DropConstraint(table=ITEM, name=None, kind="primary"),
    "drop a check": DropConstraint(table=ITEM, name="ck_qty", kind="check"),
    "drop a foreign key": DropConstraint(table=ITEM, name="fk_parent", kind="foreignkey"),
    "rename a foreign key": RenameConstraint(
        table=ITEM, before="fk_parent", after="fk_items_parent", kind="foreignkey"
    ),
    "rename a key to capitals": RenameConstraint(
        table=ITEM, before="fk_parent", after="FK_PARENT", kind="foreignkey"
    ),
    "rename a key that the primary key serves": RenameConstraint(
        table=PAIR, before="fk_a", after="fk_pairs_parent", kind="foreignkey"
    ),
    "rename a check": RenameConstraint(table=ITEM, before="ck_qty", after="it's", kind="check"),
    "rename a unique constraint": RenameConstraint(
        table=ITEM, before="uq_name", after="uq_items", kind="unique"
    ),
    "rename an index": RenameIndex(table=ITEM, before="ix_name", after="it's"),
    "rename a fulltext index": RenameIndex(table=ITEM, before="ft_note", after="select"),
    "drop an index": DropIndex(table=ITEM, name="ix_name"),
    "drop a fulltext index": DropIndex(table=ITEM, name="ft_note"),
    "drop a unique index": DropIndex(table=ITEM, name="uq_name"),
    "add an index": CreateIndex(
        table=ITEM,
        index=Index(
            name="it's",
            elements=(
                IndexElement(text="name", length=5),
                IndexElement(text="qty", descending=True),
            ),
            comment="it's \\",
        ),
    ),
    "add a unique index": CreateIndex(
        table=ITEM, index=Index(name="uq", elements=elements("qty", "name"), unique=True)
    ),
    "add a fulltext index": CreateIndex(
        table=ITEM, index=Index(name="ft", elements=elements("name"), method="fulltext")
    ),
    "an index's comment": SetComment(
        kind="index", name=Name("ix_state"), table=ITEM, before="by state", after="it's \\"
    ),
    "no comment of an index": SetComment(
        kind="index", name=Name("ix_state"), table=ITEM, before="by state", after=None
    ),
    "a table's comment": SetComment(kind="table", name=ITEM, before="things", after="it's \\ %"),
    "no comment of a table": SetComment(kind="table", name=ITEM, before="things", after=None),
    "another row format": SetTableOptions(
        table=ITEM, options=(("mysql_row_format", None, "COMPACT"),)
    ),
    "another engine": SetTableOptions(
        table=HEAPED, options=(("mysql_engine", "InnoDB", "MyISAM"),)
    ),
    "another charset": SetTableOptions(
        table=ITEM,
        options=(
            ("mysql_charset", "utf8mb4", "latin1"),
            ("mysql_collate", "utf8mb4_bin", "latin1_german1_ci"),
        ),
    ),
    "rename a table": RenameTable(before=PAIR, after=Name("select")),
    "drop a table": DropTable(name=PAIR),
    "fill": Backfill(table=HEAPED, values=(("b", "a * 10"),), where="b IS NULL"),
}
MYSQL_OPERATIONS: dict[str, Operation] = {
    "add an index over an expression": CreateIndex(
        table=ITEM,
        index=Index(
            name="fx",
            elements=(
                IndexElement(text="lower(`name`)", is_expression=True, descending=True),
                IndexElement(text="qty"),
            ),
        ),
    ),
    "add a point": AddColumn(
        table=HEAPED, column=column("c", "point SRID 4326", options={"mysql_invisible": True})
    ),
}


@pytest.fixture
def filled_db(db: Database) -> Database:
    database = db.connection.engine.url.database
    db.execute(f"ALTER DATABASE {database} COLLATE utf8mb4_bin", PARENTS, ITEMS, PAIRS, HEAP, *ROWS)
    return db


def with_dropped_object(operation: Operation, db: Database) -> Operation:
    """Return the operation with the object that it drops, as the planner does."""
    if not isinstance(operation, DropColumn | DropConstraint | DropIndex | DropTable):
        return operation
    if isinstance(operation, DropTable):
        return replace(operation, table=db.table(operation.name.name))
    assert operation.table is not None
    table = db.table(operation.table.name)
    if isinstance(operation, DropColumn):
        return replace(operation, column=table.column(operation.name))
    if isinstance(operation, DropIndex):
        return replace(operation, index=table.index(operation.name))
    constraint = table.constraint(operation.name or "") if operation.name else table.primary_key
    return replace(operation, constraint=constraint)


def all_tables(db: Database) -> list[Table]:
    return [table for _, table in sorted(db.reflect().tables.items())]


def expected_tables(db: Database, before: list[Table], operation: Operation) -> list[Table]:
    """Return the tables after the operation according to `evolve`."""
    touched = getattr(operation, "table", None) or getattr(operation, "name", None)
    if isinstance(operation, RenameTable):
        touched = operation.before
    return [evolve(table, operation) if table.name == touched else table for table in before]


def run_and_reverse(db: Database, operation: Operation) -> None:
    before = all_tables(db)
    rows = [db.rows(sql) for sql in KEPT]
    db.run(operation)
    assert all_tables(db) != before or isinstance(operation, Backfill)
    reverse = operation.reverse()
    if reverse is None:
        return
    db.run(reverse)
    assert differences(db.dialect, before, all_tables(db)) == []
    lost = isinstance(operation, DropColumn | DropTable)
    assert lost or [db.rows(sql) for sql in KEPT] == rows


@pytest.mark.parametrize("name", OPERATIONS)
def test_reverse_restores_tables_and_rows(filled_db: Database, name: str) -> None:
    run_and_reverse(filled_db, with_dropped_object(OPERATIONS[name], filled_db))


@pytest.mark.parametrize("name", MYSQL_OPERATIONS)
def test_reverse_restores_mysql_features(mysql: Database, name: str) -> None:
    mysql.execute(PARENTS, ITEMS, PAIRS, HEAP, *ROWS)
    run_and_reverse(mysql, MYSQL_OPERATIONS[name])


NOT_EVOLVED = {
    "drop a table",
    "drop a foreign key",
    "rename a table",
    "rename a counter",
    "rename what checks and columns use",
    "rename a column with its own check",
    "rename a foreign key",
    "rename a key to capitals",
    "rename a key that the primary key serves",
    "an index's comment",
    "no comment of an index",
    "another charset",
}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in NOT_EVOLVED])
def test_result_matches_evolve(filled_db: Database, name: str) -> None:
    operation = with_dropped_object(OPERATIONS[name], filled_db)
    before = all_tables(filled_db)
    filled_db.run(operation)
    expected = expected_tables(filled_db, before, operation)
    reflected = [
        filled_db.dialect.catalog.align(table, desired)
        for table, desired in zip(all_tables(filled_db), expected, strict=True)
    ]
    aligned = [filled_db.dialect.catalog.align(table, table) for table in expected]
    assert differences(filled_db.dialect, reflected, aligned) == []
