"""The command autodiff comment."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from autodiff.cli.shell import Shell
from autodiff.errors import ConfigError

__all__ = ["run_comment"]


def run_comment(
    shell: Shell,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The text in Markdown; - reads standard input.")
    ],
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="NAME",
            help="The name of the comment, if several jobs write one on the same pull request.",
        ),
    ] = "",
) -> None:
    """Create the comment of a pull request, or update it.

    The pull request and the token come from the variables of GitHub Actions or
    GitLab CI: GITHUB_TOKEN or GITLAB_TOKEN. No project is needed.
    Outside of a pull request, nothing is done.

    Examples:
        autodiff comment autodiff.md
        autodiff comment --name postgresql autodiff.md
    """
    from autodiff.ci import CommentResult, find_review, put_comment

    text = _read(file)
    review = find_review(os.environ)
    if isinstance(review, str):
        result = CommentResult(outcome="skipped", reason=review)
    else:
        result = put_comment(review, text, name=name)
    line = f"{result.outcome} the comment"
    if result.outcome == "skipped":
        line = f"no comment was written: {result.reason}"
    shell.answer([f"{line}: {result.url}" if result.url else line], asdict(result))


def _read(file: str) -> str:
    """Return the text of a file, or of standard input."""
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    text = data.decode("utf-8", "replace").strip()
    if not text:
        raise ConfigError(
            "the text of the comment is empty",
            hint="write it with autodiff ci --output autodiff.md",
        )
    return text
