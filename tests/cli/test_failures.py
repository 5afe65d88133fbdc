"""Wrong input: one clear message with a hint, exit code 2, and everything as it was."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.cli.failures import guarded
from autodiff.cli.shell import Shell
from tests.cli.project import COMMENTS, CONFIG, POSTS, Folder

EVERY = (["check"], ["generate", "-m", "x"], ["upgrade"], ["downgrade"], ["status"], ["lock"])
"""Commands that need the database."""
COMPARING = (["check"], ["check", "--offline"], ["generate", "-m", "x"], ["lock"])
"""Commands that need the models."""


@pytest.mark.parametrize("arguments", [*EVERY, ["history"], ["show", "1"], ["stamp"]], ids=" ".join)
def test_no_configuration(folder: Folder, arguments: list[str]) -> None:
    """A folder that is no project is named, and init is."""
    result = folder.fails(*arguments)
    assert f"error: no configuration found in {folder.path}" in result.err
    assert "autodiff init" in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('models = "models:Base', "cannot read {path}: "),
        ('modles = "models:Base"', "{path}: unknown setting 'modles'"),
        ("models = 3", "{path}: models must be a text or a list of texts, not 3"),
        ("url = 3", "{path}: url must be a text, not 3"),
    ],
)
def test_a_broken_configuration(folder: Folder, text: str, message: str) -> None:
    """The file is named, and what is wrong in it."""
    folder.write(autodiff=text)
    result = folder.run("check")
    assert result.code == 2
    assert message.format(path=folder.path / "autodiff.toml") in result.err


@pytest.mark.parametrize("arguments", COMPARING, ids=" ".join)
@pytest.mark.parametrize(
    ("models", "text", "message", "hint"),
    [
        (
            "nowhere:Base",
            POSTS,
            "No module named 'nowhere'",
            "check that 'nowhere' can be imported",
        ),
        ("models:Bass", POSTS, "models has no Bass", 'models = "models:Base"'),
        ("models:String", POSTS, "is no MetaData", "name a MetaData"),
        ("models:Base", "import nowhere", "No module named 'nowhere'", "must import without"),
        ("models:Base", "1 / 0", "ZeroDivisionError", "must import without"),
        ("models:Base", "import sys\nsys.exit('usage: app')", "SystemExit", "must import without"),
        ("models:Base", "class Base(:", "SyntaxError", "must import without"),
        ("models", "x = 1", "neither a MetaData", 'models = "models:Base"'),
    ],
    ids=["module", "object", "kind", "import", "error", "exit", "syntax", "empty"],
)
def test_models_that_do_not_load(
    blog: Folder, arguments: list[str], models: str, text: str, message: str, hint: str
) -> None:
    """What was looked for, and why it is not there."""
    blog.write(models=text, autodiff=f'models = "{models}"\nurl = "sqlite:///blog.db"\n')
    result = blog.fails(*arguments)
    assert message in result.err
    assert hint in result.err


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("nonsense", "the database URL cannot be read", "it looks like postgresql://"),
        ("foo://u:secret@x/y", "no SQLAlchemy dialect for 'foo'", "a URL looks like postgresql://"),
    ],
)
def test_an_unknown_url(
    blog: Folder, arguments: list[str], url: str, message: str, hint: str
) -> None:
    """A URL that can't be read is said with one that can; the password is not shown."""
    result = blog.fails(*arguments, "--url", url)
    assert message in result.err
    assert hint in result.err
    assert "secret" not in result.err


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_refuses(blog: Folder, arguments: list[str], kind: str) -> None:
    """Which server, without the password, and what to look at."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"{kind}://u:secret@127.0.0.1:{port}/x"
        result = blog.fails(*arguments, "--url", url)
    assert f"u:***@127.0.0.1:{port}/x" in result.err
    assert "is the server running" in result.err
    assert "secret" not in result.err


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_is_not_there(
    blog: Folder, database: Callable[[str], sa.URL], kind: str
) -> None:
    """A server without that database is said as such."""
    url = database(kind).set(database="nowhere").render_as_string(hide_password=False)
    assert "create the database first" in blog.fails("status", "--url", url).err


def test_a_user_that_is_not_there(blog: Folder, database: Callable[[str], sa.URL]) -> None:
    """A server that doesn't know the user is said as such."""
    url = database("postgresql").set(username="nobody_here", password="sesame")
    result = blog.fails("status", "--url", url.render_as_string(hide_password=False))
    assert "check user and password in the URL" in result.err
    assert "sesame" not in result.err


