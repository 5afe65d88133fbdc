"""Test moving a branch of migrations after another: files, lock file and errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError, RehearsalFailedError, SeveralHeadsError
from autodiff.migrations import LOCK_NAME
from tests.branches import add, git, metadata, names, start, two_branches
from tests.support import opened

REBASED = [
    "0001_step_a111",
    "0002_add_email < 0001",
    "0003_add_phone < 0002",
    "0004_add_fax < 0003",
]


def contents(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.directory.iterdir() if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project on SQLite with two branches, without git."""
    return two_branches(tmp_path)


def test_a_branch_moves_after_the_other(project: Project) -> None:
    """Only parents and numbers of its files change, and the lock file is written."""
    before = contents(project)
    rebase = project.rebase(mine=["b333"])
    assert contents(project) == before
    rebase.write()
    assert names(project) == REBASED
    after = contents(project)
    assert sorted(after) == [
        "0001_step_a111.py",
        "0002_add_email.py",
        "0003_add_phone.py",
        "0004_add_fax.py",
        LOCK_NAME,
    ]
    assert after["0003_add_phone.py"] == before["0002_add_phone.py"].replace(b"a111", b"e222")
    assert after["0004_add_fax.py"] == before["0003_add_fax.py"]
    assert not project.check(offline=True)
    assert (rebase.rehearsed, rebase.missing) == (True, False)


def test_rebase_on_each_database(any_database: sa.URL, tmp_path: Path) -> None:
    """The moved migrations are rehearsed and can be applied to a database that is behind."""
    project = two_branches(tmp_path, any_database)
    assert [m.revision for m in project.upgrade("e222")] == ["a111", "e222"]
    project.rebase("e222").write()
    assert names(project) == REBASED
    assert [m.revision for m in project.upgrade()] == ["b222", "b333"]
    assert not project.check()
    lock = project.lock()
    assert lock is not None and lock.settled


@pytest.mark.parametrize(
    ("onto", "mine", "expected"),
    [
        ("add_email", [], REBASED),
        (None, ["add_phone"], REBASED),
        (
            None,
            ["e222"],
            [
                "0001_step_a111",
                "0002_add_phone < 0001",
                "0003_add_fax < 0002",
                "0004_add_email < 0003",
            ],
        ),
    ],
)
def test_the_branch_that_moves_can_be_named(
    project: Project, onto: str | None, mine: list[str], expected: list[str]
) -> None:
    """Any migration of a branch names it, as the one that stays or the one that moves."""
    project.rebase(onto, mine=mine).write()
    assert names(project) == expected


def test_without_git_the_branch_must_be_named(project: Project) -> None:
    """The error draws the branches; the hint has a command for each."""
    before = contents(project)
    with pytest.raises(HistoryError) as caught:
        project.rebase()
    assert caught.value.message.splitlines() == [
        "cannot tell which branch moves",
        "  *  0003_add_fax  b333",
        "  o  0002_add_phone  b222",
        "  | *  0002_add_email  e222",
        "  |/",
        "  o  0001_step_a111  a111",
    ]
    assert caught.value.hint == (
        "name the branch: autodiff rebase --mine 0002_add_email, "
        "or autodiff rebase --mine 0003_add_fax"
    )
    with pytest.raises(HistoryError) as caught:
        project.rebase("nowhere")
    assert caught.value.message == "unknown migration or git branch 'nowhere'"
    assert contents(project) == before


def test_one_head_needs_no_rebase(tmp_path: Path) -> None:
    """Nothing is written if the lock file is up to date too."""
    _, project = start(tmp_path, columns=())
    rebase = project.rebase()
    assert rebase.moves == () and rebase.lock is not None
    rebase.write()
    before = contents(project)
    second_rebase = project.rebase()
    second_rebase.write()
    assert (second_rebase.lock, contents(project)) == (None, before)


