"""Test `autodiff generate --format alembic`: revisions in an Alembic folder, run by Alembic."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import pytest
import sqlalchemy as sa

from autodiff import Migration, Project, diff
from autodiff.errors import AutodiffError, ConfigError, HistoryError
from tests.staying.folder import Folder, imported_modules


def first_models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("nick", sa.String(50), nullable=False),
    )
    return metadata


def second_models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, info={"renamed_from": "nick"}),
        sa.Column("city", sa.String(20), nullable=False),
        sa.Column("kind", sa.Enum("a", "b", name="kind")),
        sa.CheckConstraint("city <> ''", name="city_is_known"),
        sa.Index("ix_users_city", "city", unique=True),
    )
    sa.Table(
        "posts",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.ForeignKey("users.id", name="posts_user")),
    )
    return metadata


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return an empty Alembic folder for a SQLite database."""
    return Folder(root=tmp_path, url=sa.URL.create("sqlite", database=str(tmp_path / "a.db")))


def generate(folder: Folder, metadata: sa.MetaData, **options: Any) -> Path:
    """Write a revision and return its file."""
    project = Project(folder.url, metadata, root=folder.root)
    migration = project.generate("add city", format="alembic", **options)
    assert isinstance(migration, Migration)
    return migration.path


def left(folder: Folder, metadata: sa.MetaData) -> list[str]:
    engine = sa.create_engine(folder.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return diff(connection, metadata).summary()


def test_lint_reads_the_revision(folder: Folder) -> None:
    """It is read to its end: the only finding is about the renamed column."""
    generate(folder, first_models())
    folder.upgrade()
    project = Project(folder.url, second_models(), root=folder.root)
    draft = project.draft("add city", format="alembic", fills={"users.city": "Rome"})
    assert draft is not None
    assert [finding.code for finding in project.lint_draft(draft)] == ["AD302"]


def test_alembic_runs_the_revision(any_database: sa.URL, tmp_path: Path) -> None:
    """The file needs no autodiff, leaves nothing to compare, and its downgrade restores."""
    folder = Folder(root=tmp_path, url=any_database)
    generate(folder, first_models())
    folder.upgrade()
    engine = sa.create_engine(any_database, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users (id, nick) VALUES (1, 'a')")
    path = generate(folder, second_models(), fills={"users.city": "it's: 100%"})
    assert "autodiff" not in imported_modules(path)
    folder.upgrade()
    assert left(folder, second_models()) == []
    with engine.connect() as connection:
        [row] = connection.exec_driver_sql("SELECT name, city FROM users").all()
        assert tuple(row) == ("a", "it's: 100%")
    folder.downgrade()
    assert left(folder, first_models()) == []


def test_the_template_and_the_file_name_are_those_of_the_folder(folder: Folder) -> None:
    template = folder.root / "alembic/script.py.mako"
    template.write_text("# house style\n" + template.read_text())
    ini = folder.root / "alembic.ini"
    ini.write_text(f"{ini.read_text()}file_template = %%(year)d/%%(rev)s-%%(slug)s\n")
    path = generate(folder, first_models())
    assert path.read_text().startswith("# house style\n")
    versions = folder.root / "alembic/versions"
    assert path.parent.parent == versions
    assert path.stem.endswith("-add_city")
    assert [item.name for item in versions.iterdir()] == [path.parent.name]


def test_the_template_may_have_no_downgrade(folder: Folder) -> None:
    """Projects that never go back remove it. lint reads the revision too."""
    template = folder.root / "alembic/script.py.mako"
    template.write_text(template.read_text().partition("def downgrade")[0])
    project = Project(folder.url, first_models(), root=folder.root)
    draft = project.draft("users", format="alembic")
    assert draft is not None
    assert {finding.code for finding in project.lint_draft(draft)} <= {"AD903"}
    assert "downgrade" not in draft.write().path.read_text()
    folder.upgrade()
    assert left(folder, first_models()) == []


def test_post_write_hooks_format_the_revision(folder: Folder) -> None:
    ini = folder.root / "alembic.ini"
    ini.write_text(
        f"{ini.read_text()}[post_write_hooks]\nhooks = ruff\nruff.type = module\n"
        "ruff.module = ruff\nruff.options = format REVISION_SCRIPT_FILENAME\n"
    )
    (folder.root / "ruff.toml").write_text('format.quote-style = "single"\n')
    path = generate(folder, first_models())
    assert "'users'" in path.read_text() and '"users"' not in path.read_text()


def test_a_revision_follows_the_head(folder: Folder) -> None:
    first = generate(folder, first_models())
    folder.upgrade()
    draft = Project(folder.url, second_models(), root=folder.root).draft(
        "next", format="alembic", fills={"users.city": "x"}, labels=["blog"]
    )
    assert draft is not None
    assert draft.parents == (first.name.partition("_")[0],)
    assert "blog" in draft.texts[draft.path]
    assert not draft.path.exists()


def test_nothing_is_written_if_nothing_differs(folder: Folder) -> None:
    generate(folder, first_models())
    folder.upgrade()
    project = Project(folder.url, first_models(), root=folder.root)
    assert project.draft("nothing", format="alembic") is None


def test_an_empty_revision_has_empty_functions(folder: Folder) -> None:
    path = generate(folder, first_models(), empty=True)
    folder.upgrade()
    assert path.read_text().count("    pass") == 2


def test_a_revision_that_was_not_rehearsed_says_so(folder: Folder) -> None:
    text = generate(folder, first_models(), rehearse=False).read_text()
    assert "# Not rehearsed, because --no-rehearse was passed." in text


def test_several_heads_need_a_parent(folder: Folder) -> None:
    for number in (1, 2):
        alembic.command.revision(
            folder.config(), f"{number}", head="base", splice=True, rev_id=f"r{number}"
        )
    folder.upgrade("heads")
    with pytest.raises(HistoryError, match="several heads: r1, r2") as caught:
        generate(folder, first_models())
    assert "--parent" in (caught.value.hint or "")
    assert (
        "down_revision: Union[str, Sequence[str], None] = 'r2'"
        in generate(folder, first_models(), parent="r2").read_text()
    )


def test_a_revision_goes_to_the_location_of_the_one_before(folder: Folder) -> None:
    ini = folder.root / "alembic.ini"
    ini.write_text(f"{ini.read_text()}version_locations = %(here)s/one:%(here)s/two\n")
    with pytest.raises(ConfigError, match="several version_locations"):
        generate(folder, first_models())
    alembic.command.revision(folder.config(), "first", version_path=str(folder.root / "two"))
    folder.upgrade()
    assert generate(folder, first_models()).parent == folder.root / "two"


def test_a_multi_database_folder_needs_the_name_of_one(tmp_path: Path) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "a.db"))
    folder = Folder.__new__(Folder)
    config = alembic.config.Config(tmp_path / "alembic.ini")
    alembic.command.init(config, str(tmp_path / "alembic"), template="multidb")
    folder.root, folder.url = tmp_path, url
    with pytest.raises(ConfigError, match="several databases: engine1, engine2"):
        generate(folder, first_models())
    text = generate(folder, first_models(), alembic_section="engine2").read_text()
    ours = text.partition("def upgrade_engine2() -> None:")[2]
    assert "op.create_table" in ours.partition("def ")[0]
    assert text.count("op.create_table") == 1


