"""Test blocking rows: generate warns about them, upgrade refuses to run."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.cli.project import CONFIG, Folder
from tests.cli.terminal import Terminal
from tests.support import opened

USERS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(sa.String(80))
"""
NOT_NULL = USERS.replace("Mapped[str | None]", "Mapped[str]")
UNIQUE = USERS.replace("sa.String(80)", "sa.String(80), unique=True")
ROWS = "INSERT INTO users VALUES (1, 'a@x'), (4, NULL), (9, NULL)"
TOLD = (
    "warning rows-in-the-way: users.email is NULL in some rows (2 found: id 4, 9)\n"
    "  hint: pass --fill users.email=VALUE, or fix the rows\n"
)


@pytest.fixture
def users(folder: Folder) -> Folder:
    """Return a project on SQLite with users, two of them without an email."""
    folder.write(autodiff=CONFIG)
    folder.grow(USERS, "add users")
    folder.sql(ROWS)
    return folder


def test_generate_warns_about_blocking_rows(users: Folder) -> None:
    """The file is written; upgrade refuses until the rows are fixed, then it runs."""
    users.write(models=NOT_NULL)
    result = users.ok("generate", "-m", "email")
    assert result.err == TOLD
    assert result.out == "migrations/0002_email.py\n  ~ column users.email: not null\n"
    refused = users.run("upgrade")
    assert (refused.code, refused.out) == (2, "")
    assert (
        "error: upgrade of 0002_email.py refused: users.email is NULL in some rows "
        "(2 found: id 4, 9)\n"
    ) in refused.err
    users.sql("UPDATE users SET email = 'x' WHERE email IS NULL")
    assert users.ok("upgrade").out == "1 migration applied\n"


def test_generate_as_json_has_the_findings(users: Folder) -> None:
    """A finding has a code, severity, message, hint and place."""
    users.write(models=NOT_NULL)
    data = users.ok("generate", "-m", "email", "--dry-run", "--json").data
    assert data["findings"] == [
        {
            "code": "rows-in-the-way",
            "severity": "warning",
            "message": "users.email is NULL in some rows (2 found: id 4, 9)",
            "hint": "pass --fill users.email=VALUE, or fix the rows",
            "place": "users.email",
        }
    ]
    users.write(models=UNIQUE)
    assert users.ok("generate", "-m", "email", "--dry-run", "--json").data["findings"] == []


def test_no_data_checks_skips_the_rows(users: Folder) -> None:
    """The file is the same; --from history does not check rows either."""
    users.write(models=NOT_NULL)
    checked = users.ok("generate", "-m", "email", "--dry-run")
    unchecked = users.ok("generate", "-m", "email", "--dry-run", "--no-data-checks")
    assert unchecked.err == ""
    assert unchecked.out == checked.out
    assert users.ok("generate", "-m", "email", "--dry-run", "--from", "history").err == ""


def test_fill_gives_rows_a_value(users: Folder) -> None:
    """There is no warning, and upgrade runs."""
    users.write(models=NOT_NULL)
    assert users.ok("generate", "-m", "email", "--fill", "users.email=nobody").err == ""
    users.ok("upgrade")
    assert users.sql("SELECT email FROM users ORDER BY id") == [("a@x",), ("nobody",), ("nobody",)]


QUESTION = "users.email becomes NOT NULL, but rows have no value (2 found: id 4, 9)"


@pytest.mark.parametrize("value", ["nobody", ""])
def test_a_value_is_asked_for_at_a_terminal(users: Folder, value: str) -> None:
    """Without a value the file checks the rows."""
    users.write(models=NOT_NULL)
    terminal = Terminal(users, "generate", "-m", "email")
    terminal.expect(QUESTION)
    terminal.type(value)
    terminal.ends_with(0)
    assert ("rows-in-the-way" in terminal.text) is (not value)
    source = (users.migrations / "0002_email.py").read_text()
    assert ("op.require(" in source) is (not value)
    assert ('op.backfill("users", {"email": "nobody"}' in source) is bool(value)


def test_a_backfill_of_many_rows_shows_a_progress_bar(users: Folder) -> None:
    """The bar disappears, and the line of the migration stays."""
    numbers = "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
    users.sql(f"{numbers} INSERT INTO users SELECT i, NULL FROM n")
    users.write(models=NOT_NULL)
    users.ok("generate", "-m", "email", "--fill", "users.email=nobody")
    copy = users.path / "copy.db"
    copy.write_bytes((users.path / "blog.db").read_bytes())
    result = users.process("upgrade", "--url", f"sqlite:///{copy}")
    assert result.err.count("\n") == 1
    terminal = Terminal(users, "upgrade")
    terminal.ends_with(0)
    assert "rows of users" in terminal.text
    assert "0002_email ... " in terminal.text
    assert terminal.text.rstrip().endswith("1 migration applied")


LOCKS = (
    "warning AD408: sets users.email NOT NULL and reads all rows of users for it\n"
    "  rehearsal: takes an ACCESS EXCLUSIVE lock on users; "
    "runs while an earlier statement holds an ACCESS EXCLUSIVE lock on users\n"
    "  database: users has 3 rows; users takes 24.6 kB with its indexes; "
    "users.email is NULL in 2 of 3 rows\n"
    "  hint: autodiff lint --explain AD408 describes the safe way\n"
)
"""What lint says of the migration on PostgreSQL."""


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_refused_upgrade_changes_nothing(
    kind: str,
    folder: Folder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Checks precede all other steps up and down, so this holds without transactional DDL."""
    url: sa.URL = request.getfixturevalue("database")(kind)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    folder.write(autodiff='models = "models:Base"\nurl = "${DATABASE_URL}"\n')
    folder.grow(USERS, "add users")
    with opened(url) as db:
        db.execute(ROWS)
        models = NOT_NULL.replace("sa.String(80)", "sa.String(120)")
        folder.write(models=models + "    city: Mapped[str | None] = mapped_column(sa.String(9))\n")
        locks = LOCKS if kind == "postgresql" else ""
        assert folder.ok("generate", "-m", "more").err == TOLD + locks
        before = db.state()
        refused = folder.run("upgrade")
        assert refused.code == 2
        assert "nothing was changed" in refused.err
        assert db.state() == before
        db.execute("UPDATE users SET email = 'x' WHERE email IS NULL")
        folder.ok("upgrade")
        db.execute(f"UPDATE users SET email = '{'x' * 100}' WHERE id = 4")
        before = db.state()
        refused = folder.run("downgrade", "-1")
        assert "users.email is longer than 80 in some rows (1 found: id 4)" in refused.err
        assert db.state() == before
