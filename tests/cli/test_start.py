"""Test the command line itself: help, version, options, streams and start-up time."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from autodiff import __version__
from autodiff.cli import app as registered
from tests.cli.project import CONFIG, POSTS, Folder

COMMANDS = (
    "adopt",
    "baseline",
    "check",
    "ci",
    "comment",
    "demo",
    "diff",
    "downgrade",
    "edit",
    "erd",
    "generate",
    "history",
    "init",
    "lint",
    "lock",
    "merge",
    "push",
    "rebase",
    "rehearse",
    "repair",
    "report",
    "show",
    "squash",
    "stamp",
    "status",
    "upgrade",
)
HEAVY = {"sqlalchemy", "jinja2", "deepdiff", "sqlglot", "rich", "pydantic"}


def imported(folder: Folder, *arguments: str) -> set[str]:
    """Return the modules that a command line imports."""
    # Coverage measurement imports additional modules, such as sqlite3:
    environment = folder.environment()
    unmeasured = {name: environment[name] for name in environment if name[:9] != "COVERAGE_"}
    process = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autodiff", *arguments],
        cwd=folder.path,
        env=unmeasured,
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rsplit("|", 1)[1].strip() for line in process.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["generate", "--help"]])
def test_help_imports_no_heavy_library(folder: Folder, arguments: list[str]) -> None:
    assert imported(folder, *arguments) & HEAVY == set()


def test_help_imports_only_the_command_line(folder: Folder) -> None:
    """It imports no single command and nothing about tables or databases."""
    parts = {name for name in imported(folder, "--help") if name.startswith("autodiff.")}
    beyond = {name for name in parts if name.split(".")[1] != "cli"}
    texts = {"autodiff.utils", "autodiff.utils.counting", "autodiff.utils.quoting"}
    assert beyond == {"autodiff.errors", *texts}
    assert not {name for name in parts if name.startswith("autodiff.cli.commands.")}


def test_check_offline_imports_only_what_it_needs(blog_3: Folder) -> None:
    """Without drift, it imports nothing that compares, plans, renders or runs."""
    found = imported(blog_3, "check", "--offline")
    assert found & (HEAVY - {"sqlalchemy"} | {"sqlite3", "psycopg", "pymysql"}) == set()
    parts = {name.split(".")[1] for name in found if name.startswith("autodiff.")}
    known = {"cli", "commands", "config", "dialects", "errors", "migrations", "models"}
    assert parts <= known | {"project", "schema", "utils", "workspace"}
    modules = {name for name in found if name.startswith("autodiff.commands.")}
    assert modules == {"autodiff.commands.check", "autodiff.commands.drift"}


def test_history_needs_no_sqlalchemy(folder: Folder) -> None:
    """It only reads files."""
    folder.write(autodiff=CONFIG, models=POSTS)
    assert imported(folder, "history") & HEAVY == set()


def test_all_commands_are_registered() -> None:
    group = typer.main.get_command(registered.app)
    assert sorted(group.commands) == sorted(COMMANDS)  # type: ignore[attr-defined]


def test_summaries_match_the_help_of_each_command() -> None:
    group = typer.main.get_command(registered.app)
    for summaries in group.sections.values():  # type: ignore[attr-defined]
        for name, summary in summaries.items():
            command = group.commands[name]  # type: ignore[attr-defined]
            assert command.help.splitlines()[0] == summary


def test_help_has_sections(folder: Folder) -> None:
    """Summaries are aligned, and lines have at most 80 characters."""
    lines = folder.ok("--help").out.splitlines()
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == [
        "Options:",
        "Start a project:",
        "Write migrations:",
        "Apply migrations:",
        "Show information:",
        "Work in CI:",
    ]
    assert "  init       Create the configuration and the migrations folder." in lines
    assert "  repair     List problems in the migration history and how to fix them, or" in lines
    assert "             repair the records." in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("columns", "longest"), [("60", 60), ("200", 100)])
def test_help_is_as_wide_as_the_terminal(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, columns: str, longest: int
) -> None:
    """Text is wrapped at the width of the terminal, at most 100; examples are not wrapped."""
    monkeypatch.setenv("COLUMNS", columns)
    text = folder.ok("generate", "--help").out
    assert '  autodiff generate -m "add timestamp" --fill comments.timestamp=now\n' in text
    widths = [len(line) for line in text.splitlines() if "autodiff generate" not in line]
    assert longest - 20 < max(widths) <= longest


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(folder: Folder, command: str) -> None:
    result = folder.ok(command, "--help")
    assert "Examples:" in result.out
    assert f"  autodiff {command}" in result.out
    assert "--json" in result.out
    assert "--debug" in result.out


def test_no_command_prints_the_help(folder: Folder) -> None:
    """The exit code is 2."""
    result = folder.run()
    assert result.code == 2
    for command in COMMANDS:
        assert command in result.out


def test_version(folder: Folder) -> None:
    assert re.fullmatch(r"autodiff \d+\.\d+\.\d+\n", folder.ok("--version").out)


def test_options_before_or_after_the_command(folder: Folder) -> None:
    """They have the same meaning; the one after the command takes precedence."""
    folder.write(models=POSTS, autodiff='models = "models:Base"\n')
    before = folder.ok("--url", "sqlite:///a.db", "--json", "--config", ".", "status")
    after = folder.ok("status", "--url", "sqlite:///a.db", "--json", "--config", "autodiff.toml")
    keys = ("current", "unfinished", "environment")
    lists = ("applied", "pending", "awaiting_deploy", "problems")
    empty_status = {**dict.fromkeys(keys), **{name: [] for name in lists}}
    assert before.data == after.data == empty_status
    assert folder.ok("--url", "nonsense", "status", "--url", "sqlite://").code == 0


def test_the_configuration_may_be_a_file_of_any_name(folder: Folder) -> None:
    folder.write(models=POSTS, autodiff='models = "nowhere"\n')
    (folder.path / "production.toml").write_text(CONFIG)
    assert folder.run("check", "--config", "production.toml").code == 1


def test_database_url_takes_precedence_over_the_configuration(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dollar signs in it are literal; --url takes precedence over both."""
    folder.write(models=POSTS, autodiff='models = "models:Base"\nurl = "postgresql://nowhere/x"\n')
    monkeypatch.setenv("DATABASE_URL", "sqlite:///a$b.db")
    folder.ok("upgrade")
    assert (folder.path / "a$b.db").exists()
    folder.ok("upgrade", "--url", "sqlite:///c.db")
    assert (folder.path / "c.db").exists()


