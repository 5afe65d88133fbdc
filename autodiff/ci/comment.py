"""Keep one comment on a pull request up to date."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from autodiff.ci.hosts import Review
from autodiff.ci.markdown import is_quiet, shorten_markdown
from autodiff.ci.server import CommentError

__all__ = ["CommentResult", "put_comment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentResult:
    """What became of the comment.

    url: its address; None if the host did not name it.
    reason: why it was skipped.
    """

    outcome: Literal["created", "updated", "skipped"]
    url: str | None = None
    reason: str | None = None


def put_comment(review: Review, text: str, *, name: str = "") -> CommentResult:
    """Update the comment with this name, or create it.

    It is found by a hidden marker at its start. If the text has nothing to report, no comment is
    created, but an older one is updated.

    Raises CommentError if the host refuses the request or cannot be reached. A read-only token is
    not an error for a branch of a fork, because such branches usually get one.
    """
    marker = _marker(name)
    body = f"{marker}\n{shorten_markdown(text, review.longest - len(marker) - 1)}"
    try:
        found = _find(review, marker)
        if found is None and is_quiet(text):
            return CommentResult(outcome="skipped", reason="there is nothing to report")
        if found is None:
            answer = review.server.write("POST", review.comments, {"body": body})
        else:
            path = review.comment.format(id=found)
            answer = review.server.write(review.update, path, {"body": body})
    except CommentError as error:
        if review.read_only and error.status in (401, 403, 404):
            return CommentResult(outcome="skipped", reason=review.read_only)
        raise
    url = answer.get("html_url")
    return CommentResult(
        outcome="created" if found is None else "updated",
        url=url if isinstance(url, str) else None,
    )


def _marker(name: str) -> str:
    """Return the hidden marker of a comment. A name can contain anything, such as `-->`."""
    key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"<!-- autodiff:{key} -->"


def _find(review: Review, marker: str) -> int | None:
    """Return the ID of the comment that starts with a marker.

    Everybody can write the marker, so comments of other people are left alone.
    """
    others: list[tuple[int, object]] = []
    for comment in review.server.items(review.comments):
        number, text = comment.get("id"), comment.get("body")
        if not isinstance(number, int) or not str(text).startswith(marker):
            continue
        author = comment.get(review.author)
        author = author if isinstance(author, dict) else {}
        if author.get("type") == "Bot":
            return number
        others.append((number, author.get("id")))
    own = _own_id(review) if others else None
    return next((number for number, author in others if own is not None and author == own), None)


def _own_id(review: Review) -> object:
    """Return the ID of the user of the token; None for a bot of GitHub, which has none."""
    try:
        user: Mapping[str, Any] = review.server.get("/user")
    except CommentError as error:
        if error.status in (401, 403, 404):
            return None
        raise
    return user.get("id")