def test_a_migration_that_fails_after_the_other_is_not_moved(tmp_path: Path) -> None:
    """Both add the same column; the error reports this, and no file is changed."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    add(migrations, "b222", "email", "a111", 3)
    before = contents(project)
    with pytest.raises(RehearsalFailedError) as caught:
        project.rebase(mine=["b222"])
    first, second = caught.value.message.splitlines()
    assert first == ("the migrations do not work after the other branch, and nothing was changed:")
    assert second.startswith("  0003_add_email: upgrade fails: ")
    assert "duplicate column" in second
    assert "pass --no-rehearse to move it without checking" in str(caught.value.hint)
    assert contents(project) == before
    project.rebase(mine=["b222"], rehearse=False).write()
    assert names(project)[2] == "0003_add_email < 0002"


def test_model_changes_without_a_migration_stay_visible(tmp_path: Path) -> None:
    """The lock file describes the migrations only, so check reports the missing column."""
    project = two_branches(tmp_path)
    extended_project = Project(
        "sqlite://", metadata("email", "phone", "fax", "icq"), project.directory
    )
    rebase = extended_project.rebase(mine=["b333"])
    assert rebase.missing
    rebase.write()
    assert extended_project.check(offline=True).models == ("+ column users.icq",)
    assert not extended_project.check(offline=True).edited


@pytest.mark.parametrize("locked", ["none", "one side", "conflict"])
def test_an_unrehearsed_rebase_locks_what_the_migrations_make(
    any_database: sa.URL, tmp_path: Path, locked: str
) -> None:
    """Operations show what the migrations make; the database that ran them does not differ."""
    migrations, project = start(tmp_path, any_database)
    add(migrations, "e222", "email", "a111", 2)
    if locked == "one side":
        project.relock()
    add(migrations, "b222", "phone", "a111", 2)
    migrations.write(
        "b333",
        "op.execute(\"UPDATE users SET phone = 'x'\")\n"
        'op.rename_column("users", "phone", "fax")\n'
        'op.create_table("tags", sa.Column("id", sa.Integer(), primary_key=True),'
        ' sa.Column("user_id", sa.Integer(), sa.ForeignKey("users.id")),'
        ' sa.Column("name", sa.String(5), server_default="x", nullable=False))\n'
        'op.create_index("ix_tags_name", "tags", ["name"])',
        'op.drop_table("tags")\nop.rename_column("users", "fax", "phone")',
        parents=["b222"],
    )
    if locked == "conflict":
        (project.directory / LOCK_NAME).write_text("<<<<<<< HEAD\n=======\n>>>>>>> main\n")
    wanted = Project(any_database, metadata("email", "icq"), project.directory)
    rebase = wanted.rebase(mine=["b222"], rehearse=False)
    assert (rebase.missing, rebase.rehearsed) == (True, False)
    assert rebase.notes == ("not rehearsed, because --no-rehearse was passed",)
    rebase.write()
    missing = {"+ column users.icq", "- column users.fax", "- table tags"}
    assert set(wanted.check(offline=True).models) == missing
    lock = wanted.lock()
    assert lock is not None and set(lock.unrehearsed) == {"b222", "b333"}
    wanted.upgrade()
    drift = wanted.check()
    assert (set(drift.models), drift.by_hand) == (missing, ())


def test_an_unrehearsed_rebase_names_what_the_lock_file_may_lack(tmp_path: Path) -> None:
    """Nothing shows what SQL and code do without running them."""
    project = two_branches(tmp_path)
    path = project.directory / "0002_add_email.py"
    made = 'op.add_column("users", sa.Column("email", sa.String(20)))'
    sql = 'op.execute("ALTER TABLE users ADD COLUMN email VARCHAR(20)")'
    path.write_text(path.read_text().replace(made, sql))
    rebase = project.rebase(mine=["b333"], rehearse=False)
    assert rebase.notes[1].startswith("the lock file may lack what these steps do")
    assert "0002_add_email: ~ execute ALTER TABLE users" in rebase.notes[1]


def test_a_lock_file_with_conflicts_is_written_again(project: Project) -> None:
    """It is written even if there is only one head."""
    path = project.directory / LOCK_NAME
    path.write_text("<<<<<<< HEAD\n=======\n>>>>>>> main\n")
    project.rebase(mine=["b333"]).write()
    assert project.lock() is not None
    lock = path.read_bytes()
    path.write_text("<<<<<<< HEAD\n=======\n>>>>>>> main\n")
    project.rebase().write()
    assert path.read_bytes() == lock


def test_a_failed_write_is_undone(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a file can't be removed, all files are restored."""
    before = contents(project)
    rebase = project.rebase(mine=["b333"])
    unlink = Path.unlink

    def failing_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "0003_add_fax.py":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", failing_unlink)
    with pytest.raises(PermissionError):
        rebase.write()
    assert contents(project) == before


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    """An existing file with the new name is an error."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    for name, text in (("up", "-- revision: s222\n-- parents: a111\n"), ("down", "")):
        (project.directory / f"0002_none.{name}.sql").write_text(text)
    (project.directory / "0003_none.down.sql").write_text("left over")
    with pytest.raises(HistoryError) as caught:
        project.rebase(mine=["s222"])
    assert caught.value.message == (
        "cannot rename a migration to 0003_none.down.sql: the file exists"
    )
    assert caught.value.hint == "change the number of one of the two files"


def test_an_applied_branch_stays_applied(database: Callable[[str], sa.URL], tmp_path: Path) -> None:
    """Moving a migration does not change its checksum; the other branch is pending."""
    url = database("sqlite")
    project = two_branches(tmp_path, url)
    project.upgrade("b333")
    before = project.graph()["b222"].checksum
    project.rebase(mine=["b333"]).write()
    assert project.graph()["b222"].checksum == before
    with opened(url) as db:
        assert db.history() == ["a111", "b222", "b333"]
    assert [m.revision for m in project.status().pending] == ["e222"]


def commit(folder: Path, branch: str, message: str) -> None:
    """Commit all files and point a branch at the commit."""
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    git(folder, "branch", "-f", branch)


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """Return a project in a git repository after a merge of main into the current branch.

    The main branch has e222; the current branch has b222 and b333.
    """
    migrations, project = start(tmp_path)
    git(tmp_path, "init", "-q")
    commit(tmp_path, "base", "one")
    git(tmp_path, "checkout", "-q", "-b", "feature")
    add(migrations, "b222", "phone", "a111", 2)
    add(migrations, "b333", "fax", "b222", 3)
    commit(tmp_path, "feature-1", "mine")
    git(tmp_path, "checkout", "-q", "-B", "main", "base")
    add(migrations, "e222", "email", "a111", 2)
    commit(tmp_path, "main-1", "theirs")
    git(tmp_path, "checkout", "-q", "feature")
    git(tmp_path, "merge", "-q", "--no-edit", "main")
    return project


def test_the_branch_that_main_lacks_moves(checkout: Project) -> None:
    checkout.rebase().write()
    assert names(checkout) == REBASED


@pytest.mark.parametrize("merged", [False, True], ids=["own", "merged"])
def test_migrations_with_the_same_number_are_numbered_in_their_order(
    tmp_path: Path, merged: bool
) -> None:
    """A git rebase that moves two commits one by one leaves that; those of main stay."""
    migrations, project = start(tmp_path)
    git(tmp_path, "init", "-q")
    add(migrations, "e222", "email", "a111", 2)
    commit(tmp_path, "base", "theirs")
    git(tmp_path, "checkout", "-q", "-b", "feature")
    add(migrations, "b222", "phone", "e222", 3)
    add(migrations, "b333", "fax", "b222", 3)
    commit(tmp_path, "main" if merged else "feature-1", "mine")
    project.rebase().write()
    assert names(project) == ([*REBASED[:3], "0003_add_fax < 0003"] if merged else REBASED)
    assert project.rebase().lock is None


def test_a_git_branch_can_be_named(checkout: Project) -> None:
    """The migrations of that git branch stay."""
    checkout.rebase("feature-1").write()
    assert names(checkout)[-1] == "0004_add_email < 0003"


def test_migrations_of_main_stay_during_a_merge_into_main(checkout: Project) -> None:
    folder = checkout.directory.parent
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "feature-1")
    checkout.rebase().write()
    assert names(checkout) == REBASED


def test_the_merged_branch_stays_if_main_has_neither(checkout: Project) -> None:
    """A main branch that has none of the branches cannot decide."""
    folder = checkout.directory.parent
    git(folder, "checkout", "-q", "-B", "other", "feature-1")
    git(folder, "branch", "-f", "main", "base")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "main-1")
    checkout.rebase().write()
    assert names(checkout) == REBASED
    with pytest.raises(HistoryError, match="unknown migration or git branch '--all'"):
        checkout.rebase("--all")


def test_a_git_branch_that_has_neither_is_refused(checkout: Project) -> None:
    with pytest.raises(HistoryError) as caught:
        checkout.rebase("base")
    assert caught.value.message.startswith(
        "cannot tell what to move after base: its files are not one of the branches\n"
    )


def test_rebase_with_three_heads_is_refused(tmp_path: Path) -> None:
    migrations, project = start(tmp_path, columns=("email", "phone", "fax"))
    for revision, column in (("e222", "email"), ("b222", "phone"), ("c222", "fax")):
        add(migrations, revision, column, "a111", 2)
    with pytest.raises(SeveralHeadsError, match=r"several heads: b222 .*, e222 ") as caught:
        project.rebase(mine=["c222"])
    assert "run autodiff rebase --mine NAME to move one branch at a time" in str(caught.value.hint)


def test_labeled_branches_do_not_move(tmp_path: Path) -> None:
    """A labeled branch without parents is independent."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    path = migrations.write("f333", parents=())
    path.write_text(path.read_text().replace("parents = ()", 'parents = ()\nlabels = ("files",)'))
    project.rebase().write()
    assert names(project) == ["0001_step_a111", "0002_add_email < 0001", "0003_step_f333"]
    assert "0003_step_f333" in names(project)
    assert project.rebase(mine=["files@head"]).moves == ()