def test_an_unset_variable_in_the_url(folder: Folder) -> None:
    """Only commands that need the database fail."""
    folder.write(models=POSTS, autodiff='models = "models:Base"\nurl = "${BLOG_DATABASE}"\n')
    folder.ok("history")
    assert folder.run("check", "--offline").code == 1
    folder.ok("status", "--url", "sqlite://")
    result = folder.fails("check")
    assert "the url needs the environment variable BLOG_DATABASE" in result.err
    assert "hint: set BLOG_DATABASE, or pass --url" in result.err


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["foo"], "No such command 'foo'", "autodiff --help"),
        (["check", "--ofline"], "--ofline", "autodiff check --help"),
        (["downgrade", "--jsn"], "no such option: --jsn", "autodiff downgrade --help"),
        (["generate"], "Missing option '--message' / '-m'", "autodiff generate --help"),
        (["show"], "Missing argument 'TARGET'", "autodiff show --help"),
        (["check", "--config", "nowhere"], "'nowhere' does not exist", "autodiff check --help"),
        (["generate", "-m", "x", "--format", "xml"], "'xml' is not one of", "autodiff generate"),
    ],
)
def test_a_wrong_command_line(
    folder: Folder, arguments: list[str], message: str, hint: str
) -> None:
    """The message has the reason, the hint the help command; with --json too."""
    result = folder.fails(*arguments)
    assert message in result.err
    assert f"hint: see {hint}" in result.err
    json_result = folder.run(*arguments, "--json")
    assert json_result.code == 2
    assert message in json_result.data["error"]
    assert json_result.err == ""


