"""Translate commands of other migration tools to the equivalent autodiff command.

Users of other tools type `makemigrations`, `revision --autogenerate` or `db upgrade`. These are not
aliases: the command fails, and its hint is the autodiff command with the same arguments. To support
another command, add a function to `_TRANSLATIONS`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from argparse import Namespace

__all__ = ["translate"]

_PLACEHOLDER = '"..."'
"""Placeholder for a text that only the user knows: a message, or a URL with a password."""
_SPECIAL_IN_DOUBLE_QUOTES = re.compile(r'["`$\\!]')
_GROUPS = frozenset({"alembic", "db", "flask", "migrations", "schema"})
"""First words of other tools: `flask db upgrade`, `alembic upgrade`, `prisma db push`."""


def translate(arguments: Sequence[str], options: Mapping[str, object]) -> tuple[str, str] | None:
    """Return another tool's command and the autodiff command line that does the same.

    Return None if the first of `arguments` is not a known command. `options` are autodiff's
    options before the command. Arguments that autodiff supports are carried over and quoted for a
    shell; all others are left out.
    """
    words = [*arguments[0].split(":"), *arguments[1:]]
    place = 0
    while place < len(words) - 1 and words[place] in _GROUPS:
        place += 1
    command, rest = words[place], words[place + 1 :]
    typed = arguments[0] if ":" in arguments[0] else " ".join(words[: place + 1])
    more = _project_options(options)
    if command in _TRANSLATIONS:
        own = _parse(rest)
        more += _project_options(vars(own))
        return typed, _TRANSLATIONS[command](own) + more
    return (typed, _line(command, *rest) + more) if command in _OWN_COMMANDS else None


def _project_options(options: Mapping[str, object]) -> str:
    """Return --env, --config and --url as they were passed, without a password."""
    words = ""
    for name in ("env", "config", "url"):
        if value := options.get(name):
            secret = name == "url" and urlsplit(str(value)).password is not None
            words += f" --{name} {_PLACEHOLDER if secret else _quoted(str(value))}"
    return words


def _parse(arguments: Sequence[str]) -> Namespace:
    """Parse the options that autodiff supports; ignore the others and never fail."""
    import argparse

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in ("autogenerate", "check", "dry-run", "empty", "fake", "merge", "plan", "sql"):
        parser.add_argument(f"--{flag}", action="store_true")
    parser.add_argument("-m", "--message", "-n", "--name")
    parser.add_argument("--head", "--parent", dest="parent")
    parser.add_argument("--branch-label", "--label", dest="label")
    parser.add_argument("--depends-on")
    parser.add_argument("--step", "--steps", dest="steps")
    parser.add_argument("--applied")
    for option in ("--env", "--config", "--url"):
        parser.add_argument(option)
    try:
        options, rest = parser.parse_known_args(list(arguments))
    except (argparse.ArgumentError, argparse.ArgumentTypeError):
        options, rest = parser.parse_args([]), list(arguments)
    options.words = [word for word in rest if not word.startswith("-") or word[1:].isdigit()]
    return options


def _quoted(word: str) -> str:
    """Quote a word, if possible with double quotes, which work in every shell."""
    if word == shlex.quote(word):
        return word
    return shlex.quote(word) if _SPECIAL_IN_DOUBLE_QUOTES.search(word) else f'"{word}"'


def _line(*words: str) -> str:
    return " ".join(["autodiff", *map(_quoted, words)])


def _with_message(command: str, message: str | None, *more: str) -> str:
    """Return a command with a message, which is always quoted."""
    if message and not _SPECIAL_IN_DOUBLE_QUOTES.search(message):
        text = f'"{message}"'
    else:
        text = shlex.quote(message) if message else _PLACEHOLDER
    return " ".join([_line(*command.split(" ")), "-m", text, *map(_quoted, more)])


def _generate(options: Namespace) -> str:
    """Translate makemigrations, revision --autogenerate and `migrate -m`."""
    if options.merge:
        return _line("merge")
    if options.check:
        return _line("check")
    more = [
        word
        for option, value in (
            ("--parent", options.parent),
            ("--label", options.label),
            ("--depends-on", options.depends_on),
        )
        if value
        for word in (option, value)
    ]
    flags = [
        f for f, wanted in (("--empty", options.empty), ("--dry-run", options.dry_run)) if wanted
    ]
    return _with_message("generate", options.message, *more, *flags)


def _revision(options: Namespace) -> str:
    """Translate Alembic's revision, which writes an empty file without --autogenerate."""
    options.empty = not options.autogenerate
    return _generate(options)


def _new_file(options: Namespace) -> str:
    """Translate `new NAME` and `create NAME`, which write an empty file."""
    options.empty = True
    options.message = options.message or (" ".join(options.words) or None)
    return _generate(options)


