"""Find the newest migration, to write it anew from what was there before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autodiff.commands.new_revision import GraphPosition, revision_of
from autodiff.errors import ConfigError, HistoryError
from autodiff.migrations import Graph, LockFile, Migration
from autodiff.migrations.rewrite import renumbered, text_with_parents

if TYPE_CHECKING:
    import sqlalchemy as sa

    from autodiff.workspace import Workspace

__all__ = ["Amended", "find_amended", "refuse_applied", "refuse_options"]

_NOTE = "Not rehearsed, because "
_MOVE_LIMIT = 200
"""How far a rebase may have moved a migration, in parents and in numbers.

Each pair of a parent and a number is hashed, which takes less than a second for 200 of both.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amended:
    """The migration to write anew, and the graph without it."""

    migration: Migration
    graph: Graph
    position: GraphPosition

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of the migration."""
        own = self.migration
        return (own.path, own.down_path) if own.is_sql else (own.path,)


def find_amended(graph: Graph, lock: LockFile | None, *, discard_edits: bool) -> Amended:
    """Return the migration at the head.

    discard_edits: whether manual edits of its file may be lost.

    Raises SeveralHeadsError if there are several heads, HistoryError if there is no migration, if
    others depend on it, or if its file was edited.
    """
    if not len(graph):
        raise HistoryError(
            "there is no migration to amend", hint='write one: autodiff generate -m "..."'
        )
    if len(graph.heads) > 1:
        raise graph.several_heads_error(graph.heads, "then amend the one that is left")
    migration = graph[graph.heads[0]]
    name = migration.path.name
    dependents = [
        graph[revision].path.name
        for revision, needed in graph.dependencies.items()
        if migration.revision in needed
    ]
    if dependents:
        raise HistoryError(
            f"cannot amend {name}: {', '.join(dependents)} depends on it",
            hint='write another migration: autodiff generate -m "..."',
        )
    if migration.phase is not None:
        raise HistoryError(
            f"cannot amend {name}: it is one of several phases",
            hint="delete the files of all its phases and generate them again",
        )
    if migration.replaces:
        raise HistoryError(
            f"cannot amend {name}: it replaces other migrations",
            hint='write another migration: autodiff generate -m "..."',
        )
    if not discard_edits and _is_edited(migration, graph, lock):
        raise HistoryError(
            f"cannot amend {name}: the file was edited after it was generated",
            hint="pass --discard-edits to lose the edits, or write another migration: "
            'autodiff generate -m "..."',
        )
    others = [item for item in graph.migrations.values() if item is not migration]
    position = GraphPosition(
        parents=migration.parents,
        labels=migration.labels,
        depends_on=migration.depends_on,
        number=migration.number,
        folder=migration.path.parent,
    )
    return Amended(migration=migration, graph=Graph.of(others), position=position)


def refuse_applied(project: Workspace, amended: Amended, connection: sa.Connection) -> None:
    """Raise HistoryError if the database has the migration, or a part of it."""
    runner = project.runner(connection, amended.graph)
    migration, entry = amended.migration, runner.unfinished()
    is_begun = entry is not None and entry.revision == migration.revision
    if migration.revision in runner.applied() or is_begun:
        state = "a part of it is applied" if is_begun else "it is applied"
        raise HistoryError(
            f"cannot amend {migration.path.name}: {state} to the database",
            hint="revert it first: autodiff downgrade -1; or write another migration: "
            'autodiff generate -m "..."',
        )


def refuse_options(*, parent: str | None, source: str, empty: bool) -> None:
    """Raise ConfigError for options that determine another base than that of the migration."""
    named = [
        option
        for option, is_set in (
            ("--parent", parent is not None),
            ("--from history", source == "history"),
            ("--empty", empty),
        )
        if is_set
    ]
    if named:
        raise ConfigError(
            f"--amend cannot be combined with {named[0]}: it keeps the base of the migration",
            hint=f"remove {named[0]}",
        )


def _is_edited(migration: Migration, graph: Graph, lock: LockFile | None) -> bool:
    """Return whether the file differs from what was generated.

    The lock file has its checksum. The revision of a Python file is a hash of what was generated,
    which also shows edits that the lock file includes.
    """
    known = lock.checksums.get(migration.revision) if lock is not None else None
    if known is not None and known != migration.checksum:
        return True
    if migration.is_sql:
        return False
    return not any(
        revision_of(parents, name, text) == migration.revision
        for parents, texts in _generated_texts(migration, graph)
        for text in texts
        for name in _earlier_names(migration)
    )


def _generated_texts(
    migration: Migration, graph: Graph
) -> Iterator[tuple[tuple[str, ...], set[str]]]:
    """Yield parents that the migration may have been generated with, and its texts with them.

    `rebase` gives a migration other parents. Those from before are still among its ancestors.
    """
    yield migration.parents, _unhashed_texts(migration, migration.text)
    ancestors = graph.lineage([migration.revision]) - {migration.revision, *migration.parents}
    nearest = [each.revision for each in graph.in_order(ancestors)][: -_MOVE_LIMIT - 1 : -1]
    for parents in (*((revision,) for revision in nearest), ()):
        text = text_with_parents(migration, parents)
        yield parents, _unhashed_texts(migration, text)


def _earlier_names(migration: Migration) -> Iterator[str]:
    """Yield the name of the migration, then the names with lower numbers: `rebase` raises them."""
    yield migration.name
    if migration.number is not None:
        lowest = max(migration.number - _MOVE_LIMIT, 0)
        for number in range(migration.number - 1, lowest - 1, -1):
            yield renumbered(migration.name, number)


def _unhashed_texts(migration: Migration, text: str) -> set[str]:
    """Return the texts without what the hash leaves out: the revision, and notes."""
    bare = re.sub(
        rf"^revision = ([\"']){re.escape(migration.revision)}\1$",
        r"revision = \1\1",
        text,
        count=1,
        flags=re.M,
    )
    without_note = re.sub(rf"^{_NOTE}.*\n", "", bare, count=1, flags=re.MULTILINE)
    return {
        bare,
        without_note,
        without_note.replace('\n\n"""', '\n"""', 1),
        re.sub(r'\A"""(.*)\n\n"""', r'"""\1"""', without_note),
    }
