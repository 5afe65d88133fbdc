"""Test the rules about the history: edited and missing files, and several heads."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff import Project
from tests.cli.project import Folder

MODELS = (
    "from sqlalchemy import Column, Integer, MetaData, Table, Text\n\nmeta = MetaData()\n"
    'users = Table("lint_users", meta, Column("id", Integer, primary_key=True){})\n'
)
SETTINGS = 'url = "sqlite:///a.db"\nmodels = "lint_history_models:meta"\n'


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    """Return a project with two migrations, which the lock file has."""
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path, capsys)
    for number, columns in enumerate(("", ', Column("name", Text)'), start=1):
        folder.write(lint_history_models=MODELS.format(columns), autodiff=SETTINGS)
        folder.ok("generate", "-m", f"step {number}")
        folder.ok("upgrade")
    return folder


def found() -> list[tuple[str, str | None]]:
    findings = Project.load().lint().findings
    return [(f.code, f.migration) for f in findings if f.code.startswith("AD50")]


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("def downgrade", "x = 1\n\n\ndef downgrade"))


def test_an_edited_migration_is_found(folder: Folder) -> None:
    assert found() == []
    path = Path("migrations/0001_step_1.py")
    path.write_text(f"# a comment does not count\n{path.read_text()}")
    assert found() == []
    edit(path)
    assert found() == [("AD501", "0001_step_1")]
    folder.ok("lock")
    assert found() == []


def test_a_missing_migration_is_found(folder: Folder) -> None:
    first, second = sorted(Path("migrations").glob("0*.py"))
    removed = second.read_text()
    second.unlink()
    assert found() == [("AD502", None)]
    second.write_text(removed)
    assert found() == []
    assert first.exists()


def test_several_heads_are_found_unless_they_are_labelled(folder: Folder) -> None:
    first = Path("migrations/0001_step_1.py").read_text()
    branch = Path("migrations/0003_branch.py")
    own = first.replace('revision = "', 'revision = "b').replace("parents = ()", "parents = {}")
    revision = first.partition('revision = "')[2].partition('"')[0]
    branch.write_text(own.replace("parents = {}", f'parents = ("{revision}",)'))
    assert found() == [("AD503", None)]
    branch.write_text(
        own.replace("parents = {}", f'parents = ("{revision}",)\nlabels = ("billing",)')
    )
    assert found() == []


def test_squash_leaves_nothing_edited_or_missing(folder: Folder) -> None:
    folder.ok("squash", "0001:0002", "-m", "both")
    assert len(list(Path("migrations").glob("0*.py"))) == 1
    assert found() == []


@pytest.mark.parametrize("options", [("--convert",), ()], ids=["convert", "bridge"])
def test_adopt_leaves_nothing_edited_or_missing(
    options: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Alembic's revisions are left unchanged, or copied by --convert."""
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path, capsys)
    folder.write(lint_history_models=MODELS.format(""), autodiff=SETTINGS)
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / "alembic" / "script.py.mako").write_text("")
    (tmp_path / "alembic" / "env.py").write_text("")
    (versions / "1_first.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n\nrevision = '1'\ndown_revision = None\n"
        "\n\ndef upgrade():\n"
        "    op.create_table('lint_users', sa.Column('id', sa.Integer(), primary_key=True))\n"
        "\n\ndef downgrade():\n    op.drop_table('lint_users')\n"
    )
    folder.ok("adopt", *options)
    folder.ok("generate", "-m", "second", "--empty")
    assert found() == []
    edit(next(Path("migrations").glob("*second*.py")))
    assert [code for code, _ in found()] == ["AD501"]
