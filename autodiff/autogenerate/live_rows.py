"""A look at the live rows, before a migration is written that they would refuse."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.plan import Finding, RowCheck
from autodiff.runner.row_checks import Found, find_rows

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Look", "row_findings", "run_row_checks"]

_EACH = 5.0
_TOGETHER = 30.0
"""Seconds for a query, and for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a check found in the live rows; None, with a problem, where it could not be asked."""

    check: RowCheck
    found: Found | None
    problem: str = ""


def run_row_checks(
    connection: Connection,
    dialect: Dialect,
    checks: Iterable[RowCheck],
    *,
    each: float = _EACH,
    together: float = _TOGETHER,
) -> list[Look]:
    """What each check finds. Nothing is changed, and no query runs for long (in seconds)."""
    end = time.monotonic() + together
    return [
        _look(connection, dialect, check, min(each, end - time.monotonic())) for check in checks
    ]


def _look(connection: Connection, dialect: Dialect, check: RowCheck, seconds: float) -> Look:
    from sqlalchemy.exc import SQLAlchemyError

    if seconds <= 0:
        return Look(check=check, found=None, problem="the time for looking at rows was used up")
    try:
        with dialect.asking(connection, seconds):
            return Look(check=check, found=find_rows(connection, check.query))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return Look(check=check, found=None, problem=reason)


def row_findings(looks: Iterable[Look]) -> list[Finding]:
    """A finding for each check that found rows, or could not be asked."""
    found: list[Finding] = []
    for look in looks:
        check = look.check
        if look.found is None:
            found.append(
                Finding(
                    code="rows-not-seen",
                    severity="info",
                    message=f"not known whether {check.message}: {look.problem}",
                    place=check.place,
                )
            )
        elif look.found.count:
            found.append(
                Finding(
                    code="rows-in-the-way",
                    severity="warning",
                    message=f"{check.message} ({look.found})",
                    hint=check.hint,
                    place=check.place,
                )
            )
    return found
