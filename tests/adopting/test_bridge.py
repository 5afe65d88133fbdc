"""Test adopt: Alembic's history does not change, and Alembic runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import create_async_engine

from autodiff import Project
from autodiff.errors import (
    AutodiffError,
    ConfigError,
    HandWrittenError,
    HistoryError,
    MigrationFailedError,
    SeveralHeadsError,
)
from tests.adopting.alembic_project import AlembicProject
from tests.servers.pgbouncer import Pooler
from tests.support import opened


def models() -> sa.MetaData:
    """Return the models at the head of the history, without a change."""
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("email", sa.String(90)),
    )
    sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


@pytest.fixture
def history(tmp_path: Path) -> AlembicProject:
    """Return a history with a branch, a merge, a dependency, and a revision without downgrade."""
    project = AlembicProject(tmp_path)
    project.revision(
        "a1",
        up='op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True), '
        'sa.Column("name", sa.String(50), nullable=False))\n'
        "    op.get_bind().execute(sa.text(\"INSERT INTO users (id, name) VALUES (1, 'ann')\"))",
        down='op.drop_table("users")',
    )
    project.revision(
        "b2",
        "a1",
        up='with op.batch_alter_table("users") as batch:\n'
        '        batch.add_column(sa.Column("email", sa.String(90)))',
        down='with op.batch_alter_table("users") as batch:\n        batch.drop_column("email")',
    )
    project.revision(
        "c3",
        "a1",
        up='op.create_table("orders", sa.Column("id", sa.Integer(), primary_key=True))',
        down='op.drop_table("orders")',
    )
    project.revision("d4", ("c3", "b2"), up="pass", down="pass")
    return project


def schema(url: sa.URL) -> dict[str, list[str]]:
    """Return the columns of each table that is not autodiff's own."""
    with opened(url) as db:
        inspector = sa.inspect(db.connection)
        return {
            table: [
                f"{c['name']} {c['type']} {c['nullable']}" for c in inspector.get_columns(table)
            ]
            for table in sorted(inspector.get_table_names())
            if not table.startswith("autodiff_")
        }


def foreign_keys(url: sa.URL, table: str) -> dict[str | None, list[str]]:
    """Return the columns of each foreign key by its name."""
    with opened(url) as db:
        found = sa.inspect(db.connection).get_foreign_keys(table)
        return {key["name"]: key["constrained_columns"] for key in found}


def versions(url: sa.URL) -> list[str]:
    with opened(url) as db:
        return sorted(
            db.connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars()
        )


def adopted(history: AlembicProject, url: sa.URL | None) -> Project:
    """Adopt the history, and return the project."""
    project = Project(url, models(), history.root / "migrations")
    project.adopt(history.root / "alembic.ini").write()
    return project


def applied(project: Project) -> list[str]:
    return [row.revision for row in project.status().applied]


def test_new_database_is_upgraded_by_alembic(
    history: AlembicProject, any_database: sa.URL, database: Callable[[str], sa.URL]
) -> None:
    """The catalog and the version table are those of Alembic's own run."""
    other = database(any_database.get_backend_name())
    command.upgrade(history.config(other), "heads")
    project = adopted(history, any_database)
    assert [m.revision for m in project.upgrade()] == ["a1", "b2", "c3", "d4"]
    assert schema(any_database) == schema(other)
    assert versions(any_database) == versions(other) == ["d4"]
    assert applied(project) == ["a1", "b2", "c3", "d4"]
    assert not project.check()
    project.downgrade("b2")
    assert versions(any_database) == ["b2", "c3"]  # another branch is kept
    assert applied(project) == ["a1", "b2", "c3"]
    command.upgrade(history.config(any_database), "heads")  # by Alembic itself
    assert applied(project) == ["a1", "b2", "c3", "d4"]
    assert project.upgrade() == []
    project.downgrade("base")
    assert versions(any_database) == []
    assert schema(any_database).keys() == {"alembic_version"}


def test_branches_run_in_the_order_of_alembic(
    tmp_path: Path, any_database: sa.URL, database: Callable[[str], sa.URL]
) -> None:
    """The columns, and the names that a server gives to keys, are those of Alembic's own run."""
    history = AlembicProject(tmp_path)
    key = 'sa.Column("id", sa.Integer(), primary_key=True)'
    up = f'op.create_table("users", {key})\n    op.create_table("orders", {key})'
    history.revision("root", up=up, down="pass")
    backend = any_database.get_backend_name()
    metadata = sa.MetaData()
    sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))
    orders = sa.Table("orders", metadata, sa.Column("id", sa.Integer, primary_key=True))
    for revision, parent, label in (("e1", "root", None), ("e2", "e1", None), ("c1", "root", "c")):
        name = f"fk_{revision}" if backend == "sqlite" else None  # batch mode needs names
        column = f'"{revision}", sa.Integer(), sa.ForeignKey("users.id", name={name!r})'
        up = f'with op.batch_alter_table("orders") as b:\n        b.add_column(sa.Column({column}))'
        history.revision(revision, parent, up=up, down="pass", label=label)
        orders.append_column(sa.Column(revision, sa.ForeignKey("users.id", name=name)))
    other = database(backend)
    command.upgrade(history.config(other), "heads")
    project = Project(any_database, metadata, history.root / "migrations")
    project.adopt(history.root / "alembic.ini").write()
    assert [m.revision for m in project.upgrade("heads")] == ["root", "e1", "e2", "c1"]
    assert schema(any_database) == schema(other)
    assert foreign_keys(any_database, "orders") == foreign_keys(other, "orders")
    assert not project.check()


