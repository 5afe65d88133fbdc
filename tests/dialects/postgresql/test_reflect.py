"""Tests for reflection: complete, in a constant number of queries, without unmanaged objects."""

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
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def recorded(connection: sa.Connection) -> Iterator[list[str]]:
    """Record the statements that are sent inside the block."""
    statements: list[str] = []

    def record(conn: object, cursor: object, statement: str, *rest: object) -> None:
        statements.append(statement)

    sa.event.listen(connection.engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        sa.event.remove(connection.engine, "before_cursor_execute", record)


def test_number_of_queries_does_not_depend_on_tables(connection: sa.Connection) -> None:
    with recorded(connection) as without_tables:
        reflect(connection)
    for number in range(200):
        connection.exec_driver_sql(
            f"CREATE TABLE t{number} (id serial PRIMARY KEY, x int UNIQUE CHECK (x > {number}))"
        )
    with recorded(connection) as with_tables:
        schema = reflect(connection)
    assert len(schema.tables) == 200
    assert len(with_tables) == len(without_tables) <= 12


def test_all_parts_of_a_table_are_reflected(connection: sa.Connection) -> None:
    """Columns, constraints, indexes and comments have all their options."""
    connection.exec_driver_sql(EVERYTHING)
    schema = reflect(connection)
    things = schema.tables[Name("things")]
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


def test_order_of_keys_and_indexes(connection: sa.Connection) -> None:
    """A key keeps the order of its columns; an index its order, operator classes and predicate."""
    connection.exec_driver_sql(EVERYTHING)
    schema = reflect(connection)
    parents = schema.tables[Name("parents")]
    assert parents.primary_key is not None
    assert parents.primary_key.columns == ("b", "a")
    [unique] = [c for c in parents.constraints if isinstance(c, Unique)]
    assert unique.nulls_not_distinct
    assert unique.options == {"postgresql_include": "b"}

    many, by_hash = (schema.tables[Name("things")].index(name) for name in ("many", "by_hash"))
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
    """The sequence of a serial column is not a separate sequence."""
    connection.exec_driver_sql(EVERYTHING)
    schema = reflect(connection)
    assert schema.enums[Name("mood")].values == ("sad", "ok", "it's fine")
    assert list(schema.sequences) == [Name("numbers")]
    numbers = schema.sequences[Name("numbers")]
    assert (numbers.start, numbers.increment, numbers.cache, numbers.cycle) == (5, 5, 3, True)
    assert schema.views[Name("picked")].reads == (Name("things"),)
    assert schema.views[Name("kept")].materialized
    assert [index.name for index in schema.views[Name("kept")].indexes] == ["kept_id"]


def test_extension_objects_and_partitions_are_omitted(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS hstore")
    connection.exec_driver_sql(
        "CREATE TABLE logs (at date NOT NULL) PARTITION BY RANGE (at);"
        "CREATE TABLE logs_2026 PARTITION OF logs FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    )
    schema = reflect(connection)
    assert list(schema.tables) == [Name("logs")]
    assert schema.tables[Name("logs")].options == {"postgresql_partition_by": "RANGE (at)"}


def test_other_schemas_are_reflected_on_request(connection: sa.Connection) -> None:
    """Names of their tables include the schema."""
    connection.exec_driver_sql("CREATE SCHEMA audit; CREATE TABLE audit.log (id int)")
    assert reflect(connection).tables == {}
    schema = reflect(connection, Scope(namespaces=("audit",)))
    assert list(schema.tables) == [Name("log", "audit")]


def test_equal_columns_are_one_object(connection: sa.Connection) -> None:
    """A different default or comment makes another object."""
    connection.exec_driver_sql(
        "CREATE TABLE a (id int NOT NULL, at date); CREATE TABLE b (id int NOT NULL, at date);"
        "CREATE TABLE c (id int NOT NULL DEFAULT 1, at date); COMMENT ON COLUMN c.at IS 'when'"
    )
    a, b, c = reflect(connection).tables.values()
    assert all(one is other for one, other in zip(a.columns, b.columns, strict=True))
    assert [column.default for column in c.columns] == ["1", None]
    assert [column.comment for column in c.columns] == [None, "when"]
    reflected_again = reflect(connection).tables[Name("a")]
    assert all(one is other for one, other in zip(a.columns, reflected_again.columns, strict=True))


def test_changed_enum_is_not_cached(connection: sa.Connection) -> None:
    """The spelling of the type in migrations has the current values."""
    connection.exec_driver_sql("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE a (mood mood)")
    assert reflect(connection).tables[Name("a")].columns[0].type.python.startswith('sa.Enum("sad"')
    connection.exec_driver_sql("ALTER TYPE mood RENAME VALUE 'sad' TO 'ok'")
    assert reflect(connection).tables[Name("a")].columns[0].type.python.startswith('sa.Enum("ok"')


def test_foreign_keys_to_tables_outside_the_scope(connection: sa.Connection) -> None:
    """A foreign key has its table and columns, regardless of the scope."""
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


def test_a_relation_alone_is_what_it_is_among_all(connection: sa.Connection) -> None:
    """Comments, owned sequences, parents and partitions are those of the relation."""
    connection.exec_driver_sql(
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;"
        "CREATE SEQUENCE free INCREMENT 3; COMMENT ON SEQUENCE free IS 'counts';"
        "CREATE TABLE a (id serial PRIMARY KEY, x text, y int CHECK (y > 0));"
        "COMMENT ON TABLE a IS 'rows'; COMMENT ON COLUMN a.x IS 'words';"
        "COMMENT ON CONSTRAINT a_y_check ON a IS 'positive';"
        "COMMENT ON SEQUENCE a_id_seq IS 'numbers';"
        "CREATE INDEX ix_a ON a USING gist (x gist_trgm_ops(siglen=32));"
        "COMMENT ON INDEX ix_a IS 'finds';"
        "CREATE TABLE child (z int) INHERITS (a);"
        "CREATE TABLE whole (n int) PARTITION BY RANGE (n);"
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);"
        "CREATE VIEW seen AS SELECT x FROM a; COMMENT ON VIEW seen IS 'shown';"
        "CREATE MATERIALIZED VIEW kept AS SELECT n FROM whole; CREATE INDEX ix_kept ON kept (n);"
        "COMMENT ON INDEX ix_kept IS 'found'"
    )
    every = reflect(connection)
    assert every.tables[Name("a")].indexes[0].comment == "finds"
    assert every.tables[Name("child")].inherits == (Name("a"),)
    assert every.tables[Name("whole")].partitions == (Name("part"),)
    assert every.views[Name("seen")].reads == (Name("a"),)
    assert every.sequences[Name("free")].comment == "counts"
    assert every.owned_sequences[Name("a"), "id"].sequence.comment == "numbers"
    for name in [*every.tables, *every.views, *every.sequences]:
        alone = reflect(connection, Scope(only=(name,)))
        for kind in ("tables", "views", "sequences"):
            found, expected = getattr(alone, kind), getattr(every, kind)
            assert found == {key: item for key, item in expected.items() if key == name}
        owned = {key: item for key, item in every.owned_sequences.items() if key[0] == name}
        assert dict(alone.owned_sequences) == owned


def test_columns_after_a_dropped_one(connection: sa.Connection) -> None:
    """Column numbers have gaps then; keys and indexes must refer to the right columns."""
    connection.exec_driver_sql(
        "CREATE TABLE a (gone int, x int, y int, UNIQUE (y)); ALTER TABLE a DROP COLUMN gone;"
        "CREATE INDEX ix ON a (y DESC, x)"
    )
    table = reflect(connection).tables[Name("a")]
    assert [column.name for column in table.columns] == ["x", "y"]
    assert [c.columns for c in table.constraints if isinstance(c, Unique)] == [("y",)]
    assert [index.columns for index in table.indexes] == [("y", "x")]


def test_only_non_default_collations_are_reflected(connection: sa.Connection) -> None:
    """A column's default collation is that of its type; an index's is that of its column."""
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
    """Inheriting tables list their parents in order; partitioned tables list all partitions."""
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
