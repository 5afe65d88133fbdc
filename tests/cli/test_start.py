"""The command line itself: help, version, options, streams, and a quick start."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import typer

from autodiff.cli import app as registered
from tests.cli.project import CONFIG, POSTS, Folder

COMMANDS = (
    "adopt",
    "check",
    "demo",
    "diff",
    "downgrade",
    "generate",
    "history",
    "init",
    "lock",
    "merge",
    "rebase",
    "rehearse",
    "repair",
    "show",
    "squash",
    "stamp",
    "status",
    "upgrade",
)
HEAVY = {"sqlalchemy", "jinja2", "deepdiff", "sqlglot", "rich", "pydantic"}


def imported(folder: Folder, *arguments: str) -> set[str]:
    """The modules that a command line imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "autodiff", *arguments],
        cwd=folder.path,
        env=folder.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["generate", "--help"]])
def test_help_starts_quickly(folder: Folder, arguments: list[str]) -> None:
    """No help loads SQLAlchemy, Jinja, DeepDiff, sqlglot, rich or pydantic."""
    assert imported(folder, *arguments) & HEAVY == set()


def test_help_needs_no_schema(folder: Folder) -> None:
    """Help loads the command line, no command, and nothing that knows tables or databases."""
    parts = {name for name in imported(folder, "--help") if name.startswith("autodiff.")}
    beyond = {name.split(".")[1] for name in parts} - {"cli"}
    assert beyond == {"errors"}
    assert not {name for name in parts if name.startswith("autodiff.cli.commands.")}


def test_check_offline_loads_what_it_needs(blog_3: Folder) -> None:
    """Where nothing differs, nothing is loaded that compares, plans, writes or runs."""
    found = imported(blog_3, "check", "--offline")
    assert found & (HEAVY - {"sqlalchemy"} | {"sqlite3", "psycopg", "pymysql"}) == set()
    parts = {name.split(".")[1] for name in found if name.startswith("autodiff.")}
    known = {"cli", "commands", "config", "dialects", "errors", "migrations", "models"}
    assert parts <= known | {"project", "schema", "utils", "workspace"}
    modules = {name for name in found if name.startswith("autodiff.commands.")}
    assert modules == {"autodiff.commands.check", "autodiff.commands.drift"}


def test_history_needs_no_sqlalchemy(folder: Folder) -> None:
    """What only reads files stays light."""
    folder.write(autodiff=CONFIG, models=POSTS)
    assert imported(folder, "history") & HEAVY == set()


def test_each_command_is_registered_once() -> None:
    """The commands are those that the documentation names."""
    group = typer.main.get_command(registered.app)
    assert sorted(group.commands) == sorted(COMMANDS)  # type: ignore[attr-defined]


def test_summaries_are_those_of_the_commands() -> None:
    """The help of all says of each command what its own help begins with."""
    group = typer.main.get_command(registered.app)
    for summaries in group.sections.values():  # type: ignore[attr-defined]
        for name, summary in summaries.items():
            command = group.commands[name]  # type: ignore[attr-defined]
            assert command.help.splitlines()[0] == summary


def test_help_has_sections(folder: Folder) -> None:
    """Commands stand in sections, their summaries under each other; no line is cut or too long."""
    lines = folder.ok("--help").out.splitlines()
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == [
        "Options:",
        "Start a project:",
        "Write migrations:",
        "Apply migrations:",
        "Show information:",
    ]
    assert "  init       Create the configuration and the migrations folder." in lines
    assert "  repair     List problems in the migration history and how to fix them, or" in lines
    assert "             repair the records." in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(("columns", "longest"), [("60", 60), ("200", 100)])
def test_help_is_as_wide_as_the_terminal(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, columns: str, longest: int
) -> None:
    """Text is wrapped at the terminal's width, or where lines get long to read; examples never."""
    monkeypatch.setenv("COLUMNS", columns)
    text = folder.ok("generate", "--help").out
    assert '  autodiff generate -m "add timestamp" --fill comments.timestamp=now\n' in text
    widths = [len(line) for line in text.splitlines() if "autodiff generate" not in line]
    assert longest - 20 < max(widths) <= longest


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(folder: Folder, command: str) -> None:
    """The help of each command shows how it is typed."""
    result = folder.ok(command, "--help")
    assert "Examples:" in result.out
    assert f"  autodiff {command}" in result.out
    assert "--json" in result.out
    assert "--debug" in result.out


def test_no_command_prints_the_help(folder: Folder) -> None:
    """`autodiff` alone says what there is, and ends as what could not run."""
    result = folder.run()
    assert result.code == 2
    for command in COMMANDS:
        assert command in result.out


