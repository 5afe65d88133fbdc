"""The result of a check of a rolling deploy: which code works with which schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from autodiff.commands.against.reasons import Failure

__all__ = ["MigrationSafety", "RollingDeploy"]

_PREPOSITIONS = {"SELECT": "from", "INSERT": "into", "UPDATE": "of"}
_SPLIT = (
    "split the change into two deploys: first add what is new, nullable or with a default; remove "
    "what is old only after the new code is everywhere"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSafety:
    """Whether both versions of the code work while a migration is applied.

    revision: the migration. name: its file, without the suffix.
    old_code: the statements of the old code that fail after the migration.
    new_code: the statements of the new code that fail before the migration.
    """

    revision: str
    name: str
    old_code: tuple[Failure, ...] = ()
    new_code: tuple[Failure, ...] = ()

    def lines(self) -> list[str]:
        """Return the result as lines for people."""
        return [
            self.name,
            *_verdict("old code on the new schema", self.old_code),
            *_verdict("new code on the old schema", self.new_code),
        ]

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        return {
            "revision": self.revision,
            "name": self.name,
            "old_code_on_new_schema": _verdict_data(self.old_code),
            "new_code_on_old_schema": _verdict_data(self.new_code),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingDeploy:
    """Which pending migrations can be applied while old and new code run side by side.

    against: the git revision of the old code, as it was named. commit: the id of its commit.
    steps: the pending migrations, in order. notes: what could not be checked, and why.
    """

    against: str
    commit: str
    steps: tuple[MigrationSafety, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def before_deploy(self) -> int | None:
        """How many migrations to apply before the new code is deployed, the others after it.

        As many as possible; None if some statements fail in every order.
        """
        for count in range(len(self.steps), -1, -1):
            first, rest = self.steps[:count], self.steps[count:]
            if not any(step.old_code for step in first) and not any(s.new_code for s in rest):
                return count
        return None

    @property
    def safe(self) -> bool:
        """Whether there is an order of migrations and deploy in which no statement fails."""
        return self.before_deploy is not None

    def lines(self) -> list[str]:
        """Return the result as lines for people."""
        if not self.steps:
            return [f"no pending migrations: {self.against} has all of them"]
        return [*(line for step in self.steps for line in step.lines()), *self._summary()]

    def _summary(self) -> list[str]:
        count = self.before_deploy
        if count is None:
            return [
                "not safe: statements fail in every order of the migrations and the deploy",
                f"  to do: {_SPLIT}",
            ]
        if not any(step.old_code or step.new_code for step in self.steps):
            return ["safe: the migrations and the new code can be deployed in any order"]
        names = [step.name for step in self.steps]
        parts = [f"apply {', '.join(names[:count])}"] if count else []
        parts.append("deploy the new code")
        parts += [f"apply {', '.join(names[count:])}"] if names[count:] else []
        return [f"safe in this order: {'; then '.join(parts)}"]

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        count = self.before_deploy
        names = [step.revision for step in self.steps]
        return {
            "against": self.against,
            "commit": self.commit,
            "safe": self.safe,
            "before_deploy": None if count is None else names[:count],
            "after_deploy": None if count is None else names[count:],
            "migrations": [step.to_data() for step in self.steps],
            "notes": list(self.notes),
        }


def _verdict(what: str, failures: Sequence[Failure]) -> list[str]:
    if not failures:
        return [f"  {what}: safe"]
    return [f"  {what}: not safe", *(f"    {line}" for line in _failure_lines(failures))]


def _verdict_data(failures: Sequence[Failure]) -> dict[str, Any]:
    return {
        "safe": not failures,
        "failures": [
            {
                "statement": failure.statement,
                "table": failure.table,
                "columns": list(failure.columns),
                "reason": failure.reason,
            }
            for failure in failures
        ],
    }


def _failure_lines(failures: Sequence[Failure]) -> list[str]:
    """Return a line for each reason, with all statements that fail for it."""
    lines = []
    for (table, reason), group in groupby(sorted(failures), key=lambda f: (f.table, f.reason)):
        statements = sorted({failure.statement for failure in group}, key=list(_PREPOSITIONS).index)
        if len(statements) == 1:
            first = f"{statements[0]} {_PREPOSITIONS[statements[0]]} {table} fails"
        else:
            first = f"{', '.join(statements[:-1])} and {statements[-1]} of {table} fail"
        lines.append(f"{first}: {reason}")
    return lines
