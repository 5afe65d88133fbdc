"""Tests for reflection: complete, in a fixed number of queries, and reproducible."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from autodiff.dialects import Scope, dialect_of
from autodiff.dialects.mysql.catalog.queries import Marks
from autodiff.dialects.mysql.catalog.rows import lines_of
from autodiff.errors import DatabaseError
from autodiff.plan.order import order_tables, order_views
from autodiff.schema.objects import (
    Check,
    Computed,
    ForeignKey,
    Index,
    IndexElement,
    Name,
    PrimaryKey,
    Schema,
    Sequence,
)
from autodiff.schema.operations import CreateSequence, CreateTable, CreateView
from tests.dialects.mysql import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import URL

    from tests.dialects.mysql.conftest import Database


def create(db: Database, schema: Schema) -> None:
    """Create the objects of a reflected schema with the dialect's statements."""
    db.run(*(CreateSequence(sequence=sequence) for sequence in schema.sequences.values()))
    db.run(*(CreateTable(table=table) for table in order_tables(schema.tables)[0]))
    db.run(*(CreateView(view=view) for view in order_views(dict(schema.views))))


def statements(db: Database) -> tuple[str, ...]:
    return (*tables.BOTH, *(tables.MARIADB if db.is_mariadb else tables.MYSQL))


def test_recreated_objects_reflect_the_same(new_db: Callable[[str], Database], kind: str) -> None:
    first, second = new_db(kind), new_db(kind)
    first.execute(*statements(first))
    original = first.reflect()
    create(second, original)
    recreated = second.reflect()
    assert set(recreated.tables) == set(original.tables)
    for name, table in original.tables.items():
        assert recreated.tables[name] == table
    assert recreated.views == original.views
    assert recreated.sequences == original.sequences


def test_number_of_queries_is_constant(
    db: Database, database: Callable[[str], URL], kind: str
) -> None:
    """The count does not depend on the number of tables and databases."""
    statements_sent: list[str] = []
    sa.event.listen(
        db.connection, "before_cursor_execute", lambda *args: statements_sent.append(args[2])
    )

    def queries(*namespaces: str) -> int:
        statements_sent.clear()
        db.reflect(*namespaces)
        return len(statements_sent)

    for number in range(2):
        db.execute(f"CREATE TABLE t{number} (id INT PRIMARY KEY, x INT UNIQUE)")
        assert queries() == 1
    partitioned = "CREATE TABLE parted (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2"
    db.execute(*statements(db), partitioned)
    total = queries()
    assert total == 3 + db.is_mariadb
    others = [str(database(kind).database) for _ in range(2)]
    assert queries(*others[:1]) == queries(*others) == total


def test_special_characters_in_names_and_comments(db: Database) -> None:
    """Line breaks, quotes, backslashes and control characters are preserved."""
    name, comment = 'a\nb\t"c, [é] \x01\x1f', 'x"]\n["y\\ \x7f€\r'
    db.execute(f"CREATE TABLE odd (`{name}` INT, b INT, KEY `i{name}` (`{name}`))")
    db.connection.execute(
        sa.text(f"ALTER TABLE odd MODIFY `{name}` INT COMMENT :said"), {"said": comment}
    )
    table = db.table("odd")
    assert [(column.name, column.comment) for column in table.columns] == [
        (name, comment),
        ("b", None),
    ]
    assert table.indexes == (Index(name=f"i{name}", elements=(IndexElement(text=name),)),)


def test_table_names_may_differ_only_in_case(db: Database) -> None:
    [(ignores_case,)] = db.rows("SELECT @@lower_case_table_names")
    if ignores_case:
        pytest.skip("the server ignores case in table names")
    db.execute("CREATE TABLE item (a INT)", "CREATE TABLE Item (b INT, c INT)")
    reflected = db.reflect().tables
    columns = {str(name): [c.name for c in table.columns] for name, table in reflected.items()}
    assert columns == {"item": ["a"], "Item": ["b", "c"]}


def test_special_characters_in_table_names(db: Database) -> None:
    names = ["a\tb", 'say "x" [1]', "back\\slash", "ümläut 表", "two\nlines"]
    for name in names:
        db.execute(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, note TEXT)")
    reflected = db.reflect().tables
    assert sorted(name.name for name in reflected) == sorted(names)
    assert all(len(table.columns) == 2 and table.primary_key for table in reflected.values())


def test_small_group_concat_max_len_does_not_truncate(db: Database) -> None:
    db.execute(tables.NUMBERS, tables.TEXTS, tables.PARENT, tables.CHILD, tables.KEYS)
    expected = db.reflect()
    db.execute("SET SESSION group_concat_max_len = 20")
    assert db.reflect() == expected
    assert db.rows("SELECT @@group_concat_max_len") == [(20,)]


