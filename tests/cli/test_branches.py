"""Branches on the command line: history, targets, merge, rebase."""

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
    """Two branches: one adds users.email, the other users.phone and users.fax."""
    two_branches(folder.path)
    folder.write(autodiff=CONFIG.replace("models:Base", "models:metadata"), models=MODELS)
    return folder


def test_where_one_head_is_needed_the_graph_is_shown(forked: Folder) -> None:
    """Each command draws the branches and says what can be done."""
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
        assert "autodiff merge joins them, autodiff rebase sets one behind" in result.err


def test_rebase(forked: Folder) -> None:
    """What moves is listed, with --dry-run without doing it, and as JSON."""
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
    """Each file before and after, with its parents."""
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
        "applied": [],
    }
    assert forked.ok("rebase", "--json").data["written"] is False


def test_rebase_tells_what_the_database_has_had(forked: Folder) -> None:
    """The note says how it comes into the new order, and that works."""
    forked.ok("upgrade", "b333")
    result = forked.ok("rebase", "e222")
    assert result.err == (
        "note: the database has had 0003_add_phone, 0004_add_fax in another order: "
        "autodiff downgrade 0001_step_a111, then autodiff upgrade\n"
    )
    status = forked.run("status").out
    assert "  0003_add_phone  b222" in status and "0002_add_phone" not in status
    forked.ok("downgrade", "0001_step_a111")
    assert forked.ok("upgrade").out == "3 migrations applied\n"
    assert forked.ok("check").out == "no drift\n"


def test_rebase_without_git_asks_what_moves(forked: Folder) -> None:
    """The hint is a command for each branch."""
    result = forked.fails("rebase")
    assert "hint: name the branch: autodiff rebase --mine 0002_add_email, or " in result.err


def test_merge(forked: Folder) -> None:
    """The new file is printed; what both alter is a note."""
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


def test_a_merge_can_be_looked_at_first(forked: Folder) -> None:
    """The file is printed, the notes are told, and nothing is written."""
    with forked.untouched():
        result = forked.ok("merge", "-m", "both", "--dry-run")
        data = forked.ok("merge", "-m", "both", "--dry-run", "--json").data
    assert result.out.startswith('"""both"""\n')
    assert "note: 0002_add_email and 0002_add_phone both alter table users\n" in result.err
    assert (data["written"], data["migration"]["path"]) == (False, "migrations/0004_both.py")


def test_merge_with_a_message_as_json(forked: Folder) -> None:
    """The parents are the heads, and the notes are told."""
    data = forked.ok("merge", "e222", "b333", "-m", "both", "--json").data
    assert data["migration"]["parents"] == ["e222", "b333"]
    assert data["migration"]["path"] == "migrations/0004_both.py"
    assert len(data["notes"]) == 2


def test_a_branch_with_a_name(folder: Folder) -> None:
    """generate begins one, targets reach into it, and check finds nothing wrong with it."""
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
    more = ("--parent", "billing@head", "--depends-on", "2", "--empty", "--format", "sql")
    folder.ok("generate", "-m", "more", *more)
    header = (folder.migrations / "0006_more.up.sql").read_text()
    assert "\n-- depends_on: c2\n" in header
    assert folder.run("check").code == 1  # 0006 is not applied
    folder.ok("upgrade", "heads")
    assert folder.ok("check").out == "no drift\n"
    assert folder.ok("downgrade", "billing@-1").out == "1 migration reverted\n"
    assert folder.ok("downgrade", "billing@base").out == "1 migration reverted\n"
    assert folder.ok("stamp", "billing@head").out.startswith("6 migrations count as applied")
    assert "[billing]" in folder.ok("history").out
    data = folder.ok("history", "--json").data
    assert list(data["branches"]) == ["billing"]
    assert {m["name"]: m["depends_on"] for m in data["migrations"]}["0006_more"] == ["c2"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("upgrade base", "cannot upgrade to base: that is before the first migration"),
        ("upgrade -1", "cannot upgrade to -1: an upgrade goes forward"),
        ("downgrade +1", "cannot downgrade to +1: a downgrade goes back"),
        ("upgrade 3+9", "no migration '3+9'"),
        ("upgrade billing@head", "no migration 'billing@head'"),
        ("upgrade 0001+1", "'0001+1' names several migrations"),
        ("generate -m x --label a-b --empty --parent 3", "invalid label 'a-b'"),
        ("generate -m x --empty --parent nowhere", "no migration 'nowhere'"),
    ],
)
def test_targets_that_lead_nowhere(forked: Folder, command: str, message: str) -> None:
    """The error says why, before anything is done."""
    forked.ok("upgrade", "heads")
    assert f"error: {message}" in forked.fails(*command.split()).err


def test_models_that_want_more_are_told(forked: Folder) -> None:
    """A rebase is no reason to forget what no migration does."""
    forked.write(models=MODELS.replace('"fax"', '"fax", "icq"'))
    result = forked.ok("rebase", "e222")
    assert "note: the models say what no migration does: autodiff generate" in result.err
