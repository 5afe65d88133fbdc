"""What one operation must do beside its own work, so that the server takes it."""

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
    from tests.dialects.mysql.conftest import Place

T = Name("t")
INT = ColumnType(sql="int", python="sa.Integer()")


def indexes(place: Place, table: str = "t") -> list[str | None]:
    return [index.name for index in place.table(table).indexes]


# Creating


def test_a_table_is_created_by_one_statement(offline: Dialect) -> None:
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


def test_partitions_come_last(offline: Dialect) -> None:
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


def test_views_are_created_and_dropped(place: Place) -> None:
    place.execute("CREATE TABLE t (a INT)")
    create = CreateView(view=View(name=Name("v"), sql="SELECT a, 'x%' AS b FROM t", comment="c"))
    place.run(create)
    assert place.rows("SELECT * FROM v") == []
    place.run(create.reverse())
    assert place.reflect().views == {}


def complete_drop(table: Table, name: str) -> DropConstraint:
    """The operation that drops a constraint, as a plan has it."""
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


def test_an_index_made_for_a_foreign_key_goes_with_it(place: Place) -> None:
    place.execute(CHILD)
    assert place.run(FK) == ["ALTER TABLE t DROP FOREIGN KEY fk, DROP INDEX fk"]
    assert indexes(place) == ["uq"]


def test_an_index_named_as_the_column_was_made_for_an_unnamed_key(place: Place) -> None:
    place.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES t (id))")
    assert indexes(place) == ["a"]
    place.run(replace(FK, name="t_ibfk_1"))
    assert indexes(place) == []


def test_an_index_of_one_s_own_stays(place: Place) -> None:
    place.execute(CHILD.replace("UNIQUE KEY uq (b)", "KEY ix (a)"))
    place.run(FK)
    assert indexes(place) == ["ix"]


def test_an_index_that_another_key_needs_stays(place: Place) -> None:
    place.execute(CHILD, "ALTER TABLE t ADD CONSTRAINT k2 FOREIGN KEY (a) REFERENCES t (id)")
    assert indexes(place) == ["k2", "uq"]
    place.run(replace(FK, name="k2"))
    assert indexes(place) == ["k2", "uq"]
    assert [key.name for key in place.table("t").foreign_keys] == ["fk"]


@pytest.mark.parametrize(
    ("name", "index"),
    [("fk", "fk"), ("t_ibfk_1", "a"), ("t_ibfk_12", "a"), ("x_ibfk_1", "a")],
)
def test_without_a_server_the_index_is_known_by_its_name(
    offline: Dialect, name: str, index: str
) -> None:
    key = ForeignKey(name=name, columns=("a",), referred=T, referred_columns=("id",))
    table = Table(name=T, constraints=(key,))
    drop = replace(FK, name=name)
    wanted = f"ALTER TABLE t DROP FOREIGN KEY {name}, DROP INDEX {index}"
    assert offline.ddl.statements(drop, table) == [wanted]
    other = replace(key, name="k2")
    both = replace(table, constraints=(key, other))
    assert offline.ddl.statements(drop, both) == [f"ALTER TABLE t DROP FOREIGN KEY {name}"]
    assert offline.ddl.statements(drop) == [f"ALTER TABLE t DROP FOREIGN KEY {name}"]


def test_an_index_that_a_foreign_key_needs_is_replaced(place: Place) -> None:
    place.execute(CHILD.replace("UNIQUE KEY uq (b)", "KEY ix (a, b)"))
    before = place.table("t")
    drop = DropIndex(table=T, name="ix", index=before.index("ix"))
    assert place.run(drop) == ["ALTER TABLE t DROP INDEX ix, ADD INDEX fk (a)"]
    place.run(drop.reverse())
    assert place.table("t") == before


def test_a_unique_constraint_that_a_foreign_key_needs_is_replaced(place: Place) -> None:
    place.execute(CHILD.replace("uq (b)", "uq (a)"))
    before = place.table("t")
    unique = Unique(name="uq", columns=("a",))
    drop = DropConstraint(table=T, name="uq", kind="unique", constraint=unique)
    assert place.run(drop) == ["ALTER TABLE t DROP INDEX uq, ADD INDEX fk (a)"]
    place.run(drop.reverse())
    assert place.table("t") == before