def test_comments_and_defaults_may_contain_separators(db: Database) -> None:
    marks = "unit \x1f and line \x1e, also as \x1f1 and \x1e2"
    db.execute(
        f"CREATE TABLE `a\x1fb` (id INT PRIMARY KEY, note VARCHAR(99) DEFAULT '{marks}')"
        f" COMMENT '{marks}'",
        f"CREATE TABLE plain (id INT PRIMARY KEY COMMENT '{marks}')",
    )
    odd, plain = db.reflect().tables.values()
    assert odd.name.name == "a\x1fb"
    assert odd.comment == plain.columns[0].comment == marks
    assert odd.columns[1].default == f"'{marks}'"


@pytest.mark.parametrize("text", ["a|1#", "a|1#b|2", "a|1#b|", "a|1#b", "a|1#b#", ""])
def test_truncated_result_is_an_error(text: str) -> None:
    """A low max_allowed_packet truncates results; a part must not be mistaken for the whole."""
    marks = Marks("|", "#")
    assert lines_of("a|1#b|2#", 2, 1, marks) == ["a|1", "b|2"]
    with pytest.raises(DatabaseError, match="server truncated the rows") as caught:
        lines_of(text, 2, 1, marks)
    assert "max_allowed_packet" in str(caught.value.hint)


def test_equal_columns_are_one_object(db: Database) -> None:
    for name in ("one", "two"):
        db.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, at DATETIME DEFAULT now())")
    one, two = db.reflect().tables.values()
    assert all(a is b for a, b in zip(one.columns, two.columns, strict=True))
    assert one.primary_key is two.primary_key


def test_column_defaults_are_reflected(db: Database) -> None:
    db.execute(tables.NUMBERS, tables.TEXTS, tables.TIMES)
    defaults = {
        column.name: column.default
        for name in ("numbers", "texts", "times")
        for column in db.table(name).columns
    }
    expected = {
        "flag": "1",
        "tiny": "-3",
        "big": "5",
        "price": "1.50",
        "bits": "b'101'",
        "sum": "1 + 2",
        "v": r"'a\\b'",
        "blank": "''",
        "nothing": None,
        "word": "'NULL'",
        "line": "'\n'",
        "number": "'5'",
        "percent": "'50% %s :x'",
        "vb": "'ab'",
        "letter": "'x,y)'",
        "said": "'abc'",
        "unique_id": "uuid()",
        "joined": r"""concat('it''s \\ ','"x"')""",
        "dt": "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        "dt6": "CURRENT_TIMESTAMP(6)",
        "called": "CURRENT_TIMESTAMP",
        "touched": "NULL ON UPDATE CURRENT_TIMESTAMP",
        "ts": None,
    }
    assert {name: defaults[name] for name in expected} == expected
    key = db.table("numbers").column("id")
    assert key is not None
    assert (key.autoincrement, key.nullable, key.comment) == (True, False, 'it\'s \\ a "c"')


def test_collation_is_reflected_if_it_differs_from_the_table(db: Database) -> None:
    db.execute(tables.TEXTS)
    table = db.table("texts")
    types = {column.name: column.type.sql for column in table.columns}
    assert types["v"] == "varchar(50)"
    assert types["binary_text"] == "varchar(10) COLLATE utf8mb4_bin"
    assert types["latin"] == "varchar(10) COLLATE latin1_swedish_ci"
    assert table.options == {
        "mysql_engine": "InnoDB",
        "mysql_charset": "utf8mb4",
        "mysql_collate": "utf8mb4_unicode_ci",
    }
    assert table.comment == "tab'le \\ x"


def test_json_columns_are_json_on_both_servers(db: Database) -> None:
    db.execute(tables.DOCUMENTS)
    table = db.table("documents")
    assert [column.type.sql for column in table.columns[:3]] == ["json"] * 3
    assert table.constraints == ()
    assert {index.name: index.method for index in table.indexes} == {
        "by_place": "spatial",
        "by_body": "fulltext",
    }


def test_generated_columns_have_no_default(db: Database) -> None:
    db.execute(tables.GENERATED)
    double, triple, concatenated = db.table("derived").columns[2:]
    assert double.computed == Computed(sql="`a` * 2", persisted=False)
    assert triple.computed == Computed(sql="`a` * 3", persisted=True)
    assert concatenated.computed == Computed(sql=r"concat(`b`,'it''s \\')", persisted=False)
    assert {column.default for column in (double, triple, concatenated)} == {None}


