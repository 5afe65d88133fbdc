"""Query the live rows for those that prevent a migration, before the migration is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from autodiff.autogenerate.live_queries import Limits, ask_each
from autodiff.dialects.base import Dialect
from autodiff.plan import Finding, RowCheck
from autodiff.runner.row_checks import Found, find_rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["RowCheckResult", "row_findings", "run_row_checks"]

_SECONDS_EACH = 5.0
_SECONDS_TOGETHER = 30.0
"""Time limits for one query and for all of them.

`generate` is used interactively: the live rows are worth a short wait, and a full scan of a large
table is not. A query over the limit gives the finding "rows-not-seen".
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCheckResult:
    """The rows that a check found; None, with a problem, if the query could not be run."""

    check: RowCheck
    found: Found | None
    problem: str = ""


def run_row_checks(
    connection: Connection,
    dialect: Dialect,
    checks: Iterable[RowCheck],
    *,
    each: float = _SECONDS_EACH,
    together: float = _SECONDS_TOGETHER,
) -> list[RowCheckResult]:
    """Run each check on the live rows and return the results. Nothing is changed.

    each, together: the time limits in seconds, for one query and for all.
    """
    checks = list(checks)
    queries = (partial(find_rows, connection, dialect, check.query) for check in checks)
    limits = Limits(
        each=each, together=together, reached="the time limit for querying rows was reached"
    )
    answers = ask_each(connection, dialect, queries, limits)
    return [
        RowCheckResult(check=check, found=answer.found, problem=answer.problem)
        for check, answer in zip(checks, answers, strict=True)
    ]


def row_findings(results: Iterable[RowCheckResult]) -> list[Finding]:
    """Return a finding for each check that found rows, or could not be run."""
    found: list[Finding] = []
    for result in results:
        check = result.check
        if result.found is None:
            found.append(
                Finding(
                    code="rows-not-seen",
                    severity="info",
                    message=f"could not check whether {check.message}: {result.problem}",
                    place=check.place,
                )
            )
        elif result.found.count:
            found.append(
                Finding(
                    code="values-lost" if check.loses else "rows-in-the-way",
                    severity="warning",
                    message=f"{check.message} ({result.found})",
                    hint=check.hint,
                    place=check.place,
                )
            )
    return found