def test_a_key_that_the_server_named_gets_its_index_back(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, KEY a (b), "
        "FOREIGN KEY (a) REFERENCES t (id))"
    )
    before = place.table("t")
    assert indexes(place) == ["a", "a_2"]
    drop = complete_drop(before, "t_ibfk_1")
    place.run(drop)
    assert indexes(place) == ["a"]
    place.run(drop.reverse())
    assert place.table("t") == before


def test_a_name_that_the_server_chose_follows_its_table(place: Place) -> None:
    place.execute(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES p (id), CHECK (a > 0))",
    )
    before = place.table("t")
    rename = RenameTable(before=T, after=Name("u"))
    drops = [
        replace(complete_drop(before, str(constraint.name)), table=Name("u"))
        for constraint in before.constraints
    ]
    place.run(rename, *drops)
    assert place.table("u").constraints == ()
    place.run(*(drop.reverse() for drop in reversed(drops)), rename.reverse())
    assert place.table("t") == before


def test_a_renamed_column_takes_the_index_of_its_key_along(place: Place) -> None:
    place.execute("CREATE TABLE t (id INT PRIMARY KEY, a INT, FOREIGN KEY (a) REFERENCES t (id))")
    rename = RenameColumn(table=T, before="a", after="b")
    assert place.run(rename) == ["ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX a TO b"]
    assert indexes(place) == ["b"]
    place.run(rename.reverse())
    assert indexes(place) == ["a"]


def test_a_renamed_column_that_is_checked_and_pointed_at_is_renamed_in_steps(
    place: Place,
) -> None:
    place.execute(
        "CREATE TABLE t (id INT, a INT NOT NULL UNIQUE, CONSTRAINT ck CHECK (a > 0))",
        "CREATE TABLE c (a INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (a))",
    )
    before = place.table("t")
    rename = RenameColumn(table=T, before="a", after="b")
    assert len(place.run(rename)) == (1 if place.is_mariadb else 3)
    check = place.table("t").constraint("ck")
    assert check == Check(name="ck", sql="`b` > 0")
    place.run(rename.reverse())
    assert place.table("t") == before


# Primary keys and AUTO_INCREMENT


def test_a_counter_keeps_counting_while_its_key_changes(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT NOT NULL)",
        "INSERT INTO t (id, a) VALUES (5, 1)",
    )
    drop = DropConstraint(
        table=T, name=None, kind="primary", constraint=PrimaryKey(columns=("id",))
    )
    place.run(drop)
    assert indexes(place) == [AUTO_INCREMENT_INDEX]
    add = AddConstraint(table=T, constraint=PrimaryKey(columns=("id", "a")))
    place.run(add)
    table = place.table("t")
    assert table.primary_key == PrimaryKey(columns=("id", "a"))
    assert (table.columns[0].autoincrement, table.indexes) == (True, ())
    place.execute("INSERT INTO t (a) VALUES (2)")
    assert place.rows("SELECT id FROM t ORDER BY id") == [(5,), (6,)]
    place.run(add.reverse(), drop.reverse())
    assert place.table("t").primary_key == PrimaryKey(columns=("id",))
    assert indexes(place) == []


def test_a_counter_can_lose_its_key_for_good(place: Place) -> None:
    place.execute("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)")
    off = AlterColumn(
        table=T,
        name="id",
        before=ColumnPatch(autoincrement=True),
        after=ColumnPatch(autoincrement=False),
    )
    drop = DropConstraint(
        table=T, name=None, kind="primary", constraint=PrimaryKey(columns=("id",))
    )
    before = place.table("t")
    place.run(drop, off)
    assert (indexes(place), place.table("t").columns[0].autoincrement) == ([], False)
    place.run(off.reverse(), drop.reverse())
    assert place.table("t") == before


def test_a_counter_is_added_with_its_key(place: Place) -> None:
    place.execute("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (7), (8)")
    before = place.table("t")
    column = Column(name="id", type=INT, nullable=False, autoincrement=True)
    add = AddColumn(table=T, column=column)
    key = AddConstraint(table=T, constraint=PrimaryKey(columns=("id",)))
    place.run(add, key)
    table = place.table("t")
    assert (table.primary_key, table.indexes) == (PrimaryKey(columns=("id",)), ())
    assert place.rows("SELECT id, a FROM t ORDER BY id") == [(1, 7), (2, 8)]
    place.run(key.reverse(), add.reverse())
    assert place.table("t") == before


