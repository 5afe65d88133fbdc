"""Test wrong input: one message with a hint, exit code 2, and nothing changed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff.cli.failures import run_command
from autodiff.cli.shell import Shell
from tests.cli.project import COMMENTS, CONFIG, POSTS, Folder

DATABASE_COMMANDS = (
    ["check"],
    ["generate", "-m", "x"],
    ["upgrade"],
    ["downgrade", "-1"],
    ["status"],
    ["lock"],
)
"""Commands that need the database."""
MODEL_COMMANDS = (["check"], ["check", "--offline"], ["generate", "-m", "x"], ["lock"])
"""Commands that need the models."""


@pytest.mark.parametrize(
    "arguments", [*DATABASE_COMMANDS, ["history"], ["show", "1"], ["stamp"]], ids=" ".join
)
def test_a_missing_configuration(folder: Folder, arguments: list[str]) -> None:
    """The message names the folder; the hint is autodiff init."""
    result = folder.fails(*arguments)
    assert f"error: no configuration found in {folder.path}" in result.err
    assert "autodiff init" in result.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('models = "models:Base', "cannot read {path}: "),
        ('modles = "models:Base"', "{path}: unknown setting 'modles'"),
        ("models = 3", "{path}: models must be a string or a list of strings, not 3"),
        ("url = 3", "{path}: url must be a string, not 3"),
    ],
)
def test_a_broken_configuration(folder: Folder, text: str, message: str) -> None:
    """The message names the file and the error."""
    folder.write(autodiff=text)
    result = folder.run("check")
    assert result.code == 2
    assert message.format(path=folder.path / "autodiff.toml") in result.err


@pytest.mark.parametrize("arguments", MODEL_COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("models", "text", "message", "hint"),
    [
        ("nowhere:Base", POSTS, "there is no module 'nowhere' in", "path = ["),
        ("models:Bass", POSTS, "models has no Bass", 'models = "models:Base"'),
        ("models:String", POSTS, "is not a MetaData", "name a MetaData"),
        ("models:Base", "import nowhere", "models.py:1: No module named 'nowhere'", "install"),
        ("models:Base", "1 / 0", "ZeroDivisionError", "must import without"),
        ("models:Base", "import sys\nsys.exit('usage: app')", "SystemExit", "must import without"),
        ("models:Base", "class Base(:", "models.py:1: SyntaxError", "fix that line"),
        ("models", "x = 1", "neither a MetaData", 'models = "models:Base"'),
    ],
    ids=["module", "object", "kind", "import", "error", "exit", "syntax", "empty"],
)
def test_models_that_do_not_load(
    blog: Folder, arguments: list[str], models: str, text: str, message: str, hint: str
) -> None:
    """The message names the reason; the hint names the fix."""
    blog.write(models=text, autodiff=f'models = "{models}"\nurl = "sqlite:///blog.db"\n')
    result = blog.fails(*arguments)
    assert message in result.err
    assert hint in result.err


@pytest.mark.parametrize("arguments", DATABASE_COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("nonsense", "cannot parse the database URL", "write it like postgresql://"),
        (
            "foo://u:secret@x/y",
            "no SQLAlchemy dialect for 'foo'",
            "write the URL like postgresql://",
        ),
    ],
)
def test_an_invalid_url(
    blog: Folder, arguments: list[str], url: str, message: str, hint: str
) -> None:
    """The hint shows a valid URL, and the password is hidden."""
    result = blog.fails(*arguments, "--url", url)
    assert message in result.err
    assert hint in result.err
    assert "secret" not in result.err


@pytest.mark.parametrize("arguments", DATABASE_COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_refuses_connections(blog: Folder, arguments: list[str], kind: str) -> None:
    """The message names the server without the password."""
    with socket.socket() as unused_socket:
        unused_socket.bind(("127.0.0.1", 0))
        port = unused_socket.getsockname()[1]
        url = f"{kind}://u:secret@127.0.0.1:{port}/x"
        result = blog.fails(*arguments, "--url", url)
    assert f"u:***@127.0.0.1:{port}/x" in result.err
    assert "check that the server is running" in result.err
    assert "secret" not in result.err


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_does_not_exist(
    blog: Folder, database: Callable[[str], sa.URL], kind: str
) -> None:
    url = database(kind).set(database="nowhere").render_as_string(hide_password=False)
    assert "create the database first" in blog.fails("status", "--url", url).err


def test_a_user_that_does_not_exist(blog: Folder, database: Callable[[str], sa.URL]) -> None:
    """The hint is to check the user; the password is hidden."""
    url = database("postgresql").set(username="nobody_here", password="sesame")
    result = blog.fails("status", "--url", url.render_as_string(hide_password=False))
    assert "check the user and the password in the URL" in result.err
    assert "sesame" not in result.err


@pytest.mark.parametrize(
    ("url", "driver", "server_error"),
    [
        ("postgresql://u:sesame@h/x", "psycopg", 'password authentication failed for user "u"'),
        ("mysql://u:sesame@h/x", "pymysql", "Access denied for user 'u' (using password: YES)"),
    ],
)
def test_a_wrong_password(
    blog: Folder, monkeypatch: pytest.MonkeyPatch, url: str, driver: str, server_error: str
) -> None:
    """The hint is to check the password, which is hidden in the driver's error."""
    module = pytest.importorskip(driver)

    def fail_to_connect(*arguments: object, **keywords: object) -> None:
        raise module.OperationalError(f"{server_error} and not with sesame")

    monkeypatch.setattr(module.Connection, "connect", fail_to_connect)
    monkeypatch.setattr(module, "connect", fail_to_connect)
    result = blog.fails("status", "--url", url)
    assert server_error in result.err
    assert "check the user and the password in the URL" in result.err
    assert "sesame" not in result.err