def test_keys_and_indexes_are_reflected(db: Database) -> None:
    db.execute(tables.KEYS)
    table = db.table("the keys")
    assert table.primary_key == PrimaryKey(columns=("b", "a"))
    assert table.index("uq") == Index(
        name="uq",
        elements=(IndexElement(text="a"), IndexElement(text="c", length=10)),
        unique=True,
    )
    assert table.index("ix") == Index(
        name="ix", elements=(IndexElement(text="c", descending=True), IndexElement(text="a"))
    )
    assert table.index("prefixed") == Index(
        name="prefixed", elements=(IndexElement(text="d", length=20),), comment="it's"
    )
    check = table.constraint("odd name")
    assert isinstance(check, Check)
    assert db.dialect.normalize_expression(check.sql) == "c like '%a'"


def test_default_foreign_key_actions_are_omitted(db: Database) -> None:
    db.execute(tables.PARENT, tables.CHILD)
    keys = {key.name: key for key in db.table("child").foreign_keys}
    assert keys["by_two"] == ForeignKey(
        name="by_two",
        columns=("x", "y"),
        referred=Name("parent"),
        referred_columns=("x", "y"),
        on_delete="CASCADE",
    )
    assert keys["child_ibfk_1"] == ForeignKey(
        name="child_ibfk_1",
        columns=("z",),
        referred=Name("parent"),
        referred_columns=("z",),
        on_update="SET NULL",
    )


def test_view_definitions_omit_the_database_name(db: Database) -> None:
    db.execute(*tables.BOTH)
    views = db.reflect().views
    assert views[Name("seen")].reads == (Name("child"), Name("parent"))
    assert views[Name("again")].sql.endswith("WITH CASCADED CHECK OPTION")
    assert str(db.connection.engine.url.database) not in views[Name("seen")].sql


def test_mariadb_sequences_and_column_checks(mariadb: Database) -> None:
    mariadb.execute(*tables.MARIADB)
    schema = mariadb.reflect()
    assert "no_parameters" not in mariadb.connection.get_execution_options()
    assert schema.sequences == {
        Name("plain"): Sequence(name=Name("plain")),
        Name("down"): Sequence(name=Name("down"), increment=-1),
        Name("other_one"): Sequence(
            name=Name("other_one"), start=5, increment=2, maxvalue=100, cache=10, cycle=True
        ),
    }
    checked, counted = schema.tables[Name("checked")], schema.tables[Name("counted")]
    level = {"mysql_level": "column"}
    assert checked.constraint("b") == Check(name="b", sql="`b` > `a`", options=level)
    assert checked.constraint("doc") == Check(name="doc", sql="json_valid(`a`)", options=level)
    assert counted.columns[0].default == "nextval(`plain`)"
    assert schema.tables[Name("versioned")].options["mysql_with_system_versioning"] is True


def test_mysql_expression_indexes_and_unenforced_checks(mysql: Database) -> None:
    mysql.execute(*tables.MYSQL)
    table = mysql.table("own")
    index = table.index("by_lower")
    assert index is not None
    assert index.elements == (
        IndexElement(text="lower(`name`)", is_expression=True, descending=True),
        IndexElement(text="id"),
    )
    point = table.column("place")
    assert point is not None
    assert point.type.sql == "point SRID 4326"
    loose = mysql.table("checked").constraint("loose")
    assert loose == Check(name="loose", sql="`b` > 0", options={"mysql_not_enforced": True})


def test_scope_limits_the_reflected_tables(db: Database) -> None:
    db.execute(tables.PARENT, tables.CHILD, tables.KEYS)

    def names(**scope: object) -> set[str]:
        schema = db.dialect.catalog.reflect(db.connection, Scope(**scope))  # type: ignore[arg-type]
        return {str(name) for name in schema.tables}

    assert names(exclude=("the*",)) == {"parent", "child"}
    assert names(only=(Name("child"),)) == {"child"}
    expected = db.reflect().tables[Name("child")]
    scope = Scope(only=(Name("child"),))
    assert db.dialect.catalog.reflect(db.connection, scope).tables[Name("child")] == expected


def test_namespaces_are_other_databases(
    db: Database, database: Callable[[str], URL], kind: str
) -> None:
    other = str(database(kind).database)
    db.execute(
        f"CREATE TABLE {other}.there (id INT PRIMARY KEY)",
        f"CREATE TABLE here (a INT, CONSTRAINT k FOREIGN KEY (a) REFERENCES {other}.there (id))",
        f"CREATE VIEW {other}.v AS SELECT here.a FROM here JOIN {other}.there t ON t.id = here.a",
    )
    schema = db.reflect(other)
    assert set(schema.tables) == {Name("here"), Name("there", other)}
    assert schema.namespaces == {other}
    key = next(schema.tables[Name("here")].foreign_keys)
    assert key.referred == Name("there", other)
    view = schema.views[Name("v", other)]
    assert set(view.reads) == {Name("here"), Name("there", other)}
    assert f"`{other}`.`there`" in view.sql
    db.execute(f"DROP VIEW {other}.v", "DROP TABLE here")
    assert db.dialect.catalog.reflect(db.connection, Scope(namespaces=("nowhere",))).tables == {}


