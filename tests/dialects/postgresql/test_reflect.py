"""What PostgreSQL has is read in a fixed number of queries, and nothing that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from autodiff import Scope, reflect
from autodiff.schema.objects import (
    Check,
    Exclusion,
    ForeignKey,
    Identity,
    IndexElement,
    Name,
    PrimaryKey,
    Unique,
)

EVERYTHING = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine');
CREATE SEQUENCE numbers START 5 INCREMENT 5 CYCLE CACHE 3 MAXVALUE 500;
CREATE TABLE parents (
    a integer, b integer, PRIMARY KEY (b, a), UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)
);
CREATE TABLE things (
    id serial PRIMARY KEY,
    big bigint GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 2),
    name varchar(20) COLLATE "C" NOT NULL DEFAULT 'x'::varchar,
    mood mood DEFAULT 'ok',
    moods mood[],
    doubled numeric(10,2) GENERATED ALWAYS AS (id * 2) STORED,
    a integer, b integer,
    during tsrange,
    CONSTRAINT positive CHECK (a > 0) NO INHERIT,
    CONSTRAINT to_parent FOREIGN KEY (b, a) REFERENCES parents (b, a) MATCH FULL
        ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT apart EXCLUDE USING gist (during WITH &&) WHERE (a > 1)
);
CREATE INDEX many ON things (lower(name) DESC, a NULLS FIRST, name text_pattern_ops)
    INCLUDE (b) WHERE a > 3;
CREATE INDEX by_hash ON things USING hash (name);
COMMENT ON TABLE things IS 'all things';
COMMENT ON COLUMN things.name IS 'its name';
COMMENT ON CONSTRAINT positive ON things IS 'no less';
COMMENT ON INDEX by_hash IS 'equal only';
CREATE VIEW picked AS SELECT id, name FROM things WHERE a > 1;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM picked;
CREATE INDEX kept_id ON kept (id);
"""


@pytest.fixture
def connection(database: Callable[[str], sa.URL]) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database("postgresql"), poolclass=sa.NullPool)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