def test_existing_database_is_only_recorded(history: AlembicProject, any_database: sa.URL) -> None:
    """Half of the history was applied by Alembic, and the rest follows."""
    command.upgrade(history.config(any_database), "b2")
    project = Project(any_database, models(), history.root / "migrations")
    bridge = project.adopt(history.root / "alembic.ini")
    assert [m.revision for m in bridge.applied or ()] == ["a1", "b2"]
    bridge.write()
    assert applied(project) == ["a1", "b2"]
    assert [m.revision for m in project.upgrade()] == ["c3", "d4"]
    with opened(any_database) as db:
        assert db.connection.execute(sa.text("SELECT name FROM users")).scalars().all() == ["ann"]


def test_a_migration_follows_the_history(history: AlembicProject, any_database: sa.URL) -> None:
    """Generating, rehearsing, scripts and the lock file work across the border."""
    command.upgrade(history.config(any_database), "heads")
    project = adopted(history, any_database)
    changed = models()
    changed.tables["users"].append_column(sa.Column("age", sa.Integer))
    project = Project(any_database, changed, history.root / "migrations")
    migration = project.generate("add age")
    assert migration is not None
    assert migration.parents == ("d4",)
    project.upgrade()
    assert not project.check()
    assert not project.check(offline=True)
    rehearsed = project.rehearse()
    assert not rehearsed.problems
    assert [step.revision for step in rehearsed.steps] == [migration.revision]
    project.relock()
    text = project.script("base:head").text
    assert text.index("CREATE TABLE alembic_version") < text.index("CREATE TABLE users")
    assert "ADD COLUMN age" in text.replace("`", "").replace('"', "")


def test_revisions_are_rehearsed_only_if_they_are_named(
    history: AlembicProject, any_database: sa.URL
) -> None:
    """Those before the named one are applied by one run of Alembic."""
    runs = history.root / "runs"
    history.env.write_text(
        f"{history.env.read_text()}\nwith open({str(runs)!r}, 'a') as f:\n    f.write('run\\n')\n"
    )
    project = adopted(history, any_database)
    runs.write_text("")
    assert project.rehearse().steps == ()
    assert runs.read_text().count("run") == 1
    runs.write_text("")
    rehearsed = project.rehearse("d4")
    assert [(step.revision, step.status) for step in rehearsed.steps] == [("d4", "passed")]
    before_it, up_down_up = 1, 3
    assert runs.read_text().count("run") == before_it + up_down_up


def test_files_of_alembic_are_not_changed(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """Adopting writes two new files and no others."""
    before = history.digests()
    adopted(history, database("sqlite")).upgrade()
    assert history.digests() == before
    assert {path.name for path in (history.root / "migrations").iterdir()} == {
        "alembic.toml",
        "autodiff.lock",
    }


def test_failed_revision_keeps_those_before_it(
    history: AlembicProject, any_database: sa.URL
) -> None:
    """The message names file, line and what was kept; the next run goes on there."""
    path = history.revision("e5", "d4", up='op.execute("SELECT * FROM nothing")', down="pass")
    project = adopted(history, any_database)
    with pytest.raises(MigrationFailedError) as error:
        project.upgrade()
    assert f"upgrade of {path.name} failed at {path.name}:" in error.value.message
    kept = applied(project)
    transactional = any_database.get_backend_name() == "postgresql"
    assert kept == ([] if transactional else ["a1", "b2", "c3", "d4"])
    assert f"kept: {'nothing' if not kept else 'a1.py, b2.py, c3.py, d4.py'}" in error.value.message
    assert [(entry.name, entry.outcome) for entry in project.log()][-1][1] == "failed"
    path.write_text(path.read_text().replace("nothing", "users"))
    project.upgrade()
    assert versions(any_database) == ["e5"]


@pytest.mark.parametrize("is_outside", [False, True])
def test_revision_that_stays_half_done_says_so(
    history: AlembicProject, any_database: sa.URL, is_outside: bool
) -> None:
    """The next run fails at what was kept, so the hint says to undo it."""
    create = 'op.create_table("first", sa.Column("id", sa.Integer()))'
    if is_outside:
        create = f"with op.get_context().autocommit_block():\n        {create}"
    path = history.revision(
        "e5", "d4", up=f'{create}\n    op.execute("SELECT 1 FROM nothing")', down=None
    )
    project = adopted_without_lock(history, any_database)
    with pytest.raises(MigrationFailedError) as error:
        project.upgrade()
    stays = "first" in schema(any_database)
    assert stays == (is_outside or any_database.get_backend_name() != "postgresql")
    assert (f"what {path.name} did before the statement" in error.value.message) == stays
    assert (f"undo by hand what {path.name} did" in str(error.value.hint)) == stays


def test_failure_on_a_scratch_database_says_so(
    history: AlembicProject, any_database: sa.URL
) -> None:
    """Nothing has to be undone or run again in the project's database."""
    path = history.revision("e5", "d4", up='op.execute("SELECT * FROM nothing")', down="pass")
    project = adopted_without_lock(history, any_database)
    with pytest.raises(MigrationFailedError) as error:
        project.rehearse()
    assert error.value.lines[0].startswith(f"upgrade of {path.name} failed at {path.name}:")
    assert error.value.lines[1:] == ["it ran on a scratch database: no other database has changed"]
    assert "adopt --baseline" in str(error.value.hint)
    assert schema(any_database) == {}


def test_irreversible_revision_says_so(history: AlembicProject, any_database: sa.URL) -> None:
    history.revision("e5", "d4", up="pass", down='raise NotImplementedError("no way back")')
    project = adopted(history, any_database)
    project.upgrade()
    with pytest.raises(
        MigrationFailedError, match=r"e5\.py cannot be reverted: no way back"
    ) as error:
        project.downgrade("-1")
    assert "restore a backup" in str(error.value.hint)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "import missing_application",
            "ModuleNotFoundError: No module named 'missing_application'",
        ),
        ("import os; os.environ['APP_SETTINGS_OF_TEST']", "KeyError: 'APP_SETTINGS_OF_TEST'"),
        ("import sys; sys.exit('no settings')", "it called sys.exit('no settings')"),
        ("raise RuntimeError('no application')", "RuntimeError: no application"),
    ],
)
def test_env_that_cannot_run(
    history: AlembicProject, database: Callable[[str], sa.URL], code: str, words: str
) -> None:
    """One message with the line of env.py, and nothing is applied."""
    project = adopted(history, database("sqlite"))
    history.env.write_text(f"{code}\n{history.env.read_text()}")
    with pytest.raises(MigrationFailedError, match=r"env\.py failed at env\.py:1: ") as error:
        project.upgrade()
    assert words in error.value.message
    assert "env.py must run by itself" in (error.value.hint or "")
    assert 'configure = "MODULE:FUNCTION" in alembic.toml' in (error.value.hint or "")
    assert applied(project) == []