def test_a_refused_statement_is_not_a_bug_of_autodiff(
    folder: Folder, database: Callable[[str], sa.URL]
) -> None:
    url = database("postgresql")
    folder.write(autodiff='models = "models:Base"\n', models=POSTS)
    read_only_url = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    folder.ok("generate", "-m", "first", "--url", url.render_as_string(hide_password=False))
    result = folder.fails("upgrade", "--url", read_only_url.render_as_string(hide_password=False))
    assert "refused a request: cannot execute CREATE TABLE in a read-only" in result.err


@pytest.mark.parametrize(
    "arguments", [*DATABASE_COMMANDS, ["history"], ["show", "1"]], ids=" ".join
)
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
    """The message names the file and the line."""
    (blog.migrations / "0002_broken.py").write_text(text)
    result = blog.fails(*arguments)
    assert message in result.err
    assert "0002_broken.py" in result.err


def add_other_head(blog: Folder, parents: str = "") -> Path:
    """Write a migration that is a second head."""
    path = blog.migrations / "0001_other.py"
    path.write_text(
        f'revision = "0the"\nparents = ({parents})\ndef upgrade(): pass\ndef downgrade(): pass\n'
    )
    return path


@pytest.mark.parametrize(
    "arguments", [*MODEL_COMMANDS, ["upgrade"], ["show", "head"]], ids=" ".join
)
def test_two_heads(blog: Folder, arguments: list[str]) -> None:
    """The message names both."""
    add_other_head(blog)
    result = blog.fails(*arguments)
    assert "0001_add_posts.py" in result.err
    assert "0001_other.py" in result.err


def test_one_of_two_heads_can_be_a_target(blog: Folder) -> None:
    add_other_head(blog)
    assert blog.ok("upgrade", "0001_other").out == "1 migration applied\n"
    assert blog.ok("status").out.count("0001_") == 2


def test_an_unknown_parent(blog: Folder) -> None:
    """The message names the file and the parent."""
    add_other_head(blog, '"nowhere",')
    assert "0001_other.py comes after nowhere, which has no file" in blog.fails("history").err


