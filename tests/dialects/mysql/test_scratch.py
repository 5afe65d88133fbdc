"""Tests for scratch databases: they resemble the live database and are always dropped."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from autodiff import Project
from autodiff.dialects import dialect_of
from autodiff.dialects.mysql.scratch import PREFIX, sweep
from autodiff.errors import RehearsalFailedError
from autodiff.schema.objects import Column, ColumnType, Name, Table
from autodiff.schema.operations import CreateTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import URL

    from tests.dialects.mysql.conftest import Database

INT = ColumnType(sql="int", python="")


def scratch_databases(db: Database) -> set[str]:
    """Return the names of all scratch databases."""
    db.connection.rollback()  # in a transaction, MySQL lists the databases of its start
    return {name for (name,) in db.rows("SHOW DATABASES") if name.startswith(PREFIX)}


def test_scratch_is_a_separate_database_that_is_dropped(db: Database) -> None:
    with db.dialect.scratch.open(db.connection, create=True) as connection:
        assert connection is not None
        name = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        assert name in scratch_databases(db)
        dialect = db.dialect.scratch.make_dialect(connection)
        assert dialect.default_schema == name
        table = Table(name=Name("t"), columns=(Column(name="a", type=INT),))
        for sql in dialect.ddl.statements(CreateTable(table=table)):
            connection.exec_driver_sql(sql)
        db.execute("CREATE TABLE live (a INT)")
        connection.commit()
        assert [str(table_name) for table_name in db.reflect().tables] == ["live"]
    assert name not in scratch_databases(db)


def test_scratch_is_dropped_after_an_error(db: Database) -> None:
    names: list[str | None] = []

    def fail() -> None:
        with db.dialect.scratch.open(db.connection, create=True) as connection:
            assert connection is not None
            names.append(connection.dialect.default_schema_name)
            connection.exec_driver_sql("CREATE TABLE t (a INT)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names[0] not in scratch_databases(db)


def test_scratch_has_the_charset_of_the_live_database(db: Database) -> None:
    query = "SELECT @@character_set_database, @@collation_database"
    db.execute(
        f"ALTER DATABASE {db.connection.engine.url.database} "
        "CHARACTER SET latin1 COLLATE latin1_german1_ci"
    )
    with db.dialect.scratch.open(db.connection, create=True) as connection:
        assert connection is not None
        assert tuple(connection.exec_driver_sql(query).one()) == ("latin1", "latin1_german1_ci")


def test_each_namespace_gets_a_scratch_database(
    db: Database, database: Callable[[str], URL], kind: str
) -> None:
    live = str(database(kind).database)
    db.execute(f"ALTER DATABASE {live} CHARACTER SET latin1")
    with db.dialect.scratch.open(
        db.connection, namespaces=[live, "nowhere"], create=True
    ) as connection:
        assert connection is not None
        dialect = dialect_of(connection)
        first = str(dialect.default_schema)
        assert dialect.scratch.map_name(Name("t")) == Name("t")
        created = {name for name in scratch_databases(db) if name.startswith(first)}
        assert created == {first, f"{first}_{live}", f"{first}_nowhere"}
        for namespace, charset in ((live, "latin1"), ("nowhere", None)):
            name = dialect.scratch.map_name(Name("t", namespace)).schema
            definition = connection.exec_driver_sql(f"SHOW CREATE DATABASE {name}").one()[1]
            assert charset is None or f"SET {charset}" in definition
    assert not created & scratch_databases(db)


def test_scratch_name_is_never_the_name_of_a_live_database(db: Database) -> None:
    name = db.dialect.scratch.map_name(Name("t", "other")).schema
    assert name == f"{PREFIX}__other"
    assert name not in scratch_databases(db)


def test_scratch_is_created_only_on_request(db: Database) -> None:
    with db.dialect.scratch.open(db.connection, create=False) as connection:
        assert connection is None
    with db.dialect.scratch.open(None, create=True) as connection:
        assert connection is None


def test_user_without_create_privilege_gets_no_scratch(db: Database) -> None:
    url = db.connection.engine.url
    user = f"u_{str(url.database)[-12:]}"
    db.execute(f"CREATE USER {user}", f"GRANT ALL ON {url.database}.* TO {user}")
    engine = create_engine(url.set(username=user, password=None), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            dialect = dialect_of(connection)
            with dialect.scratch.open(connection, namespaces=["x"], create=True) as scratch:
                assert scratch is None
    finally:
        engine.dispose()
        db.execute(f"DROP USER {user}")


def test_scratches_of_killed_runs_are_dropped(db: Database) -> None:
    (current_time,) = db.rows("SELECT unix_timestamp()")[0]
    old = f"{PREFIX}_{current_time - 7200:08x}abcd"
    recent = f"{PREFIX}_{current_time - 30:08x}abcd"
    used = f"{PREFIX}_{current_time - 7200:08x}abce"
    unrelated = f"{PREFIX}_other_{current_time}"
    names = (old, f"{old}_space", recent, used, f"{used}_space", unrelated)
    db.execute(*(f"CREATE DATABASE {name}" for name in names))
    try:
        with db.connection.engine.connect() as owner:
            owner.exec_driver_sql(f"SELECT GET_LOCK('{used}', 0)")
            sweep(db.connection)
            assert not {old, f"{old}_space"} & scratch_databases(db)
            assert {recent, used, f"{used}_space", unrelated} <= scratch_databases(db)
        db.connection.rollback()
        assert {recent, used} <= set(sweep(db.connection, older_than=timedelta(seconds=1)))
        assert unrelated in scratch_databases(db)
    finally:
        db.execute(*(f"DROP DATABASE IF EXISTS {name}" for name in names))


def test_a_scratch_in_use_is_never_dropped(db: Database) -> None:
    """Its owner may need it for hours: the age does not decide."""
    with db.dialect.scratch.open(db.connection, namespaces=["x"], create=True) as scratch:
        assert scratch is not None
        name = scratch.exec_driver_sql("SELECT DATABASE()").scalar_one()
        time.sleep(1.1)  # names have seconds
        assert not {name, f"{name}_x"} & set(sweep(db.connection, older_than=timedelta()))
        assert scratch.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_new_scratch_drops_old_ones(db: Database) -> None:
    (current_time,) = db.rows("SELECT unix_timestamp()")[0]
    old = f"{PREFIX}_{current_time - 7200:08x}dcba"
    db.execute(f"CREATE DATABASE {old}")
    with db.dialect.scratch.open(db.connection, create=True):
        assert old not in scratch_databases(db)


def test_scratch_connections_use_the_engine_settings(db: Database) -> None:
    """The scratch connection has the connect arguments and the creator function of the engine."""
    url = db.connection.engine.url
    engine = create_engine(
        url, poolclass=NullPool, connect_args={"init_command": "SET @mark = 'marked'"}
    )
    with engine.connect() as connection:
        dialect = dialect_of(connection)
        with dialect.scratch.open(connection, create=True) as scratch:
            assert scratch is not None
            assert scratch.exec_driver_sql("SELECT @mark").scalar_one() == "marked"
    engine.dispose()


def versioned(*columns: sa.Column[int]) -> sa.MetaData:
    """Return models with a system-versioned table."""
    metadata = sa.MetaData()
    number = sa.Column("id", sa.Integer, primary_key=True)
    sa.Table("t", metadata, number, *columns, mysql_with_system_versioning=True)
    return metadata


def test_a_change_of_a_system_versioned_table(
    database: Callable[[str], URL], tmp_path: Path
) -> None:
    """The hint of the refusal names a setting, with which the migration is rehearsed and run."""
    url, directory = database("mariadb"), tmp_path / "m"
    project = Project(url, versioned(), directory)
    project.generate("versioned")
    project.upgrade()
    changed = versioned(sa.Column("a", sa.Integer))
    with pytest.raises(RehearsalFailedError, match="system_versioning_alter_history") as refused:
        Project(url, changed, directory).draft("a")
    assert refused.value.hint is not None
    setting = refused.value.hint.partition("?init_command=")[2].removesuffix(" in the URL")
    project = Project(url.update_query_dict({"init_command": setting}), changed, directory)
    project.generate("a")
    project.upgrade()
    assert not project.check()