def test_errors_as_json(folder: Folder) -> None:
    """The error is an object on stdout, and stderr is empty."""
    result = folder.run("check", "--json")
    assert (result.code, result.err) == (2, "")
    assert result.data["kind"] == "ConfigError"
    assert result.data["error"].startswith("no configuration found in ")
    assert "autodiff init" in result.data["hint"]


def test_a_bug_is_one_line(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback of an unexpected exception is printed only with --debug."""
    monkeypatch.setattr("autodiff.project.Project.graph", lambda self: 1 / 0)
    folder.write(autodiff=CONFIG)
    result = folder.run("history")
    assert result.code == 2
    assert result.err.splitlines()[0] == (
        "error: this is a bug in autodiff: ZeroDivisionError: division by zero"
    )
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in folder.run("history", "--debug").err
    assert "Traceback" in folder.run("--debug", "history").err
    monkeypatch.setenv("AUTODIFF_DEBUG", "1")
    assert "Traceback" in folder.run("history").err


def test_output_of_models_goes_to_stderr(folder: Folder) -> None:
    folder.write(autodiff=CONFIG, models=f"print('loading settings')\n{POSTS}")
    result = folder.run("check", "--json")
    assert result.data["models"] == ["+ table posts"]
    assert "loading settings" in result.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports a closed pipe otherwise")
def test_a_closed_pipe(blog_3: Folder) -> None:
    """`autodiff history | head -0` prints no error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "autodiff", "history"],
        cwd=blog_3.path,
        env=blog_3.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(30) == 141


def test_ctrl_c(blog: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 130, and there is no traceback."""

    def interrupt(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autodiff.project.Project.graph", interrupt)
    result = blog.run("history")
    assert result.code == 130
    assert result.err.strip() == "interrupted"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_commands(folder: Folder, shell: str) -> None:
    result = folder.process(
        _AUTODIFF_COMPLETE=f"complete_{shell}",
        _TYPER_COMPLETE_ARGS="autodiff up",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        COMP_WORDS="autodiff up",
        COMP_CWORD="1",
    )
    assert "upgrade" in result.out
    assert "downgrade" not in result.out


def test_completion_of_migrations(blog_3: Folder) -> None:
    result = blog_3.process(
        _AUTODIFF_COMPLETE="complete_bash", COMP_WORDS="autodiff show 000", COMP_CWORD="2"
    )
    assert result.out.split() == ["0001_add_posts", "0002_add_comments", "0003_add_timestamp"]


def test_objects_are_frozen_at_exit(blog_3: Folder) -> None:
    """Frozen objects save the last garbage collection of the interpreter."""
    code = (
        "import atexit, gc; from autodiff.cli import main; "
        "atexit.register(lambda: print(gc.get_freeze_count() > 0)); main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "check", "--offline"],
        cwd=blog_3.path,
        env=blog_3.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "no drift\nTrue\n"


@pytest.mark.parametrize(
    "words",
    [
        "rehearse 000",
        "rehearse 0001:000",
        "squash 0001_:000",
        "merge 000",
        "generate --parent 000",
        "generate --depends-on 000",
    ],
)
def test_completion_of_migrations_in_other_commands(blog_3: Folder, words: str) -> None:
    """The end of a range is completed too."""
    completed = blog_3.process(
        _AUTODIFF_COMPLETE="complete_bash",
        COMP_WORDS=f"autodiff {words}",
        COMP_CWORD=str(len(words.split())),
    )
    assert "0002_" in completed.out


def test_version_as_json(folder: Folder) -> None:
    assert folder.ok("--json", "--version").data == {"version": __version__}
