"""Test the commands that shorten the loop on a development machine: --amend, edit and push."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import HistoryError, MigrationFailedError
from tests.cli.project import COMMENTS, CONFIG, TIMESTAMP, Folder
from tests.cli.terminal import Terminal
from tests.support import opened

SECOND = "0002_add_comments.py"


@pytest.fixture
def pending(blog: Folder) -> Folder:
    """Return a project whose second migration is written and not applied."""
    blog.write(models=COMMENTS)
    blog.ok("generate", "-m", "add comments")
    return blog


def names(folder: Folder) -> list[str]:
    return sorted(path.name for path in folder.migrations.glob("0*"))


# generate --amend


def test_amend_writes_the_newest_migration_anew(pending: Folder) -> None:
    """It keeps its number and message; the lock file is that of the new one."""
    before = (pending.migrations / SECOND).read_text()
    pending.write(models=TIMESTAMP)
    result = pending.ok("generate", "--amend")
    assert result.out == f"migrations/{SECOND}\n  + table comments\n"
    after = (pending.migrations / SECOND).read_text()
    assert "timestamp" in after
    assert "timestamp" not in before
    assert names(pending) == ["0001_add_posts.py", SECOND]
    pending.ok("upgrade")
    pending.ok("check")


def test_amend_can_rename_the_file(pending: Folder) -> None:
    pending.ok("generate", "--amend", "-m", "add remarks")
    assert names(pending) == ["0001_add_posts.py", "0002_add_remarks.py"]
    pending.ok("upgrade")
    pending.ok("check")


def test_amend_of_the_first_migration_as_sql(folder: Folder) -> None:
    """The other file of the pair is written anew too."""
    folder.write(models=COMMENTS, autodiff=CONFIG)
    folder.ok("generate", "-m", "start", "--format", "sql")
    folder.ok("generate", "--amend", "--format", "sql", "-m", "begin")
    assert names(folder) == ["0001_begin.down.sql", "0001_begin.up.sql"]
    folder.ok("generate", "--amend")
    assert names(folder) == ["0001_begin.py"]
    folder.ok("upgrade")
    folder.ok("check")


def test_amend_is_refused_if_the_database_has_it(pending: Folder) -> None:
    pending.ok("upgrade")
    pending.write(models=TIMESTAMP)
    with pending.untouched():
        result = pending.fails("generate", "--amend")
    assert f"cannot amend {SECOND}: it is applied to the database" in result.err
    assert "hint: revert it first: autodiff downgrade -1" in result.err


@pytest.mark.parametrize("relock", [False, True])
def test_amend_is_refused_if_the_file_was_edited(pending: Folder, relock: bool) -> None:
    """Edits that the lock file includes count too; an option allows to lose them."""
    path = pending.migrations / SECOND
    text = path.read_text()
    path.write_text(text.replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    1\n"))
    if relock:
        pending.ok("lock")
    with pending.untouched():
        result = pending.fails("generate", "--amend")
    assert f"cannot amend {SECOND}: the file was edited after it was generated" in result.err
    assert "pass --discard-edits" in result.err
    pending.ok("generate", "--amend", "--discard-edits")
    assert path.read_text() == text


def test_amend_of_a_migration_with_a_note(pending: Folder) -> None:
    """The reason why it was not rehearsed is not an edit."""
    pending.ok("generate", "--amend", "--no-rehearse")
    assert "Not rehearsed" in (pending.migrations / SECOND).read_text()
    pending.ok("generate", "--amend")
    assert "Not rehearsed" not in (pending.migrations / SECOND).read_text()
    assert "unrehearsed" not in (pending.migrations / "autodiff.lock").read_text()


def test_amend_after_a_rebase(pending: Folder) -> None:
    """The parents and the number that rebase wrote are not an edit; another change still is."""
    pending.ok("generate", "-m", "other", "--parent", "1", "--empty")
    pending.ok("generate", "-m", "more", "--parent", "other", "--empty")
    pending.ok("rebase", "more")
    assert names(pending)[-1] == "0005_add_comments.py"
    path = pending.migrations / "0005_add_comments.py"
    text = path.read_text()
    path.write_text(text.replace("def upgrade() -> None:\n", "def upgrade() -> None:\n    1\n"))
    pending.ok("lock")
    assert "the file was edited" in pending.fails("generate", "--amend").err
    path.write_text(text)
    pending.ok("lock")
    pending.ok("upgrade", "more")
    pending.ok("generate", "--amend")
    pending.ok("upgrade")
    pending.ok("check")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--parent", "base"], "--amend cannot be combined with --parent"),
        (["--from", "history"], "--amend cannot be combined with --from history"),
        (["--empty"], "--amend cannot be combined with --empty"),
    ],
)
def test_amend_keeps_its_base(pending: Folder, options: list[str], message: str) -> None:
    assert message in pending.fails("generate", "--amend", *options).err


def test_amend_needs_one_head_and_a_difference(pending: Folder) -> None:
    """Nothing is deleted if the models no longer need the migration."""
    pending.ok("generate", "-m", "other", "--parent", "1", "--empty")
    assert "the migrations have several heads" in pending.fails("generate", "--amend").err
    (pending.migrations / "0003_other.py").unlink()
    pending.ok("lock")
    pending.write(models=(pending.path / "models.py").read_text().split("\n\n\nclass Comment")[0])
    with pending.untouched():
        result = pending.fails("generate", "--amend")
    assert f"cannot amend {SECOND}: the database matches the models without it" in result.err


def test_amend_without_a_migration(folder: Folder) -> None:
    folder.write(models=COMMENTS, autodiff=CONFIG)
    assert "there is no migration to amend" in folder.fails("generate", "--amend").err


# edit


def editor(folder: Folder, code: str) -> str:
    """Return the command of an editor that runs Python code on the text of its file."""
    script = folder.path / "editor.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "path = Path(sys.argv[-1])\ntext = path.read_text()\n"
        f"{code}\npath.write_text(text)\n"
    )
    return shlex.join([sys.executable, str(script)])


ADD = 'text = text.replace("def upgrade() -> None:\\n", "def upgrade() -> None:\\n    {0}\\n")'


def test_edit_updates_the_lock_file(pending: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """VISUAL has precedence over EDITOR, and both can have arguments."""
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", editor(pending, ADD.format("op.execute('SELECT 1')")))
    result = pending.ok("edit")
    assert result.out == f"migrations/{SECOND}\nmigrations/autodiff.lock\n"
    pending.ok("check", "--offline")
    pending.ok("upgrade")
    pending.ok("check")


def test_edit_without_a_change(pending: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor(pending, "pass"))
    with pending.untouched():
        result = pending.ok("edit", "2", "--json")
    assert result.data == {"path": f"migrations/{SECOND}", "changed": False}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("text += '('", f"{SECOND}:"),
        (ADD.format("op.drop_table('nowhere')"), "no such table: nowhere"),
    ],
)
def test_an_invalid_edit_is_reported(
    pending: Folder, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    """The file keeps what was edited, and the lock file is not written."""
    lock = (pending.migrations / "autodiff.lock").read_bytes()
    before = (pending.migrations / SECOND).read_bytes()
    monkeypatch.setenv("EDITOR", editor(pending, code))
    result = pending.run("edit")
    assert result.code == 2
    assert message in result.err
    assert (pending.migrations / "autodiff.lock").read_bytes() == lock
    assert (pending.migrations / SECOND).read_bytes() != before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (None, "no editor is configured: neither VISUAL nor EDITOR is set"),
        ("no-such-editor", "cannot start the editor 'no-such-editor'"),
        ("'", "cannot parse the command of the editor"),
        ("false", "the editor 'false' ended with exit code 1"),
    ],
)
def test_an_editor_that_does_not_work(
    pending: Folder, monkeypatch: pytest.MonkeyPatch, command: str | None, message: str
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    if command is not None:
        monkeypatch.setenv("EDITOR", command)
    with pending.untouched():
        assert message in pending.fails("edit").err


def test_edit_refuses_what_is_applied(blog: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true")
    assert "cannot edit 0001_add_posts.py: it is applied" in blog.fails("edit", "1").err


# push


def test_push_needs_a_word_without_a_terminal(blog: Folder) -> None:
    """The plan and the lost data are shown, and nothing is changed."""
    blog.write(models=COMMENTS.replace("title: Mapped", "headline: Mapped"))
    with blog.untouched():
        result = blog.run("push", "--assume", "drop-and-add", "--fill", "posts.headline=x")
    assert result.code == 2
    assert "Data loss:\n  drop column posts.title (1 value)\n" in result.err
    assert "  - column posts.title\n" in result.err
    assert "hint: pass --yes to apply them, or --dry-run to show them" in result.err


def test_push_applies_the_difference(blog: Folder) -> None:
    """Afterwards check is clean with a note; offline it reports the missing migration."""
    blog.write(models=COMMENTS)
    with blog.untouched():
        dry = blog.ok("push", "--dry-run")
    assert dry.out.startswith("+ table comments\n\nCREATE TABLE comments (")
    assert blog.ok("push", "--yes").out == "+ table comments\n"
    assert names(blog) == ["0001_add_posts.py"]
    result = blog.ok("check")
    assert "autodiff generate --from history" in result.out + result.err
    assert blog.run("check", "--offline").code == 1
    assert blog.ok("push", "--yes").out == "nothing to do\n"
    blog.write(models=TIMESTAMP)
    assert blog.run("check").code == 1
    blog.write(models=COMMENTS)
    blog.ok("generate", "--from", "history", "-m", "add comments")
    blog.ok("stamp")
    assert "generate" not in blog.ok("check").out
    blog.ok("downgrade", "-1", "--yes")
    blog.ok("upgrade")
    blog.ok("check")


def test_push_without_a_migration(folder: Folder) -> None:
    """A new database is created."""
    folder.write(models=COMMENTS, autodiff=CONFIG)
    assert folder.ok("push", "--yes").out == "+ table comments\n+ table posts\n"
    folder.ok("check")


def test_push_is_refused_where_migrations_are_missing(pending: Folder) -> None:
    with pending.untouched():
        assert "the database is behind the migrations" in pending.fails("push", "--yes").err


def test_push_is_refused_in_a_protected_environment(blog: Folder) -> None:
    blog.write(models=COMMENTS)
    settings = '[environments.production]\nurl = "sqlite:///blog.db"\nprotected = true\n'
    config = blog.path / "autodiff.toml"
    config.write_text(config.read_text() + settings)
    with blog.untouched():
        result = blog.fails("push", "--yes", "--env", "production")
    assert "cannot push to the protected environment production" in result.err


@pytest.mark.parametrize("answer", ["y", "n"])
def test_push_asks_at_a_terminal(blog: Folder, answer: str) -> None:
    blog.write(models=COMMENTS)
    terminal = Terminal(blog, "push")
    terminal.expect("Apply these changes to the database?")
    terminal.type(answer)
    terminal.ends_with(0 if answer == "y" else 130)
    found = blog.sql("SELECT name FROM sqlite_master WHERE name = 'comments'")
    assert bool(found) == (answer == "y")


def models(*columns: sa.Column[object]) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("items", metadata, sa.Column("id", sa.Integer, primary_key=True), *columns)
    return metadata


def test_push_on_each_database(any_database: sa.URL, tmp_path: Path) -> None:
    """Rows are filled, and a push that fails changes nothing that a transaction can hold."""
    first = Project(any_database, models(), tmp_path / "m")
    first.generate("create")
    first.upgrade()
    with opened(any_database) as db:
        db.execute("INSERT INTO items (id) VALUES (1)")
    more = models(sa.Column("size", sa.Integer, nullable=False))
    project = Project(any_database, more, tmp_path / "m")
    push = project.push(fills={"items.size": "5"})
    assert push is not None
    push.apply()
    assert not project.check()
    with opened(any_database) as db:
        assert db.rows("SELECT size FROM items") == [(5,)]
        assert db.history() == [next(iter(project.graph().migrations))]
    with pytest.raises(MigrationFailedError):
        push.apply()
    with pytest.raises(HistoryError, match="cannot amend"):
        project.draft(amend=True)
