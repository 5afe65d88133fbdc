"""The findings in SARIF 2.1.0, which code scanning of GitHub and other tools read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from autodiff.utils.quoting import json_text, one_line

if TYPE_CHECKING:
    from autodiff.lint.finding import Finding, Severity
    from autodiff.report.review import Review

__all__ = ["render_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def render_sarif(review: Review) -> str:
    """Return a SARIF log with one run; a part that is missing makes the run unsuccessful."""
    from autodiff import __version__

    rules = list({finding.code: finding for finding in review.findings}.values())
    places = {finding.code: place for place, finding in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "autodiff",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(finding) for finding in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not review.is_incomplete,
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": one_line(f"{item.part}: {item.message}")},
                    }
                    for item in review.problems
                ],
            }
        ],
        "results": [_result(finding, places[finding.code]) for finding in review.findings],
    }
    return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}) + "\n"


def _rule(finding: Finding) -> dict[str, Any]:
    texts = {"text": one_line(finding.reason or finding.name)}
    return {
        "id": finding.code,
        "name": one_line(finding.name),
        "shortDescription": {"text": one_line(finding.name)},
        "fullDescription": texts,
        "help": {"text": one_line(finding.safe_way or finding.reason or finding.name)},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    words = [finding.message, *(fact.text for fact in finding.evidence)]
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": one_line("; ".join(words))},
    }
    place: dict[str, Any] = {}
    if finding.file is not None:
        uri = quote(one_line(finding.file.as_posix()), safe="/")
        place["physicalLocation"] = {
            "artifactLocation": {"uri": uri},
            # A result without a line would not be shown beside the file:
            "region": {"startLine": max(finding.line or 1, 1)},
        }
    if finding.object is not None:
        place["logicalLocations"] = [{"fullyQualifiedName": one_line(finding.object)}]
    if place:
        result["locations"] = [place]
    return result