@contextmanager
def counted(connection: sa.Connection) -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(statement)

    sa.event.listen(connection.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(connection.engine, "before_cursor_execute", note)


def test_the_number_of_queries_does_not_grow_with_the_tables(connection: sa.Connection) -> None:
    """Two hundred tables take as many queries as none."""
    with counted(connection) as none:
        reflect(connection)
    for number in range(200):
        connection.exec_driver_sql(
            f"CREATE TABLE t{number} (id serial PRIMARY KEY, x int UNIQUE CHECK (x > {number}))"
        )
    with counted(connection) as many:
        found = reflect(connection)
    assert len(found.tables) == 200
    assert len(many) == len(none) <= 12


def test_all_that_a_table_has(connection: sa.Connection) -> None:
    """Columns, constraints, indexes and comments, with all their options."""
    connection.exec_driver_sql(EVERYTHING)
    found = reflect(connection)
    things = found.tables[Name("things")]
    assert things.comment == "all things"

    columns = {column.name: column for column in things.columns}
    assert columns["id"].autoincrement
    assert columns["id"].default is None
    assert columns["big"].identity == Identity(always=True, start=7, increment=2)
    assert columns["name"].type.sql == 'character varying(20) COLLATE "C"'
    assert columns["name"].type.python == 'sa.String(20, collation="C")'
    assert columns["name"].comment == "its name"
    assert columns["mood"].type.enum == Name("mood")
    assert columns["moods"].type.sql == "mood[]"
    assert columns["doubled"].computed is not None
    assert columns["doubled"].computed.persisted
    assert not columns["name"].nullable

    by_name = {constraint.name: constraint for constraint in things.constraints}
    assert by_name["things_pkey"] == PrimaryKey(name="things_pkey", columns=("id",))
    assert by_name["positive"] == Check(
        name="positive", sql="a > 0", comment="no less", options={"postgresql_no_inherit": True}
    )
    assert by_name["to_parent"] == ForeignKey(
        name="to_parent",
        columns=("b", "a"),
        referred=Name("parents"),
        referred_columns=("b", "a"),
        on_delete="SET NULL",
        on_update="CASCADE",
        match="FULL",
        deferrable=True,
        initially_deferred=True,
    )
    assert by_name["apart"] == Exclusion(name="apart", elements=(("during", "&&"),), where="a > 1")


def test_keys_and_indexes_in_their_order(connection: sa.Connection) -> None:
    """A key keeps the order of its columns; an index its order, classes and predicate."""
    connection.exec_driver_sql(EVERYTHING)
    found = reflect(connection)
    parents = found.tables[Name("parents")]
    assert parents.primary_key is not None
    assert parents.primary_key.columns == ("b", "a")
    [unique] = [c for c in parents.constraints if isinstance(c, Unique)]
    assert unique.nulls_not_distinct
    assert unique.options == {"postgresql_include": "b"}

    many, by_hash = (found.tables[Name("things")].index(name) for name in ("many", "by_hash"))
    assert many is not None and by_hash is not None
    assert many.elements[1:] == (
        IndexElement(text="a", nulls_first=True),
        IndexElement(text="name", opclass="text_pattern_ops"),
    )
    assert many.elements[0].is_expression
    assert many.elements[0].descending
    assert many.elements[0].text.startswith("lower(")
    assert (many.where, many.include) == ("a > 3", ("b",))
    assert (by_hash.method, by_hash.comment) == ("hash", "equal only")


def test_enums_sequences_and_views(connection: sa.Connection) -> None:
    """Objects beside the tables; a column's own sequence is no sequence of its own."""
    connection.exec_driver_sql(EVERYTHING)
    found = reflect(connection)
    assert found.enums[Name("mood")].values == ("sad", "ok", "it's fine")
    assert list(found.sequences) == [Name("numbers")]
    numbers = found.sequences[Name("numbers")]
    assert (numbers.start, numbers.increment, numbers.cache, numbers.cycle) == (5, 5, 3, True)
    assert found.views[Name("picked")].reads == (Name("things"),)
    assert found.views[Name("kept")].materialized
    assert [index.name for index in found.views[Name("kept")].indexes] == ["kept_id"]


def test_what_is_not_the_models_business(connection: sa.Connection) -> None:
    """Objects of extensions and children of partitioned tables are left out."""
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS hstore")
    connection.exec_driver_sql(
        "CREATE TABLE logs (at date NOT NULL) PARTITION BY RANGE (at);"
        "CREATE TABLE logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    )
    found = reflect(connection)
    assert list(found.tables) == [Name("logs")]
    assert found.tables[Name("logs")].options == {"postgresql_partition_by": "RANGE (at)"}


def test_other_schemas_are_read_when_they_are_asked_for(connection: sa.Connection) -> None:
    """A namespace of the scope is read too, and its names carry it."""
    connection.exec_driver_sql("CREATE SCHEMA audit; CREATE TABLE audit.log (id int)")
    assert reflect(connection).tables == {}
    found = reflect(connection, Scope(namespaces=("audit",)))
    assert list(found.tables) == [Name("log", "audit")]


def test_columns_that_are_said_alike_are_one_object(connection: sa.Connection) -> None:
    """They are made once and compared at once; a default or a comment keeps them apart."""
    connection.exec_driver_sql(
        "CREATE TABLE a (id int NOT NULL, at date); CREATE TABLE b (id int NOT NULL, at date);"
        "CREATE TABLE c (id int NOT NULL DEFAULT 1, at date); COMMENT ON COLUMN c.at IS 'when'"
    )
    a, b, c = reflect(connection).tables.values()
    assert all(one is other for one, other in zip(a.columns, b.columns, strict=True))
    assert [column.default for column in c.columns] == ["1", None]
    assert [column.comment for column in c.columns] == [None, "when"]
    again = reflect(connection).tables[Name("a")]
    assert all(one is other for one, other in zip(a.columns, again.columns, strict=True))


def test_an_enum_that_changed_is_read_anew(connection: sa.Connection) -> None:
    """How a script spells a column follows the values that its type has now."""
    connection.exec_driver_sql("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE a (mood mood)")
    assert reflect(connection).tables[Name("a")].columns[0].type.python.startswith('sa.Enum("sad"')
    connection.exec_driver_sql("ALTER TYPE mood RENAME VALUE 'sad' TO 'ok'")
    assert reflect(connection).tables[Name("a")].columns[0].type.python.startswith('sa.Enum("ok"')


def test_keys_to_tables_that_are_not_read(connection: sa.Connection) -> None:
    """A foreign key names its table and columns, wherever they are."""
    connection.exec_driver_sql(
        'CREATE SCHEMA far; CREATE TABLE far.away (x int, "y z" int UNIQUE);'
        "CREATE TABLE near (y int PRIMARY KEY);"
        'CREATE TABLE a (n int REFERENCES near, y int REFERENCES far.away ("y z"))'
    )
    alone = Scope(only=(Name("a"),))
    for scope in (Scope(), alone, Scope(exclude=("near",)), Scope(namespaces=("far",))):
        keys = {
            key.columns: key for key in reflect(connection, scope).tables[Name("a")].foreign_keys
        }
        assert keys["n",].referred == Name("near")
        assert keys["n",].referred_columns == ("y",)
        assert keys["y",].referred == Name("away", "far")
        assert keys["y",].referred_columns == ("y z",)


def test_columns_behind_one_that_was_dropped(connection: sa.Connection) -> None:
    """Numbers have gaps then: keys and indexes still name their own columns."""
    connection.exec_driver_sql(
        "CREATE TABLE a (gone int, x int, y int, UNIQUE (y)); ALTER TABLE a DROP COLUMN gone;"
        "CREATE INDEX ix ON a (y DESC, x)"
    )
    table = reflect(connection).tables[Name("a")]
    assert [column.name for column in table.columns] == ["x", "y"]
    assert [c.columns for c in table.constraints if isinstance(c, Unique)] == [("y",)]
    assert [index.columns for index in table.indexes] == [("y", "x")]


def test_collations_are_told_where_they_are_not_the_usual_ones(connection: sa.Connection) -> None:
    """A column's against its type's, an index's against its column's."""
    connection.exec_driver_sql(
        'CREATE DOMAIN plain AS text COLLATE "C";'
        'CREATE TABLE a (t text, c text COLLATE "C", p plain, d plain COLLATE "default", n name);'
        'CREATE INDEX ix ON a (t, t COLLATE "C", c, c COLLATE "default", p, d, n)'
    )
    table = reflect(connection).tables[Name("a")]
    assert [column.type.sql for column in table.columns] == [
        "text",
        'text COLLATE "C"',
        "plain",
        'plain COLLATE "default"',
        "name",
    ]
    collations = [element.collation for element in table.indexes[0].elements]
    assert collations == [None, "C", None, "default", None, None, None]


def test_parents_and_partitions(connection: sa.Connection) -> None:
    """Tables name what they inherit from, in order; partitioned ones all that hold their rows."""
    connection.exec_driver_sql(
        "CREATE TABLE z (a int); CREATE TABLE y (a int); CREATE TABLE child () INHERITS (z, y);"
        "CREATE TABLE p (a int) PARTITION BY LIST (a);"
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (a);"
        "CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1)"
    )
    tables = reflect(connection).tables
    assert tables[Name("child")].inherits == (Name("z"), Name("y"))
    assert tables[Name("p")].partitions == (Name("p1"), Name("p11"))
    assert list(tables) == [Name("child"), Name("p"), Name("y"), Name("z")]