def test_foreign_keys_that_use_the_primary_key_get_an_index(place: Place) -> None:
    place.execute(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a, b), "
        "CONSTRAINT fk FOREIGN KEY (a) REFERENCES p (id))",
    )
    before = place.table("t")
    drop = DropConstraint(table=T, name=None, kind="primary", constraint=before.primary_key)
    assert place.run(drop) == ["ALTER TABLE t DROP PRIMARY KEY, ADD INDEX fk (a)"]
    place.run(drop.reverse())
    assert place.table("t") == before


def test_what_other_tables_point_at_can_lose_its_primary_key(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)",
        "CREATE TABLE c (a INT, CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id))",
    )
    before = place.table("t")
    drop = DropConstraint(table=T, name=None, kind="primary", constraint=before.primary_key)
    place.run(drop, drop.reverse())
    assert place.table("t") == before


# Altering columns


def test_without_its_table_a_column_is_stated_from_the_operation(offline: Dialect) -> None:
    enough = AlterColumn(
        table=T,
        name="a",
        before=ColumnPatch(type=INT, nullable=False, default="5"),
        after=ColumnPatch(nullable=True),
    )
    assert offline.ddl.statements(enough) == ["ALTER TABLE t MODIFY COLUMN a int DEFAULT 5"]


def test_without_its_table_a_column_may_be_too_little_known(offline: Dialect) -> None:
    alter = AlterColumn(table=T, name="a", after=ColumnPatch(comment="x"))
    with pytest.raises(PlanError) as caught:
        offline.ddl.statements(alter)
    assert str(caught.value) == (
        "cannot alter column t.a without knowing its type and whether it is nullable\n"
        "hint: run it against a database, or say existing_type=... and existing_nullable=..."
    )


def test_a_column_that_is_not_there_is_told(offline: Dialect) -> None:
    alter = AlterColumn(table=T, name="a", after=ColumnPatch(comment="x"))
    with pytest.raises(PlanError, match=r"cannot alter column t\.a: the table has no such column"):
        offline.ddl.statements(alter, Table(name=T))


