"""Reflecting: all is read, in a fixed number of queries, and made anew it reads the same."""

from __future__ import annotations

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
    from collections.abc import Callable

    from sqlalchemy import URL

    from tests.dialects.mysql.conftest import Place


def create(place: Place, schema: Schema) -> None:
    """Creates what was reflected, by the statements of the dialect."""
    place.run(*(CreateSequence(sequence=sequence) for sequence in schema.sequences.values()))
    place.run(*(CreateTable(table=table) for table in order_tables(schema.tables)[0]))
    place.run(*(CreateView(view=view) for view in order_views(dict(schema.views))))


def statements(place: Place) -> tuple[str, ...]:
    return (*tables.BOTH, *(tables.MARIADB if place.is_mariadb else tables.MYSQL))


def test_tables_made_anew_are_the_same(places: Callable[[str], Place], kind: str) -> None:
    first, second = places(kind), places(kind)
    first.execute(*statements(first))
    found = first.reflect()
    create(second, found)
    again = second.reflect()
    assert set(again.tables) == set(found.tables)
    for name, table in found.tables.items():
        assert again.tables[name] == table
    assert again.views == found.views
    assert again.sequences == found.sequences


def test_the_number_of_queries_is_fixed(
    place: Place, database: Callable[[str], URL], kind: str
) -> None:
    """More tables and databases need no more queries; what no table has is not asked for."""
    counted: list[str] = []
    sa.event.listen(
        place.connection, "before_cursor_execute", lambda *args: counted.append(args[2])
    )

    def queries(*namespaces: str) -> int:
        counted.clear()
        place.reflect(*namespaces)
        return len(counted)

    for number in range(2):
        place.execute(f"CREATE TABLE t{number} (id INT PRIMARY KEY, x INT UNIQUE)")
        assert queries() == 5
    parted = "CREATE TABLE parted (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2"
    place.execute(*statements(place), parted)
    whole = queries()
    assert whole == 8 + place.is_mariadb
    others = [str(database(kind).database) for _ in range(2)]
    assert queries(*others[:1]) == queries(*others) == whole + 1


def test_any_name_and_comment_is_read_as_it_is(place: Place) -> None:
    """Names and comments hold line breaks, quotes, backslashes and characters of all kinds."""
    name, comment = 'a\nb\t"c, [é] \x01\x1f', 'x"]\n["y\\ \x7f€\r'
    place.execute(f"CREATE TABLE odd (`{name}` INT, b INT, KEY `i{name}` (`{name}`))")
    place.connection.execute(
        sa.text(f"ALTER TABLE odd MODIFY `{name}` INT COMMENT :said"), {"said": comment}
    )
    table = place.table("odd")
    assert [(column.name, column.comment) for column in table.columns] == [
        (name, comment),
        ("b", None),
    ]
    assert table.indexes == (Index(name=f"i{name}", elements=(IndexElement(text=name),)),)


def test_tables_whose_names_differ_in_case_stay_apart(place: Place) -> None:
    [(folds,)] = place.rows("SELECT @@lower_case_table_names")
    if folds:
        pytest.skip("the server knows no case in names of tables")
    place.execute("CREATE TABLE item (a INT)", "CREATE TABLE Item (b INT, c INT)")
    found = place.reflect().tables
    columns = {str(name): [c.name for c in table.columns] for name, table in found.items()}
    assert columns == {"item": ["a"], "Item": ["b", "c"]}


def test_names_of_tables_may_have_anything_in_them(place: Place) -> None:
    names = ["a\tb", 'say "x" [1]', "back\\slash", "ümläut 表", "two\nlines"]
    for name in names:
        place.execute(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, note TEXT)")
    found = place.reflect().tables
    assert sorted(name.name for name in found) == sorted(names)
    assert all(len(table.columns) == 2 and table.primary_key for table in found.values())


def test_a_session_that_cuts_texts_changes_nothing(place: Place) -> None:
    place.execute(tables.NUMBERS, tables.TEXTS, tables.PARENT, tables.CHILD, tables.KEYS)
    whole = place.reflect()
    place.execute("SET SESSION group_concat_max_len = 20")
    assert place.reflect() == whole
    assert place.rows("SELECT @@group_concat_max_len") == [(20,)]


