"""Test autodiff in async code: connections from run_sync and threads of the event loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project, diff, run
from autodiff.errors import ConfigError
from tests.support import Folder

pytest.importorskip("greenlet", reason="SQLAlchemy's asyncio needs greenlet")
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

TABLE = 'op.create_table("t{0}", sa.Column("id", sa.Integer(), primary_key=True))'
ASYNC = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "mysql": "mysql+aiomysql",
    "mariadb": "mariadb+aiomysql",
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Write two migrations that create a table each."""
    folder = Folder(tmp_path / "migrations")
    for number in (1, 2):
        folder.write(f"aaa{number}", TABLE.format(number), f'op.drop_table("t{number}")')
    return folder


def models() -> sa.MetaData:
    metadata = sa.MetaData()
    for number in (1, 2):
        sa.Table(f"t{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


def async_engine(url: sa.URL, **arguments: Any) -> AsyncEngine:
    """Return an engine for the URL of a test database; its options are those of another driver."""
    driver = ASYNC[url.get_backend_name()]
    return create_async_engine(url.set(drivername=driver, query={}), **arguments)


def test_an_async_connection(any_database: sa.URL, folder: Folder) -> None:
    """run_sync passes a connection of the async driver."""

    async def main() -> None:
        engine = async_engine(any_database)
        async with engine.connect() as connection:
            done = await connection.run_sync(
                lambda sync: Project(connection=sync, directory=folder.path).upgrade()
            )
            assert len(done) == 2
            status = await connection.run_sync(
                lambda sync: Project(connection=sync, directory=folder.path).status()
            )
            assert status.pending == ()
            plan = await connection.run_sync(lambda sync: diff(sync, models()))
            assert plan.operations == ()
            await connection.run_sync(lambda sync: run(sync, plan))
            done = await connection.run_sync(
                lambda sync: Project(connection=sync, directory=folder.path).downgrade("base")
            )
            assert len(done) == 2
        await engine.dispose()

    asyncio.run(main())


def test_async_sqlite_in_memory(folder: Folder) -> None:
    """The only connection is migrated and can still roll back."""

    async def main() -> None:
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=sa.StaticPool)
        async with engine.connect() as connection:
            await connection.run_sync(
                lambda sync: Project(connection=sync, directory=folder.path).upgrade()
            )
        async with engine.connect() as connection:
            await connection.execute(sa.text("INSERT INTO t1 VALUES (1)"))
            await connection.rollback()
            assert await connection.scalar(sa.text("SELECT count(*) FROM t1")) == 0
        await engine.dispose()

    asyncio.run(main())


def test_to_thread(any_database: sa.URL, folder: Folder) -> None:
    """Concurrent calls of asyncio.to_thread work with the URL of the async driver."""

    async def main() -> list[int]:
        url = any_database.set(drivername=ASYNC[any_database.get_backend_name()])
        project = Project(url, directory=folder.path)
        done = await asyncio.gather(*(asyncio.to_thread(project.upgrade) for _ in range(3)))
        return [len(migrations) for migrations in done]

    assert sum(asyncio.run(main())) == 2


def test_an_async_engine_is_refused(folder: Folder) -> None:
    """The hint shows the alternative."""
    engine: Any = create_async_engine("sqlite+aiosqlite://")
    with pytest.raises(ConfigError, match="cannot use AsyncEngine") as caught:
        Project(engine=engine, directory=folder.path)
    assert "asyncio.to_thread(project.upgrade)" in str(caught.value.hint)
