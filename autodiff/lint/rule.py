"""Rules: what is dangerous in a migration, why, and the safe way, with examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from autodiff.errors import ConfigError
from autodiff.lint.finding import SEVERITIES, Severity

__all__ = ["ALL", "GROUPS", "MYSQL", "POSTGRESQL", "SERVERS", "Harmless", "Match", "Rule", "Scope"]

POSTGRESQL = ("postgresql",)
MYSQL = ("mysql", "mariadb")
SERVERS = (*POSTGRESQL, *MYSQL)
ALL = (*SERVERS, "sqlite")

GROUPS = {
    "AD1": "Data loss",
    "AD2": "Data",
    "AD3": "Rolling deploys",
    "AD4": "Locks",
    "AD5": "History",
    "AD6": "Design",
    "AD9": "Linting",
}
"""The groups of autodiff's own rules, by the first characters of their codes."""

Scope: TypeAlias = Literal["step", "script", "history"]
Harmless: TypeAlias = Literal["never", "small", "empty"]
_CODE = re.compile(r"[A-Z]+[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A place that a rule found.

    message: what is wrong there, in one sentence without a period.
    object: the object, such as `users.email`.
    line: the line, if it is not that of the step.
    migration: the name of the migration, for rules about the history.
    """

    message: str
    object: str | None = None
    line: int | None = None
    migration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of the linter. Its examples are its documentation and its test.

    code: letters and a number, such as `AD101`. It never changes.
    name: a few words with hyphens, such as `drop-table`.
    severity: `error` if the migration fails or breaks running code, `warning` for a risk, `info`
        for advice, which is shown only with --strict.
    summary: what the rule finds, in one sentence.
    reason: what happens otherwise: which lock, how long, what is lost.
    safe_way: what to do instead.
    databases: the kinds of databases that it is for.
    scope: what `check` receives: each step, a whole script, or the history.
    harmless_if: which tables the step cannot harm, if the number of their rows is known: `small`
        for a lock that is held as long as the table is read, `empty` for lost or refused rows.
    check: yields a `Match` for each place.
    actions: with the scope `step`, the classes of operations and statements that `check` looks at;
        it is not called for other steps. Empty for all steps.
    bad: the body of an upgrade() in which the rule finds exactly one place, or a whole file.
    good: the same in a safe way.
    expected_in_contract: whether the phase `contract` is the place for such a step, so that the
        finding is only for information there.
    also: the codes of other rules that find something in the bad example.
    tried_on: the database of the examples, such as "mysql 8.0.20", if it is not the first of
        `databases`.
    """

    code: str
    name: str
    severity: Severity
    summary: str
    reason: str
    safe_way: str
    check: Callable[[Any], Iterable[Match]]
    databases: tuple[str, ...] = ALL
    scope: Scope = "step"
    actions: tuple[type, ...] = ()
    harmless_if: Harmless = "never"
    expected_in_contract: bool = False
    bad: str = ""
    good: str = ""
    also: tuple[str, ...] = ()
    tried_on: str | None = None

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise ConfigError(
                f"the code of a rule must be letters and a number, not {self.code!r}",
                hint="use a prefix of your own, such as ACME101",
            )
        if self.severity not in SEVERITIES:
            raise ConfigError(
                f"rule {self.code} has the unknown severity {self.severity!r}",
                hint=f"use {', '.join(SEVERITIES)}",
            )

    @property
    def group(self) -> str:
        """The name of its group; that of other people's rules is the prefix of their codes."""
        return GROUPS.get(self.code[:3], self.code.rstrip("0123456789"))

    @property
    def is_about_deploys(self) -> bool:
        """Whether it is about an old version of the application that is still running."""
        return self.group == GROUPS["AD3"]

    @property
    def is_about_blocking(self) -> bool:
        """Whether it is about reads or writes that wait."""
        return self.group == GROUPS["AD4"] and self.severity != "info"

    @property
    def example_database(self) -> str:
        """The kind of database of the examples."""
        return self.tried_on or self.databases[0]
