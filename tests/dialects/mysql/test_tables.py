"""Tests for the additional statements that an operation needs to be accepted by the server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from autodiff.dialects.mysql.catalog.implicit_indexes import AUTO_INCREMENT_INDEX
from autodiff.errors import PlanError
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
    Sequence,
    Table,
    Unique,
    View,
)
from autodiff.schema.operations import (
    AddColumn,
    AddConstraint,
    AlterColumn,
    AlterSequence,
    Backfill,
    ColumnPatch,
    CreateIndex,
    CreateNamespace,
    CreateSequence,
    CreateTable,
    CreateView,
    DropColumn,
    DropConstraint,
    DropIndex,
    DropNamespace,
    RenameColumn,
    RenameTable,
    SetComment,
    SetTableOptions,
    constraint_kind,
)
from tests.dialects.mysql.conftest import differences

if TYPE_CHECKING:
    from autodiff.dialects import Dialect
    from autodiff.dialects.mysql import MySQL
    from tests.dialects.mysql.conftest import Database

T = Name("t")
INT = ColumnType(sql="int", python="sa.Integer()")


def indexes(db: Database, table: str = "t") -> list[str | None]:
    return [index.name for index in db.table(table).indexes]


def unconditional(statements: list[str]) -> list[str]:
    """Return statements without IF NOT EXISTS, which only MariaDB has for indexes."""
    return [sql.replace("IF NOT EXISTS ", "") for sql in statements]


# Creating


def test_table_is_created_by_one_statement(offline: Dialect) -> None:
    key = ForeignKey(
        name="fk", columns=("b",), referred=Name("p", "other"), referred_columns=("id",)
    )
    table = Table(
        name=T,
        columns=(
            Column(name="a", type=INT, nullable=False, autoincrement=True, comment="it's \\"),
            Column(name="b", type=INT, default="uuid()"),
            Column(name="c", type=ColumnType(sql="timestamp", python="")),
        ),
        constraints=(
            PrimaryKey(name="pk", columns=("a",)),
            key,
            Check(name="ck", sql="a > 0"),
        ),
        indexes=(
            Index(name="ix", elements=(IndexElement(text="b", descending=True),), comment="x"),
            Index(name="ft", elements=(IndexElement(text="c"),), method="fulltext"),
        ),
        comment="it's",
        options={"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "x_bin"},
    )
    assert offline.ddl.statements(CreateTable(table=table)) == [
        "CREATE TABLE t (\n"
        "    a int NOT NULL AUTO_INCREMENT COMMENT 'it''s \\\\',\n"
        "    b int DEFAULT (uuid()),\n"
        "    c timestamp NULL,\n"
        "    PRIMARY KEY (a),\n"
        "    CONSTRAINT fk FOREIGN KEY (b) REFERENCES other.p (id),\n"
        "    CONSTRAINT ck CHECK (a > 0),\n"
        "    INDEX ix (b DESC) COMMENT 'x',\n"
        "    FULLTEXT INDEX ft (c)\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=x_bin COMMENT='it''s'"
    ]


def test_partitions_follow_other_options(offline: Dialect) -> None:
    options = {
        "mysql_partitions": "3",
        "mysql_partition_by": "HASH (a)",
        "mysql_data_directory": "/a",
        "mysql_key_block_size": 8,
    }
    table = Table(name=T, columns=(Column(name="a", type=INT),), comment="c", options=options)
    (sql,) = offline.ddl.statements(CreateTable(table=table))
    assert sql.endswith(
        ") COMMENT='c' DATA DIRECTORY='/a' KEY_BLOCK_SIZE=8 PARTITION BY HASH (a) PARTITIONS 3"
    )


def test_views_are_created_and_dropped(db: Database) -> None:
    db.execute("CREATE TABLE t (a INT)")
    create = CreateView(view=View(name=Name("v"), sql="SELECT a, 'x%' AS b FROM t", comment="c"))
    db.run(create)
    assert db.rows("SELECT * FROM v") == []
    db.run(create.reverse())
    assert db.reflect().views == {}


def complete_drop(table: Table, name: str) -> DropConstraint:
    """Return the operation that drops a constraint, with the constraint, as the planner does."""
    constraint = table.constraint(name)
    assert constraint is not None
    kind = constraint_kind(constraint)
    return DropConstraint(table=table.name, name=name, kind=kind, constraint=constraint)


# Foreign keys and their indexes

CHILD = """
CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY uq (b),
    CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id))
