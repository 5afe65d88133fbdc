"""Verify that the files are those that were applied, and list the ways out if not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from autodiff.errors import EditedMigrationError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.history_table import Applied
from autodiff.runner.journal import ANSWER_STEP, SETTLE_BY_HAND, Entry

__all__ = ["Problem", "ProblemKind", "half_way_problem", "named_as_now", "problems", "verified"]

ProblemKind: TypeAlias = Literal["edited", "missing", "reordered", "squashed", "half-way"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem of a history, the `revisions` that it concerns, and each way out of it."""

    kind: ProblemKind
    revisions: tuple[str, ...]
    message: str
    ways: tuple[str, ...]


def problems(graph: Graph, applied: Mapping[str, Applied]) -> tuple[Problem, ...]:
    """Return the problems between the files and what was applied, one of each kind.

    `applied` has squashed migrations in place of their parts, as `squashes.folded` returns it.
    """
    found = (*_squashed(graph, applied), *_missing(graph, applied), *_edited(graph, applied))
    return (*found, *_reordered(graph, applied))


def verified(
    graph: Graph, applied: dict[str, Applied], *, in_order: bool = True
) -> dict[str, Applied]:
    """Return what was applied, after checking that the files are those that were applied.

    Without `in_order`, a migration may come before others that are applied: that does not hinder
    reverting those.

    Raises EditedMigrationError with all problems: files that are missing, that were edited, or that
    come before others that are applied.
    """
    found = [p for p in problems(graph, applied) if in_order or p.kind != "reordered"]
    if found:
        raise _refused(found)
    return applied


def named_as_now(graph: Graph, row: Applied) -> Applied:
    """Return the record with the present name of its file, which may have another number now."""
    if row.revision not in graph:
        return row
    return replace(row, name=graph[row.revision].name)


def half_way_problem(entry: Entry) -> Problem:
    """Return the problem of a run that stopped half-way, or still runs in another process."""
    other = "upgrade" if entry.kind == "downgrade" else "downgrade"
    what = "failed" if entry.outcome == "failed" else "stopped or is still running"
    step = f": {entry.progress.step}" if entry.progress.step else ""
    return Problem(
        kind="half-way",
        revisions=(entry.revision,),
        message=f"the {entry.kind} of {entry.name} {what} at step {entry.progress.steps + 1}{step}",
        ways=(
            ANSWER_STEP
            if entry.progress.in_doubt
            else f"fix the cause and resume it: autodiff {entry.kind}",
            f"undo its finished steps: autodiff {other}",
            SETTLE_BY_HAND,
        ),
    )


def _refused(found: Sequence[Problem]) -> EditedMigrationError:
    ways = ["; or ".join(problem.ways) for problem in found]
    if len(found) > 1:
        ways = [f"{problem.kind}: {way}" for problem, way in zip(found, ways, strict=True)]
    return EditedMigrationError(
        [problem.message for problem in found],
        [revision for problem in found for revision in problem.revisions],
        hint=ways,
    )


def _missing(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    missing = sorted(set(applied) - set(graph.migrations) - set(graph.replaced))
    if missing:
        yield Problem(
            kind="missing",
            revisions=tuple(missing),
            message="the database has migrations whose files are missing: "
            + ", ".join(f"{revision} ({applied[revision].name})" for revision in missing),
            ways=(
                "restore the files, or check out the branch that has them",
                "remove their records, if the schema has nothing of them any more: "
                "autodiff repair --missing",
            ),
        )


def _edited(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    edited = [
        migration
        for revision, migration in graph.migrations.items()
        if revision in applied and _was_edited(migration, applied[revision])
    ]
    if edited:
        yield Problem(
            kind="edited",
            revisions=_revisions(edited),
            message=f"migrations were edited after they were applied: {_names(edited)}",
            ways=(
                "restore them from version control and write the change as a new migration",
                "accept them, if the database already matches them: autodiff repair --edited",
            ),
        )


def _was_edited(migration: Migration, row: Applied) -> bool:
    """Compare checksums only if the texts differ: a checksum needs the parser."""
    return migration.digest != row.digest and migration.checksum != row.checksum


def _reordered(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    """Yield the problem of pending migrations that come before applied ones."""
    applied_here = [revision for revision in graph.migrations if revision in applied]
    before = graph.lineage(applied_here) - set(applied_here) - _partly_applied(graph, applied)
    skipped = graph.in_order(before)
    if not skipped:
        return
    behind = [graph[r] for r in applied_here if before & graph.lineage([r])]
    reverted = len(applied_here) - applied_here.index(behind[0].revision)
    yield Problem(
        kind="reordered",
        revisions=_revisions(skipped),
        message=f"pending migrations come before applied ones: {_names(skipped)}, before "
        f"{_names(behind)}",
        ways=(
            f"revert the others and upgrade again: autodiff downgrade -{reverted}, then "
            "autodiff upgrade",
            "change their parents, so that they come last",
            "record them as applied, if the schema already has their changes: "
            "autodiff repair --reordered",
        ),
    )


def _squashed(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    for revision in _partly_applied(graph, applied):
        squash = graph[revision]
        there = [replaced for replaced in squash.replaces if replaced in applied]
        names = ", ".join(f"{r} ({applied[r].name})" for r in there)
        yield Problem(
            kind="squashed",
            revisions=(revision,),
            message=f"{squash.path.name} replaces {len(squash.replaces)} migrations, of which the "
            f"database has only {len(there)}: {names}",
            ways=(
                "check out the files as they were before the squash, run autodiff upgrade heads, "
                "and return to this version",
            ),
        )


def _partly_applied(graph: Graph, applied: Collection[str]) -> set[str]:
    """Return the squashed migrations of which only some parts were applied."""
    return {graph.replaced[revision] for revision in applied if revision in graph.replaced}


def _revisions(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(migration.revision for migration in migrations)


def _names(migrations: Sequence[Migration]) -> str:
    return ", ".join(migration.path.name for migration in migrations)
