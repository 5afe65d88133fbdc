"""Where a new migration stands in the graph, and the texts of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autodiff.autogenerate.plan import Plan
from autodiff.errors import ConfigError
from autodiff.migrations import Graph
from autodiff.migrations.files import LABEL_HINT, is_label, sql_header
from autodiff.schema.operations import in_one_transaction

__all__ = ["Spot", "revision_of", "spot_for", "texts_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place in the graph for a new migration."""

    parents: tuple[str, ...]
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()


def spot_for(
    graph: Graph,
    parent: str | None,
    labels: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
) -> Spot:
    """Where the next migration comes in: after the head, or after `parent`, which may be `base`.

    Raises SeveralHeadsError where there are several heads and no parent is given, ConfigError for
    a label that can't be one, RevisionNotFoundError for targets that are not there.
    """
    for label in labels:
        if not is_label(label) or label in graph.branches:
            taken = "it is taken" if label in graph.branches else LABEL_HINT
            raise ConfigError(f"{label!r} can't be the label of a new branch", hint=taken)
    needed = tuple(graph.find(target).revision for target in depends_on)
    return Spot(parents=_parents(graph, parent), labels=labels, depends_on=needed)


def _parents(graph: Graph, parent: str | None) -> tuple[str, ...]:
    if parent == "base":
        return ()
    if parent is not None:
        return (graph.find(parent).revision,)
    if len(graph.heads) > 1:
        raise graph.several_heads_error(graph.heads, "--parent NAME goes on with one of them")
    return graph.heads


def texts_at(
    path: Path,
    spot: Spot,
    message: str,
    format: Literal["python", "sql"],
    python: Callable[[str], str],
    plan: Plan | None,
    notes: Sequence[str] = (),
) -> tuple[str, dict[Path, str]]:
    """The revision, which the contents give, and the files: a Python file, or a pair of SQL.

    `path` has no ending yet. Notes are no part of what gives the revision.
    """
    folder, name = path.parent, path.name
    if format == "python":
        revision = revision_of(spot.parents, name, python(""))
        return revision, {folder / f"{name}.py": python(revision)}
    up, down, summary = _sql_of(plan) if plan else ([], [], [])
    revision = revision_of(spot.parents, name, "\n".join([*up, *down]))
    header = sql_header(
        revision, spot.parents, message, labels=spot.labels, depends_on=spot.depends_on
    )
    lines = "".join(f"-- {line}\n" for line in (*summary, *notes))
    return revision, {
        folder / f"{name}.up.sql": header + lines + _joined(up),
        folder / f"{name}.down.sql": header + _joined(down),
    }


def _sql_of(plan: Plan) -> tuple[list[str], list[str], list[str]]:
    """Both ways and the summary; a SQL file is one transaction, so nothing is built beside it."""
    whole = replace(
        plan,
        operations=tuple(in_one_transaction(plan.operations)),
        retraced=tuple(in_one_transaction(plan.retraced)),
    )
    return whole.sql(), whole.reverse_sql(), whole.summary()


def revision_of(parents: Sequence[str], name: str, contents: str) -> str:
    """The revision of a new migration: the same input gives the same."""
    return hashlib.sha256("\n".join([*parents, name, contents]).encode()).hexdigest()[:8]


def _joined(statements: Sequence[str]) -> str:
    return "".join(f"\n{statement};\n" for statement in statements)