@pytest.mark.parametrize(
    ("url", "driver", "said"),
    [
        ("postgresql://u:sesame@h/x", "psycopg", 'password authentication failed for user "u"'),
        ("mysql://u:sesame@h/x", "pymysql", "Access denied for user 'u' (using password: YES)"),
    ],
)
def test_a_wrong_password(
    blog: Folder, monkeypatch: pytest.MonkeyPatch, url: str, driver: str, said: str
) -> None:
    """It is said what to look at, and the password is not shown."""
    module = pytest.importorskip(driver)

    def refuse(*arguments: object, **more: object) -> None:
        raise module.OperationalError(f"{said} and not with sesame")

    monkeypatch.setattr(module.Connection, "connect", refuse)
    monkeypatch.setattr(module, "connect", refuse)
    result = blog.fails("status", "--url", url)
    assert said in result.err
    assert "check user and password in the URL" in result.err
    assert "sesame" not in result.err


def test_what_the_user_may_not_do(folder: Folder, database: Callable[[str], sa.URL]) -> None:
    """A request that the database refuses is no bug of autodiff's."""
    url = database("postgresql")
    folder.write(autodiff='models = "models:Base"\n', models=POSTS)
    text = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    folder.ok("generate", "-m", "first", "--url", url.render_as_string(hide_password=False))
    result = folder.fails("upgrade", "--url", text.render_as_string(hide_password=False))
    assert "refused a request: cannot execute CREATE TABLE in a read-only" in result.err


@pytest.mark.parametrize("arguments", [*EVERY, ["history"], ["show", "1"]], ids=" ".join)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def upgrade(:", "0002_broken.py:1: SyntaxError"),
        ("def upgrade(): pass", "it has no revision"),
        ('revision = "b"\nparents = ()\ndef upgrade(): pass', "it has no downgrade()"),
    ],
    ids=["syntax", "revision", "downgrade"],
)
def test_a_broken_migration_file(
    blog: Folder, arguments: list[str], text: str, message: str
) -> None:
    """The file is named, with its line."""
    (blog.migrations / "0002_broken.py").write_text(text)
    result = blog.fails(*arguments)
    assert message in result.err
    assert "0002_broken.py" in result.err


def other_head(blog: Folder, parents: str = "") -> Path:
    """A second migration, on a branch of its own."""
    path = blog.migrations / "0001_other.py"
    path.write_text(
        f'revision = "0the"\nparents = ({parents})\ndef upgrade(): pass\ndef downgrade(): pass\n'
    )
    return path


@pytest.mark.parametrize("arguments", [*COMPARING, ["upgrade"], ["show", "head"]], ids=" ".join)
def test_two_heads(blog: Folder, arguments: list[str]) -> None:
    """Both are named."""
    other_head(blog)
    result = blog.fails(*arguments)
    assert "0001_add_posts.py" in result.err
    assert "0001_other.py" in result.err


def test_two_heads_can_be_run_by_name(blog: Folder) -> None:
    """With two heads, a name still is a target."""
    other_head(blog)
    assert blog.ok("upgrade", "0001_other").out == "1 migration applied\n"
    assert blog.ok("status").out.count("0001_") == 2


def test_an_unknown_parent(blog: Folder) -> None:
    """The file is named, and the parent that is not there."""
    other_head(blog, '"nowhere",')
    assert "0001_other.py comes after nowhere, which is not here" in blog.fails("history").err


