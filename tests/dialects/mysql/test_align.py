"""Tests for aligning a reflected table with the models, which may omit some parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from autodiff import diff
from autodiff.dialects.mysql.catalog.align import align_table
from autodiff.schema.objects import (
    Check,
    Column,
    ColumnType,
    Computed,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    Option,
    PrimaryKey,
    Table,
    Unique,
)

if TYPE_CHECKING:
    from tests.dialects.mysql.conftest import Database

T = Name("t")
KEY = ForeignKey(name="fk", columns=("a", "b"), referred=Name("p"), referred_columns=("x", "y"))


def index(name: str, *columns: str, **facts: Any) -> Index:
    elements = tuple(IndexElement(text=column) for column in columns)
    return Index(name=name, elements=elements, **facts)


def remaining_indexes(current: Table, desired: Table) -> list[str | None]:
    return [item.name for item in align_table(current, desired).indexes]


@pytest.mark.parametrize(
    ("reflected", "is_removed"),
    [
        (index("fk", "a", "b"), True),
        (index("a", "a", "b"), False),
        (index("ix", "a", "b"), False),
        (index("fk", "a"), False),
        (index("fk", "a", "b", "c"), False),
        (index("fk", "a", "b", unique=True), False),
        (index("fk", "a", "b", comment="mine"), False),
        (index("_autodiff_auto_increment", "id", unique=True), True),
    ],
)
def test_index_created_by_the_server_is_removed(reflected: Index, is_removed: bool) -> None:
    table = Table(name=T, constraints=(KEY,), indexes=(reflected,))
    assert remaining_indexes(table, Table(name=T)) == ([] if is_removed else [reflected.name])


@pytest.mark.parametrize(("name", "is_removed"), [("a", True), ("a_2", True), ("t_ibfk_1", False)])
def test_index_of_a_key_named_by_the_server_has_the_column_name(
    name: str, is_removed: bool
) -> None:
    """Any other index was created by a user and is kept; it is hidden while the key exists."""
    key = replace(KEY, name="t_ibfk_1")
    table = Table(name=T, constraints=(key,), indexes=(index(name, "a", "b"),))
    assert remaining_indexes(table, Table(name=T)) == ([] if is_removed else [name])
    assert remaining_indexes(table, Table(name=T, constraints=(key,))) == []


def test_index_declared_in_models_is_kept() -> None:
    declared = index("fk", "a", "b")
    table = Table(name=T, constraints=(KEY,), indexes=(declared,))
    assert remaining_indexes(table, Table(name=T, indexes=(declared,))) == ["fk"]


@pytest.mark.parametrize("name", ["uq", None])
def test_unique_index_becomes_the_declared_constraint(name: str | None) -> None:
    current = Table(name=T, indexes=(index("uq", "a", "b", unique=True),))
    desired = Table(name=T, constraints=(Unique(name=name, columns=("a", "b")),))
    aligned = align_table(current, desired)
    assert aligned.constraints == (Unique(name="uq", columns=("a", "b")),)
    assert aligned.indexes == ()


def test_unique_index_declared_in_models_is_kept() -> None:
    current = Table(name=T, indexes=(index("uq", "a", unique=True),))
    assert align_table(current, current) == current
    other = Table(name=T, constraints=(Unique(name=None, columns=("b",)),))
    assert align_table(current, other) == current


def test_unique_index_with_prefix_is_not_a_constraint() -> None:
    element = IndexElement(text="a", length=5)
    current = Table(name=T, indexes=(Index(name="uq", elements=(element,), unique=True),))
    desired = Table(name=T, constraints=(Unique(name="uq", columns=("a",)),))
    assert align_table(current, desired) == current


@pytest.mark.parametrize(
    ("current", "desired", "aligned"),
    [
        ({"mysql_engine": "InnoDB"}, {}, {}),
        ({"mysql_engine": "InnoDB"}, {"mysql_engine": "innodb"}, {"mysql_engine": "innodb"}),
        ({"mysql_engine": "InnoDB"}, {"mysql_engine": "MyISAM"}, {"mysql_engine": "InnoDB"}),
        (
            {"mysql_charset": "utf8mb3"},
            {"mysql_default_charset": "utf8"},
            {"mysql_default_charset": "utf8"},
        ),
        ({}, {"mysql_row_format": "DYNAMIC"}, {}),
        ({}, {"mysql_partition_by": "HASH (a)"}, {}),
        ({"mysql_partition_by": "HASH (`a`)"}, {}, {}),
        (
            {"mysql_partition_by": "HASH (`a`)"},
            {"mysql_partition_by": "hash(a)", "mysql_partitions": 1},
            {"mysql_partition_by": "hash(a)", "mysql_partitions": 1},
        ),
        (
            {"mysql_partition_by": "HASH (`a`)", "mysql_partitions": "4"},
            {"mysql_partition_by": "hash(a)", "mysql_partitions": 6},
            {"mysql_partition_by": "hash(a)", "mysql_partitions": "4"},
        ),
        ({"mysql_key_block_size": "8"}, {"mysql_key_block_size": 8}, {"mysql_key_block_size": 8}),
    ],
)
def test_only_options_declared_in_models_are_compared(
    current: dict[str, Option], desired: dict[str, Option], aligned: dict[str, Option]
) -> None:
    table = align_table(Table(name=T, options=current), Table(name=T, options=desired))
    assert table.options == aligned


@pytest.mark.parametrize("action", ["RESTRICT", "NO ACTION", "no action", None])
def test_restrict_and_no_action_are_the_default(action: str | None) -> None:
    desired = ForeignKey(
        name="fk",
        columns=("a", "b"),
        referred=Name("p"),
        referred_columns=("x", "y"),
        on_delete=action,
    )
    aligned = align_table(Table(name=T, constraints=(KEY,)), Table(name=T, constraints=(desired,)))
    assert aligned.constraints == (desired,)


def test_other_action_is_a_difference() -> None:
    desired = ForeignKey(
        name=None,
        columns=("a", "b"),
        referred=Name("p"),
        referred_columns=("x", "y"),
        on_delete="CASCADE",
    )
    table = Table(name=T, constraints=(KEY,))
    assert align_table(table, Table(name=T, constraints=(desired,))) == table


def test_column_level_check_is_a_table_check() -> None:
    check = Check(name="a", sql="a > 0", options={"mysql_level": "column"})
    aligned = align_table(Table(name=T, constraints=(check,)), Table(name=T))
    assert aligned.constraints == (Check(name="a", sql="a > 0"),)


def test_column_properties_that_models_cannot_declare_are_removed() -> None:
    int_ = ColumnType(sql="int", python="")
    computed = Computed(sql="1", persisted=True)
    current = Table(
        name=T,
        columns=(
            Column(name="a", type=int_, options={"mysql_invisible": True}),
            Column(name="b", type=int_, computed=computed, nullable=True),
        ),
    )
    desired = Table(
        name=T,
        columns=(
            Column(name="a", type=int_),
            Column(name="b", type=int_, computed=computed, nullable=False),
        ),
    )
    assert align_table(current, desired) == desired


def test_a_primary_key_has_no_name() -> None:
    current = Table(name=T, constraints=(PrimaryKey(name="pk", columns=("a",)),))
    assert align_table(current, Table(name=T)).constraints == (PrimaryKey(columns=("a",)),)


# Models compared with the tables that create_all makes


def models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "parents",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("code", sa.String(20), unique=True, nullable=False),
        sa.Column("made", sa.DateTime, server_default=sa.func.now()),
        sa.Column("touched", sa.TIMESTAMP, server_default=sa.text("now() ON UPDATE now()")),
        sa.Column("flag", sa.Boolean, server_default=sa.true()),
        sa.Column("blank", sa.String(5), server_default=""),
        sa.Column("quoted", sa.String(20), server_default="it's \\", comment="it's \\ 50%"),
        sa.Column("price", sa.Numeric(10, 2), server_default="0"),
        sa.Column("share", sa.Float, server_default=sa.text("0.5")),
        sa.Column("below", sa.Integer, server_default=sa.text("-1")),
        sa.Column("wide", sa.Double),
        sa.Column("mood", sa.Enum("happy", "50%", "it's")),
        sa.Column("checked", sa.Enum("a", "b", native_enum=False, create_constraint=True)),
        sa.Column("doc", sa.JSON),
        sa.Column("token", sa.Uuid),
        sa.Column("data", sa.LargeBinary(1000)),
        sa.Column("note", sa.Text(500), comment="note"),
        sa.Column("exact", sa.String(10, collation="utf8mb4_bin")),
        sa.Column("twice", sa.Integer, sa.Computed("id_copy * 2")),
        sa.Column("id_copy", sa.Integer, sa.CheckConstraint("id_copy > 0")),
        sa.CheckConstraint("price >= 0 AND code <> 'it''s'", name="ck_price"),
        sa.UniqueConstraint("mood", "flag"),
        sa.Index("ix_note", "note", mysql_length={"note": 10}, mariadb_length={"note": 10}),
        sa.Index("ft_note", "note", mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT"),
        sa.Index("ix_down", sa.desc("price")),
        comment="it's",
        mysql_engine="innodb",
        mariadb_engine="innodb",
        mysql_default_charset="utf8mb4",
    )
    sa.Table(
        "children",
        metadata,
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("parent_id", sa.ForeignKey("parents.id", ondelete="RESTRICT")),
        sa.Column("other_id", sa.ForeignKey("parents.id", name="fk_other", ondelete="CASCADE")),
        sa.Column("indexed_id", sa.ForeignKey("parents.id"), index=True),
        sa.Column("code", sa.ForeignKey("parents.code", onupdate="NO ACTION"), unique=True),
        sa.Column("day", sa.Date, server_default=sa.text("(curdate())")),
    )
    sa.Table(
        "pairs",
        metadata,
        sa.Column("a", sa.ForeignKey("parents.id"), primary_key=True),
        sa.Column("b", sa.ForeignKey("children.id"), primary_key=True),
    )
    return metadata


def test_create_all_leaves_no_difference(db: Database) -> None:
    models().create_all(db.connection)
    db.connection.commit()
    plan = diff(db.connection, models())
    assert plan.summary() == []


def test_differences_are_detected_after_aligning(db: Database) -> None:
    models().create_all(db.connection)
    db.execute(
        "ALTER TABLE children ADD INDEX extra (parent_id, day), DROP FOREIGN KEY fk_other",
        "ALTER TABLE parents DROP INDEX mood, MODIFY quoted VARCHAR(20) DEFAULT 'x'",
    )
    plan = diff(db.connection, models())
    assert [line.split(":")[0] for line in plan.summary()] == [
        "+ foreign key children.fk_other",
        "- index extra on children",
        "~ column parents.quoted",
        "+ unique constraint parents.parents_mood_flag_key",
    ]
