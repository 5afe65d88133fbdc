"""The findings as annotations of GitHub Actions: workflow commands on standard output.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.utils.quoting import github_message, github_property, one_line

if TYPE_CHECKING:
    from autodiff.lint.finding import Finding, Severity
    from autodiff.report.review import Review

__all__ = ["render_github"]

_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "notice"}


def render_github(review: Review) -> str:
    """Return a line for each finding and each problem, and a last one with the verdict."""
    lines = [_finding(finding) for finding in review.findings]
    for problem in review.problems:
        hint = f"\nhint: {one_line(problem.hint)}" if problem.hint else ""
        message = one_line(f"{problem.part}: {problem.message}") + hint
        lines.append(_command("error", {"title": "autodiff: incomplete"}, message))
    worst = "notice" if review.verdict == "clean" else "warning"
    summary = ", ".join([review.verdict_line, *review.counts])
    lines.append(_command(worst, {"title": f"autodiff: {review.title}"}, summary))
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding) -> str:
    place: dict[str, str] = {}
    if finding.file is not None:
        place["file"] = finding.file.as_posix()
        place["line"] = str(finding.line or 1)
    place["title"] = f"{finding.code}: {finding.name}"
    parts = [finding.message, *(fact.text for fact in finding.evidence)]
    if finding.safe_way:
        parts.append(f"safe way: {finding.safe_way}")
    return _command(_COMMANDS[finding.severity], place, "\n".join(map(one_line, parts)))


def _command(name: str, properties: dict[str, str], message: str) -> str:
    listed = ",".join(f"{key}={github_property(value)}" for key, value in properties.items())
    return f"::{name} {listed}::{github_message(message)}"
