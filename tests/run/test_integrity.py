"""Test that edited, missing and reordered migrations are refused, with all solutions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff.errors import EditedMigrationError
from tests.support import Database, Folder, opened


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return three migrations that create one table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc"):
        folder.write(name, create_code(name), f'op.drop_table("{name}")')
    return folder


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as db:
        yield db


def create_code(name: str) -> str:
    return f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'


def insert_before_third(folder: Folder) -> None:
    """Insert a migration between the second and the third one."""
    folder.write("dddd", create_code("dddd"), 'op.drop_table("dddd")', parents=["bbbb"])
    path = folder.path / "0003_step_cccc.py"
    path.write_text(path.read_text().replace("('bbbb',)", "('dddd',)"))


def test_an_inserted_migration_is_refused(db: Database, folder: Folder) -> None:
    """A pending migration that comes before an applied one is not run after it."""
    db.runner(folder).upgrade()
    insert_before_third(folder)
    before = db.state()
    with pytest.raises(EditedMigrationError) as caught:
        db.runner(folder).upgrade()
    assert caught.value.message == (
        "pending migrations come before applied ones: 0004_step_dddd.py, before 0003_step_cccc.py"
    )
    assert caught.value.hint == (
        "revert the others and upgrade again: autodiff downgrade -1, then autodiff upgrade; "
        "or change their parents, so that they come last; "
        "or record them as applied, if the schema already has their changes: "
        "autodiff repair --reordered"
    )
    assert caught.value.revisions == ("dddd",)
    assert db.state() == before


def test_the_first_solution_for_reordered_migrations_works(db: Database, folder: Folder) -> None:
    """Revert the applied migration and upgrade, as the hint suggests."""
    db.runner(folder).upgrade()
    insert_before_third(folder)
    assert [m.revision for m in db.runner(folder).downgrade("-1")] == ["cccc"]
    assert [m.revision for m in db.runner(folder).upgrade()] == ["dddd", "cccc"]
    assert db.tables() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_an_unapplied_branch_is_pending(db: Database, folder: Folder) -> None:
    """Migrations beside the applied ones are not a problem."""
    db.runner(folder).upgrade()
    folder.write("dddd", create_code("dddd"), parents=["aaaa"])
    folder.write("eeee", parents=["cccc", "dddd"])
    assert db.runner(folder).problems() == ()
    assert [m.revision for m in db.runner(folder).upgrade()] == ["dddd", "eeee"]


def test_all_problems_are_reported_together(db: Database, folder: Folder) -> None:
    """Each problem has its own hint."""
    db.runner(folder).upgrade()
    (folder.path / "0003_step_cccc.py").unlink()
    first = folder.path / "0001_step_aaaa.py"
    first.write_text(first.read_text().replace("id", "key"))
    folder.write("dddd", parents=["aaaa"])
    second = folder.path / "0002_step_bbbb.py"
    second.write_text(second.read_text().replace("('aaaa',)", "('dddd',)"))
    with pytest.raises(EditedMigrationError) as caught:
        db.runner(folder).upgrade()
    assert caught.value.message.splitlines() == [
        "the database has migrations whose files are missing: cccc (0003_step_cccc)",
        "migrations were edited after they were applied: 0001_step_aaaa.py",
        "pending migrations come before applied ones: 0004_step_dddd.py, before 0002_step_bbbb.py",
    ]
    hints = str(caught.value.hint).splitlines()
    assert [hint.partition(":")[0] for hint in hints] == ["missing", "edited", "reordered"]
    assert [problem.kind for problem in db.runner(folder).problems()] == [
        "missing",
        "edited",
        "reordered",
    ]


def test_unchanged_files_are_not_parsed(
    db: Database, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their text is compared first. Only a changed file is parsed, and a comment is not an edit."""
    db.runner(folder).upgrade()
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text() + "\n# seen\n")
    parsed: list[str] = []
    parse = ast.parse

    def recording_parse(*arguments: Any, **keywords: Any) -> ast.AST:
        if "filename" in keywords:
            parsed.append(Path(keywords["filename"]).name)
        return parse(*arguments, **keywords)

    monkeypatch.setattr(ast, "parse", recording_parse)
    db.runner(folder).verify()
    assert parsed == ["0002_step_bbbb.py"]
