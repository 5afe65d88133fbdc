"""Complete values at the command line of a shell: migrations, environments, rules, git revisions.

Completing reads files only: it connects to no database, and imports no models. If the project is
broken, nothing is completed, because an error would garble the command line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from autodiff.project import Project

__all__ = [
    "complete_environment",
    "complete_git_ref",
    "complete_location",
    "complete_range",
    "complete_rule",
    "complete_side",
    "complete_target",
    "with_bash_words",
]

_BREAKS = frozenset(":=@")
"""Characters at which bash splits a word, by COMP_WORDBREAKS: `0002:head` becomes three words."""


def complete_environment(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the configured environments."""
    from autodiff.config import environment_names

    try:
        return _starting(environment_names(_config(ctx)), incomplete)
    except Exception:
        return []


def complete_target(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of migrations, and of the heads of branches."""
    try:
        graph = _project(ctx).graph()
    except Exception:
        return []
    names = [migration.name for migration in graph.migrations.values()]
    branches = [f"{label}@head" for label in graph.branches]
    return _starting(["head", "heads", "base", *branches, *names], incomplete)


def complete_range(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of migrations, and the ends of a range such as 0002:."""
    first, colon, last = incomplete.rpartition(":")
    return [f"{first}{colon}{name}" for name in complete_target(ctx, last)]


def complete_side(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the sides of a comparison."""
    return [*_starting(["models", "database"], incomplete), *complete_target(ctx, incomplete)]


def complete_rule(incomplete: str) -> list[tuple[str, str]]:
    """Return the codes of the rules of lint, with their names."""
    from autodiff.lint import load_rules

    try:
        rules = load_rules()
    except Exception:
        return []
    return [(code, rule.name) for code, rule in rules.items() if code.startswith(incomplete)]


def complete_git_ref(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the branches and tags of git."""
    from autodiff.utils.git import ref_names

    try:
        return _starting(ref_names(_config(ctx).absolute()), incomplete)
    except Exception:
        return []


def complete_location(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the migrations folders, as the configuration names them."""
    try:
        project = _project(ctx)
        root = project.config.root
        folders = [os.path.relpath(folder, root) for folder in project.folders]
    except Exception:
        return []
    return _starting(folders, incomplete)


def _starting(names: Iterable[str], prefix: str) -> list[str]:
    return [name for name in names if name.startswith(prefix)]


def _project(ctx: typer.Context) -> Project:
    """Return the project that --config and --env on the command line select."""
    from autodiff.project import Project

    return Project.load(_config(ctx), env=_option(ctx, "env"))


def _config(ctx: typer.Context) -> Path:
    return Path(_option(ctx, "config") or ".")


def _option(ctx: typer.Context, name: str) -> str | None:
    """Return an option that was passed before the name of the command or after it."""
    context: typer.Context | None = ctx
    while context is not None:
        if value := context.params.get(name):
            return str(value)
        context = context.parent  # type: ignore[assignment]
    return None


@contextmanager
def with_bash_words(commands: Collection[str]) -> Iterator[None]:
    """Undo in the block what bash does to words with a colon, if this is a completion for bash.

    bash passes `0002:he` as three words, and replaces only the last one by a completion. It passes
    `lint :0002` in the same way, so no word is joined with the name of a command.
    """
    words = os.environ.get("COMP_WORDS", "").split("\n")
    if os.environ.get("_AUTODIFF_COMPLETE") != "complete_bash" or len(words) < 2:
        yield
        return
    current = int(os.environ.get("COMP_CWORD") or len(words) - 1)
    joined, prefix = _joined(words[: current + 1], commands)
    os.environ["COMP_WORDS"] = "\n".join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)
    output = StringIO()
    try:
        with redirect_stdout(output):
            yield
    finally:
        for line in output.getvalue().splitlines():
            sys.stdout.write(f"{line.removeprefix(prefix)}\n")
        sys.stdout.flush()


def _joined(words: Sequence[str], commands: Collection[str]) -> tuple[list[str], str]:
    """Return the words as they were typed, and the part of the last one that bash keeps.

    bash keeps what comes before an at sign, and replaces the sign. An empty word after a colon
    is one after a space.
    """
    joined: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        is_command = len(joined) < 2 or joined[-1] in commands
        if (_is_break(word) and not is_command) or (_is_break(before) and word):
            joined[-1] += word
        else:
            joined.append(word)
    typed = joined[-1]
    place = max((typed.rfind(character) for character in _BREAKS), default=-1)
    return joined, typed[: place if typed[place:].startswith("@") else place + 1]


def _is_break(word: str) -> bool:
    return bool(word) and _BREAKS.issuperset(word)
