"""Test renames of tables: the old name stays a view, through which the old version goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import PlanError
from tests.online.application import Version
from tests.online.project import OnlineProject
from tests.support import opened

Database = Callable[[str], sa.URL]
SERVERS = pytest.mark.parametrize("kind", ["postgresql", "mariadb"])


def models(name: str, column: str = "nick", *more: sa.Column[object]) -> sa.MetaData:
    """Return the models of a table of users under a name, and of another one that refers to it."""
    metadata = sa.MetaData()
    users = sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(column, sa.String(50), nullable=False, server_default="nobody", index=True),
        *more,
    )
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author", sa.ForeignKey(users.c.id)),
    )
    return metadata


ROWS = (
    "INSERT INTO users (id, nick) VALUES (1, 'ann'), (2, 'bob')",
    "INSERT INTO posts (id, author) VALUES (1, 1)",
)


def nick(row: int, number: int) -> str:
    """Return a value to write."""
    return f"{row} {number}"


@SERVERS
def test_two_versions_write_while_a_table_is_renamed(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """No statement of either version fails, and no value is lost."""
    project = OnlineProject(database(kind), tmp_path, models("users"), *ROWS)
    project.models(models("people"))
    draft = project.generate(renames=["users:people"])
    assert [d.path.name for d in (*draft.previous, draft)] == [
        "0002_change_expand.py",
        "0003_change_contract.py",
    ]
    old = Version(project.url, "users", "nick", 1_000_000, oldest=1, value=nick)
    new = Version(project.url, "people", "nick", 2_000_000, oldest=2, value=nick)
    with old.running():
        project.project.upgrade(phase="expand")
        assert not project.project.check()
        with new.running():
            old.write_more()
    with new.running():
        project.project.upgrade(phase="contract")
    assert (old.errors, new.errors) == ([], [])
    assert not project.project.check()
    with opened(project.url) as db:
        found = dict(db.rows("SELECT id, nick FROM people WHERE id > 2"))
        assert found == {**old.written, **new.written}
        project.project.downgrade("2")
        db.execute("UPDATE users SET nick = 'al' WHERE id = 1")
        project.project.downgrade("1")
        assert db.rows("SELECT nick FROM users WHERE id = 1") == [("al",)]
    project.models(models("users"))
    assert project.clean() == ()


@SERVERS
def test_the_old_name_works_like_the_table(database: Database, tmp_path: Path, kind: str) -> None:
    """Numbers, defaults, RETURNING and conflicts are those of the table."""
    project = OnlineProject(database(kind), tmp_path, models("users"))
    project.models(models("people"))
    project.generate(renames=["users:people"], rehearse=False)
    project.project.upgrade(phase="expand")
    conflict = {
        "postgresql": "ON CONFLICT (id) DO UPDATE SET nick = 'again'",
        "mariadb": "ON DUPLICATE KEY UPDATE nick = 'again'",
    }[kind]
    with opened(project.url) as db:
        users = sa.table("users", sa.column("id", sa.Integer), sa.column("nick"))
        db.execute("INSERT INTO users (nick) VALUES ('ann')")
        returned = db.connection.execute(
            sa.insert(users).values(nick="bob").returning(users.c.id, users.c.nick)
        )
        assert returned.all() == [(2, "bob")]
        db.connection.commit()
        db.execute(
            "INSERT INTO users (id) VALUES (3)",
            f"INSERT INTO users (id, nick) VALUES (1, 'x') {conflict}",
            "DELETE FROM users WHERE id = 2",
        )
        assert db.rows("SELECT id, nick FROM people ORDER BY id") == [(1, "again"), (3, "nobody")]


@SERVERS
def test_a_table_is_renamed_along_with_a_column(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The view has the old column, and the trigger of the table writes the new one."""
    project = OnlineProject(database(kind), tmp_path, models("users"), *ROWS)
    project.models(models("people", "name", sa.Column("age", sa.Integer)))
    project.generate(renames=["users:people", "users.nick:name"])
    project.project.upgrade(phase="expand")
    with opened(project.url) as db:
        db.execute("INSERT INTO users (id, nick) VALUES (3, 'cy')")
        db.execute("INSERT INTO people (id, name, age) VALUES (4, 'di', 9)")
        rows = [(1, "ann"), (2, "bob"), (3, "cy"), (4, "di")]
        assert db.rows("SELECT id, nick FROM users ORDER BY id") == rows
        project.project.upgrade(phase="contract")
        assert db.rows("SELECT id, name FROM people ORDER BY id") == rows
    assert not project.project.check()
    project.project.downgrade("1")


@SERVERS
def test_a_table_is_renamed_along_with_a_replaced_constraint(
    database: Database, tmp_path: Path, kind: str
) -> None:
    """The downgrade adds the old constraint before it renames the table back."""

    def ages(name: str, least: int, ondelete: str) -> sa.MetaData:
        metadata = sa.MetaData()
        teams = sa.Table("teams", metadata, sa.Column("id", sa.Integer, primary_key=True))
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("age", sa.Integer),
            sa.Column("team", sa.ForeignKey(teams.c.id, name="fk_team", ondelete=ondelete)),
            sa.CheckConstraint(f"age >= {least}", name="ck_age"),
        )
        return metadata

    project = OnlineProject(database(kind), tmp_path, ages("users", 0, "CASCADE"))
    project.models(ages("people", 18, "SET NULL"))
    project.generate(renames=["users:people"])
    project.project.upgrade()
    assert project.clean() == ()
    project.project.downgrade("1")


def test_roles_can_use_the_old_name(database: Database, tmp_path: Path) -> None:
    """The view has the grants of its table."""
    project = OnlineProject(database("postgresql"), tmp_path, models("users"), *ROWS)
    role = f"reader_{project.url.database}"
    with opened(project.url) as db:
        db.execute(f"CREATE ROLE {role}", f"GRANT SELECT, UPDATE ON users TO {role}")
        project.models(models("people"))
        project.generate(renames=["users:people"], rehearse=False)
        project.project.upgrade(phase="expand")
        db.execute(f"SET ROLE {role}", "UPDATE users SET nick = 'al' WHERE id = 1", "RESET ROLE")
        assert db.rows("SELECT nick FROM people WHERE id = 1") == [("al",)]
        db.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def typed(name: str, kind: sa.types.TypeEngine[object], *others: str) -> sa.MetaData:
    """Return the models of a table with a column of a type, and of other tables."""
    metadata = sa.MetaData()
    for each in (name, *others):
        key = sa.Column("id", sa.Integer, primary_key=True)
        sa.Table(each, metadata, key, sa.Column("age", kind), sa.Column("nick", sa.Text))
    return metadata


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (typed("people", sa.BigInteger()), "the type of people.age changes"),
        (typed("people", sa.Integer(), "users"), "another table gets its name"),
    ],
)
def test_a_rename_that_cannot_be_online_is_refused(
    database: Database, tmp_path: Path, after: sa.MetaData, reason: str
) -> None:
    project = OnlineProject(database("postgresql"), tmp_path, typed("users", sa.Integer()))
    project.models(after)
    with pytest.raises(PlanError, match=reason) as caught:
        project.generate(renames=["users:people"])
    assert caught.value.hint is not None and "a migration of its own" in caught.value.hint
