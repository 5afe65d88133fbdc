"""Test that migrations in a scratch database do not change the rest of the server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.dialects.mysql.scratch_guard import check_for_scratch
from autodiff.errors import DatabaseError
from tests.support import Database, opened

OTHERS = frozenset(("logs", "two words", "users"))


def write(folder: Path, upgrade: str, downgrade: str = "pass") -> None:
    """Write a migration with these bodies."""
    folder.mkdir(exist_ok=True)
    (folder / "0001_first.py").write_text(
        "import sqlalchemy as sa\n\nfrom autodiff import op\n\n"
        'revision = "aaaa0001"\nparents = ()\nmessage = "first"\n\n\n'
        f"def upgrade() -> None:\n    {upgrade}\n\n\ndef downgrade() -> None:\n    {downgrade}\n"
    )


@pytest.fixture
def server(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    """Yield a database of MariaDB beside another one, named logs_..., with a row."""
    with opened(database("mariadb")) as db:
        name = f"logs_{secrets.token_hex(4)}"
        db.execute(
            f"CREATE DATABASE {name}",
            f"CREATE TABLE {name}.ev (id INT PRIMARY KEY, x INT)",
            f"INSERT INTO {name}.ev VALUES (1, 1)",
        )
        db.connection.info["other"] = name
        yield db
        db.execute(f"DROP DATABASE {name}")


REACHING = {
    "execute": 'op.execute("DELETE FROM {other}.ev")',
    "quoted": 'op.execute("DELETE FROM `{other}` . `ev`")',
    "use": 'op.execute("USE {other}")',
    "clause": 'op.execute(sa.delete(sa.table("ev", schema="{other}")))',
    "backfill": 'op.backfill("ev", {{"x": 2}}, schema="{other}")',
    "column": 'op.drop_column("ev", "x", schema="{other}")',
    "insert": 'op.bulk_insert(sa.table("ev", sa.column("id"), schema="{other}"), [{{"id": 2}}])',
    "code": 'op.get_bind().execute(sa.text("UPDATE {other}.ev SET x = 2"))',
    "function": 'op.run(lambda bind: bind.exec_driver_sql("UPDATE {other}.ev SET x = 2"))',
    "other connection": (
        'op.run(lambda b: b.engine.connect().exec_driver_sql("TRUNCATE {other}.ev"))'
    ),
    "trigger": (
        'op.execute("CREATE TRIGGER t AFTER DELETE ON {other}.ev FOR EACH ROW DELETE FROM x")'
    ),
    "prepared": "op.execute(\"EXECUTE IMMEDIATE 'DELETE FROM {other}.ev'\")",
    "drop": 'op.execute("DROP DATABASE {other}")',
}


@pytest.mark.parametrize("step", REACHING)
def test_another_database_is_not_changed(server: Database, tmp_path: Path, step: str) -> None:
    """The rehearsal refuses the statement before it is sent, and names the database."""
    other = server.connection.info["other"]
    write(tmp_path / "m", REACHING[step].format(other=other))
    project = Project(server.connection.engine.url, sa.MetaData(), tmp_path / "m")
    result = project.rehearse()
    [found] = result.steps
    assert f"statement names the database {other}" in found.problems[0]
    assert "it was not sent" in found.problems[0]
    with suppress(DatabaseError):  # nothing shows the schema
        project.relock()
    assert server.rows(f"SELECT * FROM {other}.ev") == [(1, 1)]


def test_another_database_can_be_read(server: Database, tmp_path: Path) -> None:
    other = server.connection.info["other"]
    copy = f'op.execute("CREATE TABLE copy AS SELECT * FROM {other}.ev")'
    write(tmp_path / "m", copy, 'op.drop_table("copy")')
    project = Project(server.connection.engine.url, sa.MetaData(), tmp_path / "m")
    assert not project.rehearse().steps[0].problems
    write(tmp_path / "m", 'op.execute("SET @@global.max_connections = 151; ")')
    assert project.rehearse().passed


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE t JOIN users ON users.id = t.id SET t.a = users.a",
        "SELECT logs.x FROM t logs",
        "INSERT INTO t SELECT a FROM logs.ev",
        "CREATE OR REPLACE VIEW v AS SELECT a FROM logs.ev",
        "INSERT INTO t VALUES ('DELETE FROM logs.ev', 'GRANT')",
        "UPDATE t SET a = 'x' /* logs.ev */ WHERE t.user = 1",
        "DELETE FROM t WHERE id IN (SELECT id FROM logs.ev)",
        "UPDATE t SET a = (SELECT max(x) FROM logs.ev WHERE (x > 1)), b = 2",
        "CREATE TABLE copy LIKE logs.ev",
        "CREATE ALGORITHM = MERGE DEFINER = a@b SQL SECURITY INVOKER VIEW v AS SELECT logs.f()",
        "WITH x AS (SELECT 1 FROM logs.ev) SELECT * FROM x",
        "/*!50001 CREATE VIEW v AS SELECT user FROM t */",
        "/* only a comment about a user */",
        "ALTER DATABASE CHARACTER SET utf8mb4",
        "CREATE DATABASE `autodiff_scratch_1`",
        "START TRANSACTION",
        "CREATE TABLE t (role INT, `use` INT, password TEXT)",
    ],
)
def test_statements_of_the_scratch_are_sent(sql: str) -> None:
    assert check_for_scratch(sql, OTHERS) is None


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users.t SET a = 1",
        "UPDATE t JOIN logs.ev ON t.id = ev.id SET ev.a = 1",
        "INSERT INTO LOGS.ev SELECT 1",
        "REPLACE logs.ev VALUES (1)",
        "CREATE INDEX i ON logs.ev (a)",
        "RENAME TABLE t TO logs.t",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES `two words`.u (id)",
        "CALL logs.p()",
        "DROP TABLE IF EXISTS logs.ev",
        "-- a comment\nDELETE FROM logs.ev",
        "WITH x AS (SELECT 1) DELETE FROM logs.ev WHERE id IN (SELECT 1 FROM x)",
        "DELETE FROM logs/**/.ev",
        "/*!50001 DELETE FROM logs.ev */",
        "/*M! DROP TABLE logs.ev */",
        "UPDATE t SET a = (SELECT 1 FROM t), logs.ev.b = 2",
        "CREATE DATABASE IF NOT EXISTS more",
        "KILL 5",
        "SHUTDOWN",
    ],
)
def test_statements_that_leave_the_scratch_are_refused(sql: str) -> None:
    with pytest.raises(DatabaseError, match="does not replace, so it was not sent"):
        check_for_scratch(sql, OTHERS)


@pytest.mark.parametrize(
    "sql",
    [
        "GRANT SELECT ON app.* TO reader",
        "create user reader@localhost identified by 'x'",
        "CREATE OR REPLACE ROLE r",
        "SET GLOBAL max_connections = 5",
        "SET @@GLOBAL.max_connections = 5",
        "SET PASSWORD FOR reader = 'x'",
    ],
)
def test_statements_about_accounts_are_left_out(sql: str) -> None:
    assert check_for_scratch(sql, OTHERS) == "DO 0"


ROLE = "CREATE ROLE {role}"
GUARDED = (
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
    "THEN CREATE ROLE {role}; END IF; END $$"
)


SEVERAL = "CREATE TABLE more (id int); CREATE ROLE {role}; DROP TABLE more"


@pytest.mark.parametrize("create", [ROLE, GUARDED, SEVERAL], ids=["create", "guarded", "several"])
def test_roles_of_postgresql_are_dropped_or_left(
    database: Callable[[str], sa.URL], tmp_path: Path, create: str
) -> None:
    """A role that the rehearsal creates is dropped; one that exists is not changed."""
    role = f"reader_{secrets.token_hex(4)}"
    statements = (
        create.format(role=role),
        "CREATE TABLE t (id int)",
        f"GRANT SELECT ON t TO {role}",
        f"ALTER ROLE {role} CONNECTION LIMIT 3; SELECT 1",
        f"DO $$ BEGIN ALTER ROLE {role} CREATEDB; END $$",
    )
    write(
        tmp_path / "m",
        "\n    ".join(f"op.execute({sql!r})" for sql in statements),
        f"op.execute('DROP TABLE t')\n    op.execute('DROP ROLE {role}')",
    )
    url = database("postgresql")
    project = Project(url, sa.MetaData(), tmp_path / "m")
    limit = f"SELECT rolconnlimit, rolcreatedb FROM pg_roles WHERE rolname = '{role}'"
    with opened(url) as db:
        assert not [step.problems for step in project.rehearse().steps if step.problems]
        project.relock()
        assert db.rows(limit) == []
        project.upgrade()
        assert db.rows(limit) == [(3, True)]
        db.execute(f"ALTER ROLE {role} CONNECTION LIMIT 5 NOCREATEDB")
        assert not [step.problems for step in project.rehearse().steps if step.problems]
        project.relock()
        assert db.rows(limit) == [(5, False)]
        project.downgrade("base")
        assert db.rows(limit) == []


@pytest.mark.parametrize("create", [ROLE, GUARDED], ids=["create", "guarded"])
def test_roles_that_exist_get_no_membership(
    database: Callable[[str], sa.URL], tmp_path: Path, create: str
) -> None:
    """A migration that names such a role in CREATE ROLE does not make it a role of its own."""
    role = f"reader_{secrets.token_hex(4)}"
    statements = (create.format(role=role), f"GRANT pg_read_all_data TO {role}")
    write(tmp_path / "m", "\n    ".join(f"op.execute({sql!r})" for sql in statements))
    url = database("postgresql")
    with opened(url) as db:
        db.execute(f"CREATE ROLE {role}")
        [step] = Project(url, sa.MetaData(), tmp_path / "m").rehearse().steps
        assert not step.problems
        members = f"SELECT 1 FROM pg_auth_members WHERE member = '{role}'::regrole"
        assert db.rows(members) == []
        db.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER DATABASE {name} SET work_mem = '5MB'",
        "COMMENT ON DATABASE {name} IS 'changed'",
        "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
    ],
)
def test_the_live_database_is_not_altered(
    database: Callable[[str], sa.URL], tmp_path: Path, sql: str
) -> None:
    url = database("postgresql")
    state = (
        "SELECT datacl::text, shobj_description(oid, 'pg_database'), "
        "(SELECT array_agg(setconfig) FROM pg_db_role_setting WHERE setdatabase = d.oid)::text "
        f"FROM pg_database d WHERE datname = '{url.database}'"
    )
    write(tmp_path / "m", f"op.execute({sql.format(name=url.database)!r})")
    with opened(url) as db:
        before = db.rows(state)
        assert Project(url, sa.MetaData(), tmp_path / "m").rehearse().passed
        assert db.rows(state) == before


def test_a_file_is_not_attached(tmp_path: Path) -> None:
    """Its tables would be changed by the rehearsal."""
    file = tmp_path / "other.db"
    with opened(sa.URL.create("sqlite", database=str(file))) as db:
        db.execute("CREATE TABLE ev (id INTEGER)", "INSERT INTO ev VALUES (1)")
        steps = (f"ATTACH '{file}' AS other", "DELETE FROM other.ev")
        body = "\n        ".join(f"op.execute({sql!r})" for sql in steps)
        write(tmp_path / "m", f"with op.autocommit():\n        {body}")
        url = sa.URL.create("sqlite", database=str(tmp_path / "app.db"))
        [step] = Project(url, sa.MetaData(), tmp_path / "m").rehearse().steps
        assert "a statement attaches a file" in step.problems[0].lower()
        assert db.rows("SELECT id FROM ev") == [(1,)]