def test_env_with_an_url_of_its_own(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """The database that autodiff names is upgraded, and not the one that env.py has in its code."""
    other, mine = database("sqlite"), database("sqlite")
    text = history.env.read_text().replace("engine_from_config(", "create_engine_of(")
    own = "import sqlalchemy\ndef create_engine_of(*a, **k):\n"
    own += f"    return sqlalchemy.create_engine({str(other)!r})\n"
    history.env.write_text(own + text)
    adopted(history, mine).upgrade()
    assert versions(mine) == ["d4"]
    assert schema(other) == {}


def test_env_with_an_open_connection_is_refused(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """A connection that was open before would reach another database."""
    other, mine = database("sqlite"), database("sqlite")
    history.env.write_text(
        "import sqlite3, sqlalchemy\nfrom alembic import context\n"
        f"raw = sqlite3.connect({str(other.database)!r})\n"
        "engine = sqlalchemy.create_engine('sqlite://', creator=lambda: raw)\n"
        "engine.dialect.dispatch.do_connect  # made before autodiff listens\n"
        "connection = engine.connect()\n"
        "context.configure(connection=connection)\n"
        "with context.begin_transaction():\n    context.run_migrations()\n"
    )
    project = adopted(history, mine)
    try:
        project.upgrade()
    except MigrationFailedError as error:
        assert "another database" in error.message
    else:
        assert versions(mine) == ["d4"]
    assert schema(other) == {}


def test_arguments_of_env(history: AlembicProject, database: Callable[[str], sa.URL]) -> None:
    """Arguments for -x are kept in alembic.toml; the hint names them if they are missing."""
    read = "from alembic import context\ncontext.get_x_argument(as_dictionary=True)['region']\n"
    history.env.write_text(read + history.env.read_text())
    url = database("sqlite")
    project = adopted(history, url)
    with pytest.raises(MigrationFailedError, match=r"env\.py:2: KeyError: 'region'") as error:
        project.upgrade()
    assert 'x = ["NAME=VALUE"] in alembic.toml' in (error.value.hint or "")
    (history.root / "migrations" / "alembic.toml").unlink()
    project.adopt(history.root / "alembic.ini", x=["region=eu", "data"]).write()
    assert 'x = ["region=eu", "data"]' in (history.root / "migrations/alembic.toml").read_text()
    assert len(project.upgrade()) == 4


def test_env_reads_the_command_and_its_revision(
    tmp_path: Path, database: Callable[[str], sa.URL]
) -> None:
    """Both are those of Alembic's command that would run the same revisions."""
    history = AlembicProject(tmp_path)
    history.revision("a1", label="shop", up="pass", down="pass")
    history.revision("b2", "a1", up="pass", down="pass")
    project = adopted(history, database("sqlite"))
    seen = tmp_path / "seen"
    history.env.write_text(
        "from alembic import context\noptions = context.config.cmd_opts\n"
        f"with open({str(seen)!r}, 'a') as file:\n"
        "    print(options.cmd[0].__name__, options.revision, options.sql, "
        "context.get_revision_argument(), file=file)\n" + history.env.read_text()
    )
    project.upgrade("a1")
    project.upgrade()
    project.downgrade("-1")
    project.downgrade("base")
    project.script("a1")
    assert seen.read_text().splitlines() == [
        "upgrade a1 False a1",
        "upgrade b2 False b2",
        "downgrade a1 False a1",
        "downgrade shop@base False None",
        "upgrade a1 True a1",
    ]


def test_attributes_of_config(
    history: AlembicProject, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function of the application sets what its own command sets before it calls Alembic."""
    read = "from alembic import context\nassert context.config.shop_settings == 'shop'\n"
    history.env.write_text(read + history.env.read_text())
    url = database("sqlite")
    project = adopted(history, url)
    with pytest.raises(MigrationFailedError, match="no attribute 'shop_settings'") as error:
        project.upgrade()
    assert 'configure = "MODULE:FUNCTION" in alembic.toml' in (error.value.hint or "")
    (history.root / "shop_configuration.py").write_text(
        "def prepare(config):\n    config.shop_settings = 'shop'\n\n"
        "def broken(config):\n    config.x()\n"
    )
    monkeypatch.syspath_prepend(str(history.root))
    path = history.root / "migrations" / "alembic.toml"
    text = path.read_text()
    path.write_text(f'{text}configure = "shop_configuration:broken"\n')
    with pytest.raises(MigrationFailedError, match=r"'shop_configuration:broken' of .* failed"):
        project.upgrade()
    path.write_text(f'{text}configure = "shop_configuration:prepare"\n')
    assert len(project.upgrade()) == 4


def test_env_that_leaves_traces(
    history: AlembicProject, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """env.py may change the folder, start threads and end the process when it is done."""
    monkeypatch.chdir(history.root)
    text = history.env.read_text().replace("    run_migrations_online()\n", "    start()\n")
    start = "def start():\n    asyncio.run(asyncio.to_thread(run_migrations_online))\n"
    history.env.write_text(
        "import asyncio, os, sys\nos.chdir('/')\n"
        + text.replace("if context.is_offline_mode", f"{start}\nif context.is_offline_mode")
        + "\nsys.exit(0)\n"
    )
    url = database("sqlite")
    assert len(adopted(history, url).upgrade()) == 4
    assert versions(url) == ["d4"]
    assert Path.cwd() == history.root


def test_env_with_the_engine_of_the_application(
    history: AlembicProject, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pool keeps connections, which must not reach another database in the next run."""
    own, urls = database("sqlite"), [database("sqlite") for _ in range(2)]
    (history.root / "application_with_pool.py").write_text(
        f"import sqlalchemy as sa\nengine = sa.create_engine({str(own)!r})\n"
    )
    monkeypatch.syspath_prepend(str(history.root))
    history.env.write_text(
        "from alembic import context\nfrom application_with_pool import engine\n"
        "with engine.connect() as connection:\n    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )
    from importlib import import_module

    engine = import_module("application_with_pool").engine
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id INTEGER)")
    adopted_without_lock(history, urls[0])
    for url in urls:
        Project(url, directory=history.root / "migrations").upgrade()
        assert versions(url) == ["d4"]
    assert sa.inspect(engine).get_table_names() == ["mine"]


def test_revision_that_copies_all_tables(
    history: AlembicProject, any_database: sa.URL, database: Callable[[str], sa.URL]
) -> None:
    """It finds those of the application, and none of autodiff."""
    copies = (
        "bind = op.get_bind()\n    found = sa.MetaData(); found.reflect(bind)\n"
        "    assert set(found.tables) == set(sa.inspect(bind).get_table_names())\n"
        "    for name in found.tables:\n"
        "        op.create_table('copy_of_' + name, sa.Column('id', sa.Integer()))"
    )
    history.revision("e5", "d4", up=copies, down="pass")
    other = database(any_database.get_backend_name())
    command.upgrade(history.config(other), "heads")
    adopted_without_lock(history, any_database).upgrade()
    assert schema(any_database) == schema(other)


def test_env_that_does_not_commit(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """A statement before Alembic's transaction begins one that nobody commits."""
    text = history.env.read_text()
    statement = "        connection.exec_driver_sql('SELECT 1')\n"
    history.env.write_text(
        text.replace(
            "        context.configure(\n            connection",
            f"{statement}        context.configure(\n            connection",
        )
    )
    project = adopted_without_lock(history, database("postgresql"))
    with pytest.raises(MigrationFailedError, match="did not commit them") as error:
        project.upgrade()
    assert "connection.commit()" in (error.value.hint or "")
    assert applied(project) == []


def test_async_env(history: AlembicProject, database: Callable[[str], sa.URL]) -> None:
    """An env.py of Alembic's async template runs too."""
    history.use_async_env("sqlite+aiosqlite:///other.db")
    url = database("sqlite")
    adopted(history, url).upgrade()
    assert versions(url) == ["d4"]


def test_async_env_as_alembic_writes_it(history: AlembicProject, any_database: sa.URL) -> None:
    """Its engine has the URL of autodiff, whose driver is synchronous; in a rehearsal too."""
    history.use_async_env()
    project = adopted(history, any_database.set(query={}))  # without options of another driver
    project.upgrade()
    assert versions(any_database) == ["d4"]
    assert not project.check()
    project.rehearse("d4")
    project.downgrade("base")
    assert versions(any_database) == []
    with pytest.raises(InvalidRequestError, match="requires an async driver"):
        create_async_engine("sqlite://")  # outside of env.py


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg_async"])
def test_async_env_and_an_option_of_postgresql(
    history: AlembicProject, database: Callable[[str], sa.URL], driver: str
) -> None:
    """The option sslmode has another name for asyncpg."""
    history.use_async_env(f"postgresql+{driver}://other")
    url = database("postgresql")
    adopted(history, url.update_query_dict({"sslmode": "prefer"})).upgrade()
    assert versions(url) == ["d4"]


def test_other_version_table(history: AlembicProject, any_database: sa.URL) -> None:
    """The name of the version table in env.py is found, and the table is not compared."""
    history.env.write_text(
        history.env.read_text().replace(
            "target_metadata=target_metadata",
            "target_metadata=target_metadata, version_table='mine'",
        )
    )
    project = adopted(history, any_database)
    project.upgrade()
    assert not project.check()
    assert "mine" in schema(any_database)
    assert "alembic_version" not in schema(any_database)


def test_stamp_writes_the_version_table(history: AlembicProject, any_database: sa.URL) -> None:
    """Both records agree after a stamp, on a database without a version table too."""
    project = adopted(history, any_database)
    project.stamp("b2")
    assert versions(any_database) == ["b2"]
    project.stamp("base")
    assert versions(any_database) == []


def test_unknown_revision_in_the_version_table(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """A database ahead of the files is refused, and nothing is written."""
    url = database("sqlite")
    command.upgrade(history.config(url), "heads")
    with opened(url) as db:
        db.execute("UPDATE alembic_version SET version_num = 'zz'")
    with pytest.raises(HistoryError, match="alembic_version is at zz, which has no file"):
        adopted(history, url)
    assert not (history.root / "migrations").exists()


@pytest.mark.parametrize("when", ["adopt", "status"])
def test_versions_in_a_folder_that_the_application_sets(
    history: AlembicProject, database: Callable[[str], sa.URL], when: str
) -> None:
    """The database has their revisions; the hint says where the setting must be."""
    url = database("sqlite")
    project = adopted(history, url) if when == "status" else None
    command.upgrade(history.config(url), "heads")
    path = history.folder / "versions" / "d4.py"
    (history.root / "more").mkdir()
    path.rename(history.root / "more" / path.name)
    with pytest.raises(HistoryError, match="alembic_version is at d4, which has no file") as caught:
        project.status() if project else adopted(history, url)
    ini = history.root / "alembic.ini"
    said = f"if the application sets version_locations in code, set version_locations in {ini}"
    assert said in (caught.value.hint or "")


@pytest.mark.parametrize("broken", ["cycle", "missing parent", "duplicate", "no env.py"])
def test_broken_history(history: AlembicProject, broken: str) -> None:
    """A history that Alembic refuses is refused, and nothing is written."""
    if broken == "cycle":
        history.revision("a1", "d4", up="pass", down="pass")
    elif broken == "missing parent":
        history.revision("f6", "zz", up="pass", down="pass")
    elif broken == "duplicate":
        history.revision("a1", None, up="pass", down="pass", name="copy")
    else:
        history.env.unlink()
    with pytest.raises(AutodiffError) as error:
        adopted(history, None)
    assert error.value.hint
    assert not (history.root / "migrations").exists()


def test_files_of_all_forms(history: AlembicProject, database: Callable[[str], sa.URL]) -> None:
    """A revision can have another encoding, be assigned with others, or be the name of the file."""
    folder = history.folder / "versions"
    body = "def upgrade():\n    pass\ndef downgrade():\n    pass\n"
    text = f"# coding: latin-1\n# é\nrevision, down_revision = 'e5', 'd4'\n{body}"
    (folder / "accents.py").write_bytes(text.encode("latin-1"))
    (folder / "f6.py").write_text(f"down_revision = old = 'e5'\n{body}")
    history.env.write_bytes("# coding: latin-1\n# é\n".encode("latin-1") + history.env.read_bytes())
    url = database("sqlite")
    project = adopted(history, url)
    assert [m.revision for m in project.upgrade()] == ["a1", "b2", "c3", "d4", "e5", "f6"]
    assert versions(url) == ["f6"]
    (folder / "utils.py").write_text("x = 1\n")
    with pytest.raises(AutodiffError, match=r"utils\.py: it has no revision, so Alembic refuses"):
        project.graph()


def test_no_alembic_history(tmp_path: Path) -> None:
    """The message names the path that was searched."""
    project = Project(None, models(), tmp_path / "migrations")
    with pytest.raises(ConfigError, match=r"does not exist|no Alembic history"):
        project.adopt(tmp_path / "alembic.ini")


def test_versions_in_a_folder_that_env_py_names(history: AlembicProject) -> None:
    """env.py is not run to find them: both ways to adopt say which setting names the folder."""
    inner = history.folder / "versions" / "sqlite"
    inner.mkdir()
    for path in inner.parent.glob("*.py"):
        path.rename(inner / path.name)
    ini = history.root / "alembic.ini"
    project = Project(None, models(), history.root / "migrations")
    offline = Project("sqlite://", models(), history.root / "migrations")
    for adopt in (lambda: project.adopt(ini), lambda: offline.convert(ini)):
        with pytest.raises(ConfigError, match="there are no") as caught:
            adopt()
        assert f"set version_locations in {ini} to the folder" in str(caught.value.hint)
    ini.write_text(ini.read_text().replace("[alembic]", f"[alembic]\nversion_locations = {inner}"))
    assert len(project.adopt(ini).revisions) == len(list(inner.glob("*.py")))


def test_baseline_replaces_the_history(
    history: AlembicProject, any_database: sa.URL, database: Callable[[str], sa.URL]
) -> None:
    """Databases that have the history count as having the baseline, and new ones are equal."""
    kind = any_database.get_backend_name()
    by_alembic, fresh, half = database(kind), database(kind), database(kind)
    command.upgrade(history.config(by_alembic), "heads")
    command.upgrade(history.config(half), "b2")
    project = adopted(history, any_database)
    project.upgrade()
    with pytest.raises(HandWrittenError, match="insert rows into users") as caught:
        project.replace_alembic()
    assert caught.value.message.startswith("cannot replace Alembic's revisions: a baseline")
    assert "squash" not in str(caught.value.hint)
    baseline = project.replace_alembic(without_data=True)
    migration = baseline.write()
    assert migration.replaces == ("a1", "b2", "c3", "d4")
    shutil.rmtree(history.folder)
    for url in (any_database, by_alembic):
        project = Project(url, models(), history.root / "migrations")
        assert project.upgrade() == []
        assert applied(project) == [migration.revision]
        assert not project.check()
    project = Project(fresh, models(), history.root / "migrations")
    assert [m.revision for m in project.upgrade()] == [migration.revision]
    assert not project.check()
    with pytest.raises(HistoryError, match="alembic_version is at b2"):
        Project(half, models(), history.root / "migrations").upgrade()
    project = Project(by_alembic, models(), history.root / "migrations")
    project.downgrade("base", drop_baseline=True)
    assert applied(project) == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"exclude_tables": ["ord*"]}, "matches exclude_tables"),
        ({"include_tables": ["users"]}, "matches no pattern of include_tables"),
    ],
)
def test_baseline_lists_tables_that_are_not_managed(
    history: AlembicProject, any_database: sa.URL, setting: dict[str, list[str]], reason: str
) -> None:
    """New databases lack them, and Alembic's revisions created them."""
    env = history.env.read_text()
    history.env.write_text(
        env.replace("target_metadata=", "version_table='mine', target_metadata=")
    )
    adopted(history, any_database)
    project = Project(any_database, models(), history.root / "migrations", **setting)  # type: ignore[arg-type]
    baseline = project.replace_alembic(without_data=True)
    assert "orders" not in baseline.texts[baseline.migration.path]
    assert list(map(str, baseline.left_out)) == [f"table orders ({reason})"]


def test_database_of_several(
    tmp_path: Path, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an env.py for several databases, one is named, and the others are not touched."""
    history = AlembicProject(tmp_path, template="multidb")
    history.revision("a1", up="pass", down="pass")
    path = history.folder / "versions" / "a1.py"
    path.write_text(
        path.read_text()
        .replace(
            "def upgrade():", "def upgrade(engine_name):\n    globals()['up_' + engine_name]()"
        )
        .replace("def downgrade():", "def downgrade(engine_name):")
        + "\n\ndef up_engine1():\n    op.create_table('one', sa.Column('id', sa.Integer()))\n"
        + "\n\ndef up_engine2():\n    op.create_table('two', sa.Column('id', sa.Integer()))\n"
    )
    url = database("sqlite")
    project = Project(url, sa.MetaData(), history.root / "migrations", allow_empty_models=True)
    with pytest.raises(ConfigError, match="engine1, engine2"):
        project.adopt(history.root / "alembic.ini")
    project.adopt(history.root / "alembic.ini", name="engine2").write()
    monkeypatch.chdir(tmp_path)  # the template writes a file in offline mode
    text = project.script("base:head").text
    assert "CREATE TABLE two" in text
    assert "CREATE TABLE one" not in text
    project.upgrade()
    assert set(schema(url)) == {"alembic_version", "two"}


def test_section_of_several(
    history: AlembicProject, database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """A name chooses a section if none is called alembic."""
    ini = history.root / "alembic.ini"
    text = ini.read_text().replace("[alembic]", "[first]", 1)
    ini.write_text(text + "\n[second]\nscript_location = %(here)s/alembic\n")
    project = Project(database("sqlite"), models(), tmp_path / "migrations")
    with pytest.raises(ConfigError, match="several others: first, second"):
        project.adopt(ini)
    project.adopt(ini, name="second").write()
    assert len(project.upgrade()) == 4
    with pytest.raises(HistoryError, match="has adopted an Alembic history"):
        project.convert(ini, name="second")


FLASK_APP = """
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class User(db.Model):
    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///{other}"
    db.init_app(app)
    Migrate(app, db)
    return app
"""


@pytest.mark.filterwarnings("ignore:.get_engine. is deprecated")
def test_flask_migrate(
    tmp_path: Path, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is shared with Flask-Migrate, whose env.py needs the application."""
    other, url = database("sqlite"), database("sqlite")
    (tmp_path / "shop_app.py").write_text(FLASK_APP.replace("{other}", str(other.database)))
    environment = {**os.environ, "FLASK_APP": "shop_app:create_app"}
    for words in (["init"], ["migrate", "-m", "users"]):
        arguments = [sys.executable, "-m", "flask", "db", *words]
        subprocess.run(arguments, cwd=tmp_path, env=environment, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("FLASK_APP", "shop_app:create_app")
    (tmp_path / "autodiff.toml").write_text(f'models = "shop_app:create_app"\nurl = "{url}"\n')
    project = Project.load(tmp_path)
    project.adopt().write()
    [migration] = project.upgrade()
    assert migration.path.parent == tmp_path / "migrations" / "versions"
    assert set(schema(url)) == {"alembic_version", "users"}
    assert "users" not in schema(other)
    assert not project.check()


SEVERAL = """
from alembic import context
from sqlalchemy import create_engine

names = context.get_x_argument(as_dictionary=True).get("only")
urls = [context.config.get_main_option("sqlalchemy.url"), {other!r}]
found = [create_engine(url).connect() for url in urls[:1 if names else 2]]
transactions = [each.begin() for each in found]
for each in found:
    context.configure(connection=each)
    context.run_migrations()
for each in transactions:
    each.commit()
for each in found:
    each.close()
"""


def test_revisions_for_several_databases_at_once(
    history: AlembicProject, any_database: sa.URL
) -> None:
    """The transactions would wait for each other; env.py can choose one database."""
    other = any_database.set(database="other").render_as_string(hide_password=False)
    history.env.write_text(SEVERAL.format(other=other))
    project = adopted_without_lock(history, any_database)
    for run in (project.rehearse, project.upgrade):
        with pytest.raises(MigrationFailedError, match="for several databases"):
            run()
    if any_database.get_backend_name() != "postgresql":
        return  # the revisions on the first connection are kept
    assert schema(any_database) == {}
    settings = history.root / "migrations" / "alembic.toml"
    settings.write_text(settings.read_text() + 'x = ["only=first"]\n')
    project = Project(any_database, directory=history.root / "migrations")
    assert len(project.upgrade()) == 4


def test_killed_run_goes_on(history: AlembicProject, any_database: sa.URL) -> None:
    """A process that is killed in the middle of a revision leaves both records in agreement."""
    waits = "import time; open('reached', 'w').close(); time.sleep(60)"
    path = history.revision("e5", "d4", up=waits, down="pass")
    project = adopted_without_lock(history, any_database)
    text = any_database.render_as_string(hide_password=False)
    code = f"from autodiff import Project\nProject({text!r}, directory='migrations').upgrade()"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=history.root)
    wait_for(history.root / "reached", process)
    process.kill()
    process.wait()
    transactional = any_database.get_backend_name() == "postgresql"
    assert applied(project) == ([] if transactional else ["a1", "b2", "c3", "d4"])
    path.write_text(path.read_text().replace(waits, "pass"))
    project.upgrade()
    assert versions(any_database) == ["e5"]
    assert applied(project) == ["a1", "b2", "c3", "d4", "e5"]


def adopted_without_lock(history: AlembicProject, url: sa.URL) -> Project:
    """Adopt the history without running it for the lock file."""
    project = Project(url, directory=history.root / "migrations")
    project.adopt(history.root / "alembic.ini").write()
    return project


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has written a file."""
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the process ended too early"
        assert time.monotonic() < end
        time.sleep(0.05)


def test_several_targets(history: AlembicProject, database: Callable[[str], sa.URL]) -> None:
    """Each target is upgraded by Alembic, although Alembic can run only once in a process."""
    urls = [database("sqlite") for _ in range(4)]
    adopted_without_lock(history, urls[0])
    project = Project(
        "sqlite:///registry.db",
        directory=history.root / "migrations",
        targets={"urls": [str(url) for url in urls]},
    )
    outcomes = project.upgrade_all()
    assert [versions(url) for url in urls] == [["d4"]] * 4
    assert all(outcome.succeeded for outcome in outcomes)


def test_revision_without_a_downgrade(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """It is applied as always, and the downgrade is refused before anything is reverted."""
    history.revision("e5", "d4", up="pass", down=None)
    history.revision("f6", "e5", up="pass", down="pass")
    url = database("sqlite")
    project = adopted(history, url)
    project.upgrade()
    with pytest.raises(MigrationFailedError, match=r"e5\.py has no downgrade\(\)"):
        project.downgrade("d4")
    assert versions(url) == ["f6"]
    project.downgrade("e5")
    assert versions(url) == ["e5"]


def test_subfolders_labels_and_dependencies(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """Several folders, subfolders, bases, labels and depends_on: as Alembic itself runs them."""
    ini = history.root / "alembic.ini"
    ini.write_text(
        ini.read_text()
        .replace(
            "[alembic]",
            "[alembic]\nversion_locations = %(here)s/alembic/versions %(here)s/more\n"
            "path_separator = space\nrecursive_version_locations = true",
            1,
        )
        .replace("path_separator = os", "")
    )
    (history.root / "more" / "deep").mkdir(parents=True)
    moved = history.revision("g7", None, up="pass", down="pass", depends_on="b2", label="billing")
    moved.rename(history.root / "more" / "deep" / moved.name)
    moved = history.revision(
        "h8",
        "g7",
        up='op.create_table("bills", sa.Column("id", sa.Integer(), primary_key=True))',
        down='op.drop_table("bills")',
        depends_on="d4",
    )
    moved.rename(history.root / "more" / moved.name)
    other, url = database("sqlite"), database("sqlite")
    command.upgrade(history.config(other), "heads")
    project = adopted(history, url)
    lock = project.lock()
    assert lock is not None and lock.heads == project.graph().heads  # labels tell the heads apart
    assert len(project.upgrade("heads")) == 6
    assert (schema(url), versions(url)) == (schema(other), versions(other))
    project.downgrade("billing@base")
    command.downgrade(history.config(other), "billing@base")
    assert schema(url) == schema(other)


def test_alembic_is_not_installed(
    history: AlembicProject, database: Callable[[str], sa.URL], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adopting, status and history work without it; upgrading a new database fails."""
    existing, new = database("sqlite"), database("sqlite")
    command.upgrade(history.config(existing), "heads")
    monkeypatch.setitem(sys.modules, "alembic", None)
    project = adopted_without_lock(history, existing)
    assert applied(project) == ["a1", "b2", "c3", "d4"]
    assert project.upgrade() == []
    with pytest.raises(MigrationFailedError, match="Alembic is not installed") as error:
        Project(new, directory=history.root / "migrations").upgrade()
    assert "sqlalchemy-autodiff[alembic]" in (error.value.hint or "")


def test_targets_that_are_schemas(
    history: AlembicProject, database: Callable[[str], sa.URL]
) -> None:
    """Alembic runs in the schema of each target, although env.py knows nothing of it."""
    url = database("postgresql")
    with opened(url) as db:
        db.execute('CREATE SCHEMA "Tenant 1"', "CREATE SCHEMA two")
    adopted_without_lock(history, url)
    project = Project(
        url,
        directory=history.root / "migrations",
        targets={"query": "SELECT unnest(ARRAY['Tenant 1', 'two']) AS name", "schema": "{name}"},
    )
    assert [outcome.succeeded for outcome in project.upgrade_all()] == [True, True]
    with opened(url) as db:
        inspector = sa.inspect(db.connection)
        for name in ("Tenant 1", "two"):
            assert {"users", "orders", "alembic_version"} <= set(inspector.get_table_names(name))
        assert inspector.get_table_names("public") == []


@pytest.fixture(params=["sqlite", "postgresql", "mariadb", "pgbouncer"])
def shared_database(request: pytest.FixtureRequest, database: Callable[[str], sa.URL]) -> sa.URL:
    """Return a database that several processes use, also through a transaction pooler."""
    if request.param != "pgbouncer":
        return database(request.param)
    pooler: Pooler = request.getfixturevalue("pooler")
    return pooler.url(database("postgresql"))


def test_processes_at_the_same_time(history: AlembicProject, shared_database: sa.URL) -> None:
    """Each revision is applied once, and all processes succeed."""
    project = adopted_without_lock(history, shared_database)
    text = shared_database.render_as_string(hide_password=False)
    code = f"from autodiff import Project\nProject({text!r}, directory='migrations').upgrade()"
    command_line = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command_line, cwd=history.root) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert [(entry.revision, entry.outcome) for entry in project.log()] == [
        (revision, "done") for revision in ("a1", "b2", "c3", "d4")
    ]
    assert versions(shared_database) == ["d4"]


PASSED = """
from alembic import context

connection = context.config.attributes{lookup}
assert connection is not None, "no connection was passed"
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""


@pytest.mark.parametrize("lookup", ['.get("connection", None)', '["connection"]'])
def test_env_py_to_which_a_connection_is_passed(
    history: AlembicProject, database: Callable[[str], sa.URL], lookup: str
) -> None:
    """An env.py that does not connect itself gets a connection, as callers of Alembic pass one."""
    url = database("sqlite")
    history.env.write_text(PASSED.format(lookup=lookup))
    project = adopted(history, url)
    assert [m.revision for m in project.upgrade()] == ["a1", "b2", "c3", "d4"]
    assert versions(url) == ["d4"]
    assert applied(project) == ["a1", "b2", "c3", "d4"]
    assert not project.check()
    project.downgrade("base")
    assert versions(url) == []


@pytest.mark.parametrize(
    ("value", "labels"), [('("x", str("y"))', ("x",)), ("str.__name__", ()), ('"x"', ("x",))]
)
def test_labels_that_are_not_literals(
    history: AlembicProject, database: Callable[[str], sa.URL], value: str, labels: tuple[str, ...]
) -> None:
    """Those that are computed are left out; Alembic itself reads them."""
    path = history.folder / "versions" / "a1.py"
    text = path.read_text()
    path.write_text(text.replace("branch_labels = None", f"branch_labels = {value}"))
    project = adopted(history, database("sqlite"))
    assert project.graph()["a1"].labels == labels
    assert [m.revision for m in project.upgrade()] == ["a1", "b2", "c3", "d4"]


LABEL_MODULES = {
    "shop/__init__.py": "from .branches import CONTRACT as DONE\n",
    "shop/branches.py": 'EXPAND = "expand"\nCONTRACT: str = "contract"\nBOTH = (EXPAND, "more")\n'
    "raise AssertionError('it was imported')\n",
}


@pytest.mark.parametrize(
    ("line", "value", "labels"),
    [
        ("from shop import branches", "(branches.EXPAND,)", ("expand",)),
        ("from shop.branches import EXPAND as NAME", "NAME", ("expand",)),
        ("import shop.branches", "[shop.branches.CONTRACT]", ("contract",)),
        ("import shop.branches as names", "names.BOTH", ("expand", "more")),
        ("import shop", '(shop.DONE, "x")', ("contract", "x")),
        ('OWN = "own"', "(OWN,)", ("own",)),
    ],
)
@pytest.mark.parametrize("setting", ["", "prepend_sys_path = %(here)s/src\n"])
def test_labels_that_are_constants(
    history: AlembicProject, line: str, value: str, labels: tuple[str, ...], setting: str
) -> None:
    """Constants of the file, and of modules that Alembic would import, are read statically."""
    ini = history.root / "alembic.ini"
    text = re.sub("(?m)^prepend_sys_path.*\n", "", ini.read_text())
    ini.write_text(text.replace("[alembic]\n", f"[alembic]\n{setting}"))
    for name, content in LABEL_MODULES.items():
        path = history.root / ("src" if setting else "") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    _label(history, "a1", line, value)
    assert adopted(history, None).graph()["a1"].labels == labels


def test_labels_that_cannot_be_read_are_named(history: AlembicProject) -> None:
    """Branches that only such labels distinguish are not two migrations to merge."""
    (history.folder / "versions" / "d4.py").unlink()
    project = adopted(history, None)
    path = _label(history, "c3", "X = Y = X", "(str('billing'), X)")
    with pytest.raises(SeveralHeadsError) as caught:
        project.graph().check_heads()
    hint = caught.value.hint or ""
    assert f"the label str('billing') in {path}, X in {path} like branch_labels = (" in hint
    assert "autodiff merge" not in hint
    path.write_text(path.read_text().replace("(str('billing'), X)", '("billing",)'))
    project.graph().check_heads()


def _label(history: AlembicProject, revision: str, line: str, value: str) -> Path:
    """Give a revision labels, and another line above them; return its path."""
    path = history.folder / "versions" / f"{revision}.py"
    text = path.read_text()
    path.write_text(text.replace("branch_labels = None", f"{line}\nbranch_labels = {value}"))
    return path
