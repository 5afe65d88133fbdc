"""Write the summary of a job of GitHub Actions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from autodiff.ci.markdown import shorten_markdown

__all__ = ["write_job_summary"]

_LONGEST = 250_000
"""GitHub's limit is 1 MiB for each step, and a character has up to 4 bytes."""


def write_job_summary(text: str, environment: Mapping[str, str]) -> bool:
    """Append Markdown to the summary of the job, and return whether the job has one."""
    path = environment.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{shorten_markdown(text, _LONGEST)}\n")
    return True
