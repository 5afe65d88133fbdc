"""A branch of migrations is set behind another: the files, the lock file, and what is refused."""

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

BEHIND = [
    "0001_step_a111",
    "0002_add_email < 0001",
    "0003_add_phone < 0002",
    "0004_add_fax < 0003",
]


def contents(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.directory.iterdir() if path.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two branches on SQLite, without git."""
    return two_branches(tmp_path)


def test_a_branch_goes_behind_the_other(project: Project) -> None:
    """Its files get other parents and numbers, nothing else; the lock file fits."""
    before = contents(project)
    found = project.rebase(mine=["b333"])
    assert contents(project) == before
    found.write()
    assert names(project) == BEHIND
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
    assert (found.rehearsed, found.missing) == (True, False)


def test_it_works_on_servers(any_database: sa.URL, tmp_path: Path) -> None:
    """The moved migrations are rehearsed there, and a database that is behind gets them."""
    project = two_branches(tmp_path, any_database)
    assert [m.revision for m in project.upgrade("e222")] == ["a111", "e222"]
    project.rebase("e222").write()
    assert names(project) == BEHIND
    assert [m.revision for m in project.upgrade()] == ["b222", "b333"]
    assert not project.check()
    lock = project.lock()
    assert lock is not None and lock.settled


@pytest.mark.parametrize(
    ("onto", "mine", "expected"),
    [
        ("add_email", [], BEHIND),
        (None, ["add_phone"], BEHIND),
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
def test_what_moves_can_be_said(
    project: Project, onto: str | None, mine: list[str], expected: list[str]
) -> None:
    """By what stays, or by what moves; any migration of a branch names it."""
    project.rebase(onto, mine=mine).write()
    assert names(project) == expected


def test_without_git_it_must_be_said(project: Project) -> None:
    """The error shows the branches, the hint is a command for each."""
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


def test_one_head_is_left_as_it_is(tmp_path: Path) -> None:
    """Where the lock file is of these migrations too, nothing is written."""
    _, project = start(tmp_path, columns=())
    found = project.rebase()
    assert found.moves == () and found.lock is not None
    found.write()
    before = contents(project)
    again = project.rebase()
    again.write()
    assert (again.lock, contents(project)) == (None, before)


def test_a_migration_that_fails_there_is_not_moved(tmp_path: Path) -> None:
    """Both add the same column: the error says so, and no file is touched."""
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


def test_models_that_want_more_are_told(tmp_path: Path) -> None:
    """The lock file keeps to the migrations, so that check sees what is missing."""
    project = two_branches(tmp_path)
    more = Project("sqlite://", metadata("email", "phone", "fax", "icq"), project.directory)
    found = more.rebase(mine=["b333"])
    assert found.missing
    found.write()
    assert more.check(offline=True).models == ("+ column users.icq",)
    assert not more.check(offline=True).edited


def test_the_lock_file_may_be_in_conflict(project: Project) -> None:
    """It is written anew; also where the graph has one head already."""
    path = project.directory / LOCK_NAME
    path.write_text("<<<<<<< HEAD\n=======\n>>>>>>> main\n")
    project.rebase(mine=["b333"]).write()
    assert project.lock() is not None
    good = path.read_bytes()
    path.write_text("<<<<<<< HEAD\n=======\n>>>>>>> main\n")
    project.rebase().write()
    assert path.read_bytes() == good


def test_nothing_is_half_written(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file can't be removed, all of it is as before."""
    before = contents(project)
    found = project.rebase(mine=["b333"])
    unlink = Path.unlink

    def stuck(path: Path, missing_ok: bool = False) -> None:
        if path.name == "0003_add_fax.py":
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", stuck)
    with pytest.raises(PermissionError):
        found.write()
    assert contents(project) == before


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    """A name that is taken, by a file that was left over, is refused."""
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


def test_a_database_that_had_the_branch_gets_the_rest(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Its own files count as the same after the move: only their place in the graph changed."""
    url = database("sqlite")
    project = two_branches(tmp_path, url)
    project.upgrade("b333")
    before = project.graph()["b222"].checksum
    project.rebase(mine=["b333"]).write()
    assert project.graph()["b222"].checksum == before
    with opened(url) as db:
        assert db.history() == ["a111", "b222", "b333"]
    assert [m.revision for m in project.status().pending] == ["e222"]


def committed(folder: Path, branch: str, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    git(folder, "branch", "-f", branch)


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A git repository: main has e222, the current branch has b222 and b333, and merged main."""
    migrations, project = start(tmp_path)
    git(tmp_path, "init", "-q")
    committed(tmp_path, "base", "one")
    git(tmp_path, "checkout", "-q", "-b", "feature")
    add(migrations, "b222", "phone", "a111", 2)
    add(migrations, "b333", "fax", "b222", 3)
    committed(tmp_path, "feature-1", "mine")
    git(tmp_path, "checkout", "-q", "-B", "main", "base")
    add(migrations, "e222", "email", "a111", 2)
    committed(tmp_path, "main-1", "theirs")
    git(tmp_path, "checkout", "-q", "feature")
    git(tmp_path, "merge", "-q", "--no-edit", "main")
    return project


def test_git_tells_what_is_mine(checkout: Project) -> None:
    """What the main branch lacks moves, without being named; uncommitted files too."""
    checkout.rebase().write()
    assert names(checkout) == BEHIND


def test_a_git_branch_can_be_named(checkout: Project) -> None:
    """What it has stays."""
    checkout.rebase("feature-1").write()
    assert names(checkout)[-1] == "0004_add_email < 0003"


def test_on_the_main_branch_the_merged_one_moves(checkout: Project) -> None:
    """What was published first stays, wherever the merge is made."""
    folder = checkout.directory.parent
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "feature-1")
    checkout.rebase().write()
    assert names(checkout) == BEHIND


def test_what_is_being_merged_stays_where_main_is_old(checkout: Project) -> None:
    """A main branch that lacks both sides does not help, and is passed over."""
    folder = checkout.directory.parent
    git(folder, "checkout", "-q", "-B", "other", "feature-1")
    git(folder, "branch", "-f", "main", "base")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "main-1")
    checkout.rebase().write()
    assert names(checkout) == BEHIND
    with pytest.raises(HistoryError, match="unknown migration or git branch '--all'"):
        checkout.rebase("--all")


