"""Resolve targets to migrations: head, base, +1, a name, billing@head, 0003-1."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from autodiff.errors import AmbiguousRevisionError, HistoryError, RevisionNotFoundError
from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from autodiff.migrations.files import Migration
    from autodiff.migrations.graph import Graph

__all__ = ["downgrades", "find", "is_relative", "reach", "require_text", "upgrades"]

_MOST_DIGITS = 9
"""Digits of a number of steps. Python refuses to convert more than 4,300."""
_STEPS = re.compile(r"(?P<start>.*)(?P<steps>[+-]\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The parts of a target: `billing@0003-1` has a label, a start and -1 steps.

    Without a start, the steps are relative to the applied migrations.
    """

    text: str
    start: str
    label: str | None = None
    steps: int | None = None


def upgrades(graph: Graph, target: str, applied: Collection[str]) -> list[Migration]:
    """Return the migrations to apply to reach the target; see `Graph.upgrades`."""
    parts = _parse(graph, target)
    _refuse_inside(graph, parts)
    if parts.start:
        ends = _ends(graph, parts)
        if not ends and len(graph):
            raise HistoryError(
                f"cannot upgrade to {target}: it is before the first migration",
                hint=f"to revert migrations, run: autodiff downgrade {target}",
            )
        return graph.in_order(graph.lineage(ends) - set(applied))
    steps = parts.steps or 0
    if target.startswith("-") or steps < 0:
        raise HistoryError(
            f"cannot upgrade to {target}: an upgrade only applies migrations",
            hint="to apply the next one: autodiff upgrade +1; "
            f"to revert: autodiff downgrade {target}",
        )
    missing = [m for m in _of_branch(graph, parts) if m.revision not in applied]
    wanted = graph.lineage(m.revision for m in missing[:steps])
    return graph.in_order(wanted - set(applied))


def downgrades(graph: Graph, target: str, applied: Collection[str]) -> list[Migration]:
    """Return the migrations to revert to reach the target; see `Graph.downgrades`."""
    parts = _parse(graph, target)
    _refuse_inside(graph, parts)
    branch = [m.revision for m in _of_branch(graph, parts) if m.revision in applied]
    if not parts.start:
        if (parts.steps or 0) > 0 or "+" in target:
            raise HistoryError(
                f"cannot downgrade to {target}: a downgrade only reverts migrations",
                hint="to revert the last one: autodiff downgrade -1; "
                f"to apply: autodiff upgrade {target}",
            )
        reverted = set(branch[parts.steps :]) if parts.steps else set()
        reverted |= graph.followers(reverted)
    elif ends := _ends(graph, parts):
        _require_applied(graph, ends, applied)
        reverted = graph.followers(ends)
    else:
        reverted = set(branch) | graph.followers(branch)
    return [m for m in reversed(graph.in_order(set(applied))) if m.revision in reverted]


def reach(graph: Graph, target: str, applied: Collection[str]) -> set[str]:
    """Return the revisions that are applied at a target; see `Graph.reach`."""
    parts = _parse(graph, target)
    _refuse_inside(graph, parts)
    if not parts.start:
        if (parts.steps or 0) < 0:
            return set(applied) - {m.revision for m in downgrades(graph, target, applied)}
        return set(applied) | {m.revision for m in upgrades(graph, target, applied)}
    wanted = graph.lineage(_ends(graph, parts))
    if parts.label is None:
        return wanted
    branch = set(graph.branches[parts.label])
    return wanted | (set(applied) - branch - graph.followers(branch))


def is_relative(graph: Graph, target: str) -> bool:
    """Return whether a target counts steps from what is applied, such as +1 or billing@-1."""
    return not _parse(graph, target).start


def find(graph: Graph, target: str) -> Migration:
    """Return the migration that a target names; see `Graph.find`."""
    parts = _parse(graph, target)
    ends = _ends(graph, parts) if parts.start else ()
    if len(ends) > 1:
        raise graph.several_heads_error(ends)
    if not ends and len(graph) and parts.start:
        raise RevisionNotFoundError(
            target,
            hint=f"it is before the first migration, {next(iter(graph.migrations.values())).name}",
        )
    if not ends:
        _not_found(graph, target)
    return graph[ends[0]]


def require_text(target: object) -> None:
    """Raise HistoryError for a target of a Python program that is not a text, such as 1."""
    if not isinstance(target, str):
        raise HistoryError(
            f"the target is {target!r:.40}, not a text",
            hint='pass a text, such as "head", "0001" or "+1"',
        )


def _refuse_inside(graph: Graph, target: _Target) -> None:
    """Raise HistoryError for a squashed revision that others of its squash follow.

    No file ends at that revision any more; the last revision represents the whole squash.
    """
    if target.start not in graph.replaced:
        return
    squash = graph[graph.replaced[target.start]]
    if squash.replaces[-1] != target.start:
        raise HistoryError(
            f"{target.start} is inside of {squash.name}, which replaced it and later migrations",
            hint=f"name {squash.name}, or a migration before it",
        )


