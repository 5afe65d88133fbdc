"""Scratch databases: there when they are asked for, like the live one, and gone afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from autodiff.dialects import dialect_of
from autodiff.dialects.mysql.scratch import PREFIX, sweep
from autodiff.schema.objects import Column, ColumnType, Name, Table
from autodiff.schema.operations import CreateTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import URL

    from tests.dialects.mysql.conftest import Place

INT = ColumnType(sql="int", python="")


def scratches(place: Place) -> set[str]:
    """The scratch databases of now: MySQL tells a transaction those of its beginning."""
    place.connection.rollback()
    return {name for (name,) in place.rows("SHOW DATABASES") if name.startswith(PREFIX)}


def test_a_scratch_is_a_database_of_its_own_that_goes_away(place: Place) -> None:
    with place.dialect.scratch.open(place.connection, create=True) as opened:
        assert opened is not None
        name = opened.exec_driver_sql("SELECT DATABASE()").scalar_one()
        assert name in scratches(place)
        dialect = place.dialect.scratch.make_dialect(opened)
        assert dialect.default_schema == name
        table = Table(name=Name("t"), columns=(Column(name="a", type=INT),))
        for sql in dialect.ddl.statements(CreateTable(table=table)):
            opened.exec_driver_sql(sql)
        place.execute("CREATE TABLE live (a INT)")
        opened.commit()
        assert [str(found) for found in place.reflect().tables] == ["live"]
    assert name not in scratches(place)


def test_a_scratch_goes_away_on_errors(place: Place) -> None:
    names: list[str | None] = []

    def fail() -> None:
        with place.dialect.scratch.open(place.connection, create=True) as opened:
            assert opened is not None
            names.append(opened.dialect.default_schema_name)
            opened.exec_driver_sql("CREATE TABLE t (a INT)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names[0] not in scratches(place)


def test_a_scratch_has_the_charset_of_the_live_database(place: Place) -> None:
    query = "SELECT @@character_set_database, @@collation_database"
    place.execute(
        f"ALTER DATABASE {place.connection.engine.url.database} "
        "CHARACTER SET latin1 COLLATE latin1_german1_ci"
    )
    with place.dialect.scratch.open(place.connection, create=True) as opened:
        assert opened is not None
        assert tuple(opened.exec_driver_sql(query).one()) == ("latin1", "latin1_german1_ci")


def test_each_namespace_has_a_database(
    place: Place, database: Callable[[str], URL], kind: str
) -> None:
    live = str(database(kind).database)
    place.execute(f"ALTER DATABASE {live} CHARACTER SET latin1")
    with place.dialect.scratch.open(
        place.connection, namespaces=[live, "nowhere"], create=True
    ) as opened:
        assert opened is not None
        dialect = dialect_of(opened)
        first = str(dialect.default_schema)
        assert dialect.scratch.map_name(Name("t")) == Name("t")
        mine = {name for name in scratches(place) if name.startswith(first)}
        assert mine == {first, f"{first}_{live}", f"{first}_nowhere"}
        for namespace, charset in ((live, "latin1"), ("nowhere", None)):
            name = dialect.scratch.map_name(Name("t", namespace)).schema
            found = opened.exec_driver_sql(f"SHOW CREATE DATABASE {name}").one()[1]
            assert charset is None or f"SET {charset}" in found
    assert not mine & scratches(place)


def test_the_dialect_of_the_live_database_never_names_another_live_one(place: Place) -> None:
    name = place.dialect.scratch.map_name(Name("t", "other")).schema
    assert name == f"{PREFIX}__other"
    assert name not in scratches(place)


def test_no_database_is_created_unless_it_is_asked_for(place: Place) -> None:
    with place.dialect.scratch.open(place.connection, create=False) as opened:
        assert opened is None
    with place.dialect.scratch.open(None, create=True) as opened:
        assert opened is None


def test_there_is_none_for_a_user_who_may_not_create_databases(mysql: Place) -> None:
    url = mysql.connection.engine.url
    user = f"u_{str(url.database)[-12:]}"
    mysql.execute(f"CREATE USER {user}", f"GRANT ALL ON {url.database}.* TO {user}")
    engine = create_engine(url.set(username=user, password=None), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            dialect = dialect_of(connection)
            with dialect.scratch.open(connection, namespaces=["x"], create=True) as opened:
                assert opened is None
    finally:
        engine.dispose()
        mysql.execute(f"DROP USER {user}")


def test_scratches_of_killed_runs_are_swept_up(place: Place) -> None:
    (now,) = place.rows("SELECT unix_timestamp()")[0]
    old = f"{PREFIX}_{now - 7200:08x}abcd"
    young = f"{PREFIX}_{now - 1800:08x}abcd"
    mine = f"{PREFIX}_mine_{now}"
    names = (old, f"{old}_space", young, mine)
    place.execute(*(f"CREATE DATABASE {name}" for name in names))
    try:
        sweep(place.connection)
        assert not {old, f"{old}_space"} & scratches(place)
        assert {young, mine} <= scratches(place)
        assert young in sweep(place.connection, older_than=timedelta(minutes=20))
        assert mine in scratches(place)
    finally:
        place.execute(*(f"DROP DATABASE IF EXISTS {name}" for name in names))


def test_an_old_scratch_goes_when_a_new_one_is_made(place: Place) -> None:
    (now,) = place.rows("SELECT unix_timestamp()")[0]
    old = f"{PREFIX}_{now - 7200:08x}dcba"
    place.execute(f"CREATE DATABASE {old}")
    with place.dialect.scratch.open(place.connection, create=True):
        assert old not in scratches(place)


def test_connections_are_made_as_those_of_the_engine(place: Place) -> None:
    """What its creator or its connect arguments do holds for the scratch too."""
    url = place.connection.engine.url
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"init_command": "SET @mark = 'marked'"}
    )
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        with dialect.scratch.open(connection, create=True) as opened:
            assert opened is not None
            assert opened.exec_driver_sql("SELECT @mark").scalar_one() == "marked"
    engine.dispose()