def test_version(folder: Folder) -> None:
    """--version prints one line."""
    assert re.fullmatch(r"autodiff \d+\.\d+\.\d+\n", folder.ok("--version").out)


def test_options_stand_before_or_after_the_command(folder: Folder) -> None:
    """--url, --config and --json mean the same in both places; the nearer one wins."""
    folder.write(models=POSTS, autodiff='models = "models:Base"\n')
    before = folder.ok("--url", "sqlite:///a.db", "--json", "--config", ".", "status")
    after = folder.ok("status", "--url", "sqlite:///a.db", "--json", "--config", "autodiff.toml")
    keys = ("current", "unfinished", "environment")
    nothing = {**dict.fromkeys(keys), "applied": [], "pending": [], "problems": []}
    assert before.data == after.data == nothing
    assert folder.ok("--url", "nonsense", "status", "--url", "sqlite://").code == 0


def test_the_configuration_may_be_a_file_of_any_name(folder: Folder) -> None:
    """--config names another file than the one that would be found."""
    folder.write(models=POSTS, autodiff='models = "nowhere"\n')
    (folder.path / "production.toml").write_text(CONFIG)
    assert folder.run("check", "--config", "production.toml").code == 1


def test_database_url_comes_before_the_configuration(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DATABASE_URL replaces the configured url, dollar signs in it and all; --url replaces both."""
    folder.write(models=POSTS, autodiff='models = "models:Base"\nurl = "postgresql://nowhere/x"\n')
    monkeypatch.setenv("DATABASE_URL", "sqlite:///a$b.db")
    folder.ok("upgrade")
    assert (folder.path / "a$b.db").exists()
    folder.ok("upgrade", "--url", "sqlite:///c.db")
    assert (folder.path / "c.db").exists()


def test_a_url_with_a_variable_that_is_not_set(folder: Folder) -> None:
    """Only what needs the database asks for the variable."""
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
    """What is wrong, and where the help is; as JSON too."""
    result = folder.fails(*arguments)
    assert message in result.err
    assert f"hint: see {hint}" in result.err
    as_json = folder.run(*arguments, "--json")
    assert as_json.code == 2
    assert message in as_json.data["error"]
    assert as_json.err == ""


def test_errors_as_json(folder: Folder) -> None:
    """With --json an error is an object on stdout, and stderr is empty."""
    result = folder.run("check", "--json")
    assert (result.code, result.err) == (2, "")
    assert result.data["kind"] == "ConfigError"
    assert result.data["error"].startswith("no configuration found in ")
    assert "autodiff init" in result.data["hint"]


def test_a_bug_is_one_line(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody expected has no traceback, unless it is asked for."""
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


def test_what_models_print_is_no_result(folder: Folder) -> None:
    """Models may print; stdout holds the result alone."""
    folder.write(autodiff=CONFIG, models=f"print('loading settings')\n{POSTS}")
    result = folder.run("check", "--json")
    assert result.data["models"] == ["+ table posts"]
    assert "loading settings" in result.err


def test_a_pipe_that_closes(blog_3: Folder) -> None:
    """`autodiff show ... | head -0` ends quietly."""
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
    """An interrupted command ends with 130 and no traceback."""

    def interrupt(self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autodiff.project.Project.graph", interrupt)
    result = blog.run("history")
    assert result.code == 130
    assert result.err.strip() == "interrupted"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(folder: Folder, shell: str) -> None:
    """A shell can complete the names of commands."""
    asked = folder.process(
        _AUTODIFF_COMPLETE=f"complete_{shell}",
        _TYPER_COMPLETE_ARGS="autodiff up",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        COMP_WORDS="autodiff up",
        COMP_CWORD="1",
    )
    assert "upgrade" in asked.out
    assert "downgrade" not in asked.out


def test_completion_of_migrations(blog_3: Folder) -> None:
    """A shell can complete the names of migrations."""
    asked = blog_3.process(
        _AUTODIFF_COMPLETE="complete_bash", COMP_WORDS="autodiff show 000", COMP_CWORD="2"
    )
    assert asked.out.split() == ["0001_add_posts", "0002_add_comments", "0003_add_timestamp"]


def test_the_end_is_quick(blog_3: Folder) -> None:
    """Where the process ends, Python looks for no cycles in what is left."""
    code = (
        "import atexit, gc; from autodiff.cli import main; "
        "atexit.register(lambda: print(gc.get_freeze_count() > 0)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "--offline"],
        cwd=blog_3.path,
        env=blog_3.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "no drift\nTrue\n"
