"""Commands of Alembic, Django and others end with the autodiff command that does the same."""

from __future__ import annotations

import shlex

import pytest

from autodiff.cli.app import app
from autodiff.cli.other_tools import _OWN_COMMANDS
from tests.cli.project import CONFIG, POSTS, Folder

TRANSLATIONS = [
    # Django
    ("makemigrations", 'generate -m "..."'),
    ("makemigrations blog -n add_users", 'generate -m "add_users"'),
    ("makemigrations --empty blog --name 'fill slugs'", 'generate -m "fill slugs" --empty'),
    ("makemigrations --dry-run", 'generate -m "..." --dry-run'),
    ("makemigrations --check", "check"),
    ("makemigrations --merge", "merge"),
    ("migrate", "upgrade"),
    ("migrate blog", "upgrade"),
    ("migrate blog 0003", "upgrade 0003"),
    ("migrate blog zero", "downgrade base"),
    ("migrate blog 0003 --fake", "stamp 0003"),
    ("migrate --plan", "upgrade --dry-run"),
    ("showmigrations", "status"),
    ("sqlmigrate blog 0003", "show 0003 --sql"),
    ("squashmigrations blog 0004", 'squash :0004 -m "..."'),
    ("squashmigrations blog 0002 0004", 'squash 0002:0004 -m "..."'),
    # Alembic
    ("revision -m 'add users' --autogenerate", 'generate -m "add users"'),
    ("revision --autogenerate --message=x --head abc", 'generate -m "x" --parent abc'),
    ("revision -m x --branch-label billing", 'generate -m "x" --label billing --empty'),
    ("revision -m x --depends-on abc", 'generate -m "x" --depends-on abc --empty'),
    ("revision", 'generate -m "..." --empty'),
    ("revision -m", 'generate -m "..." --empty'),
    ("current --verbose", "status"),
    ("heads", "history"),
    ("branches", "history"),
    ("alembic upgrade head", "upgrade head"),
    # Flask-Migrate
    ("db upgrade", "upgrade"),
    ("db upgrade +1", "upgrade +1"),
    ("db downgrade -1", "downgrade -1"),
    ("db migrate -m 'it works'", 'generate -m "it works"'),
    ("db revision --autogenerate", 'generate -m "..."'),
    ("db current", "status"),
    ("flask db stamp head", "stamp head"),
    # Prisma, Atlas, Rails, Laravel and others
    ("migrate dev --name init", 'generate -m "init" && autodiff upgrade'),
    ("migrate deploy", "upgrade"),
    ("migrate status", "status"),
    ("migrate resolve --applied 0003", "stamp 0003"),
    ("migrate reset", "downgrade base && autodiff upgrade"),
    ("migrate diff add_users", 'generate -m "add_users"'),
    ("db push", "push"),
    ("db:migrate", "upgrade"),
    ("db:rollback STEP=2", "downgrade -2"),
    ("make:migration create_users", 'generate -m "create_users" --empty'),
    ("migrate:rollback --step=3", "downgrade -3"),
    ("up", "upgrade"),
    ("down", "downgrade -1"),
    ("rollback 20250101", "downgrade 20250101"),
    ("new add users", 'generate -m "add users" --empty'),
]


@pytest.mark.parametrize(("typed", "command"), TRANSLATIONS)
def test_the_hint_is_the_command(folder: Folder, typed: str, command: str) -> None:
    """Nothing runs; the message names what was typed, and the hint is a command to paste."""
    folder.write(autodiff=CONFIG, models=POSTS)
    result = folder.fails(*shlex.split(typed))
    message, hint = result.err.splitlines()
    assert message.startswith(f"error: autodiff has no '{typed.split()[0]}")
    assert hint == f"hint: use: autodiff {command}"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("db upgrade head", "db upgrade"),
        ("flask db migrate", "flask db migrate"),
        ("heads", "heads"),
    ],
)
def test_the_message_names_the_command(folder: Folder, typed: str, name: str) -> None:
    """A group such as `db` is named with its command, and without the arguments."""
    assert folder.fails(*shlex.split(typed)).err.startswith(f"error: autodiff has no '{name}'\n")


def test_options_of_autodiff_are_carried_over(folder: Folder) -> None:
    """--env, --config and --url are kept, before or after the command; a password is not."""
    line = "hint: use: autodiff upgrade --env staging --url sqlite:///a.db\n"
    assert folder.fails("--env", "staging", "migrate", "--url", "sqlite:///a.db").err.endswith(line)
    failed = folder.fails("--url", "postgresql://ada:secret@localhost/app", "migrate")
    assert failed.err.endswith('hint: use: autodiff upgrade --url "..."\n')


@pytest.mark.parametrize(
    "message", ['say "hi"', "it costs $5", "back`tick`", "wow!", "it's", "a\\b"]
)
def test_messages_are_quoted_for_a_shell(folder: Folder, message: str) -> None:
    """A shell reads the hint's command as the arguments that were typed."""
    hint = folder.fails("revision", "--autogenerate", "-m", message).err.splitlines()[-1]
    assert shlex.split(hint.removeprefix("hint: use: ")) == ["autodiff", "generate", "-m", message]


def test_json(folder: Folder) -> None:
    """With --json the failure is data, as any other is."""
    result = folder.run("--json", "makemigrations")
    assert result.code == 2
    assert result.data == {
        "error": "autodiff has no 'makemigrations'",
        "hint": 'use: autodiff generate -m "..."',
        "kind": "UsageError",
    }


@pytest.mark.parametrize("typed", ["foo", "generat", "db", "db foo", ":", "db:"])
def test_unknown_commands_stay_unknown(folder: Folder, typed: str) -> None:
    """What no tool has ends as before: with a look at the help."""
    assert folder.fails(*typed.split()).err.endswith("hint: see autodiff --help\n")


def test_own_commands_are_those_of_the_app() -> None:
    """The list of commands that keep their name is complete."""
    import typer

    assert frozenset(typer.main.get_command(app).commands) == _OWN_COMMANDS  # type: ignore[attr-defined]