@pytest.mark.parametrize("arguments", [["upgrade"], ["downgrade"], ["generate", "-m", "x"]])
def test_an_edited_file(blog: Folder, arguments: list[str]) -> None:
    """A file that was changed after it was applied is not run, and check lists it."""
    path = blog.migrations / "0001_add_posts.py"
    path.write_text(path.read_text().replace("String(200)", "String(100)"))
    result = blog.fails(*arguments)
    assert "edited after they were applied: 0001_add_posts.py" in result.err
    assert "restore them from version control" in result.err
    checked = blog.run("check")
    assert checked.code == 1
    assert "migration files and the history of the database differ:" in checked.out
    assert "migration files and the lock file differ:" in checked.out
    assert "0001_add_posts.py" in checked.out


def test_a_file_that_was_formatted(blog: Folder) -> None:
    """Comments, blank lines and quotes may change after a file was applied."""
    path = blog.migrations / "0001_add_posts.py"
    path.write_text("# by hand\n" + path.read_text().replace('"posts"', "'posts'") + "\n\n")
    blog.ok("downgrade")
    blog.ok("upgrade")


@pytest.mark.parametrize("arguments", [["upgrade"], ["downgrade"], ["generate", "-m", "x"]])
def test_a_file_that_is_gone(blog: Folder, arguments: list[str]) -> None:
    """An applied migration whose file is missing is named."""
    (blog.migrations / "0001_add_posts.py").unlink()
    result = blog.fails(*arguments)
    assert "the database has migrations that the folder lacks" in result.err
    assert "0001_add_posts" in result.err


@pytest.mark.parametrize(
    "arguments", [["upgrade", "nowhere"], ["downgrade", "nowhere"], ["show", "9"], ["stamp", "x"]]
)
def test_an_unknown_target(blog: Folder, arguments: list[str]) -> None:
    """The target, and those that there are."""
    result = blog.fails(*arguments)
    assert f"no migration {arguments[1]!r}" in result.err
    assert "0001_add_posts.py" in result.err


def test_downgrade_to_what_is_not_applied(blog: Folder) -> None:
    """It is named, and where to look."""
    blog.write(models=COMMENTS)
    blog.ok("generate", "-m", "add comments")
    result = blog.fails("downgrade", "2")
    assert "cannot downgrade to 0002_add_comments: it is not applied" in result.err


def test_a_lock_file_with_conflicts(blog: Folder) -> None:
    """Marks of a merge are seen, and what to do is said."""
    path = blog.migrations / "autodiff.lock"
    path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n>>>>>>> other\n")
    for arguments in (["check"], ["check", "--offline"], ["generate", "-m", "x"]):
        result = blog.fails(*arguments)
        assert "has merge conflicts" in result.err
        assert "autodiff lock" in result.err


def test_from_history_without_a_lock_file(blog: Folder) -> None:
    """What is missing, and how to get it."""
    (blog.migrations / "autodiff.lock").unlink()
    assert "there is no lock file" in blog.fails("generate", "-m", "x", "--from", "history").err


def test_a_file_that_cannot_be_written(blog: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no bug of autodiff's, and leaves nothing behind."""

    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device", "migrations")

    blog.write(models=COMMENTS)
    monkeypatch.setattr("tempfile.mkstemp", full)
    with blog.untouched():
        result = blog.run("generate", "-m", "add comments")
    assert result.code == 2
    assert result.err == "error: migrations: No space left on device\n"


def test_no_command_exits_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a command raises, what is left is an exit code."""

    def fail() -> int:
        raise RuntimeError("two\nlines")

    assert guarded(Shell(), fail) == 2
    shown = capsys.readouterr()
    assert re.match(r"error: this is a bug in autodiff: RuntimeError: two lines\n", shown.err)


def test_the_configuration_is_found_above(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may run in a folder below the project's."""
    folder.write(autodiff=CONFIG, models=POSTS)
    (folder.path / "app" / "web").mkdir(parents=True)
    monkeypatch.chdir(folder.path / "app" / "web")
    folder.ok("generate", "-m", "first")
    folder.ok("upgrade")
    assert (folder.path / "blog.db").exists()
    assert (folder.migrations / "0001_first.py").exists()
