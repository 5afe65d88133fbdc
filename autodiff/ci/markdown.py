"""Write the result of the checks as Markdown, and shorten Markdown to the limit of a host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autodiff.utils.quoting import markdown_text, one_line

if TYPE_CHECKING:
    from autodiff.ci.checks import Check

__all__ = ["ci_markdown", "is_quiet", "shorten_markdown"]

_QUIET = "<!-- autodiff: nothing to report -->"
_CUT = "\n\nThe rest was left out, because a comment cannot be longer."
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
_SIGNS = {"passed": "✅", "failed": "❌", "incomplete": "⚠️", "skipped": "➖"}
_VERDICTS = {
    "passed": "no problem found",
    "failed": "please review",
    "incomplete": "a check could not run",
}


def ci_markdown(checks: Sequence[Check], *, name: str = "", report: str = "") -> str:
    """Return the verdict, a table with the checks, their details, and the report below them."""
    report = report.strip()
    outcomes = {check.outcome for check in checks}
    verdict = next(
        word for word in ("incomplete", "failed", "passed") if word in {*outcomes, "passed"}
    )
    title = f"autodiff {markdown_text(name)}".rstrip()
    rows = (
        f"| {_SIGNS[check.outcome]} {check.title} | {markdown_text(check.summary)} |"
        for check in checks
    )
    parts = [
        f"### {title}: {_VERDICTS[verdict]}",
        "\n".join(["| check | result |", "|---|---|", *rows]),
        *(
            _details(check)
            for check in checks
            if check.lines and not (report and check.is_in_report)
        ),
        *([report] if report else []),
    ]
    quiet = [_QUIET] if not any(check.is_relevant for check in checks) else []
    return "\n\n".join([*quiet, *parts]) + "\n"


def _details(check: Check) -> str:
    """Return the lines of a check in a block of code, which no line of it ends."""
    lines = [one_line(line) for line in check.lines]
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    block = "\n".join([f"{fence}text", *lines, fence])
    return f"<details><summary>{check.title}</summary>\n\n{block}\n\n</details>"


def is_quiet(text: str) -> bool:
    """Return whether the checks found nothing, and no migration changed."""
    return text.startswith(_QUIET)


def shorten_markdown(text: str, longest: int) -> str:
    """Return the text with at most this number of characters: whole lines from its start.

    A block of code and folded details that are cut are closed.
    """
    if len(text) <= longest:
        return text
    room = longest - len(_CUT) - 200  # for what closes open blocks
    cut = text[: max(text.rfind("\n", 0, room), 0)]
    end = ""
    opened: str | None = None
    for fence in _FENCE.findall(cut):
        if opened is None:
            opened = fence
        elif fence.startswith(opened):
            opened = None
    if opened is not None:
        end += f"\n{opened[:100]}"
    end += "\n\n</details>" * min(max(cut.count("<details") - cut.count("</details>"), 0), 5)
    return f"{cut}{end}{_CUT}"
