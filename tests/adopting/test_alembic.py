"""Test adopt FOLDER: Alembic's scripts and version table become migrations and a history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import ConfigError, DatabaseError, HistoryError, MigrationFailedError
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
    """Return a folder of Alembic with two scripts: users, then their email."""
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic" / "env.py").write_text("raise SystemExit('not to be run')")
    write_script(
        versions,
        "ffff0001",
        None,
        "create users",
        'op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True))',
        'op.drop_table("users")',
    )
    write_script(
        versions,
        "aaaa0002",
        "ffff0001",
        "add email",
        'op.add_column("users", sa.Column("email", sa.String(50)))',
        'op.drop_column("users", "email")',
    )
    return versions.parent


def write_script(
    versions: Path, revision: str, parent: str | None, message: str, up: str, down: str
) -> None:
    text = SCRIPT.format(message=message, revision=revision, parent=parent, up=up, down=down)
    (versions / f"{revision}_{message.replace(' ', '_')}.py").write_text(text)


def create_at(url: sa.URL, *revisions: str) -> None:
    """Create the tables, and Alembic's version table with these revisions."""
    with opened(url) as db:
        models().create_all(db.connection)
        db.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        for revision in revisions:
            db.execute(f"INSERT INTO alembic_version VALUES ('{revision}')")