def _make(options: Namespace) -> str:
    """Translate Laravel's and Doctrine's `make:migration NAME`."""
    options.words = [word for word in options.words if word != "migration"]
    return _new_file(options)


def _migrate(options: Namespace) -> str:
    """Translate migrate: it applies in Django, writes in Flask and has subcommands in Prisma."""
    verb = options.words[0] if options.words else ""
    if verb in _MIGRATE_VERBS:
        options.words = options.words[1:]
        return _MIGRATE_VERBS[verb](options)
    return _generate(options) if options.message else _apply(options)


def _target(options: Namespace) -> list[str]:
    """Return the last migration that is named: Django's arguments start with an app label."""
    words = options.words
    if len(words) > 1 or (words and (words[0][:1].isdigit() or words[0] in _ALEMBIC_TARGETS)):
        return [words[-1]]
    return []


def _apply(options: Namespace) -> str:
    """Translate commands that apply migrations."""
    target = _target(options)
    if target == ["zero"]:
        return _line("downgrade", "base")
    if options.fake or options.applied:
        return _line("stamp", *([options.applied] if options.applied else target))
    flags = ["--dry-run"] if options.plan or options.dry_run else ["--sql"] if options.sql else []
    return _line("upgrade", *target, *flags)


def _revert(options: Namespace) -> str:
    """Translate commands that revert migrations: one, a number of them, or down to a target."""
    steps = options.steps or (options.words[0] if options.words else "1")
    steps = steps.removeprefix("STEP=")
    return _line("downgrade", f"-{steps}" if steps.isdigit() and len(steps) < 4 else steps)


def _reset(options: Namespace) -> str:
    """Translate commands that empty the database and apply everything again."""
    return f"{_line('downgrade', 'base')} && {_line('upgrade')}"


def _sql(options: Namespace) -> str:
    """Translate Django's sqlmigrate."""
    return _line("show", *(_target(options) or options.words[-1:] or ["head"]), "--sql")


def _squash(options: Namespace) -> str:
    """Translate Django's squashmigrations APP [FIRST] LAST."""
    numbers = options.words[1:] if len(options.words) > 1 else options.words
    first, last = (numbers[0], numbers[-1]) if len(numbers) > 1 else ("", "".join(numbers))
    return _with_message(f"squash {first}:{last}", options.message)


def _push(options: Namespace) -> str:
    """Translate commands that update a development database to the models directly."""
    return f"{_with_message('generate', options.message)} && {_line('upgrade')}"


def _plain(*words: str) -> Callable[[Namespace], str]:
    return lambda options: _line(*words)


_ALEMBIC_TARGETS = frozenset({"head", "heads", "base"})
_OWN_COMMANDS = frozenset(
    {
        *("adopt", "baseline", "check", "ci", "comment", "demo", "diff", "downgrade", "edit"),
        *("erd", "generate", "history", "init", "lint", "lock", "merge", "push", "rebase"),
        *("rehearse", "repair", "report", "show", "squash", "stamp", "status", "upgrade"),
    }
)
"""Commands with the same name in autodiff: after `db` or `alembic` only that word is removed."""
_MIGRATE_VERBS: dict[str, Callable[[Namespace], str]] = {
    # Prisma
    "dev": _push,
    "deploy": _apply,
    "resolve": _apply,
    "reset": _reset,
    # Atlas
    "apply": _apply,
    "diff": lambda options: _with_message("generate", " ".join(options.words) or None),
    "down": _plain("downgrade"),
    "hash": _plain("lock"),
    "lint": _plain("check"),
    "new": _new_file,
    "rebase": _plain("rebase"),
    # Prisma, Atlas and Rails
    "status": _plain("status"),
    "rollback": _revert,
}
_TRANSLATIONS: dict[str, Callable[[Namespace], str]] = {
    # Alembic and Flask-Migrate
    "branches": _plain("history"),
    "current": _plain("status"),
    "heads": _plain("history"),
    "revision": _revision,
    # Django
    "makemigrations": _generate,
    "migrate": _migrate,
    "showmigrations": _plain("status"),
    "sqlmigrate": _sql,
    "squashmigrations": _squash,
    "optimizemigration": _plain("squash", ":head", "-m", "squash"),
    # Rails, Laravel, Knex, goose, dbmate, Flyway, Liquibase
    "apply": _apply,
    "autogenerate": _generate,
    "create": _new_file,
    "down": _revert,
    "info": _plain("status"),
    "list": _plain("history"),
    "log": _plain("history", "--log"),
    "make": _make,
    "makemigration": _generate,
    "new": _new_file,
    "redo": lambda options: f"{_line('downgrade', '-1')} && {_line('upgrade')}",
    "reset": _reset,
    "revert": _revert,
    "rollback": _revert,
    "undo": _revert,
    "up": _apply,
    "update": _apply,
    "validate": _plain("check"),
    "verify": _plain("check"),
}
