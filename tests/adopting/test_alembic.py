"""adopt FOLDER: Alembic's scripts and its version table become migrations and a history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import ConfigError, HistoryError
from tests.support import opened

SCRIPT = '''"""{message}

Revision ID: {revision}
Revises: {parent}
"""
from typing import Sequence, Union

from alembic import op
import sqlalchemy as sa

revision: str = "{revision}"
down_revision: Union[str, None] = {parent!r}
branch_labels: Union[str, Sequence[str], None] = None
depends_on: Union[str, Sequence[str], None] = None


def upgrade() -> None:
    {up}


def downgrade() -> None:
    {down}
'''


def models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(50)),
    )
    return metadata


@pytest.fixture
def alembic(tmp_path: Path) -> Path:
    """A folder of Alembic's: users, then their email."""
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic" / "env.py").write_text("raise SystemExit('not to be run')")
    write(
        versions,
        "ffff0001",
        None,
        "create users",
        'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))',
        'op.drop_table("users")',
    )
    write(
        versions,
        "aaaa0002",
        "ffff0001",
        "add email",
        'op.add_column("users", sa.Column("email", sa.String(50)))',
        'op.drop_column("users", "email")',
    )
    return versions.parent


def write(
    versions: Path, revision: str, parent: str | None, message: str, up: str, down: str
) -> None:
    text = SCRIPT.format(message=message, revision=revision, parent=parent, up=up, down=down)
    (versions / f"{revision}_{message.replace(' ', '_')}.py").write_text(text)


def at(url: sa.URL, *revisions: str) -> None:
    """The database as Alembic leaves it."""
    with opened(url) as db:
        models().create_all(db.connection)
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        for revision in revisions:
            db.execute(f"INSERT INTO alembic_version VALUES ('{revision}')")


def test_scripts_become_migrations(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """In their order, applied as the database has had them; nothing is left to do."""
    at(any_database, "aaaa0002")
    place = Project(any_database, models(), tmp_path / "m")
    paths = place.convert(alembic).write()
    assert [path.name for path in paths] == ["0001_create_users.py", "0002_add_email.py"]
    assert all("from autodiff import op\n" in path.read_text() for path in paths)
    assert [row.revision for row in place.status().applied] == ["ffff0001", "aaaa0002"]
    assert not place.check() and not place.check(offline=True)
    assert place.upgrade() == []
    assert place.rehearse().passed
    assert len(list((alembic / "versions").iterdir())) == 2


def test_only_what_the_database_has_had_counts(
    any_database: sa.URL, alembic: Path, tmp_path: Path
) -> None:
    """What Alembic had not applied yet is pending."""
    at(any_database, "ffff0001")
    with opened(any_database) as db:
        db.execute("ALTER TABLE users DROP COLUMN email")
    place = Project(any_database, models(), tmp_path / "m")
    place.convert(alembic / "versions").write()
    assert [m.revision for m in place.upgrade()] == ["aaaa0002"]
    assert not place.check()


def test_models_that_say_more_are_told(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """A migration is missing; nobody changed the database by hand."""
    at(any_database, "aaaa0002")
    more = models()
    more.tables["users"].append_column(sa.Column("age", sa.Integer()))
    place = Project(any_database, more, tmp_path / "m")
    place.convert(alembic).write()
    drift = place.check()
    assert (drift.models, drift.by_hand) == (("+ column users.age",), ())
    assert place.check(offline=True)


def test_the_next_database(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """The folder of the migrations is named for it: it is recorded, and the files stay."""
    first, second = database("sqlite"), database("sqlite")
    at(first, "aaaa0002")
    at(second, "ffff0001")
    Project(first, models(), tmp_path / "m").convert(alembic).write()
    before = {path: path.read_bytes() for path in (tmp_path / "m").iterdir() if path.is_file()}
    place = Project(second, models(), tmp_path / "m")
    place.convert(tmp_path / "m").write()
    assert [row.revision for row in place.status().applied] == ["ffff0001"]
    assert {path: path.read_bytes() for path in before} == before


def test_two_branches(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """Each head that the database is at counts; without models there is no lock file."""
    write(alembic / "versions", "bbbb0003", "ffff0001", "other", "pass", "pass")
    at(any_database, "aaaa0002", "bbbb0003")
    place = Project(any_database, models(), tmp_path / "m")
    place.convert(alembic).write()
    assert len(place.status().applied) == 3
    assert place.lock() is None


def test_the_folder_itself(any_database: sa.URL, alembic: Path) -> None:
    """Where it is the folder of the migrations, files keep their names."""
    at(any_database, "aaaa0002")
    place = Project(any_database, models(), alembic / "versions")
    paths = place.convert(alembic).write()
    assert [p.name for p in paths] == ["ffff0001_create_users.py", "aaaa0002_add_email.py"]
    assert "from autodiff import op\n" in paths[0].read_text()
    assert not place.check()


def test_a_database_without_alembic(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """Nothing counts as applied."""
    made = Project(any_database, models(), tmp_path / "m").convert(alembic)
    assert made.applied is None
    made.write()
    assert Project(any_database, models(), tmp_path / "m").status().applied == ()


def test_a_revision_that_has_no_script(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """It is named, and nothing is written."""
    at(any_database, "cccc0009")
    with pytest.raises(HistoryError) as caught:
        Project(any_database, models(), tmp_path / "m").convert(alembic)
    assert caught.value.message == "the database is at cccc0009, which is not in the folder"
    assert "check out the branch that contains it" in str(caught.value.hint)


def test_what_else_is_of_alembic_is_told(
    any_database: sa.URL, alembic: Path, tmp_path: Path
) -> None:
    """With its file and line."""
    path = alembic / "versions" / "aaaa0002_add_email.py"
    path.write_text(
        path.read_text().replace(
            "import sqlalchemy", "from alembic import context\nimport sqlalchemy"
        )
    )
    made = Project(any_database, models(), tmp_path / "m").convert(alembic)
    assert made.notes == ("aaaa0002_add_email.py:9 imports alembic: from alembic import context",)


def test_a_folder_without_scripts(any_database: sa.URL, tmp_path: Path) -> None:
    """The message says what to name."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="there are no migrations in"):
        Project(any_database, models(), tmp_path / "m").convert(tmp_path / "empty")
