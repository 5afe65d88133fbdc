"""Find the position of a new migration in the graph, and write the texts of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autodiff.autogenerate.plan import Plan
from autodiff.errors import ConfigError, PlanError
from autodiff.migrations import Graph
from autodiff.migrations.files import LABEL_HINT, is_label, sql_header
from autodiff.schema.operations import in_one_transaction
from autodiff.schema.sqltext import terminate_statement
from autodiff.utils.quoting import sql_comment

__all__ = ["GraphPosition", "file_texts", "position_for", "revision_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPosition:
    """A position in the graph for a new migration.

    number, folder: those of its file; None for the next number and the first folder.
    """

    parents: tuple[str, ...]
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    number: int | None = None
    folder: Path | None = None


def position_for(
    graph: Graph,
    parent: str | None,
    labels: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
) -> GraphPosition:
    """Return the position after the head, or after `parent`, which can be `base`.

    Raises SeveralHeadsError if there are several heads and no parent is given, ConfigError for an
    invalid label, RevisionNotFoundError for an unknown target.
    """
    for label in labels:
        if not is_label(label) or label in graph.branches:
            if label in graph.branches:
                raise ConfigError(
                    f"cannot use the label {label!r}: a branch has it already",
                    hint="choose another label",
                )
            raise ConfigError(f"invalid label {label!r}", hint=LABEL_HINT)
    needed = tuple(graph.find(target).revision for target in depends_on)
    return GraphPosition(parents=_parents(graph, parent), labels=labels, depends_on=needed)


def _parents(graph: Graph, parent: str | None) -> tuple[str, ...]:
    if parent == "base":
        return ()
    if parent is not None:
        return (graph.find(parent).revision,)
    if len(graph.heads) > 1:
        raise graph.several_heads_error(graph.heads, "pass --parent NAME to continue one of them")
    return graph.heads


def file_texts(
    path: Path,
    position: GraphPosition,
    message: str,
    format: Literal["python", "sql"],
    python: Callable[[str], str],
    plan: Plan | None,
    notes: Sequence[str] = (),
) -> tuple[str, dict[Path, str]]:
    """Return the revision and the files: one Python file, or a pair of SQL files.

    The revision is a hash of the contents, without the notes. `path` has no suffix yet.

    Raises ConfigError if the message has no letter.
    """
    if not message.strip():
        raise ConfigError(
            "the message of the migration is empty",
            hint='say what the migration does, for example -m "add timestamp"',
        )
    folder, name = path.parent, path.name
    if format == "python":
        revision = revision_of(position.parents, name, python(""))
        return revision, {folder / f"{name}.py": python(revision)}
    up, down, summary = _sql_of(plan) if plan else ([], [], [])
    if any("\r" in sql for sql in (*up, *down)):
        raise PlanError(
            "cannot write SQL files: a name or a text contains a carriage return, which reading a "
            "file as text changes",
            hint="write a Python file instead: --format python",
        )
    revision = revision_of(position.parents, name, "\n".join([*up, *down]))
    header = sql_header(
        revision, position.parents, message, labels=position.labels, depends_on=position.depends_on
    )
    lines = "".join(f"{sql_comment(line)}\n" for line in (*summary, *notes))
    return revision, {
        folder / f"{name}.up.sql": header + lines + _joined(up),
        folder / f"{name}.down.sql": header + _joined(down),
    }


def _sql_of(plan: Plan) -> tuple[list[str], list[str], list[str]]:
    """Return the SQL up and down, and the summary.

    An SQL file is one transaction, so indexes are not built concurrently.
    """
    whole = replace(
        plan,
        operations=tuple(in_one_transaction(plan.operations)),
        reversible_operations=tuple(in_one_transaction(plan.reversible_operations)),
    )
    return whole.sql(), whole.reverse_sql(), whole.summary()


def revision_of(parents: Sequence[str], name: str, contents: str) -> str:
    """Return the revision of a new migration; the same input gives the same revision."""
    return hashlib.sha256("\n".join([*parents, name, contents]).encode()).hexdigest()[:8]


def _joined(statements: Sequence[str]) -> str:
    return "".join(f"\n{terminate_statement(statement)}\n" for statement in statements)