@pytest.mark.parametrize("arguments", [["upgrade"], ["downgrade"], ["generate", "-m", "x"]])
def test_an_edited_file(blog: Folder, arguments: list[str]) -> None:
    """A file that was edited after it was applied is refused, and check lists it."""
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


def test_formatting_an_applied_file_is_allowed(blog: Folder) -> None:
    """Comments, blank lines and quotes are ignored."""
    path = blog.migrations / "0001_add_posts.py"
    path.write_text("# by hand\n" + path.read_text().replace('"posts"', "'posts'") + "\n\n")
    blog.ok("downgrade", "-1")
    blog.ok("upgrade")


@pytest.mark.parametrize("arguments", [["upgrade"], ["downgrade"], ["generate", "-m", "x"]])
def test_a_deleted_applied_file(blog: Folder, arguments: list[str]) -> None:
    """The message names the migration."""
    (blog.migrations / "0001_add_posts.py").unlink()
    result = blog.fails(*arguments)
    assert "the database has migrations whose files are missing" in result.err
    assert "0001_add_posts" in result.err


@pytest.mark.parametrize(
    "arguments", [["upgrade", "nowhere"], ["downgrade", "nowhere"], ["show", "9"], ["stamp", "x"]]
)
def test_an_unknown_target(blog: Folder, arguments: list[str]) -> None:
    """The message names the target, the hint lists the migrations."""
    result = blog.fails(*arguments)
    assert f"unknown migration {arguments[1]!r}" in result.err
    assert "0001_add_posts.py" in result.err


def test_downgrade_to_a_pending_migration(blog: Folder) -> None:
    blog.write(models=COMMENTS)
    blog.ok("generate", "-m", "add comments")
    result = blog.fails("downgrade", "2")
    assert "cannot downgrade to 0002_add_comments: it is not applied" in result.err


def test_a_lock_file_with_conflicts(blog: Folder) -> None:
    """The conflict markers are recognized; the hint is autodiff lock."""
    path = blog.migrations / "autodiff.lock"
    path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n>>>>>>> other\n")
    for arguments in (["check"], ["check", "--offline"], ["generate", "-m", "x"]):
        result = blog.fails(*arguments)
        assert "has merge conflicts" in result.err
        assert "autodiff lock" in result.err


def test_from_history_without_a_lock_file(blog: Folder) -> None:
    (blog.migrations / "autodiff.lock").unlink()
    assert "there is no lock file" in blog.fails("generate", "-m", "x", "--from", "history").err