def _parse(graph: Graph, text: str) -> _Target:
    require_text(text)
    if not text.strip():
        raise HistoryError(
            "the target is empty",
            hint="name a migration by its revision, number or name, or pass head, base, +1 or -1",
        )
    # names come first, because one can end like a number of steps: fix-2
    if text in graph or _named(graph, text, None):
        return _Target(text=text, start=text)
    before, at, rest = text.rpartition("@")
    if at and before not in graph.branches:
        labels = ", ".join(graph.branches)
        raise RevisionNotFoundError(
            text,
            hint=f"unknown branch {before!r}; the labels are: {labels or 'none'}",
        )
    label = before if at else None
    match = _STEPS.fullmatch(rest)
    if match is None or _named(graph, rest, label):
        start = "head" if not rest and at else rest
        return _Target(text=text, start=start, label=label)
    steps = _shortened(match["steps"][1:])
    if len(steps) > _MOST_DIGITS:
        raise RevisionNotFoundError(
            one_line(text[:_MOST_DIGITS]) + "...", hint="there are not that many migrations"
        )
    count = int(match["steps"][0] + steps)
    return _Target(text=text, start=match["start"], label=label, steps=count)


def _of_branch(graph: Graph, target: _Target) -> list[Migration]:
    """Return the migrations of the target's label in order, or all without a label."""
    if target.label is None:
        return list(graph.migrations.values())
    return graph.in_order(set(graph.branches[target.label]))


def _ends(graph: Graph, target: _Target) -> tuple[str, ...]:
    """Return the last revisions that are applied at a target with a start; none for base."""
    ends = _starts(graph, target)
    if not target.steps:
        return ends
    if len(ends) > 1:
        raise graph.several_heads_error(ends)
    place = ends[0] if ends else None
    for done in range(abs(target.steps)):
        place = _next(graph, target, place, done)
    return (place,) if place else ()


def _starts(graph: Graph, target: _Target) -> tuple[str, ...]:
    start, label = target.start, target.label
    if start == "base":
        return ()
    if start in ("head", "heads"):
        heads = graph.heads if label is None else graph.heads_of(label)
        if start == "head" and len(heads) > 1:
            raise graph.several_heads_error(heads)
        return heads
    if label is None and start in graph.branches and not _named(graph, start, None):
        return _starts(graph, _Target(text=target.text, start="head", label=start))
    found = _named(graph, start, label)
    if len(found) > 1:
        names = ", ".join(f"{m.revision} ({m.path.name})" for m in found)
        raise AmbiguousRevisionError(
            target.text, hint=f"use the full revision or name of one of: {names}"
        )
    if not found:
        _not_found(graph, target.text, label)
    return (found[0].revision,)


def _next(graph: Graph, target: _Target, place: str | None, done: int) -> str | None:
    """Return the revision one step from another; None is the base.

    Raises RevisionNotFoundError if there is none, AmbiguousRevisionError if there are several.
    """
    steps = target.steps or 0
    if steps < 0:
        found: list[str | None] = list(graph[place].parents) if place else []
        found = found or ([None] if place else [])
    else:
        found = [
            m.revision
            for m in _of_branch(graph, target)
            if (place in m.parents if place else not m.parents)
        ]
    if len(found) == 1:
        return found[0]
    name = graph[place].name if place else "base"
    where = "before" if steps < 0 else "after"
    if not found:
        raise RevisionNotFoundError(
            target.text,
            hint=f"the last one is {name}, {done} {'step' if done == 1 else 'steps'} {where} "
            f"{target.start}"
            if done
            else f"no migration comes {where} {name}",
        )
    names = ", ".join(f"{r} ({graph[r].path.name})" for r in found if r)
    raise AmbiguousRevisionError(
        target.text, hint=f"several migrations come {where} {name}: use one of {names}"
    )


def _named(graph: Graph, name: str, label: str | None) -> list[Migration]:
    """Return the migrations with a name, number or start of a revision; a revision is unique."""
    branch = set(graph.branches[label]) if label else graph.migrations.keys()
    if name in graph:
        return [graph[name]] if name in branch else []
    if name in graph.replaced:
        return _named(graph, graph.replaced[name], label)
    return [m for m in graph.migrations.values() if m.revision in branch and _answers_to(m, name)]


def _answers_to(migration: Migration, target: str) -> bool:
    if _is_number(target, migration.number):
        return True
    slug = migration.name.partition("_")[2]
    return target in (migration.name, slug) or (
        len(target) >= 4 and migration.revision.startswith(target)
    )


def _is_number(target: str, number: int | None) -> bool:
    """Return whether a target is that number, with any number of zeros before it."""
    return number is not None and target.isdecimal() and _shortened(target) == str(number)


def _shortened(digits: str) -> str:
    """Return decimal digits of any script as ASCII digits, without zeros at the start."""
    return "".join(str(int(digit)) for digit in digits).lstrip("0") or "0"


def _require_applied(graph: Graph, ends: Collection[str], applied: Collection[str]) -> None:
    for revision in ends:
        if revision not in applied:
            raise HistoryError(
                f"cannot downgrade to {graph[revision].name}: it is not applied",
                hint="list the applied migrations: autodiff status",
            )


def _not_found(graph: Graph, target: str, label: str | None = None) -> NoReturn:
    if ":" in target:
        raise RevisionNotFoundError(target, hint="FROM:TARGET needs --sql, which prints a script")
    branch = graph.branches[label] if label else tuple(graph.migrations)
    names = ", ".join(f"{r} ({graph[r].path.name})" for r in branch[-3:])
    where = f" of {label}" if label else ""
    raise RevisionNotFoundError(target, hint=f"the last migrations{where} are: {names or 'none'}")