def test_a_branch_of_git_that_has_no_side_is_refused(checkout: Project) -> None:
    """One that lacks both can't say which of them moves."""
    with pytest.raises(HistoryError) as caught:
        checkout.rebase("base")
    assert caught.value.message.startswith(
        "cannot tell what to move after base: its files are not one of the branches\n"
    )


def test_three_heads_move_one_at_a_time(tmp_path: Path) -> None:
    """Two that stay are no place to go to; two that move would stay two."""
    migrations, project = start(tmp_path, columns=("email", "phone", "fax"))
    for revision, column in (("e222", "email"), ("b222", "phone"), ("c222", "fax")):
        add(migrations, revision, column, "a111", 2)
    with pytest.raises(SeveralHeadsError, match=r"several heads: b222 .*, e222 ") as caught:
        project.rebase(mine=["c222"])
    assert "run autodiff rebase --mine NAME to move one branch at a time" in str(caught.value.hint)


def test_branches_with_names_stay_apart(tmp_path: Path) -> None:
    """A component that begins anew, with a label, has no reason to move."""
    migrations, project = start(tmp_path, columns=("email",))
    add(migrations, "e222", "email", "a111", 2)
    path = migrations.write("f333", parents=())
    path.write_text(path.read_text().replace("parents = ()", 'parents = ()\nlabels = ("files",)'))
    project.rebase().write()
    assert names(project) == ["0001_step_a111", "0002_add_email < 0001", "0003_step_f333"]
    assert "0003_step_f333" in names(project)
    assert project.rebase(mine=["files@head"]).moves == ()