def test_a_full_disk_is_not_a_bug_of_autodiff(
    blog: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is left."""

    def fail_to_create(*arguments: object, **keywords: object) -> None:
        raise OSError(28, "No space left on device", "migrations")

    blog.write(models=COMMENTS)
    monkeypatch.setattr("tempfile.mkstemp", fail_to_create)
    with blog.untouched():
        result = blog.run("generate", "-m", "add comments")
    assert result.code == 2
    assert result.err == "error: migrations: No space left on device\n"


def test_an_unexpected_exception_becomes_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise RuntimeError("two\nlines")

    assert run_command(Shell(), fail) == 2
    output = capsys.readouterr()
    assert re.match(r"error: this is a bug in autodiff: RuntimeError: two lines\n", output.err)


def test_an_old_sqlalchemy_is_named_instead_of_a_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip --no-deps` installs autodiff beside any version."""

    def fail() -> int:
        raise TypeError("unexpected keyword argument")

    monkeypatch.setattr("sqlalchemy.__version__", "1.4.54")
    assert run_command(Shell(), fail) == 2
    assert capsys.readouterr().err == (
        "error: autodiff needs SQLAlchemy 2.0.30 or later, but 1.4.54 is installed\n"
        "hint: upgrade it: pip install --upgrade sqlalchemy\n"
    )


def test_an_exception_without_a_message_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise AssertionError

    assert run_command(Shell(), fail) == 2
    assert capsys.readouterr().err.startswith("error: this is a bug in autodiff: AssertionError\n")


def test_the_configuration_of_a_parent_folder_is_used(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write(autodiff=CONFIG, models=POSTS)
    (folder.path / "app" / "web").mkdir(parents=True)
    monkeypatch.chdir(folder.path / "app" / "web")
    folder.ok("generate", "-m", "first")
    folder.ok("upgrade")
    assert (folder.path / "blog.db").exists()
    assert (folder.migrations / "0001_first.py").exists()


@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["message", "traceback"])
def test_passwords_are_masked(folder: Folder, debug: list[str]) -> None:
    """A message or a traceback of the project's code contains no password of a URL or an option."""
    folder.write(
        autodiff=CONFIG,
        models="import os\n"
        "raise ValueError('cannot use postgresql://app:s3c%ret@host/db "
        "mysql://h/d?password=s3cret ' + repr({'password': 's3cret'}))",
    )
    result = folder.run("check", *debug)
    assert result.code == 2
    assert "s3c" not in result.err.replace("raise ValueError('cannot use", "")
    assert "postgresql://app:***@host/db" in result.err
    assert ("Traceback" in result.err) == bool(debug)


@pytest.mark.parametrize("target", [">&-", ">/dev/full"])
@pytest.mark.parametrize(
    "command", ["status", "status --json", "show 1 --sql", "downgrade base --yes", "--help"]
)
def test_a_result_that_cannot_be_written(blog: Folder, command: str, target: str) -> None:
    """There is a message, even with --json, and the changes of the command stay."""
    blog.ok("upgrade")
    result = blog.shell(command, target)
    assert result.code == 2
    assert re.findall("error: .*", result.err) == [
        "error: cannot write the result to stdout: "
        + ("Bad file descriptor" if target == ">&-" else "No space left on device")
    ]
    assert "bug" not in result.err and "Traceback" not in result.err
    names = [name for (name,) in blog.sql("SELECT name FROM sqlite_master")]
    assert ("posts" in names) is (not command.startswith("downgrade"))


def test_an_error_that_cannot_be_written(blog: Folder) -> None:
    """With --json it is printed on stderr if stdout is full; without either, the code remains."""
    result = blog.shell("show nosuch --json", ">/dev/full")
    assert (result.code, result.err.partition("\n")[0]) == (2, "error: unknown migration 'nosuch'")
    assert blog.shell("show nosuch", ">&- 2>&-").code == 2
    assert blog.shell("nosuch", ">/dev/full 2>/dev/full").code == 2


@pytest.mark.parametrize("target", ["<&-", "2>&-", "2>/dev/full", "<&- 2>&-"])
def test_notes_that_cannot_be_written(blog: Folder, target: str) -> None:
    """They end no command, and no question is asked without stdin."""
    blog.ok("upgrade")
    assert blog.shell("check", target).code == 0
    blog.write(models=COMMENTS)
    assert blog.shell("check", target).code == 1
    assert blog.shell("generate -m comments", target).code == 0
    assert blog.shell("upgrade", target).code == 0
    assert blog.shell("check", target).out == "no drift\n"


@pytest.mark.parametrize(
    ("unbuffered", "out", "err"), [("", "", "a line\n"), ("1", "printed\nrest", "a line\nrest")]
)
def test_streams_are_buffered_as_those_of_python(unbuffered: str, out: str, err: str) -> None:
    """A process that is killed has written what it printed if PYTHONUNBUFFERED is set."""
    code = (
        "import os, sys\nfrom autodiff.cli.streams import prepare_streams\nprepare_streams()\n"
        "print('printed')\nsys.stdout.write('rest')\n"
        "print('a line', file=sys.stderr)\nsys.stderr.write('rest')\nos._exit(3)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (3, out, err)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_prints_of_the_models_come_at_once(
    blog: Folder, monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    blog.write(models="import os\nprint('printed')\nos._exit(3)\n")
    result = blog.shell("check", "")
    assert (result.code, result.err) == (3, "printed\n")