"""
FK = DropConstraint(table=T, name="fk", kind="foreignkey")


def test_index_created_for_a_foreign_key_is_dropped_with_it(db: Database) -> None:
    db.execute(CHILD)
    assert db.run(FK) == ["ALTER TABLE t DROP FOREIGN KEY fk, DROP INDEX fk"]
    assert indexes(db) == ["uq"]


def test_index_with_the_column_name_belongs_to_an_unnamed_key(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES t (id))")
    assert indexes(db) == ["a"]
    db.run(replace(FK, name="t_ibfk_1"))
    assert indexes(db) == []


def test_user_created_index_is_kept(db: Database) -> None:
    db.execute(CHILD.replace("UNIQUE KEY uq (b)", "KEY ix (a)"))
    db.run(FK)
    assert indexes(db) == ["ix"]


def test_index_that_another_key_needs_is_renamed(db: Database) -> None:
    """It has the name that the server gives to an index for the key that is left."""
    db.execute(CHILD, "ALTER TABLE t ADD CONSTRAINT k2 FOREIGN KEY (a) REFERENCES t (id)")
    assert indexes(db) == ["k2", "uq"]
    db.run(replace(FK, name="k2"))
    assert indexes(db) == ["fk", "uq"]
    assert [key.name for key in db.table("t").foreign_keys] == ["fk"]


@pytest.mark.parametrize(
    ("name", "index"),
    [("fk", "fk"), ("t_ibfk_1", "a"), ("t_ibfk_12", "a"), ("x_ibfk_1", "a")],
)
def test_without_a_server_the_index_is_identified_by_name(
    offline: MySQL, name: str, index: str
) -> None:
    key = ForeignKey(name=name, columns=("a",), referred=T, referred_columns=("id",))
    table = Table(name=T, constraints=(key,))
    drop = replace(FK, name=name)
    expected = f"ALTER TABLE t DROP FOREIGN KEY {name}, DROP INDEX {index}"
    assert offline.ddl.statements(drop, table) == [expected]
    other = replace(key, name="k2")
    both = replace(table, constraints=(key, other))
    renamed = ", RENAME INDEX IF EXISTS fk TO k2" if name == "fk" and offline.is_mariadb else ""
    expected = f"ALTER TABLE t DROP FOREIGN KEY {name}{renamed}"
    assert offline.ddl.statements(drop, both) == [expected]
    assert offline.ddl.statements(drop) == [f"ALTER TABLE t DROP FOREIGN KEY {name}"]


def without_index_of_key(table: Table) -> Table:
    """Return a table without the index that has the name of its foreign key.

    The index that replaced another one stays: a person could have created it. It is never reported.
    """
    return replace(table, indexes=tuple(index for index in table.indexes if index.name != "fk"))


def test_index_that_a_foreign_key_needs_is_replaced(db: Database) -> None:
    db.execute(CHILD.replace("UNIQUE KEY uq (b)", "KEY ix (a, b)"))
    before = db.table("t")
    drop = DropIndex(table=T, name="ix", index=before.index("ix"))
    assert unconditional(db.run(drop)) == ["ALTER TABLE t DROP INDEX ix, ADD INDEX fk (a)"]
    db.run(drop.reverse())
    assert without_index_of_key(db.table("t")) == before


def test_unique_constraint_that_a_foreign_key_needs_is_replaced(db: Database) -> None:
    db.execute(CHILD.replace("uq (b)", "uq (a)"))
    before = db.table("t")
    unique = Unique(name="uq", columns=("a",))
    drop = DropConstraint(table=T, name="uq", kind="unique", constraint=unique)
    assert unconditional(db.run(drop)) == ["ALTER TABLE t DROP INDEX uq, ADD INDEX fk (a)"]
    db.run(drop.reverse())
    assert db.table("t") == before


def test_key_named_by_the_server_gets_its_index_back(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, KEY a (b), "
        "FOREIGN KEY (a) REFERENCES t (id))"
    )
    before = db.table("t")
    assert indexes(db) == ["a", "a_2"]
    drop = complete_drop(before, "t_ibfk_1")
    db.run(drop)
    assert indexes(db) == ["a"]
    db.run(drop.reverse())
    assert db.table("t") == before


def test_generated_constraint_names_follow_a_table_rename(db: Database) -> None:
    db.execute(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES p (id), CHECK (a > 0))",
    )
    before = db.table("t")
    rename = RenameTable(before=T, after=Name("u"))
    drops = [
        replace(complete_drop(before, str(constraint.name)), table=Name("u"))
        for constraint in before.constraints
    ]
    db.run(rename, *drops)
    assert db.table("u").constraints == ()
    db.run(*(drop.reverse() for drop in reversed(drops)), rename.reverse())
    assert db.table("t") == before


def test_renamed_column_renames_the_index_of_its_key(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES t (id))")
    rename = RenameColumn(table=T, before="a", after="b")
    assert db.run(rename) == ["ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX a TO b"]
    assert indexes(db) == ["b"]
    db.run(rename.reverse())
    assert indexes(db) == ["a"]


def test_column_with_check_and_foreign_key_is_renamed_in_steps(
    db: Database,
) -> None:
    db.execute(
        "CREATE TABLE t (id INT, a INT NOT NULL UNIQUE, CONSTRAINT ck CHECK (a > 0))",
        "CREATE TABLE c (a INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (a))",
    )
    before = db.table("t")
    rename = RenameColumn(table=T, before="a", after="b")
    assert len(db.run(rename)) == (1 if db.is_mariadb else 3)
    check = db.table("t").constraint("ck")
    assert check == Check(name="ck", sql="`b` > 0")
    db.run(rename.reverse())
    assert db.table("t") == before


# Primary keys and AUTO_INCREMENT


def test_auto_increment_continues_after_a_key_change(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL)",
        "INSERT INTO t (id, a) VALUES (5, 1)",
    )
    drop = DropConstraint(
        table=T, name=None, kind="primary", constraint=PrimaryKey(columns=("id",))
    )
    db.run(drop)
    assert indexes(db) == [AUTO_INCREMENT_INDEX]
    add = AddConstraint(table=T, constraint=PrimaryKey(columns=("id", "a")))
    db.run(add)
    table = db.table("t")
    assert table.primary_key == PrimaryKey(columns=("id", "a"))
    assert (table.columns[0].autoincrement, table.indexes) == (True, ())
    db.execute("INSERT INTO t (a) VALUES (2)")
    assert db.rows("SELECT id FROM t ORDER BY id") == [(5,), (6,)]
    db.run(add.reverse(), drop.reverse())
    assert db.table("t").primary_key == PrimaryKey(columns=("id",))
    assert indexes(db) == []


def test_auto_increment_is_removed_with_its_key(db: Database) -> None:
    db.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)")
    disable = AlterColumn(
        table=T,
        name="id",
        before=ColumnPatch(autoincrement=True),
        after=ColumnPatch(autoincrement=False),
    )
    drop = DropConstraint(
        table=T, name=None, kind="primary", constraint=PrimaryKey(columns=("id",))
    )
    before = db.table("t")
    db.run(drop, disable)
    assert (indexes(db), db.table("t").columns[0].autoincrement) == ([], False)
    db.run(disable.reverse(), drop.reverse())
    assert db.table("t") == before


def test_auto_increment_is_added_with_its_key(db: Database) -> None:
    db.execute("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (7), (8)")
    before = db.table("t")
    column = Column(name="id", type=INT, nullable=False, autoincrement=True)
    add = AddColumn(table=T, column=column)
    key = AddConstraint(table=T, constraint=PrimaryKey(columns=("id",)))
    db.run(add, key)
    table = db.table("t")
    assert (table.primary_key, table.indexes) == (PrimaryKey(columns=("id",)), ())
    assert db.rows("SELECT id, a FROM t ORDER BY id") == [(1, 7), (2, 8)]
    db.run(key.reverse(), add.reverse())
    assert db.table("t") == before


def test_foreign_key_that_uses_the_primary_key_gets_an_index(db: Database) -> None:
    db.execute(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b), "
        "CONSTRAINT fk FOREIGN KEY (a) REFERENCES p (id))",
    )
    before = db.table("t")
    drop = DropConstraint(table=T, name=None, kind="primary", constraint=before.primary_key)
    assert unconditional(db.run(drop)) == ["ALTER TABLE t DROP PRIMARY KEY, ADD INDEX fk (a)"]
    db.run(drop.reverse())
    assert without_index_of_key(db.table("t")) == before


def test_referenced_table_can_lose_its_primary_key(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE c (a INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id))",
    )
    before = db.table("t")
    drop = DropConstraint(table=T, name=None, kind="primary", constraint=before.primary_key)
    db.run(drop, drop.reverse())
    assert db.table("t") == before


# Altering columns


def test_operation_alone_can_describe_the_column(offline: Dialect) -> None:
    alter = AlterColumn(
        table=T,
        name="a",
        before=ColumnPatch(type=INT, nullable=False, default="5"),
        after=ColumnPatch(nullable=True),
    )
    assert offline.ddl.statements(alter) == ["ALTER TABLE t MODIFY COLUMN a int DEFAULT 5"]


def test_incomplete_operation_needs_the_table(offline: Dialect) -> None:
    alter = AlterColumn(table=T, name="a", after=ColumnPatch(comment="x"))
    with pytest.raises(PlanError) as caught:
        offline.ddl.statements(alter)
    assert str(caught.value) == (
        "cannot alter column t.a without knowing its type and whether it is nullable\n"
        "hint: run the migration against a database, "
        "or pass existing_type=... and existing_nullable=..."
    )


def test_missing_column_is_an_error(offline: Dialect) -> None:
    alter = AlterColumn(table=T, name="a", after=ColumnPatch(comment="x"))
    with pytest.raises(PlanError, match=r"cannot alter column t\.a: the table has no such column"):
        offline.ddl.statements(alter, Table(name=T))


def test_recreated_column_keeps_position_indexes_and_checks(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (a INT, g INT AS (a * 2) VIRTUAL, b INT, KEY ix (g, b), "
        "CONSTRAINT ck CHECK (g < 1000))",
        "INSERT INTO t (a, b) VALUES (5, 1)",
    )
    alter = AlterColumn(
        table=T,
        name="g",
        before=ColumnPatch(computed=Computed(sql="`a` * 2", persisted=False)),
        after=ColumnPatch(computed=Computed(sql="`a` * 3", persisted=True)),
    )
    before = db.table("t")
    db.run(alter)
    assert db.rows("SELECT * FROM t") == [(5, 15, 1)]
    expected = evolve(before, alter)
    assert differences(db.dialect, [expected], [db.table("t")]) == []
    db.run(alter.reverse())
    assert db.table("t") == before


def test_former_virtual_column_keeps_its_values(db: Database) -> None:
    db.execute("CREATE TABLE t (a INT, g INT AS (a * 2) VIRTUAL)", "INSERT INTO t (a) VALUES (5)")
    computed = Computed(sql="`a` * 2", persisted=False)
    alter = AlterColumn(
        table=T,
        name="g",
        before=ColumnPatch(computed=computed),
        after=ColumnPatch(computed=None),
    )
    db.run(alter)
    db.execute("UPDATE t SET a = 1")
    assert db.rows("SELECT a, g FROM t") == [(1, 10)]
    db.run(alter.reverse())
    assert db.rows("SELECT a, g FROM t") == [(1, 2)]


def test_existing_rows_get_distinct_values_of_a_volatile_default(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (a INT, touched DATETIME ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t VALUES (1, '2001-01-01'), (2, '2001-01-01')",
    )
    column = Column(
        name="u", type=ColumnType(sql="char(36)", python=""), nullable=False, default="uuid()"
    )
    add = AddColumn(table=T, column=column)
    before = db.table("t")
    db.run(add)
    assert db.rows("SELECT count(DISTINCT u) FROM t") == [(2,)]
    assert db.rows("SELECT DISTINCT year(touched) FROM t") == [(2001,)]
    assert db.table("t").column("u") == replace(column, type=column.type)
    db.run(add.reverse())
    assert db.table("t") == before


def test_backfill_does_not_trigger_on_update(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (a INT, touched TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t VALUES (NULL, '2001-01-01'), (2, '2001-01-01')",
    )
    db.run(Backfill(table=T, values=(("a", "5"),), where="a IS NULL"))
    assert db.rows("SELECT a, year(touched) FROM t ORDER BY a") == [(2, 2001), (5, 2001)]


# Dropping columns


def test_dropped_column_drops_dependent_keys_and_checks(db: Database) -> None:
    db.execute(
        "CREATE TABLE p (x INT, y INT, PRIMARY KEY (x, y))",
        "INSERT INTO p VALUES (2, 1)",
        "CREATE TABLE t (a INT, b INT NOT NULL, c INT, KEY ab (a, b), UNIQUE KEY bc (b, c), "
        "KEY c (c), PRIMARY KEY (b, a), CONSTRAINT fk FOREIGN KEY (b, a) REFERENCES p (x, y), "
        "CONSTRAINT ck CHECK (b < c), CONSTRAINT alone CHECK (b > 0))",
        "INSERT INTO t VALUES (1, 2, 3)",
    )
    before = db.table("t")
    drop = DropColumn(table=T, name="b", column=before.column("b"))
    db.run(drop)
    after = db.table("t")
    assert (after.constraints, [index.name for index in after.indexes]) == ((), ["c"])
    expected = evolve(before, drop)
    without_constraints = replace(expected, constraints=())
    assert differences(db.dialect, [without_constraints], [after]) == []
    assert db.rows("SELECT a, c FROM t") == [(1, 3)]


def test_dropped_column_drops_expression_indexes(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (a INT, b INT, KEY ix ((a + 1)))")
    mysql.run(DropColumn(table=T, name="a"))
    assert indexes(mysql) == []


# Constraints


@pytest.mark.parametrize(
    ("name", "dropped"),
    [("fk", "foreign key"), ("uq", "index"), ("ck", "check"), ("PRIMARY", "primary key")],
)
def test_constraint_kind_is_looked_up(db: Database, name: str, dropped: str) -> None:
    db.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY uq (b), KEY a (id), "
        "CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id), CONSTRAINT ck CHECK (a > 0))"
    )
    db.execute("ALTER TABLE t DROP FOREIGN KEY fk" if dropped == "primary key" else "DO 1")
    (sql,) = db.run(DropConstraint(table=T, name=name))
    keywords = {"check": "constraint"} if db.is_mariadb else {}
    assert f"DROP {keywords.get(dropped, dropped).upper()}" in sql


def test_unknown_constraint_is_an_error(offline: Dialect) -> None:
    hint = 'pass type_="foreignkey", "unique", "check" or "primary"'
    for current, message in (
        (None, "cannot determine the kind of constraint x of table t"),
        (Table(name=T), "table t has no constraint x"),
    ):
        with pytest.raises(PlanError) as caught:
            offline.ddl.statements(DropConstraint(table=T, name="x"), current)
        assert caught.value.message == message
        assert caught.value.hint is not None and hint in caught.value.hint


def test_column_check_survives_other_changes_and_can_be_dropped(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (a INT CHECK (a > 0), b INT)")
    before = mariadb.table("t")
    alter = AlterColumn(
        table=T, name="a", before=ColumnPatch(comment=None), after=ColumnPatch(comment="c")
    )
    mariadb.run(alter)
    assert mariadb.table("t").constraints == before.constraints
    mariadb.run(alter.reverse())
    check = mariadb.dialect.catalog.align(before, before).constraint("a")
    assert check == Check(name="a", sql="`a` > 0")
    drop = DropConstraint(table=T, name="a", kind="check", constraint=check)
    mariadb.run(drop)
    assert mariadb.table("t").constraints == ()
    mariadb.run(drop.reverse())
    assert mariadb.dialect.catalog.align(mariadb.table("t"), before).constraint("a") == check


def test_drop_index_needs_a_table(offline: Dialect) -> None:
    with pytest.raises(PlanError, match="cannot drop index ix without its table"):
        offline.ddl.statements(DropIndex(table=None, name="ix"))


def test_if_exists_is_used_on_mariadb(offline: Dialect) -> None:
    mariadb = offline.backend == "mariadb"
    index = Index(name="ix", elements=(IndexElement(text="a"),))
    create = CreateIndex(table=T, index=index, if_not_exists=True)
    assert offline.ddl.statements(create) == [
        f"CREATE INDEX {'IF NOT EXISTS ' if mariadb else ''}ix ON t (a)"
    ]
    assert offline.ddl.statements(create.reverse()) == [
        f"DROP INDEX {'IF EXISTS ' if mariadb else ''}ix ON t"
    ]


def test_comment_on_unknown_index_is_an_error(offline: Dialect) -> None:
    comment = SetComment(kind="index", name=Name("ix"), table=T, after="x")
    with pytest.raises(PlanError, match="cannot set the comment of index ix without knowing"):
        offline.ddl.statements(comment)


# Table options


def options(*changes: tuple[str, str | None, str | None]) -> SetTableOptions:
    return SetTableOptions(table=T, options=changes)


def test_texts_are_converted_to_a_new_charset(db: Database) -> None:
    db.execute(
        "CREATE TABLE t (a TEXT, b VARCHAR(10) COLLATE ascii_bin, c ENUM('x','é'), n INT) "
        "CHARSET latin1",
        "INSERT INTO t VALUES ('é', 'b', 'é', 1)",
    )
    before = db.table("t")
    change = options(
        ("mysql_charset", "latin1", "utf8mb4"),
        ("mysql_collate", "latin1_swedish_ci", "utf8mb4_unicode_ci"),
    )
    db.run(change)
    after = db.table("t")
    assert after == evolve(before, change)
    assert db.rows("SELECT * FROM t") == [("é", "b", "é", 1)]
    db.run(change.reverse())
    assert db.table("t") == before


def test_without_the_table_all_texts_are_converted(offline: Dialect) -> None:
    both = options(("mysql_charset", None, "utf8mb4"), ("mysql_collate", None, "utf8mb4_bin"))
    assert offline.ddl.statements(both) == [
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    ]
    one = options(("mysql_collate", None, "latin1_bin"), ("mysql_engine", "MyISAM", "InnoDB"))
    assert offline.ddl.statements(one) == [
        "ALTER TABLE t ENGINE=InnoDB, CONVERT TO CHARACTER SET latin1 COLLATE latin1_bin"
    ]


def test_irreversible_option_is_an_error(offline: Dialect) -> None:
    with pytest.raises(PlanError, match="cannot change mysql_engine of table t in place"):
        offline.ddl.statements(options(("mysql_engine", "InnoDB", None)))


def test_changed_partitions_keep_unchanged_options(offline: Dialect) -> None:
    partitioned = Table(
        name=T, options={"mysql_partition_by": "HASH (`a`)", "mysql_partitions": "4"}
    )
    add_partitions = options(("mysql_partitions", "4", 6))
    assert offline.ddl.statements(add_partitions, partitioned) == [
        "ALTER TABLE t PARTITION BY HASH (`a`) PARTITIONS 6"
    ]
    remove_partitioning = options(
        ("mysql_partition_by", "HASH (`a`)", None), ("mysql_partitions", "4", None)
    )
    assert offline.ddl.statements(remove_partitioning, partitioned) == [
        "ALTER TABLE t REMOVE PARTITIONING"
    ]


# Databases and sequences


def test_only_an_empty_schema_is_dropped(db: Database) -> None:
    name = f"{db.connection.engine.url.database}_other"
    create = CreateNamespace(name=name)
    db.run(create)
    try:
        db.execute(f"CREATE TABLE {name}.t (a INT)")
        with pytest.raises(DBAPIError, match="~the schema is not empty"):
            db.run(DropNamespace(name=name))
        db.connection.rollback()
        db.execute(f"DROP TABLE {name}.t")
    finally:
        db.run(create.reverse())
    assert db.reflect(name).namespaces == frozenset()


def test_sequences_are_created_altered_and_dropped(mariadb: Database) -> None:
    plain = Sequence(name=Name("s"))
    other = Sequence(name=Name("s"), start=5, increment=2, maxvalue=100, cache=10, cycle=True)
    create = CreateSequence(sequence=plain)
    alter = AlterSequence(before=plain, after=other)
    mariadb.run(create, alter)
    assert mariadb.reflect().sequences == {Name("s"): other}
    mariadb.run(alter.reverse())
    assert mariadb.reflect().sequences == {Name("s"): plain}
    mariadb.run(create.reverse())
    assert mariadb.reflect().sequences == {}


def test_sequences_are_ignored_on_mysql(mysql: Database) -> None:
    assert mysql.dialect.ddl.statements(CreateSequence(sequence=Sequence(name=Name("s")))) == []


# Transactions


def test_data_changes_are_rolled_back_after_an_error(db: Database) -> None:
    db.execute("CREATE TABLE t (a INT)")

    def fail() -> None:
        with db.dialect.session.transaction(db.connection):
            db.connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            db.connection.exec_driver_sql("CREATE TABLE u (a INT)")
            db.connection.exec_driver_sql("INSERT INTO t VALUES (2)")
            db.connection.exec_driver_sql("SET foreign_key_checks = 0")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert db.rows("SELECT a FROM t") == [(1,)]
    assert db.rows("SELECT @@foreign_key_checks") == [(1,)]
    db.connection.rollback()
    with db.dialect.session.transaction(db.connection):
        db.connection.exec_driver_sql("INSERT INTO t VALUES (3)")
    assert db.rows("SELECT a FROM t ORDER BY a") == [(1,), (3,)]
