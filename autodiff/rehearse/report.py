"""The result of rehearsing the history: as lines for people and as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from autodiff.lint import Finding
from autodiff.rehearse.measured import MeasuredStatement
from autodiff.rehearse.rates import Rates
from autodiff.schema.objects import Name
from autodiff.utils.counting import counted

__all__ = ["RehearsedHistory", "RehearsedStep", "StepStatus"]

StepStatus = Literal["passed", "failed", "irreversible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStep:
    """One migration that was applied, reverted and applied again.

    problems: what is wrong with it; a migration with problems failed.
    lost: rows and values that did not survive the upgrade or the downgrade.
    irreversible: why it cannot be reverted, if its file intends that.
    notes: what could not be tried.
    statements: the statements of the upgrade, with the locks and rewrites that were measured.
    rates: how fast the scratch database was, by the names of large tables.
    """

    revision: str
    name: str
    problems: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    irreversible: str | None = None
    notes: tuple[str, ...] = ()
    statements: tuple[MeasuredStatement, ...] = ()
    rates: Mapping[Name, Rates] = field(default_factory=dict)

    @property
    def status(self) -> StepStatus:
        """The result in one word. An irreversible migration behaves as its file says."""
        if self.problems:
            return "failed"
        return "irreversible" if self.irreversible else "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedHistory:
    """The rehearsed migrations, in order.

    problems: differences at the head (to the models and the lock file) and objects left at the
        base.
    not_reached: the migrations after one that could not be applied.
    notes: what could not be tried, and why.
    findings: the findings of lint in these migrations, with what was measured about them.
    """

    steps: tuple[RehearsedStep, ...] = ()
    problems: tuple[str, ...] = ()
    not_reached: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there are no problems. Irreversible and lossy migrations are not problems."""
        return not (self.problems or self.not_reached or any(step.problems for step in self.steps))

    def lines(self, *, locks: bool = False) -> list[str]:
        """Return a line for each migration, indented lines for what was found, and the result.

        locks: whether to list the statements of each upgrade with what they did.
        """
        lines: list[str] = []
        for step in self.steps:
            lines.append(f"{step.name}: {step.status}")
            lines += [f"  {problem}" for problem in step.problems]
            lines += [f"  {step.irreversible}"] if step.irreversible else []
            lines += [f"  lost in {loss}" for loss in step.lost]
            lines += [f"  note: {note}" for note in step.notes]
            for statement in step.statements if locks else ():
                lines += [f"  {line}" for line in statement.lines()]
        lines += [f"{name}: not reached" for name in self.not_reached]
        lines += self.problems
        if self.steps or self.problems:
            return [*lines, self._result_line()]
        return ["nothing to rehearse"]

    def _result_line(self) -> str:
        failed = sum(step.status == "failed" for step in self.steps) + len(self.not_reached)
        total = len(self.steps) + len(self.not_reached)
        count = counted(total, "migration")
        if self.passed:
            return f"{count} passed"
        return (
            f"{count}, {failed} failed"
            if failed
            else f"{count} passed, but there are problems at the head or the base"
        )

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        return {
            "passed": self.passed,
            "steps": [
                {
                    **_listed(asdict(replace(step, rates={}))),
                    "rates": {str(name): asdict(rates) for name, rates in step.rates.items()},
                    "status": step.status,
                    "statements": [statement.to_data() for statement in step.statements],
                }
                for step in self.steps
            ],
            "problems": list(self.problems),
            "not_reached": list(self.not_reached),
            "notes": list(self.notes),
            "findings": [finding.to_data() for finding in self.findings],
        }


def _listed(data: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}