@pytest.mark.parametrize("prefix", ["mysql", "mariadb"])
def test_mysql_and_mariadb_urls_reflect_the_same(mariadb: Database, prefix: str) -> None:
    mariadb.execute(tables.NUMBERS)
    url = mariadb.connection.engine.url.set(drivername=f"{prefix}+pymysql")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        assert str(dialect).startswith("mariadb 1")
        schema = dialect.catalog.reflect(connection, Scope())
    engine.dispose()
    assert schema == mariadb.reflect()


@contextmanager
def limited(db: Database, *grants: str) -> Iterator[Database]:
    """Open the database as a user, `{user}`, with these grants only; `{db}` is the database."""
    url = db.connection.engine.url
    user = f"u_{str(url.database)[-12:]}"
    names = {"user": user, "role": f"r_{user}", "db": f"`{url.database}`"}
    db.execute(f"CREATE USER {user}", f"CREATE ROLE r_{user}")
    db.execute(*(grant.format(**names) for grant in grants))
    engine = sa.create_engine(url.set(username=user, password=None), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            yield type(db)(connection, dialect_of(connection))
    finally:
        engine.dispose()
        db.execute(f"DROP USER {user}", f"DROP ROLE r_{user}")


LIMITED_TABLES = (
    "CREATE TABLE parents (id int PRIMARY KEY, n int, k int, doc json, CONSTRAINT c CHECK (n > 0))",
    "CREATE TABLE `a``b` (id int PRIMARY KEY, p1 int, p2 int, p3 int, p4 int, "
    "CONSTRAINT `k``1` FOREIGN KEY (p1) REFERENCES parents (id) ON DELETE CASCADE, "
    "CONSTRAINT k2 FOREIGN KEY (p2) REFERENCES parents (id) ON UPDATE SET NULL, "
    "CONSTRAINT k3 FOREIGN KEY (p3) REFERENCES parents (id) ON DELETE SET NULL ON UPDATE CASCADE, "
    "CONSTRAINT k4 FOREIGN KEY (p4) REFERENCES parents (id))",
)
TO_ROLE = ("GRANT {role} TO {user}", "SET DEFAULT ROLE {role} FOR {user}")
TO_ROLE_OF_MYSQL = (TO_ROLE[0], "SET DEFAULT ROLE {role} TO {user}")


@pytest.mark.parametrize("right", ["SELECT", "INSERT", "ALL", "SELECT, INSERT"])
def test_a_right_to_the_whole_database_shows_all_of_it(db: Database, right: str) -> None:
    """MariaDB hides the actions of foreign keys if the right is SELECT."""
    db.execute(*LIMITED_TABLES)
    with limited(db, f"GRANT {right} ON {{db}}.* TO {{user}}") as user:
        assert user.reflect() == db.reflect()


def test_a_right_of_a_role_shows_the_whole_database(db: Database) -> None:
    db.execute(*LIMITED_TABLES)
    to_role = TO_ROLE if db.is_mariadb else TO_ROLE_OF_MYSQL
    with limited(db, "GRANT SELECT ON {db}.* TO {role}", *to_role) as user:
        assert user.reflect() == db.reflect()


@pytest.mark.parametrize(
    "grants",
    [
        ("GRANT SELECT ON {db}.parents TO {user}",),
        ("GRANT ALL ON {db}.parents TO {user}", "GRANT ALL ON {db}.`a``b` TO {user}"),
        ("GRANT SELECT (id, n) ON {db}.parents TO {user}",),
        ("GRANT CREATE ON {db}.* TO {user}",),
    ],
)
def test_a_user_who_may_not_see_the_whole_database(db: Database, grants: tuple[str, ...]) -> None:
    """What the server hides must not look like a difference."""
    db.execute(*LIMITED_TABLES)
    with (
        limited(db, *grants) as user,
        pytest.raises(DatabaseError, match="no right to all of it") as caught,
    ):
        user.reflect()
    assert str(caught.value.hint).startswith(
        f"GRANT SELECT ON `{db.connection.engine.url.database}`.* TO the user"
    )


def test_other_databases_need_a_right_too(new_db: Callable[[str], Database], kind: str) -> None:
    db, other = new_db(kind), new_db(kind)
    name = str(other.connection.engine.url.database)
    other.execute(*LIMITED_TABLES)
    grants = ("GRANT ALL ON {db}.* TO {user}", f"GRANT SELECT ON `{name}`.parents TO {{user}}")
    with (
        limited(db, *grants) as user,
        pytest.raises(DatabaseError, match=f"cannot read the database {name}"),
    ):
        user.reflect(name)
