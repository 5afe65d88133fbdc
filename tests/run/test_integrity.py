"""An edited, missing or reordered migration is refused, with the reason and every way out."""

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
    """Three migrations: a table each."""
    folder = Folder(tmp_path / "migrations")
    for name in ("aaaa", "bbbb", "cccc"):
        folder.write(name, create(name), f'op.drop_table("{name}")')
    return folder


@pytest.fixture
def db(any_database: sa.URL) -> Iterator[Database]:
    with opened(any_database) as found:
        yield found


def create(name: str) -> str:
    return f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'


def put_in_between(folder: Folder) -> None:
    """Another migration, and the third one comes behind it from now on."""
    folder.write("dddd", create("dddd"), 'op.drop_table("dddd")', parents=["bbbb"])
    path = folder.path / "0003_step_cccc.py"
    path.write_text(path.read_text().replace("('bbbb',)", "('dddd',)"))


def test_what_was_put_in_between_is_refused(db: Database, folder: Folder) -> None:
    """A migration that comes before an applied one is not run behind it."""
    db.runner(folder).upgrade()
    put_in_between(folder)
    before = db.state()
    with pytest.raises(EditedMigrationError) as caught:
        db.runner(folder).upgrade()
    assert caught.value.message == (
        "pending migrations come before applied ones: 0004_step_dddd.py, before 0003_step_cccc.py"
    )
    assert caught.value.hint == (
        "take the others back and upgrade again: autodiff downgrade -1, then: autodiff upgrade; "
        "or change their parents, so that they come last; "
        "or if their effect is there already, let them count as applied: "
        "autodiff repair --reordered"
    )
    assert caught.value.revisions == ("dddd",)
    assert db.state() == before


def test_the_first_way_out_of_an_order_leads_out(db: Database, folder: Folder) -> None:
    """Take back what came too early, and upgrade: as the message says."""
    db.runner(folder).upgrade()
    put_in_between(folder)
    assert [m.revision for m in db.runner(folder).downgrade("-1")] == ["cccc"]
    assert [m.revision for m in db.runner(folder).upgrade()] == ["dddd", "cccc"]
    assert db.tables() == ["aaaa", "bbbb", "cccc", "dddd"]


def test_a_branch_that_was_not_applied_is_in_order(db: Database, folder: Folder) -> None:
    """What stands beside the applied ones is pending, and nothing is wrong."""
    db.runner(folder).upgrade()
    folder.write("dddd", create("dddd"), parents=["aaaa"])
    folder.write("eeee", parents=["cccc", "dddd"])
    assert db.runner(folder).problems() == ()
    assert [m.revision for m in db.runner(folder).upgrade()] == ["dddd", "eeee"]


def test_all_that_is_wrong_is_told_at_once(db: Database, folder: Folder) -> None:
    """Each with its own ways out."""
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


def test_files_that_are_as_they_were_are_not_parsed(
    db: Database, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their text tells it; only one that was touched is parsed, and a comment is no edit."""
    db.runner(folder).upgrade()
    path = folder.path / "0002_step_bbbb.py"
    path.write_text(path.read_text() + "\n# seen\n")
    parsed: list[str] = []
    parse = ast.parse

    def counting(*arguments: Any, **named: Any) -> ast.AST:
        if "filename" in named:
            parsed.append(Path(named["filename"]).name)
        return parse(*arguments, **named)

    monkeypatch.setattr(ast, "parse", counting)
    db.runner(folder).verify()
    assert parsed == ["0002_step_bbbb.py"]
