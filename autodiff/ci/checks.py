"""Run the checks of a pull request. A check that cannot run does not prevent the others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from autodiff.ci.hosts import Base
from autodiff.errors import AutodiffError, ConfigError
from autodiff.utils.connections import mask_passwords_in_text
from autodiff.utils.counting import counted
from autodiff.utils.git import (
    changed_files,
    refusal,
    top_folder,
    unknown_base,
    unknown_main_branch,
    upstream_refs,
)

if TYPE_CHECKING:
    from autodiff.commands.drift import Drift
    from autodiff.lint import Finding
    from autodiff.project import Project

__all__ = ["Check", "CiRequest", "markdown_report", "run_checks"]

_REPORT_SECONDS = 900
"""A report can rehearse migrations; a job that hangs longer is of no use to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check.

    title: what was checked.
    summary: the result in one line.
    lines: the details.
    is_in_report: whether the report of the branch has the details too.
    changed: how many migrations the pull request adds or changes, if the check counts them.
    """

    title: str
    outcome: Literal["passed", "failed", "incomplete", "skipped"]
    summary: str
    lines: tuple[str, ...] = ()
    is_in_report: bool = False
    changed: int = 0

    @property
    def is_relevant(self) -> bool:
        """Whether a reviewer needs to know about it."""
        return self.outcome in ("failed", "incomplete") or self.changed > 0

    def to_data(self) -> dict[str, Any]:
        """Return plain data, for --json."""
        return {
            "title": self.title,
            "outcome": self.outcome,
            "summary": self.summary,
            "lines": list(self.lines),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CiRequest:
    """What to check.

    diff_base: the git revision that the branch is compared with; None for the base of the pull
        request, or else the main branch.
    base: the base of the pull request of the job.
    offline: whether to run nothing in a scratch database.
    strict: whether advice of lint counts too.
    """

    diff_base: str | None = None
    base: Base | None = None
    offline: bool = False
    strict: bool = False


def run_checks(project: Project, request: CiRequest) -> tuple[list[Check], str | None]:
    """Return the result of each check, and the git revision that the branch was compared with."""
    base = request.diff_base or _known_base(project, request.base)
    checks = [
        _guarded("Models and migrations", lambda title: _check_models(project, title)),
        _guarded("Migrations in a scratch database", lambda title: _rehearse(project, title))
        if not request.offline
        else _skipped("Migrations in a scratch database", "not run, because of --offline"),
        _guarded("Lint", lambda title: _lint(project, title, base, request)),
    ]
    return checks, base


def markdown_report(diff_base: str | None, options: Iterable[str], url: str | None) -> str:
    """Return the report of the changed migrations in Markdown; an empty text if there is none."""
    base = () if diff_base is None else ("--diff-base", diff_base)
    command = [sys.executable, "-m", "autodiff", *options, "report", "--format", "markdown", *base]
    environment = {**os.environ, **({"DATABASE_URL": url} if url else {})}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=_REPORT_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode in (0, 1) else ""


def _known_base(project: Project, base: Base | None) -> str | None:
    """Return the first base that git knows, else the first one; without any, the main branch."""
    root = project.config.root
    if base is None:
        return next(iter(upstream_refs(root)), None)
    known = (name for name in base.revisions if changed_files(root, name) is not None)
    return next(known, base.revisions[0])


def _guarded(title: str, run: Callable[[str], Check]) -> Check:
    """Run a check; its error is its result."""
    try:
        return run(title)
    except AutodiffError as error:
        lines = _error_lines(error)
        return Check(
            title=title,
            outcome="incomplete",
            summary=f"could not run: {next(iter(lines), '')}",
            lines=tuple(lines),
        )


def _error_lines(error: AutodiffError) -> list[str]:
    message = mask_passwords_in_text(error.message)
    return [*message.splitlines(), *([f"hint: {error.hint}"] if error.hint else [])]


def _skipped(title: str, reason: str) -> Check:
    return Check(title=title, outcome="skipped", summary=reason)


def _check_models(project: Project, title: str) -> Check:
    drift = project.check(offline=True)
    lines = [*_drift_lines(drift), *(f"note: {note}" for note in drift.notes)]
    summary = "; ".join(heading for heading, _, _ in drift.sections()) or "no drift"
    outcome: Literal["passed", "failed"] = "failed" if drift else "passed"
    return Check(title=title, outcome=outcome, summary=summary, lines=tuple(lines))


def _drift_lines(drift: Drift) -> list[str]:
    lines: list[str] = []
    for heading, details, to_do in drift.sections():
        lines += [f"{heading}:", *(f"  {detail}" for detail in details)]
        lines += [f"  to do: {to_do}"] if to_do else []
    return lines


def _rehearse(project: Project, title: str) -> Check:
    if not project.has_database:
        return _skipped(title, "not run, because no database is configured")
    result = project.rehearse()
    *lines, summary = result.lines()
    if result.passed:
        lines = [f"note: {note}" for note in result.notes]
    outcome: Literal["passed", "failed"] = "passed" if result.passed else "failed"
    return Check(title=title, outcome=outcome, summary=summary, lines=tuple(lines))


def _lint(project: Project, title: str, base: str | None, request: CiRequest) -> Check:
    root = project.config.root
    if base is None:
        if (problem := unknown_main_branch(root)) is not None:
            raise problem
        return _skipped(title, "not run, because there is no main branch in git; pass --diff-base")
    own = request.base if request.diff_base is None else None
    if own is not None and changed_files(root, base) is None:
        raise refusal(root) or ConfigError(unknown_base(root, base).message, hint=own.hint)
    result = project.lint(diff_base=base)
    found = result.serious(strict=request.strict)
    counts = counted(len(found), "finding") if found else "no findings"
    migrations = counted(result.migrations, "migration")
    unread = "incomplete: " if result.problems else ""
    folder = top_folder(project.directory) or Path.cwd()
    lines = [line for finding in found for line in _finding_lines(finding, folder)]
    return Check(
        title=title,
        outcome="incomplete" if result.problems else "failed" if found else "passed",
        summary=f"{unread}{counts} in {migrations} since {_short(base)}",
        lines=(*lines, *(line for problem in result.problems for line in _error_lines(problem))),
        is_in_report=not result.problems,
        changed=result.migrations,
    )


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _finding_lines(finding: Finding, folder: Path) -> list[str]:
    """Return the lines of a finding, with the path of its file from a folder."""
    from autodiff.commands.review.migrations import relative_path

    place = ""
    if finding.file is not None:
        place = f"{relative_path(finding.file, folder).as_posix()}:{finding.line or 1}: "
    return [
        f"{place}{finding.severity} {finding.code}: {finding.message}",
        f"  safe way: {finding.safe_way}",
    ]
