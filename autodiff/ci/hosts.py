"""Find the pull request of a CI job by the variables of GitHub Actions or GitLab CI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from autodiff.ci.server import Server
from autodiff.errors import ConfigError

__all__ = ["Base", "Review", "find_base", "find_review"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A pull request, or a merge request of GitLab, whose comments can be read and written.

    comments: the path of the list of comments.
    comment: the path of one comment, with `{id}`.
    update: the HTTP method that replaces the text of a comment.
    longest: how many characters a comment can have.
    author: the key of the author of a comment.
    read_only: why the token may only read, if the host gives such a token for this branch.
    """

    server: Server
    comments: str
    comment: str
    update: Literal["PATCH", "PUT"]
    longest: int
    author: Literal["user", "author"]
    read_only: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The git revision that a pull request is compared with.

    revisions: its names; the first that git knows is used.
    hint: what to do if git knows none.
    """

    revisions: tuple[str, ...]
    hint: str


def find_review(environment: Mapping[str, str]) -> Review | str:
    """Return the pull request of this job, or the reason why no comment can be written.

    Raises ConfigError if a variable is invalid.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        return _find_pull_request(environment)
    if environment.get("GITLAB_CI") == "true":
        return _find_merge_request(environment)
    return "this is not a job of GitHub Actions or GitLab CI"


def find_base(environment: Mapping[str, str]) -> Base | None:
    """Return the base of the pull request of this job; None outside of one."""
    if environment.get("GITHUB_ACTIONS") == "true" and environment.get("GITHUB_BASE_REF"):
        branch = f"origin/{environment['GITHUB_BASE_REF']}"
        commit = (_pull_request(environment).get("base") or {}).get("sha")
        names = (branch, commit) if isinstance(commit, str) else (branch,)
        hint = "set fetch-depth: 0 for actions/checkout, or pass --diff-base"
        return Base(revisions=names, hint=hint)
    if environment.get("GITLAB_CI") == "true":
        commit = environment.get("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        if commit:
            hint = 'set the variable GIT_DEPTH: "0" for the job, or pass --diff-base'
            return Base(revisions=(commit,), hint=hint)
    return None


def _find_pull_request(environment: Mapping[str, str]) -> Review | str:
    pull_request = _pull_request(environment)
    number = pull_request.get("number")
    if not isinstance(number, int):
        return "this job does not run for a pull request"
    token = environment.get("GITHUB_TOKEN", "").strip()
    if not token:
        return "there is no token: set GITHUB_TOKEN to ${{ github.token }}"
    repository = environment.get("GITHUB_REPOSITORY", "")
    path = f"/repos/{quote(repository)}/issues"
    return Review(
        server=Server(
            name="GitHub",
            url=environment.get("GITHUB_API_URL") or "https://api.github.com",
            token=token,
            header=("Authorization", "Bearer "),
            permission="give the job the permission pull-requests: write",
        ),
        comments=f"{path}/{number}/comments",
        comment=f"{path}/comments/{{id}}",
        update="PATCH",
        longest=65_000,  # GitHub's limit is 65,536
        author="user",
        read_only=_read_only(environment, _head_repository(pull_request) != repository),
    )


def _pull_request(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the pull request of the event that GitHub describes in a file."""
    path = environment.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the event of the job, GITHUB_EVENT_PATH: {type(error).__name__}",
            hint="run this command as a step of the job, not in a container without that file",
        ) from error
    found = event.get("pull_request") if isinstance(event, dict) else None
    return found if isinstance(found, dict) else {}


def _head_repository(pull_request: Mapping[str, Any]) -> str | None:
    """Return the repository of the branch; None if it was deleted."""
    repository = (pull_request.get("head") or {}).get("repo") or {}
    name = repository.get("full_name")
    return name if isinstance(name, str) else None


def _find_merge_request(environment: Mapping[str, str]) -> Review | str:
    number = environment.get("CI_MERGE_REQUEST_IID")
    if not number:
        return "this job does not run for a merge request"
    token = environment.get("GITLAB_TOKEN", "").strip()
    if not token:
        return (
            "there is no token: set the CI/CD variable GITLAB_TOKEN to a project access token "
            "with the scope api"
        )
    project = environment.get("CI_MERGE_REQUEST_PROJECT_ID") or environment.get("CI_PROJECT_ID", "")
    source = environment.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") or project
    path = f"/projects/{quote(project, safe='')}/merge_requests/{quote(number, safe='')}/notes"
    return Review(
        server=Server(
            name="GitLab",
            url=environment.get("CI_API_V4_URL") or "https://gitlab.com/api/v4",
            token=token,
            header=("PRIVATE-TOKEN", ""),
            permission="use a project access token with the scope api and the role Reporter",
        ),
        comments=path,
        comment=f"{path}/{{id}}",
        update="PUT",
        longest=900_000,  # GitLab's limit is 1,000,000
        author="author",
        read_only=_read_only(environment, source != project),
    )


def _read_only(environment: Mapping[str, str], is_fork: bool) -> str | None:
    if is_fork:
        return "the branch is in a fork, and the token of its jobs may not write comments"
    if environment.get("GITHUB_ACTOR") == "dependabot[bot]":
        return "the token of jobs that Dependabot starts may not write comments"
    return None