def test_the_database_must_be_at_the_head(folder: Folder) -> None:
    generate(folder, first_models())
    with pytest.raises(HistoryError, match="not at the head") as caught:
        generate(folder, first_models())
    assert "alembic upgrade heads" in (caught.value.hint or "")


def unknown_revision(folder: Folder) -> None:
    path = generate(folder, first_models())
    folder.upgrade()
    path.unlink()


def no_folder(folder: Folder) -> None:
    (folder.root / "alembic.ini").unlink()


def no_template(folder: Folder) -> None:
    (folder.root / "alembic/script.py.mako").unlink()


def broken_revision(folder: Folder) -> None:
    (folder.root / "alembic/versions/x.py").write_text("revision = 'x'\ndown_revision = 'gone'\n")


PROBLEMS: list[tuple[Callable[[Folder], None], str]] = [
    (no_folder, "no Alembic folder was found"),
    (no_template, "no template"),
    (unknown_revision, "Can't locate revision"),
    (broken_revision, "gone"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("damage", "message"), PROBLEMS, ids=lambda item: getattr(item, "__name__", "")
)
def test_a_folder_with_problems_is_reported(
    folder: Folder, damage: Callable[[Folder], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(AutodiffError, match=message) as caught:
        generate(folder, first_models())
    assert caught.value.hint


def test_options_that_do_not_fit_are_refused(folder: Folder) -> None:
    project = Project(folder.url, first_models(), root=folder.root)
    with pytest.raises(ConfigError, match="lock file"):
        project.draft("x", format="alembic", source="history")
    with pytest.raises(ConfigError, match="the format is not alembic"):
        project.draft("x", alembic=folder.root)


def test_alembic_is_optional(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        generate(folder, first_models())
    assert "pip install 'sqlalchemy-autodiff[alembic]'" in (caught.value.hint or "")


def test_the_command_line_starts_without_alembic() -> None:
    code = (
        "import sys, autodiff.cli, autodiff.project\n"
        "print([name for name in sys.modules if name.startswith(('alembic', 'autodiff.alembic'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_models_of_the_project_come_before_installed_ones(folder: Folder) -> None:
    """A revision that imports the application does not get an old installed copy of it."""
    table = "sa.Table('users', metadata, sa.Column('id', sa.Integer, primary_key=True){})\n"
    start = "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
    (folder.root / "models.py").write_text(start + table.format(""))
    (folder.root / "autodiff.toml").write_text('models = "models:metadata"\n')
    url = folder.url.render_as_string(hide_password=False)
    command = [sys.executable, "-P", "-m", "autodiff", "--url", url, "generate"]
    command += ["--format", "alembic"]
    installed = folder.root / "installed"
    installed.mkdir()
    paths = filter(None, (str(installed), os.environ.get("PYTHONPATH")))
    run = {"cwd": folder.root, "env": {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}}
    subprocess.run([*command, "-m", "users"], **run, check=True)  # type: ignore[call-overload]
    folder.upgrade()
    (folder.root / "models.py").rename(installed / "models.py")
    city = ", sa.Column('city', sa.String(20))"
    (folder.root / "models.py").write_text(start + table.format(city))
    [revision] = (folder.root / "alembic/versions").glob("*.py")
    revision.write_text(f"{revision.read_text()}\nimport models\n")
    subprocess.run([*command, "-m", "city"], **run, check=True)  # type: ignore[call-overload]
    texts = [path.read_text() for path in (folder.root / "alembic/versions").glob("*_city.py")]
    assert ["add_column" in text for text in texts] == [True]


def test_the_command_line_writes_a_revision(folder: Folder) -> None:
    (folder.root / "models.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        "sa.Table('users', metadata, sa.Column('id', sa.Integer, primary_key=True))\n"
    )
    (folder.root / "autodiff.toml").write_text('models = "models:metadata"\n')
    url = folder.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "autodiff", "generate", "-m", "users", "--format", "alembic"]
    command += ["--url", url]
    run = {"cwd": folder.root, "capture_output": True, "text": True, "check": False}
    shown = subprocess.run([*command, "--dry-run"], **run)  # type: ignore[call-overload]
    assert "op.create_table" in shown.stdout, shown.stderr
    assert not (folder.root / "migrations").exists()
    written = subprocess.run(command, **run)  # type: ignore[call-overload]
    assert written.returncode == 0, written.stderr
    folder.upgrade()
    refused = subprocess.run([*command, "--alembic", "gone"], **run)  # type: ignore[call-overload]
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
