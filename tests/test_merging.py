"""Test merging branches with an empty migration after both orders were tried."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError, PlanError, RehearsalFailedError
from autodiff.migrations import LOCK_NAME
from tests.branches import add, metadata, names, start, two_branches


def test_heads_are_merged(tmp_path: Path) -> None:
    """The migration has both parents and no operations; a conflicting lock file is replaced."""
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


def test_merge_on_each_database(any_database: sa.URL, tmp_path: Path) -> None:
    """Both orders are tried on the database, and there is no drift afterwards."""
    project = two_branches(tmp_path, any_database)
    project.upgrade("b333")
    project.merge("both").draft.write()
    assert [m.message for m in project.upgrade()] == ["step e222", "both"]
    assert not project.check()


def test_branches_with_the_same_change_are_refused(tmp_path: Path) -> None:
    """The error names the migration that fails, and nothing is written."""
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
    assert found.notes == (
        "0002_add_email and 0003_add_email both alter column users.email",
        "the lock file may lack what these steps do, which were not run: "
        "0003_add_email: + column users.email; run autodiff lock when the migrations can be run",
    )
    written = found.draft.write()
    assert names(project)[-1].endswith("< 0002 0003")
    assert "Not rehearsed, because --no-rehearse was passed." in written.text
    lock = project.lock()
    assert lock is not None
    assert dict(lock.unrehearsed) == {written.revision: "--no-rehearse was passed"}


def test_branches_are_refused_if_their_order_matters(tmp_path: Path) -> None:
    """Both change the type of a column, so databases would differ."""
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


def test_an_unrehearsed_merge_locks_what_the_migrations_make(
    any_database: sa.URL, tmp_path: Path
) -> None:
    """A change of the models that no migration makes stays visible."""
    project = two_branches(tmp_path, any_database)
    wanted = metadata("email", "phone", "fax", "icq")
    extended = Project(any_database, wanted, project.directory)
    found = extended.merge(rehearse=False)
    assert found.missing
    found.draft.write()
    missing = ("+ column users.icq",)
    assert extended.check(offline=True).models == missing
    extended.upgrade()
    drift = extended.check()
    assert (drift.models, drift.by_hand, drift.database) == (missing, (), missing)


def test_require_rehearsal_forbids_an_unrehearsed_merge(tmp_path: Path) -> None:
    project = two_branches(tmp_path)
    strict = Project("sqlite://", metadata(), project.directory, require_rehearsal=True)
    with pytest.raises(PlanError, match="require_rehearsal"):
        strict.merge(rehearse=False)
    with pytest.raises(PlanError, match="require_rehearsal"):
        strict.rebase(mine=["b333"], rehearse=False)


def test_sql_is_not_analyzed(tmp_path: Path) -> None:
    """A note reports this, and both orders are still tried."""
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
    """Naming a single head or a revision that is not a head is refused too."""
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


def test_labeled_branches_are_merged_only_if_they_are_named(tmp_path: Path) -> None:
    """Labels mean that the branches are meant to stay separate."""
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