def test_texts_may_hold_what_stands_between_fields(place: Place) -> None:
    marks = "unit \x1f and line \x1e, also as \x1f1 and \x1e2"
    place.execute(
        f"CREATE TABLE `a\x1fb` (id INT PRIMARY KEY, note VARCHAR(99) DEFAULT '{marks}')"
        f" COMMENT '{marks}'",
        f"CREATE TABLE plain (id INT PRIMARY KEY COMMENT '{marks}')",
    )
    odd, plain = place.reflect().tables.values()
    assert odd.name.name == "a\x1fb"
    assert odd.comment == plain.columns[0].comment == marks
    assert odd.columns[1].default == f"'{marks}'"


@pytest.mark.parametrize("text", ["a|1#", "a|1#b|2", "a|1#b|", "a|1#b", "a|1#b#", ""])
def test_an_answer_cut_off_is_an_error(text: str) -> None:
    """A server whose packets are too short leaves out the end: nothing is taken for the whole."""
    marks = Marks("|", "#")
    assert lines_of("a|1#b|2#", 2, 1, marks) == ["a|1", "b|2"]
    with pytest.raises(DatabaseError, match="cut off what it says of its tables") as caught:
        lines_of(text, 2, 1, marks)
    assert "max_allowed_packet" in str(caught.value.hint)


def test_what_repeats_from_table_to_table_is_one_object(place: Place) -> None:
    for name in ("one", "two"):
        place.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, at DATETIME DEFAULT now())")
    one, two = place.reflect().tables.values()
    assert all(a is b for a, b in zip(one.columns, two.columns, strict=True))
    assert one.primary_key is two.primary_key


