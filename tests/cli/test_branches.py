"""Test history, targets, merge and rebase on branches."""

from __future__ import annotations

import pytest

from tests.branches import add, start, two_branches
from tests.cli.project import CONFIG, Folder

MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True),
         *(sa.Column(name, sa.String(20)) for name in ("email", "phone", "fax")))
"""


@pytest.fixture
def forked(folder: Folder) -> Folder:
    """Return a project with two branches: users.email, and users.phone with users.fax."""
    two_branches(folder.path)
    folder.write(autodiff=CONFIG.replace("models:Base", "models:metadata"), models=MODELS)
    return folder


def test_two_heads_are_drawn_in_the_error(forked: Folder) -> None:
    """The hint names the commands that help."""
    forked.ok("upgrade", "heads")
    for command in (["check"], ["upgrade"], ["generate", "-m", "x"]):
        result = forked.fails(*command)
        assert result.err.splitlines()[1:6] == [
            "  *  0003_add_fax  b333",
            "  o  0002_add_phone  b222",
            "  | *  0002_add_email  e222",
            "  |/",
            "  o  0001_step_a111  a111",
        ]
        assert "run autodiff merge to join them, or autodiff rebase" in result.err


def test_rebase(forked: Folder) -> None:
    """The moved files are listed; --dry-run moves nothing."""
    expected = (
        "migrations/0002_add_phone.py  -> 0003_add_phone.py  after 0002_add_email\n"
        "migrations/0003_add_fax.py    -> 0004_add_fax.py    after 0003_add_phone\n"
        "migrations/autodiff.lock\n"
    )
    with forked.untouched():
        assert forked.ok("rebase", "--mine", "add_fax", "--dry-run").out == expected
    assert forked.ok("rebase", "add_email").out == expected
    assert forked.ok("check", "--offline").out == "no drift\n"
    assert forked.ok("rebase").out == "nothing to rebase\n"
    assert forked.ok("upgrade").out == "4 migrations applied\n"


def test_rebase_as_json(forked: Folder) -> None:
    """Each moved file has its old and new path and its parents."""
    data = forked.ok("rebase", "--mine", "add_email", "--json").data
    assert data == {
        "written": True,
        "moved": [
            {
                "revision": "e222",
                "from": "migrations/0002_add_email.py",
                "to": "migrations/0004_add_email.py",
                "parents": ["b333"],
            }
        ],
        "rehearsed": True,
        "missing": False,
        "notes": [],
        "applied": [],
    }
    assert forked.ok("rebase", "--json").data["written"] is False


def test_rebase_reports_migrations_applied_in_another_order(forked: Folder) -> None:
    """The commands in the note restore the order."""
    forked.ok("upgrade", "b333")
    result = forked.ok("rebase", "e222")
    assert result.err == (
        "note: the database applied 0003_add_phone, 0004_add_fax in the old order: "
        "run autodiff downgrade 0001_step_a111, then autodiff upgrade\n"
    )
    status = forked.run("status").out
    assert "  0003_add_phone  b222" in status and "0002_add_phone" not in status
    forked.ok("downgrade", "0001_step_a111")
    assert forked.ok("upgrade").out == "3 migrations applied\n"
    assert forked.ok("check").out == "no drift\n"


def test_rebase_without_git_needs_the_branch(forked: Folder) -> None:
    """The hint has a command for each branch."""
    result = forked.fails("rebase")
    assert "hint: name the branch: autodiff rebase --mine 0002_add_email, or " in result.err


def test_merge(forked: Folder) -> None:
    """The new file is printed; a note names what both branches alter."""
    result = forked.ok("merge")
    assert result.out == "migrations/0004_merge_add_email_and_add_fax.py\n"
    assert "note: 0002_add_email and 0002_add_phone both alter table users\n" in result.err
    lines = forked.ok("history").out.splitlines()
    assert lines[1:] == [
        "|\\",
        "| o  0003_add_fax  b333",
        "| o  0002_add_phone  b222",
        "o |  0002_add_email  e222",
        "|/",
        "o  0001_step_a111  a111",
    ]
    forked.ok("upgrade")
    assert forked.ok("check").out == "no drift\n"
    assert "nothing to merge: one head" in forked.fails("merge").err


def test_dry_run_of_merge(forked: Folder) -> None:
    """It prints the file and the notes and writes nothing."""
    with forked.untouched():
        result = forked.ok("merge", "-m", "both", "--dry-run")
        data = forked.ok("merge", "-m", "both", "--dry-run", "--json").data
    assert result.out.startswith('"""both"""\n')
    assert "note: 0002_add_email and 0002_add_phone both alter table users\n" in result.err
    assert (data["written"], data["migration"]["path"]) == (False, "migrations/0004_both.py")


def test_merge_with_a_message_as_json(forked: Folder) -> None:
    """The data has the parents and the notes."""
    data = forked.ok("merge", "e222", "b333", "-m", "both", "--json").data
    assert data["migration"]["parents"] == ["e222", "b333"]
    assert data["migration"]["path"] == "migrations/0004_both.py"
    assert len(data["notes"]) == 2


def test_check_names_the_target_that_a_labeled_branch_needs(folder: Folder) -> None:
    """Without a target, upgrade refuses several heads."""
    start(folder.path)
    folder.write(autodiff=CONFIG.replace("models:Base", "models:metadata"), models=MODELS)
    assert "to do: autodiff upgrade\n" in folder.run("check").out
    folder.ok("upgrade")
    folder.ok("generate", "-m", "bills", "--parent", "base", "--label", "billing", "--empty")
    assert "to do: autodiff upgrade heads\n" in folder.run("check").out


def test_a_labeled_branch(folder: Folder) -> None:
    """generate starts it, targets can refer to it, and check accepts it."""
    migrations, _ = start(folder.path)
    for number, column in enumerate(("email", "phone", "fax"), 2):
        add(migrations, f"c{number}", column, "a111" if number == 2 else f"c{number - 1}", number)
    folder.write(autodiff=CONFIG.replace("models:Base", "models:metadata"), models=MODELS)
    folder.ok("upgrade")
    folder.ok("lock")
    folder.ok("generate", "-m", "bills", "--parent", "base", "--label", "billing", "--empty")
    text = (folder.migrations / "0005_bills.py").read_text()
    assert 'parents = ()\nlabels = ("billing",)\n' in text
    folder.ok("upgrade", "billing@head")
    options = ("--parent", "billing@head", "--depends-on", "2", "--empty", "--format", "sql")
    folder.ok("generate", "-m", "more", *options)
    header = (folder.migrations / "0006_more.up.sql").read_text()
    assert "\n-- depends_on: c2\n" in header
    assert folder.run("check").code == 1  # 0006 is not applied
    folder.ok("upgrade", "heads")
    assert folder.ok("check").out == "no drift\n"
    assert folder.ok("downgrade", "billing@-1").out == "1 migration reverted\n"
    assert folder.ok("downgrade", "billing@base").out == "1 migration reverted\n"
    assert folder.ok("stamp", "billing@head").out.startswith("recorded 6 migrations as applied")
    assert "[billing]" in folder.ok("history").out
    data = folder.ok("history", "--json").data
    assert list(data["branches"]) == ["billing"]
    assert {m["name"]: m["depends_on"] for m in data["migrations"]}["0006_more"] == ["c2"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("upgrade base", "cannot upgrade to base: it is before the first migration"),
        ("upgrade -1", "cannot upgrade to -1: an upgrade only applies migrations"),
        ("downgrade +1", "cannot downgrade to +1: a downgrade only reverts migrations"),
        ("upgrade 3+9", "unknown migration '3+9'"),
        ("upgrade billing@head", "unknown migration 'billing@head'"),
        ("upgrade 0001+1", "'0001+1' names several migrations"),
        ("generate -m x --label a-b --empty --parent 3", "invalid label 'a-b'"),
        ("generate -m x --empty --parent nowhere", "unknown migration 'nowhere'"),
    ],
)
def test_invalid_targets_are_refused(forked: Folder, command: str, message: str) -> None:
    """The error has the reason, and nothing is changed."""
    forked.ok("upgrade", "heads")
    assert f"error: {message}" in forked.fails(*command.split()).err


def test_rebase_notes_model_changes_without_a_migration(forked: Folder) -> None:
    forked.write(models=MODELS.replace('"fax"', '"fax", "icq"'))
    result = forked.ok("rebase", "e222")
    assert (
        "note: the models have changes that no migration covers: run autodiff generate"
        in result.err
    )
