"""The review as JUnit XML, which most CI servers show as tests.

Each migration is a test. Errors and warnings fail it; a part that is missing is an error.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import TYPE_CHECKING

from autodiff.utils.quoting import one_line

if TYPE_CHECKING:
    from autodiff.lint.finding import Finding
    from autodiff.report.review import Review

__all__ = ["render_junit"]


def render_junit(review: Review) -> str:
    """Return an XML document with one suite."""
    suite = ET.Element("testsuite", name=one_line(f"autodiff: {review.title}"))
    names = [migration.name for migration in review.migrations]
    for migration in review.migrations:
        found = [finding for finding in review.findings if finding.migration == migration.name]
        _case(suite, migration.name, migration.file, found)
    rest = [finding for finding in review.findings if finding.migration not in names]
    if rest or not names:
        _case(suite, "drift" if review.subject == "drift" else "history", None, rest)
    if review.subject == "migrations":
        _rehearsal(suite, review)
    for problem in review.problems:
        case = ET.SubElement(suite, "testcase", classname="autodiff", name=one_line(problem.part))
        error = ET.SubElement(case, "error", message=one_line(problem.message))
        error.text = one_line(problem.hint or problem.message)
    suite.set("tests", str(len(suite.findall("testcase"))))
    # Each test has at most one failure: servers read only the first one, and count the tests.
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    root = ET.Element("testsuites", name="autodiff")
    root.append(suite)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(suite: ET.Element, name: str, file: str | None, findings: Iterable[Finding]) -> None:
    case = ET.SubElement(suite, "testcase", classname="autodiff", name=one_line(name))
    if file is not None:
        case.set("file", one_line(file))
    findings = list(findings)
    serious = [finding for finding in findings if finding.is_serious]
    if serious:
        codes = dict.fromkeys(finding.code for finding in serious)
        more = f" (and {len(serious) - 1} more)" if len(serious) > 1 else ""
        failure = ET.SubElement(case, "failure", type=one_line(", ".join(codes)))
        failure.set("message", f"{_title(serious[0])}{more}")
        failure.text = "\n\n".join(map(_details, serious))
    advice = [_title(finding) for finding in findings if not finding.is_serious]
    if advice:
        ET.SubElement(case, "system-out").text = "\n".join(advice)


def _title(finding: Finding) -> str:
    return one_line(f"{finding.severity} {finding.code}: {finding.message}")


def _details(finding: Finding) -> str:
    place = [f"{finding.file.as_posix()}:{finding.line or 1}"] if finding.file else []
    facts = [fact.text for fact in finding.evidence]
    way = [f"safe way: {finding.safe_way}"] if finding.safe_way else []
    lines = [*place, *facts, *filter(None, [finding.reason]), *way]
    return "\n".join([_title(finding), *map(one_line, lines)])


def _rehearsal(suite: ET.Element, review: Review) -> None:
    case = ET.SubElement(suite, "testcase", classname="autodiff", name="rehearsal")
    if review.rehearsal is None:
        ET.SubElement(case, "skipped", message=one_line(review.not_rehearsed or ""))
        return
    lines = "\n".join(map(one_line, review.rehearsal.lines()))
    if review.rehearsal.passed:
        ET.SubElement(case, "system-out").text = lines
        return
    ET.SubElement(case, "failure", message="the rehearsal failed").text = lines