def test_columns_are_read_with_all_that_they_have(place: Place) -> None:
    place.execute(tables.NUMBERS, tables.TEXTS, tables.TIMES)
    defaults = {
        column.name: column.default
        for name in ("numbers", "texts", "times")
        for column in place.table(name).columns
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
    key = place.table("numbers").column("id")
    assert key is not None
    assert (key.autoincrement, key.nullable, key.comment) == (True, False, 'it\'s \\ a "c"')


def test_a_collation_is_told_where_it_is_not_the_tables(place: Place) -> None:
    place.execute(tables.TEXTS)
    table = place.table("texts")
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


def test_json_is_json_on_both(place: Place) -> None:
    place.execute(tables.DOCUMENTS)
    table = place.table("documents")
    assert [column.type.sql for column in table.columns[:3]] == ["json"] * 3
    assert table.constraints == ()
    assert {index.name: index.method for index in table.indexes} == {
        "by_place": "spatial",
        "by_body": "fulltext",
    }


def test_generated_columns_have_no_default(place: Place) -> None:
    place.execute(tables.GENERATED)
    double, triple, said = place.table("derived").columns[2:]
    assert double.computed == Computed(sql="`a` * 2", persisted=False)
    assert triple.computed == Computed(sql="`a` * 3", persisted=True)
    assert said.computed == Computed(sql=r"concat(`b`,'it''s \\')", persisted=False)
    assert {column.default for column in (double, triple, said)} == {None}


def test_keys_and_indexes(place: Place) -> None:
    place.execute(tables.KEYS)
    table = place.table("the keys")
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
    assert place.dialect.normalize_expression(check.sql) == "c like '%a'"


def test_foreign_keys_leave_out_the_default_actions(place: Place) -> None:
    place.execute(tables.PARENT, tables.CHILD)
    found = {key.name: key for key in place.table("child").foreign_keys}
    assert found["by_two"] == ForeignKey(
        name="by_two",
        columns=("x", "y"),
        referred=Name("parent"),
        referred_columns=("x", "y"),
        on_delete="CASCADE",
    )
    assert found["child_ibfk_1"] == ForeignKey(
        name="child_ibfk_1",
        columns=("z",),
        referred=Name("parent"),
        referred_columns=("z",),
        on_update="SET NULL",
    )


def test_views_read_as_if_there_were_no_database_in_front(place: Place) -> None:
    place.execute(*tables.BOTH)
    views = place.reflect().views
    assert views[Name("seen")].reads == (Name("child"), Name("parent"))
    assert views[Name("again")].sql.endswith("WITH CASCADED CHECK OPTION")
    assert str(place.connection.engine.url.database) not in views[Name("seen")].sql


def test_mariadb_has_sequences_and_checks_in_columns(mariadb: Place) -> None:
    mariadb.execute(*tables.MARIADB)
    found = mariadb.reflect()
    assert "no_parameters" not in mariadb.connection.get_execution_options()
    assert found.sequences == {
        Name("plain"): Sequence(name=Name("plain")),
        Name("down"): Sequence(name=Name("down"), increment=-1),
        Name("other_one"): Sequence(
            name=Name("other_one"), start=5, increment=2, maxvalue=100, cache=10, cycle=True
        ),
    }
    checked, counted = found.tables[Name("checked")], found.tables[Name("counted")]
    level = {"mysql_level": "column"}
    assert checked.constraint("b") == Check(name="b", sql="`b` > `a`", options=level)
    assert checked.constraint("doc") == Check(name="doc", sql="json_valid(`a`)", options=level)
    assert counted.columns[0].default == "nextval(`plain`)"
    assert found.tables[Name("versioned")].options["mysql_with_system_versioning"] is True


def test_mysql_has_indexes_over_expressions(mysql: Place) -> None:
    mysql.execute(*tables.MYSQL)
    table = mysql.table("own")
    index = table.index("by_lower")
    assert index is not None
    assert index.elements == (
        IndexElement(text="lower(`name`)", is_expression=True, descending=True),
        IndexElement(text="id"),
    )
    place = table.column("place")
    assert place is not None
    assert place.type.sql == "point SRID 4326"
    loose = mysql.table("checked").constraint("loose")
    assert loose == Check(name="loose", sql="`b` > 0", options={"mysql_not_enforced": True})


def test_scope_limits_what_is_read(place: Place) -> None:
    place.execute(tables.PARENT, tables.CHILD, tables.KEYS)

    def names(**scope: object) -> set[str]:
        found = place.dialect.catalog.reflect(place.connection, Scope(**scope))  # type: ignore[arg-type]
        return {str(name) for name in found.tables}

    assert names(exclude=("the*",)) == {"parent", "child"}
    assert names(only=(Name("child"),)) == {"child"}
    whole = place.reflect().tables[Name("child")]
    scope = Scope(only=(Name("child"),))
    assert place.dialect.catalog.reflect(place.connection, scope).tables[Name("child")] == whole


def test_namespaces_are_other_databases(
    place: Place, database: Callable[[str], URL], kind: str
) -> None:
    other = str(database(kind).database)
    place.execute(
        f"CREATE TABLE {other}.there (id INT PRIMARY KEY)",
        f"CREATE TABLE here (a INT, CONSTRAINT k FOREIGN KEY (a) REFERENCES {other}.there (id))",
        f"CREATE VIEW {other}.v AS SELECT here.a FROM here JOIN {other}.there t ON t.id = here.a",
    )
    found = place.reflect(other)
    assert set(found.tables) == {Name("here"), Name("there", other)}
    assert found.namespaces == {other}
    key = next(found.tables[Name("here")].foreign_keys)
    assert key.referred == Name("there", other)
    view = found.views[Name("v", other)]
    assert set(view.reads) == {Name("here"), Name("there", other)}
    assert f"`{other}`.`there`" in view.sql
    place.execute(f"DROP VIEW {other}.v", "DROP TABLE here")
    assert (
        place.dialect.catalog.reflect(place.connection, Scope(namespaces=("nowhere",))).tables == {}
    )


@pytest.mark.parametrize("prefix", ["mysql", "mariadb"])
def test_the_url_of_either_name_reads_the_same(mariadb: Place, prefix: str) -> None:
    mariadb.execute(tables.NUMBERS)
    url = mariadb.connection.engine.url.set(drivername=f"{prefix}+pymysql")
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        assert str(dialect).startswith("mariadb 1")
        found = dialect.catalog.reflect(connection, Scope())
    engine.dispose()
    assert found == mariadb.reflect()