def test_scripts_become_migrations(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """They keep their order and are recorded as applied. Nothing is pending."""
    create_at(any_database, "aaaa0002")
    project = Project(any_database, models(), tmp_path / "m")
    paths = project.convert(alembic).write()
    assert [path.name for path in paths] == ["0001_create_users.py", "0002_add_email.py"]
    assert all("from autodiff import op\n" in path.read_text() for path in paths)
    assert [row.revision for row in project.status().applied] == ["ffff0001", "aaaa0002"]
    assert not project.check() and not project.check(offline=True)
    assert project.upgrade() == []
    assert project.rehearse().passed
    assert len(list((alembic / "versions").iterdir())) == 2


def test_scripts_that_do_not_run_from_empty(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """The database that Alembic has upgraded is not called behind, and no upgrade is advised."""
    url = database("sqlite")
    create_at(url, "bbbb0003")
    drop = 'op.drop_constraint("missing", "users", type_="foreignkey")'
    write_script(alembic / "versions", "bbbb0003", "aaaa0002", "drop key", drop, "pass")
    with pytest.raises(DatabaseError, match=r"scratch database .*nothing was written") as error:
        Project(url, models(), tmp_path / "m").convert(alembic).write()
    assert "not at the head" not in str(error.value)
    assert "autodiff upgrade" not in (error.value.hint or "")
    assert "autodiff adopt" in (error.value.hint or "")
    assert not list((tmp_path / "m").glob("*"))


def test_only_applied_scripts_are_recorded(
    any_database: sa.URL, alembic: Path, tmp_path: Path
) -> None:
    """The other scripts are pending."""
    create_at(any_database, "ffff0001")
    with opened(any_database) as db:
        db.execute("ALTER TABLE users DROP COLUMN email")
    project = Project(any_database, models(), tmp_path / "m")
    project.convert(alembic / "versions").write()
    assert [m.revision for m in project.upgrade()] == ["aaaa0002"]
    assert not project.check()


def test_additional_models_are_drift(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """A migration is missing. The database was not changed manually."""
    create_at(any_database, "aaaa0002")
    metadata = models()
    metadata.tables["users"].append_column(sa.Column("age", sa.Integer()))
    project = Project(any_database, metadata, tmp_path / "m")
    project.convert(alembic).write()
    drift = project.check()
    assert (drift.models, drift.by_hand) == (("+ column users.age",), ())
    assert project.check(offline=True)


def test_a_second_database_is_adopted_from_the_migrations(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """Its history is recorded, and the files stay unchanged."""
    first, second = database("sqlite"), database("sqlite")
    create_at(first, "aaaa0002")
    create_at(second, "ffff0001")
    Project(first, models(), tmp_path / "m").convert(alembic).write()
    before = {path: path.read_bytes() for path in (tmp_path / "m").iterdir() if path.is_file()}
    project = Project(second, models(), tmp_path / "m")
    project.convert(tmp_path / "m").write()
    assert [row.revision for row in project.status().applied] == ["ffff0001"]
    assert {path: path.read_bytes() for path in before} == before


def test_two_heads_are_adopted(any_database: sa.URL, alembic: Path, tmp_path: Path) -> None:
    """The migrations of both heads are recorded. There is no lock file."""
    write_script(alembic / "versions", "bbbb0003", "ffff0001", "other", "pass", "pass")
    create_at(any_database, "aaaa0002", "bbbb0003")
    project = Project(any_database, models(), tmp_path / "m")
    project.convert(alembic).write()
    assert len(project.status().applied) == 3
    assert project.lock() is None


def test_a_folder_is_converted_in_place(any_database: sa.URL, alembic: Path) -> None:
    """The files keep their names."""
    create_at(any_database, "aaaa0002")
    project = Project(any_database, models(), alembic / "versions")
    paths = project.convert(alembic).write()
    assert [p.name for p in paths] == ["ffff0001_create_users.py", "aaaa0002_add_email.py"]
    assert "from autodiff import op\n" in paths[0].read_text()
    assert not project.check()


def test_nothing_is_recorded_without_a_version_table(
    any_database: sa.URL, alembic: Path, tmp_path: Path
) -> None:
    conversion = Project(any_database, models(), tmp_path / "m").convert(alembic)
    assert conversion.applied is None
    conversion.write()
    assert Project(any_database, models(), tmp_path / "m").status().applied == ()


def test_a_revision_without_a_script_is_refused(
    any_database: sa.URL, alembic: Path, tmp_path: Path
) -> None:
    """The error names it, and nothing is written."""
    create_at(any_database, "cccc0009")
    with pytest.raises(HistoryError) as caught:
        Project(any_database, models(), tmp_path / "m").convert(alembic)
    assert caught.value.message == "the database is at cccc0009, which is not in the folder"
    assert "check out the branch that contains it" in str(caught.value.hint)


def test_scripts_that_must_be_changed_by_hand(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """The error names file, line and reason, and nothing is written without skip."""
    path = alembic / "versions" / "aaaa0002_add_email.py"
    path.write_text(
        path.read_text().replace(
            "import sqlalchemy", "from alembic import util\nutil.msg\nimport sqlalchemy"
        )
    )
    project = Project(database("sqlite"), models(), tmp_path / "m")
    line = "aaaa0002_add_email.py:9 imports alembic: from alembic import util"
    with pytest.raises(ConfigError, match=line.replace(".", "[.]")):
        project.convert(alembic)
    assert not (tmp_path / "m").exists()
    converted = project.convert(alembic, skip=True)
    assert converted.notes == (line,)
    assert [path.name for path in converted.incomplete] == ["0002_add_email.py"]


def test_sections_of_alembic_ini(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """A script reads any section; secrets are not copied, and named if the script reads them."""
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = alembic\nkind = a\n"
        "[shop]\nsize = 3\ntoken = t\nurl = u\n[unused]\nx = 1\n"
    )
    path = alembic / "versions" / "aaaa0002_add_email.py"
    body = (
        'def upgrade() -> None:\n    shop = context.config.get_section("shop")\n'
        '    assert shop["size"] == "3"\n'
        '    assert context.config.get_main_option("kind") == "a"\n'
    )
    text = path.read_text().replace("from alembic import op", "from alembic import context, op")
    path.write_text(text.replace("def upgrade() -> None:\n", body))
    url = database("sqlite")
    project = Project(url, models(), tmp_path / "m")
    project.convert(tmp_path / "alembic.ini").write()
    assert '"config": {"shop": {"size": "3"}, "alembic": {"kind": "a"}}' in (
        (tmp_path / "m" / "0002_add_email.py").read_text()
    )
    project.upgrade()
    path.write_text(path.read_text().replace('shop["size"] == "3"', 'shop["token"]'))
    with pytest.raises(ConfigError, match=r":1 reads token of \[shop\], which looks like a secret"):
        Project(database("sqlite"), models(), tmp_path / "n").convert(tmp_path / "alembic.ini")


@pytest.mark.parametrize(
    ("old", "body"),
    [
        ("from alembic import op  # noqa: E402", "op.create_table"),
        ("from alembic import context, op", "op.create_table"),
        ("from alembic import op as o", "o.create_table"),
        ("from alembic import (\n    op,\n)", "op.create_table"),
        ("from alembic.op import create_table, drop_table", "create_table"),
        ("import alembic.op as op", "op.create_table"),
        ("import alembic.op", "alembic.op.create_table"),
        ("import alembic", "alembic.op.create_table"),
        ("import alembic as al, os", "al.op.create_table"),
        ("é = 1; from alembic import op", "op.create_table"),
    ],
)
def test_spellings_of_the_import(
    database: Callable[[str], sa.URL], tmp_path: Path, old: str, body: str
) -> None:
    """Each spelling becomes one of autodiff's, and the migration runs."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "r1.py").write_text(
        f'"""one"""\n{old}\nimport sqlalchemy as sa\nrevision = "r1"; down_revision = None\n'
        f"def upgrade():\n    {body}('t', sa.Column('id', sa.Integer))\n"
    )
    project = Project(database("sqlite"), directory=tmp_path / "m")
    [path] = project.convert(tmp_path / "one").write()
    assert "alembic" not in path.read_text().replace("in Alembic", "")
    assert [m.revision for m in project.upgrade()] == ["r1"]
    with pytest.raises(MigrationFailedError, match="r1 has no downgrade in Alembic"):
        project.downgrade("base")


def test_settings_that_cannot_be_read(
    database: Callable[[str], sa.URL], alembic: Path, tmp_path: Path
) -> None:
    """The error is about alembic.ini, and not that there are no migrations."""
    ini = tmp_path / "alembic.ini"
    for text, reason in (
        ("[alembic]\nscript_location = %(gone)s\n", "cannot read script_location"),
        ("[alembic]\nscript_location = gone\n", "gone does not exist"),
        ("\ufeff[alembic]\n", "byte order mark"),
    ):
        ini.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=reason):
            Project(database("sqlite"), models(), tmp_path / "m").convert(tmp_path)


def test_a_folder_without_scripts_is_refused(any_database: sa.URL, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="there are no migrations in"):
        Project(any_database, models(), tmp_path / "m").convert(tmp_path / "empty")
