"""Checks for CI, and a comment on the pull request that shows their result.

The checks import the models of the project. The comment needs a token, so a separate process that
imports nothing from the project writes it.
"""

from autodiff.ci.checks import Check, CiRequest, run_checks
from autodiff.ci.comment import CommentResult, put_comment
from autodiff.ci.hosts import find_base, find_review
from autodiff.ci.markdown import ci_markdown, shorten_markdown
from autodiff.ci.summary import write_job_summary

__all__ = [
    "Check",
    "CiRequest",
    "CommentResult",
    "ci_markdown",
    "find_base",
    "find_review",
    "put_comment",
    "run_checks",
    "shorten_markdown",
    "write_job_summary",
]
