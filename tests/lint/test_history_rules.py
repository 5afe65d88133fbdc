"""Test the rules about the history: edited, missing and moved files, and several heads."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from autodiff import Project
from tests.branches import git
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


@pytest.fixture
def merged(folder: Folder) -> Folder:
    """Return the project on a new branch of a repository that has both migrations in main."""
    git(folder.path, "init", "-q", "-b", "main")
    (folder.path / ".gitignore").write_text("a.db\n")
    commit(folder)
    git(folder.path, "switch", "-q", "-c", "branch")
    return folder


def commit(folder: Folder) -> None:
    git(folder.path, "add", "-A")
    git(folder.path, "commit", "-q", "-m", "all")


def found(diff_base: str | None = None) -> list[tuple[str, str | None]]:
    findings = Project.load().lint(diff_base=diff_base).findings
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
    second = next(Path("migrations").glob("*second*.py"))
    git(folder.path, "init", "-q", "-b", "main")
    commit(folder)
    second.write_text(f"# comment\n{second.read_text()}")
    assert found("main") == []
    edit(second)
    assert [code for code, _ in found()] == ["AD501"]


def test_an_edited_migration_of_the_base_is_found(merged: Folder) -> None:
    """Its lock file fits it, and comments do not count."""
    path = Path("migrations/0002_step_2.py")
    path.write_text(f"# a comment does not count\n{path.read_text()}")
    assert found("main") == []
    edit(path)
    merged.ok("lock")
    assert found() == []
    assert found("main") == [("AD501", "0002_step_2")]
    path.write_text(f"# autodiff: ignore[AD501]\n{path.read_text()}")
    assert found("main") == []


@pytest.mark.parametrize("commits", [False, True], ids=["working tree", "commit"])
@pytest.mark.parametrize("all_", [False, True], ids=["one", "all"])
def test_a_missing_migration_of_the_base_is_found(
    merged: Folder, commits: bool, all_: bool
) -> None:
    """Its lock file fits it too, or was deleted with the whole folder."""
    if all_:
        shutil.rmtree("migrations")
    else:
        Path("migrations/0002_step_2.py").unlink()
        merged.ok("lock")
    if commits:
        commit(merged)
    assert found() == []
    assert found("main") == [("AD502", None)] * (1 + all_)
    assert (
        "0002_step_2 of the base of the branch is missing"
        in merged.run("ci", "--offline", "--diff-base", "main", "--output", "ci.md").out
    )
    rows = [line for line in Path("ci.md").read_text().splitlines() if "| AD502 |" in line]
    assert len(rows) == 1 + all_


@pytest.mark.parametrize("commits", [False, True], ids=["working tree", "commit"])
def test_a_deleted_lock_file_is_found(merged: Folder, commits: bool) -> None:
    Path("migrations/autodiff.lock").unlink()
    if commits:
        commit(merged)
    assert found() == []
    assert found("main") == [("AD509", None)]
    assert merged.run("ci", "--offline", "--diff-base", "main").code == 1
    merged.ok("lock")
    assert found("main") == []


def parent_of(path: Path, *parents: str) -> None:
    """Set the parents of a migration."""
    text = ", ".join(f'"{parent}"' for parent in parents)
    replaced = re.sub(r"parents = \(.*\)", f"parents = ({text},)", path.read_text())
    path.write_text(replaced.replace("(,)", "()"))


def test_a_moved_migration_of_the_base_is_found(merged: Folder) -> None:
    first, second = sorted(Path("migrations").glob("0*.py"))
    own = Path("migrations/0003_own.py")
    own.write_text(second.read_text().replace('revision = "', 'revision = "b'))
    ids = [p.read_text().partition('revision = "')[2].partition('"')[0] for p in (first, second)]
    parent_of(own, ids[1])
    assert found("main") == []
    parent_of(own, ids[0])
    parent_of(second, f"b{ids[1]}")
    assert found("main") == [("AD508", "0002_step_2")]
    parent_of(own, ids[1])
    parent_of(second)
    assert ("AD508", "0002_step_2") in found("main")


def test_what_does_not_change_the_history_of_the_base_is_not_reported(merged: Folder) -> None:
    """Renamed files, a squash, other heads in one line, and files of main after the branch left."""
    path = Path("migrations/0002_step_2.py")
    path.rename("migrations/0002_other.py")
    assert found("main") == []
    merged.ok("squash", "0001:0002", "-m", "both")
    merged.ok("generate", "-m", "third", "--empty")
    assert found("main") == []
    commit(merged)
    git(merged.path, "switch", "-q", "main")
    merged.ok("generate", "-m", "later", "--empty")
    commit(merged)
    git(merged.path, "switch", "-q", "branch")
    assert found("main") == []


def test_a_squash_of_merged_and_new_migrations_is_found(merged: Folder) -> None:
    """A database of the base has only some of them; squashing only new ones is allowed."""
    for number in ("third", "fourth"):
        merged.ok("generate", "-m", number, "--empty")
    commit(merged)
    merged.ok("squash", "0003:0004", "-m", "new")
    assert found("main") == []
    git(merged.path, "checkout", "-q", "--", "migrations")
    Path("migrations/0004_new.py").unlink()
    merged.ok("squash", "0002:0003", "-m", "both")
    assert found("main") == [("AD508", "0003_both")]
    commit(merged)
    merged.ok("generate", "-m", "fifth", "--empty")
    assert found("branch") == []


def test_two_merged_heads_can_be_put_into_one_line(merged: Folder) -> None:
    """A database that has both accepts the new order."""
    second = Path("migrations/0002_step_2.py")
    revision = second.read_text().partition('revision = "')[2].partition('"')[0]
    other = Path("migrations/0003_other.py")
    other.write_text(second.read_text().replace(f'"{revision}"', f'"b{revision}"'))
    commit(merged)
    git(merged.path, "branch", "-f", "base")
    assert found("base") == [("AD503", None)]
    parent_of(other, revision)
    assert found("base") == []


def test_a_moved_folder_and_other_projects_are_not_reported(merged: Folder) -> None:
    """The folder of the settings has no files in the base."""
    shutil.copytree("migrations", "other/migrations")
    commit(merged)
    shutil.rmtree("other")
    assert found("branch") == []
    Path("migrations").rename("versions")
    merged.write(autodiff=SETTINGS + 'migrations = "versions"\n')
    assert found("main") == []


def test_folders_without_edits_are_a_part_of_the_base(merged: Folder) -> None:
    """A migration comes after one of another folder, which the branch does not change."""
    first, second = sorted(Path("migrations").glob("0*.py"))
    Path("other").mkdir()
    second = second.rename(f"other/{second.name}")
    merged.write(autodiff=SETTINGS + 'locations = ["migrations", "other"]\n')
    commit(merged)
    git(merged.path, "branch", "-f", "main")
    second.write_text(second.read_text().replace("def downgrade", "# note\ndef downgrade"))
    assert found("main") == []
    edit(first)
    assert found("main") == [("AD501", "0001_step_1")]
