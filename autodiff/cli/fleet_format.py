"""What came of many databases, as rows and lines for people and as data for --json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from autodiff.cli.progress import duration

if TYPE_CHECKING:
    from autodiff.fleet import Outcome, Outcomes, Standing

__all__ = [
    "outcome_lines",
    "outcome_rows",
    "outcomes_data",
    "standing_lines",
    "standing_rows",
    "standings_data",
    "told",
]

Rows = tuple[Sequence[str], list[list[str]]]
_NAMED = 5
"""How many names are listed before the others are only counted."""


def outcome_rows(outcomes: Outcomes) -> Rows:
    """The heads of the columns, and a row for each target."""
    heads = ("target", "from", "to", "migrations", "time", "outcome")
    return heads, [_outcome_row(outcome) for outcome in outcomes]


def _outcome_row(outcome: Outcome) -> list[str]:
    if outcome.seconds is None:
        return [outcome.name, "", "", "", "", told(outcome)]
    nowhere = "base" if outcome.is_well or outcome.after else ""
    return [
        outcome.name,
        outcome.before or nowhere,
        outcome.after or nowhere,
        str(len(outcome.migrations)),
        duration(outcome.seconds),
        "failed" if outcome.result == "failed" else told(outcome),
    ]


def told(outcome: Outcome) -> str:
    """The outcome, and in one line why."""
    reason = (outcome.error or "").partition("\n")[0]
    return f"{outcome.result}: {reason}" if reason else outcome.result


def outcome_lines(outcomes: Outcomes) -> list[str]:
    """Why targets failed and what to do, those with the same reason together; and the counts."""
    failed = [outcome for outcome in outcomes if outcome.result == "failed"]
    counts = Counter(outcome.result for outcome in outcomes)
    summary = ", ".join(f"{count} {result}" for result, count in counts.items())
    return [*_reasons(failed), summary or "no targets"]


def _reasons(failed: Iterable[Outcome | Standing]) -> list[str]:
    """Each reason once, under the names of those that have it."""
    names: dict[tuple[str, str | None], list[str]] = {}
    for item in failed:
        names.setdefault((item.error or "", item.hint), []).append(item.name)
    lines = []
    for (error, hint), found in names.items():
        lines += [f"failed: {_listed(found)}", *(f"  {line}" for line in error.splitlines())]
        lines += [f"  hint: {hint}"] if hint else []
        lines.append("")
    return lines


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    listed = ", ".join(names[:_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed


def outcomes_data(outcomes: Outcomes) -> dict[str, Any]:
    """The same, for --json."""
    return {
        "direction": outcomes.direction,
        "target": outcomes.target,
        "interrupted": outcomes.interrupted,
        "counts": dict(Counter(outcome.result for outcome in outcomes)),
        "targets": [asdict(outcome) for outcome in outcomes],
    }


def standing_rows(standings: Sequence[Standing]) -> Rows:
    """The heads of the columns, and a row for each target."""
    heads = ("target", "at", "applied", "pending", "note")
    return heads, [_standing_row(standing) for standing in standings]


def _standing_row(standing: Standing) -> list[str]:
    if standing.error is not None:
        return [standing.name, "", "", "", "failed"]
    note = f"half-way: {standing.unfinished}" if standing.unfinished else ""
    counts = [str(standing.applied), str(len(standing.pending))]
    return [standing.name, standing.current or "base", *counts, note]


def standing_lines(standings: Sequence[Standing]) -> list[str]:
    """Why targets could not be asked, and how many are where they should be."""
    failed = [standing for standing in standings if standing.error is not None]
    behind = sum(bool(standing.pending) for standing in standings)
    current = len(standings) - behind - len(failed)
    summary = [f"{current} up to date", f"{behind} behind"]
    summary += [f"{len(failed)} failed"] if failed else []
    return [*_reasons(failed), ", ".join(summary) if standings else "no targets"]


def standings_data(standings: Sequence[Standing]) -> dict[str, Any]:
    """The same, for --json."""
    return {"targets": [asdict(standing) for standing in standings]}
