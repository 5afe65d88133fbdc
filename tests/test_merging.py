"""Branches are joined by an empty migration, once both orders were tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.errors import HistoryError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME
from tests.branches import add, names, start, two_branches


def test_heads_are_joined(tmp_path: Path) -> None:
    """The file has both as parents and does nothing; the lock file fits, whatever it was."""
    project = two_branches(tmp_path)
    (project.directory / LOCK_NAME).write_text("<<<<<<< HEAD\n")
    found = project.merge()
    assert len(names(project)) == 4
    migration = found.draft.write()
    assert migration.name == "0004_merge_add_email_and_add_fax"
    assert migration.parents == ("e222", "b333")
    assert "def upgrade() -> None:\n    pass\n" in migration.text
    assert project.graph().head == migration.revision
    assert not project.check(offline=True)
    assert found.notes == (
        "0002_add_email and 0002_add_phone both alter table users",
        "0002_add_email and 0003_add_fax both alter table users",
    )


def test_it_works_on_servers(any_database: sa.URL, tmp_path: Path) -> None:
    """Both orders are tried there, and what comes of it is what the database says."""
    project = two_branches(tmp_path, any_database)
    project.upgrade("b333")
    project.merge("both").draft.write()
    assert [m.message for m in project.upgrade()] == ["step e222", "both"]
    assert not project.check()


def test_branches_that_do_the_same_are_refused(tmp_path: Path) -> None:
    """One fails after the other: the error says which, and nothing is written."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    add(migrations, "b222", "email", "a111", 3)
    with pytest.raises(RehearsalFailedError) as caught:
        project.merge()
    assert caught.value.message.startswith(
        "the branches conflict: one fails after the other:\n  0003_add_email"
    )
    assert caught.value.message.endswith("\n  after 0001_step_a111, 0002_add_email")
    assert caught.value.hint == (
        "run autodiff rebase and fix the branch that moves; or pass --no-rehearse to merge without "
        "checking"
    )
    assert len(project.graph()) == 3
    found = project.merge(rehearse=False)
    assert found.notes == ("0002_add_email and 0003_add_email both alter column users.email",)
    found.draft.write()
    assert names(project)[-1].endswith("< 0002 0003")


def test_an_order_that_matters_is_refused(tmp_path: Path) -> None:
    """Both give a column another type: databases would end up different."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    for size in (30, 40):
        migrations.write(
            f"s{size}",
            f'op.alter_column("users", "email", type_=sa.String({size}))',
            'op.alter_column("users", "email", type_=sa.String(20))',
            parents=["e222"],
        )
    with pytest.raises(RehearsalFailedError) as caught:
        project.merge()
    assert caught.value.message == (
        "the branches conflict: the result depends on which is applied first:\n"
        "  in one order only: ~ column users.email: "
        "VARCHAR(30) -> VARCHAR(40)"
    )


def test_sql_can_not_be_looked_into(tmp_path: Path) -> None:
    """It is told, and both orders are tried all the same."""
    project = two_branches(tmp_path)
    path = project.directory / "0002_add_email.py"
    path.write_text(
        path.read_text().replace(
            'op.add_column("users", sa.Column("email", sa.String(20)))',
            'op.execute("ALTER TABLE users ADD COLUMN email VARCHAR(20)")',
        )
    )
    assert project.merge().notes == (
        "0002_add_email contains SQL or code, so it is not known what it alters",
    )


def test_one_head_is_refused(tmp_path: Path) -> None:
    """There is nothing to merge; nor where one head is named, or none."""
    _, project = start(tmp_path)
    with pytest.raises(HistoryError) as caught:
        project.merge()
    assert caught.value.message == "there is nothing to merge: one head, 0001_step_a111"
    assert caught.value.hint == "run autodiff history to see the branches"
    project = two_branches(tmp_path)
    with pytest.raises(HistoryError, match="nothing to merge: one head, 0002_add_email"):
        project.merge(heads=["e222", "add_email"])
    with pytest.raises(HistoryError) as caught:
        project.merge(heads=["e222", "b222"])
    assert (
        caught.value.message
        == "cannot merge 0002_add_phone: it is not a head, other migrations come after it"
    )
    assert caught.value.hint == "the heads: 0002_add_email, 0003_add_fax"


def test_branches_with_names_are_joined_when_they_are_named(tmp_path: Path) -> None:
    """They are several on purpose."""
    project = two_branches(tmp_path)
    path = project.directory / "0002_add_phone.py"
    text = path.read_text()
    path.write_text(text.replace('revision = "b222"', 'revision = "b222"\nlabels = "p"'))
    with pytest.raises(HistoryError) as caught:
        project.merge()
    assert caught.value.message == "cannot merge all heads: labeled branches are kept apart"
    assert caught.value.hint == "name the heads to merge: autodiff merge 0002_add_email p@head"
    project.merge(heads=["0002_add_email", "p@head"]).draft.write()
    assert project.graph().head is not None
