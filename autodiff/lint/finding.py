"""Findings: what a rule found in a migration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

__all__ = ["SEVERITIES", "Evidence", "Finding", "Severity"]

Severity: TypeAlias = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From the most to the least severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A fact about a finding, measured in the database or in the rehearsal.

    fact: what was measured, as a key for programs, such as `rows` or `nulls`.
    value: the number, or a text if the fact is not a number.
    text: a short sentence for people, such as "1,204 of 90,000 rows have no email".
    source: where it was measured: in the database or in the scratch database of the rehearsal.
    """

    fact: str
    value: int | float | str
    text: str
    source: Literal["database", "rehearsal"] = "database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A dangerous or wrong step of a migration, with the reason and a safe way.

    code, name: the rule.
    migration: the name of the migration; None if the finding is about the whole history.
    file, line: the location; None if it is not in a file, or the line is unknown.
    object: the object that it is about, such as `users.email`.
    databases: the kinds of databases for which it was found.
    evidence: what was measured about it.
    """

    code: str
    name: str
    severity: Severity
    message: str
    reason: str
    safe_way: str
    migration: str | None = None
    file: Path | None = None
    line: int | None = None
    object: str | None = None
    databases: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()

    @property
    def is_serious(self) -> bool:
        """Whether it is an error or a warning."""
        return self.severity != "info"

    def to_data(self) -> dict[str, Any]:
        """Return the finding for JSON."""
        file = None if self.file is None else str(self.file)
        lists = {
            "databases": list(self.databases),
            "evidence": [asdict(fact) for fact in self.evidence],
        }
        return {**asdict(self), "file": file, **lists}
