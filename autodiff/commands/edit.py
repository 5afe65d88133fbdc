"""Open a migration in an editor, and update the lock file if it is still valid."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.lock import relock
from autodiff.errors import ConfigError, DatabaseError, HistoryError
from autodiff.migrations import Graph, Migration

if TYPE_CHECKING:
    from autodiff.workspace import Workspace

__all__ = ["Edited", "edit_migration", "editor_command", "run_editor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A migration that was opened, and whether its text has changed.

    lock: the lock file that was written; None if nothing was changed.
    """

    migration: Migration
    lock: Path | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the text of the migration has changed."""
        return self.lock is not None


def edit_migration(
    project: Workspace, target: str | None, open_editor: Callable[[Sequence[Path]], None]
) -> Edited:
    """Open a migration, by default the newest one, and update the lock file after a change.

    The migrations are run on a scratch database before the lock file is written. What was edited
    stays in the file, even if it is not valid.

    Raises HistoryError if the database has the migration, MigrationFileError if the file is no
    longer a migration, MigrationFailedError if the migrations cannot be run.
    """
    graph = project.graph()
    migration = _chosen(graph, target)
    _refuse_applied(project, graph, migration)
    paths = [migration.path, *([migration.down_path] if migration.is_sql else [])]
    before = _contents(paths)
    open_editor(paths)
    if _contents(paths) == before:
        return Edited(migration=migration)
    edited = project.graph()
    found = next((m for m in edited.migrations.values() if m.path == migration.path), None)
    if found is None:
        raise HistoryError(
            f"{migration.path.name} is no longer in the migrations folder",
            hint="restore it, or run autodiff lock to write the lock file without it",
        )
    lock = relock(project, accept_failure=False)
    return Edited(migration=found, lock=lock)


def editor_command(variables: Mapping[str, str] = os.environ) -> list[str]:
    """Return the command of $VISUAL or $EDITOR.

    Raises ConfigError if neither is set.
    """
    text = variables.get("VISUAL") or variables.get("EDITOR")
    try:
        command = shlex.split(text or "", posix=os.name != "nt")
    except ValueError as error:
        raise ConfigError(
            f"cannot parse the command of the editor {text!r}: {error}",
            hint='set the variable EDITOR, such as EDITOR="code --wait"',
        ) from error
    if not command:
        raise ConfigError(
            "no editor is configured: neither VISUAL nor EDITOR is set",
            hint="set the variable EDITOR, such as EDITOR=vim",
        )
    return command


def run_editor(paths: Sequence[Path], variables: Mapping[str, str] = os.environ) -> None:
    """Open files in the editor of the user, and wait until it ends.

    Raises ConfigError if the editor cannot be started or fails.
    """
    command = editor_command(variables)
    try:
        code = subprocess.run([*command, *map(str, paths)], check=False).returncode
    except OSError as error:
        raise ConfigError(
            f"cannot start the editor {command[0]!r}: {error.strerror}",
            hint="set the variable EDITOR to an editor that is installed, such as EDITOR=vim",
        ) from error
    if code:
        raise ConfigError(
            f"the editor {command[0]!r} ended with exit code {code}",
            hint="run the same command again; if the file was changed, run autodiff lock",
        )


def _chosen(graph: Graph, target: str | None) -> Migration:
    if not len(graph):
        raise HistoryError(
            "there is no migration to edit", hint='write one: autodiff generate -m "..."'
        )
    if target is not None:
        return graph.find(target)
    if len(graph.heads) > 1:
        raise graph.several_heads_error(graph.heads, "name the migration: autodiff edit NAME")
    return graph[graph.heads[0]]


def _refuse_applied(project: Workspace, graph: Graph, migration: Migration) -> None:
    """Raise HistoryError if the database has the migration; without a database nothing is known."""
    if not project.has_database:
        return
    try:
        with project.connect() as connection:
            applied = project.runner(connection, graph).applied()
    except DatabaseError:
        return
    if migration.revision in applied:
        raise HistoryError(
            f"cannot edit {migration.path.name}: it is applied to the database",
            hint="revert it first: autodiff downgrade; or write another migration: "
            'autodiff generate -m "..."',
        )


def _contents(paths: Sequence[Path]) -> list[bytes | None]:
    return [path.read_bytes() if path.is_file() else None for path in paths]