def test_a_column_made_anew_keeps_its_place_indexes_and_checks(place: Place) -> None:
    place.execute(
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
    before = place.table("t")
    place.run(alter)
    assert place.rows("SELECT * FROM t") == [(5, 15, 1)]
    wanted = evolve(before, alter)
    assert differences(place.dialect, [wanted], [place.table("t")]) == []
    place.run(alter.reverse())
    assert place.table("t") == before


def test_what_was_virtual_keeps_its_values_as_a_plain_column(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (a INT, g INT AS (a * 2) VIRTUAL)", "INSERT INTO t (a) VALUES (5)"
    )
    computed = Computed(sql="`a` * 2", persisted=False)
    alter = AlterColumn(
        table=T,
        name="g",
        before=ColumnPatch(computed=computed),
        after=ColumnPatch(computed=None),
    )
    place.run(alter)
    place.execute("UPDATE t SET a = 1")
    assert place.rows("SELECT a, g FROM t") == [(1, 10)]
    place.run(alter.reverse())
    assert place.rows("SELECT a, g FROM t") == [(1, 2)]


def test_rows_get_different_values_of_a_default_that_differs(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (a INT, touched DATETIME ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t VALUES (1, '2001-01-01'), (2, '2001-01-01')",
    )
    column = Column(
        name="u", type=ColumnType(sql="char(36)", python=""), nullable=False, default="uuid()"
    )
    add = AddColumn(table=T, column=column)
    before = place.table("t")
    place.run(add)
    assert place.rows("SELECT count(DISTINCT u) FROM t") == [(2,)]
    assert place.rows("SELECT DISTINCT year(touched) FROM t") == [(2001,)]
    assert place.table("t").column("u") == replace(column, type=column.type)
    place.run(add.reverse())
    assert place.table("t") == before


def test_filling_rows_touches_nothing_else(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (a INT, touched TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t VALUES (NULL, '2001-01-01'), (2, '2001-01-01')",
    )
    place.run(Backfill(table=T, values=(("a", "5"),), where="a IS NULL"))
    assert place.rows("SELECT a, year(touched) FROM t ORDER BY a") == [(2, 2001), (5, 2001)]


# Dropping columns


def test_a_dropped_column_takes_whatever_it_has_a_part_in(place: Place) -> None:
    place.execute(
        "CREATE TABLE p (x INT, y INT, PRIMARY KEY (x, y))",
        "INSERT INTO p VALUES (2, 1)",
        "CREATE TABLE t (a INT, b INT NOT NULL, c INT, KEY ab (a, b), UNIQUE KEY bc (b, c), "
        "KEY c (c), PRIMARY KEY (b, a), CONSTRAINT fk FOREIGN KEY (b, a) REFERENCES p (x, y), "
        "CONSTRAINT ck CHECK (b < c), CONSTRAINT alone CHECK (b > 0))",
        "INSERT INTO t VALUES (1, 2, 3)",
    )
    before = place.table("t")
    drop = DropColumn(table=T, name="b", column=before.column("b"))
    place.run(drop)
    after = place.table("t")
    assert (after.constraints, [index.name for index in after.indexes]) == ((), ["c"])
    wanted = evolve(before, drop)
    bare = replace(wanted, constraints=())
    assert differences(place.dialect, [bare], [after]) == []
    assert place.rows("SELECT a, c FROM t") == [(1, 3)]


def test_a_dropped_column_takes_an_index_over_an_expression(mysql: Place) -> None:
    mysql.execute("CREATE TABLE t (a INT, b INT, KEY ix ((a + 1)))")
    mysql.run(DropColumn(table=T, name="a"))
    assert indexes(mysql) == []


# Constraints


@pytest.mark.parametrize(
    ("name", "gone"),
    [("fk", "foreign key"), ("uq", "index"), ("ck", "check"), ("PRIMARY", "primary key")],
)
def test_the_kind_of_a_constraint_is_looked_up(place: Place, name: str, gone: str) -> None:
    place.execute(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, UNIQUE KEY uq (b), KEY a (id), "
        "CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id), CONSTRAINT ck CHECK (a > 0))"
    )
    place.execute("ALTER TABLE t DROP FOREIGN KEY fk" if gone == "primary key" else "DO 1")
    (sql,) = place.run(DropConstraint(table=T, name=name))
    words = {"check": "constraint"} if place.is_mariadb else {}
    assert f"DROP {words.get(gone, gone).upper()}" in sql


def test_a_constraint_that_nobody_knows_is_told(offline: Dialect) -> None:
    for current in (None, Table(name=T)):
        with pytest.raises(PlanError) as caught:
            offline.ddl.statements(DropConstraint(table=T, name="x"), current)
    assert str(caught.value) == (
        "cannot tell what constraint x of table t is\n"
        'hint: say type_="foreignkey", "unique", "check" or "primary"'
    )


def test_a_check_in_a_column_survives_other_changes_and_can_be_dropped(mariadb: Place) -> None:
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


def test_an_index_without_its_table_can_t_be_dropped(offline: Dialect) -> None:
    with pytest.raises(PlanError, match="cannot drop index ix without its table"):
        offline.ddl.statements(DropIndex(table=None, name="ix"))


def test_exists_is_asked_where_the_server_can(offline: Dialect) -> None:
    mariadb = offline.backend == "mariadb"
    index = Index(name="ix", elements=(IndexElement(text="a"),))
    create = CreateIndex(table=T, index=index, if_not_exists=True)
    assert offline.ddl.statements(create) == [
        f"CREATE INDEX {'IF NOT EXISTS ' if mariadb else ''}ix ON t (a)"
    ]
    assert offline.ddl.statements(create.reverse()) == [
        f"DROP INDEX {'IF EXISTS ' if mariadb else ''}ix ON t"
    ]


def test_the_comment_of_an_unknown_index_can_t_be_set(offline: Dialect) -> None:
    comment = SetComment(kind="index", name=Name("ix"), table=T, after="x")
    with pytest.raises(PlanError, match="cannot set the comment of index ix without knowing"):
        offline.ddl.statements(comment)


# Table options


def options(*changes: tuple[str, str | None, str | None]) -> SetTableOptions:
    return SetTableOptions(table=T, options=changes)


def test_texts_move_to_a_new_charset_as_they_are(place: Place) -> None:
    place.execute(
        "CREATE TABLE t (a TEXT, b VARCHAR(10) COLLATE ascii_bin, c ENUM('x','é'), n INT) "
        "CHARSET latin1",
        "INSERT INTO t VALUES ('é', 'b', 'é', 1)",
    )
    before = place.table("t")
    change = options(
        ("mysql_charset", "latin1", "utf8mb4"),
        ("mysql_collate", "latin1_swedish_ci", "utf8mb4_unicode_ci"),
    )
    place.run(change)
    after = place.table("t")
    assert after == evolve(before, change)
    assert place.rows("SELECT * FROM t") == [("é", "b", "é", 1)]
    place.run(change.reverse())
    assert place.table("t") == before


def test_without_the_table_its_texts_are_converted(offline: Dialect) -> None:
    both = options(("mysql_charset", None, "utf8mb4"), ("mysql_collate", None, "utf8mb4_bin"))
    assert offline.ddl.statements(both) == [
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    ]
    one = options(("mysql_collate", None, "latin1_bin"), ("mysql_engine", "MyISAM", "InnoDB"))
    assert offline.ddl.statements(one) == [
        "ALTER TABLE t ENGINE=InnoDB, CONVERT TO CHARACTER SET latin1 COLLATE latin1_bin"
    ]


def test_an_option_that_can_t_be_taken_back_is_told(offline: Dialect) -> None:
    with pytest.raises(PlanError, match="cannot change mysql_engine of table t in place"):
        offline.ddl.statements(options(("mysql_engine", "InnoDB", None)))


def test_partitions_are_said_anew_with_what_stays_of_them(offline: Dialect) -> None:
    parted = Table(name=T, options={"mysql_partition_by": "HASH (`a`)", "mysql_partitions": "4"})
    more = options(("mysql_partitions", "4", 6))
    assert offline.ddl.statements(more, parted) == [
        "ALTER TABLE t PARTITION BY HASH (`a`) PARTITIONS 6"
    ]
    none = options(("mysql_partition_by", "HASH (`a`)", None), ("mysql_partitions", "4", None))
    assert offline.ddl.statements(none, parted) == ["ALTER TABLE t REMOVE PARTITIONING"]


# Databases and sequences


def test_a_schema_is_dropped_only_when_it_is_empty(place: Place) -> None:
    name = f"{place.connection.engine.url.database}_other"
    create = CreateNamespace(name=name)
    place.run(create)
    try:
        place.execute(f"CREATE TABLE {name}.t (a INT)")
        with pytest.raises(DBAPIError, match="~the schema is not empty"):
            place.run(DropNamespace(name=name))
        place.connection.rollback()
        place.execute(f"DROP TABLE {name}.t")
    finally:
        place.run(create.reverse())
    assert place.reflect(name).namespaces == frozenset()


def test_sequences_are_created_altered_and_dropped(mariadb: Place) -> None:
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


def test_mysql_has_no_sequences(mysql: Place) -> None:
    assert mysql.dialect.ddl.statements(CreateSequence(sequence=Sequence(name=Name("s")))) == []


# Transactions


def test_data_statements_are_rolled_back_on_errors(place: Place) -> None:
    place.execute("CREATE TABLE t (a INT)")

    def fail() -> None:
        with place.dialect.session.transaction(place.connection):
            place.connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            place.connection.exec_driver_sql("CREATE TABLE u (a INT)")
            place.connection.exec_driver_sql("INSERT INTO t VALUES (2)")
            place.connection.exec_driver_sql("SET foreign_key_checks = 0")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert place.rows("SELECT a FROM t") == [(1,)]
    assert place.rows("SELECT @@foreign_key_checks") == [(1,)]
    place.connection.rollback()
    with place.dialect.session.transaction(place.connection):
        place.connection.exec_driver_sql("INSERT INTO t VALUES (3)")
    assert place.rows("SELECT a FROM t ORDER BY a") == [(1,), (3,)]
