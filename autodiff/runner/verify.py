"""Whether the files are those that were applied, and what can be done where they are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from autodiff.errors import EditedMigrationError
from autodiff.migrations.files import Migration
from autodiff.migrations.graph import Graph
from autodiff.runner.history_table import Applied
from autodiff.runner.journal import SETTLE_BY_HAND, Entry

__all__ = ["Problem", "ProblemKind", "named_as_now", "problems", "stopped", "verified"]

ProblemKind: TypeAlias = Literal["edited", "missing", "reordered", "squashed", "half-way"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a history: what, and each way out of it.

    `revisions` are those that it is about.
    """

    kind: ProblemKind
    revisions: tuple[str, ...]
    message: str
    ways: tuple[str, ...]


def problems(graph: Graph, applied: Mapping[str, Applied]) -> tuple[Problem, ...]:
    """All that is wrong between the files and what was applied; one problem of each kind.

    `applied` knows of squashed migrations, as `squashes.folded` gives it.
    """
    found = (*_squashed(graph, applied), *_missing(graph, applied), *_edited(graph, applied))
    return (*found, *_reordered(graph, applied))


def verified(
    graph: Graph, applied: dict[str, Applied], *, in_order: bool = True
) -> dict[str, Applied]:
    """What was applied, once it is sure that the files are those that were.

    Without `in_order` a migration may come before others that are applied: it is no hindrance
    to taking those back.

    Raises EditedMigrationError with all that is wrong: files that are missing, were changed since,
    or come before others that are applied.
    """
    found = [p for p in problems(graph, applied) if in_order or p.kind != "reordered"]
    if found:
        raise _refused(found)
    return applied


def named_as_now(graph: Graph, row: Applied) -> Applied:
    """What was applied under the name that its file has now: it may have got another number."""
    if row.revision not in graph:
        return row
    return replace(row, name=graph[row.revision].name)


def stopped(entry: Entry) -> Problem:
    """What is wrong where a run stopped half-way; it may be under way, in another process."""
    other = "upgrade" if entry.kind == "downgrade" else "downgrade"
    what = "failed" if entry.outcome == "failed" else "stopped, or is still under way"
    step = f": {entry.progress.step}" if entry.progress.step else ""
    return Problem(
        kind="half-way",
        revisions=(entry.revision,),
        message=f"the {entry.kind} of {entry.name} {what} at step {entry.progress.steps + 1}{step}",
        ways=(
            f"mend the cause and let it go on: autodiff {entry.kind}",
            f"take back what is done: autodiff {other}",
            SETTLE_BY_HAND,
        ),
    )


def _refused(found: Sequence[Problem]) -> EditedMigrationError:
    ways = ["; or ".join(problem.ways) for problem in found]
    if len(found) > 1:
        ways = [f"{problem.kind}: {way}" for problem, way in zip(found, ways, strict=True)]
    return EditedMigrationError(
        "\n".join(problem.message for problem in found),
        [revision for problem in found for revision in problem.revisions],
        hint="\n".join(ways),
    )


def _missing(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    missing = sorted(set(applied) - set(graph.migrations) - set(graph.replaced))
    if missing:
        yield Problem(
            kind="missing",
            revisions=tuple(missing),
            message="the database has migrations that the folder lacks: "
            + ", ".join(f"{revision} ({applied[revision].name})" for revision in missing),
            ways=(
                "restore the files, or check out the branch that has them",
                "let the database forget them, if nothing of them is there any more: "
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
                "restore them from version control and put the change into a new migration",
                "make sure that the database is as they say now, and: autodiff repair --edited",
            ),
        )


def _was_edited(migration: Migration, row: Applied) -> bool:
    """The checksum is asked for only where the text is another one: it takes a parser."""
    return migration.digest != row.digest and migration.checksum != row.checksum


def _reordered(graph: Graph, applied: Mapping[str, Applied]) -> Iterator[Problem]:
    """Migrations that were not applied, and come before others that were."""
    there = [revision for revision in graph.migrations if revision in applied]
    before = graph.lineage(there) - set(there) - _partly_applied(graph, applied)
    skipped = graph.in_order(before)
    if not skipped:
        return
    behind = [graph[r] for r in there if before & graph.lineage([r])]
    taken_back = len(there) - there.index(behind[0].revision)
    yield Problem(
        kind="reordered",
        revisions=_revisions(skipped),
        message=f"migrations that were not applied come before others that were: "
        f"{_names(skipped)}, before {_names(behind)}",
        ways=(
            f"take the others back and upgrade again: autodiff downgrade -{taken_back}, then: "
            "autodiff upgrade",
            "change their parents, so that they come last",
            "if their effect is there already, let them count as applied: "
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
            f"database has had only {len(there)}: {names}",
            ways=(
                f"check out the files as they were before, autodiff upgrade {squash.replaces[-1]}, "
                "then come back: they count as the one from then on",
            ),
        )


def _partly_applied(graph: Graph, applied: Collection[str]) -> set[str]:
    """The squashed migrations of which a part was applied, under its old names."""
    return {graph.replaced[revision] for revision in applied if revision in graph.replaced}


def _revisions(migrations: Sequence[Migration]) -> tuple[str, ...]:
    return tuple(migration.revision for migration in migrations)


def _names(migrations: Sequence[Migration]) -> str:
    return ", ".join(migration.path.name for migration in migrations)
