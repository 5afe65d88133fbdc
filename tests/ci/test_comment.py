"""Test that one comment is kept up to date, and that each failure of the API is one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from autodiff.ci import CommentResult, find_base, find_review, put_comment, shorten_markdown
from autodiff.ci.server import CommentError
from autodiff.errors import AutodiffError, ConfigError
from tests.ci.conftest import TOKEN
from tests.ci.server import PERSON, CodeHost

Variables = Callable[..., dict[str, str]]
QUIET = "<!-- autodiff: nothing to report -->\n"


def put(environment: dict[str, str], text: str = "the report", **options: str) -> CommentResult:
    """Write the comment of the job with these variables."""
    review = find_review(environment)
    assert not isinstance(review, str), review
    return put_comment(review, text, **options)


def test_the_comment_is_created_and_then_updated(host: CodeHost, github: Variables) -> None:
    result = put(github(), "first")
    assert (result.outcome, result.url) == ("created", f"{host.url}/comment/1")
    assert put(github(), "second").outcome == "updated"
    (comment,) = host.comments
    assert comment["body"].endswith("-->\nsecond")
    assert host.requests[-1] == ("PATCH", "/repos/acme/shop/issues/comments/1")
    assert {headers["Authorization"] for headers in host.headers} == {f"Bearer {TOKEN}"}


def test_a_note_of_a_merge_request(host: CodeHost, gitlab: dict[str, str]) -> None:
    """GitLab has no bots: the note belongs to the user of the token."""
    host.author = PERSON
    assert put(gitlab, "first").outcome == "created"
    assert put(gitlab, "second").outcome == "updated"
    assert len(host.comments) == 1
    assert host.requests[-1] == ("PUT", "/projects/42/merge_requests/5/notes/1")
    assert {headers["Private-Token"] for headers in host.headers} == {TOKEN}


def test_the_comment_is_found_on_a_later_page(host: CodeHost, github: Variables) -> None:
    """The addresses of pages that the server names are not followed."""
    for number in range(250):
        host.add(f"comment {number}", PERSON)
    put(github(), "first")
    put(github(), "second")
    assert len(host.comments) == 251
    assert sum("page=3" in path for _, path in host.requests) == 2


def test_each_name_has_its_comment(host: CodeHost, github: Variables) -> None:
    """A name does not end the hidden marker."""
    for name in ("", "mysql", "--><b>"):
        assert put(github(), name=name).outcome == "created"
        assert put(github(), name=name).outcome == "updated"
    assert len(host.comments) == 3
    assert all(comment["body"].count("-->") == 1 for comment in host.comments)


def test_comments_of_other_people_are_left_alone(host: CodeHost, github: Variables) -> None:
    """Everybody can copy the marker, and edit the own comment later."""
    put(github())
    copied = host.comments[0]["body"]
    host.comments.clear()
    host.add(copied, PERSON)
    assert put(github(), "real").outcome == "created"
    assert host.comments[0]["body"] == copied


def test_nothing_to_report_creates_no_comment(host: CodeHost, github: Variables) -> None:
    """An older comment is updated."""
    assert put(github(), f"{QUIET}ok").outcome == "skipped"
    assert host.comments == []
    put(github(), "drift")
    assert put(github(), f"{QUIET}ok").outcome == "updated"
    assert host.comments[0]["body"].endswith("ok")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"head": "fork/shop"}, "the branch is in a fork"),
        ({"head": None}, "the branch is in a fork"),
        ({"GITHUB_ACTOR": "dependabot[bot]"}, "Dependabot"),
    ],
)
def test_a_token_that_may_only_read_is_no_error_for_a_fork(
    host: CodeHost, github: Variables, variables: dict[str, str], reason: str
) -> None:
    host.fail("POST", 403)
    result = put(github(**variables))
    assert result.outcome == "skipped"
    assert reason in str(result.reason)
    assert put(github(**variables)).outcome == "created"  # some forks may write


@pytest.mark.parametrize(
    ("method", "status", "headers", "message", "hint"),
    [
        ("GET", 401, {}, "GitHub does not accept the token", "expired"),
        ("POST", 403, {}, "GitHub does not let this token write", "pull-requests: write"),
        ("GET", 404, {}, "GitHub does not know the pull request", "pull-requests: write"),
        ("POST", 403, {"X_RateLimit_Remaining": "0"}, "too many requests", "in some minutes"),
        ("POST", 429, {}, "too many requests", "in some minutes"),
        ("POST", 500, {}, "GitHub failed with status 500", "run the job again"),
        ("GET", 302, {"Location": "http://192.0.2.1/"}, "redirect (status 302)", "moved"),
    ],
)
def test_a_refused_request_is_one_message(
    host: CodeHost,
    github: Variables,
    method: str,
    status: int,
    headers: dict[str, str],
    message: str,
    hint: str,
) -> None:
    """A request that creates something is not repeated."""
    host.fail(method, status, **headers)
    with pytest.raises(CommentError) as caught:
        put(github())
    assert message in caught.value.message
    assert hint in str(caught.value.hint)
    assert host.comments == []
    assert [sent for sent, _ in host.requests].count(method) == 1


def test_the_reason_of_the_server_is_shown_without_the_token(
    host: CodeHost, github: Variables
) -> None:
    body = json.dumps({"message": f"body is \x1b[31m invalid for {TOKEN}"}).encode()
    host.fail("POST", 422, body=body)
    with pytest.raises(CommentError, match="status 422: body is") as caught:
        put(github())
    assert "\x1b" not in caught.value.message
    assert TOKEN not in caught.value.message


def test_a_failure_of_the_server_is_tried_again(host: CodeHost, github: Variables) -> None:
    put(github())
    host.fail("GET", 502, times=2)
    host.fail("PATCH", 503)
    assert put(github(), "new").outcome == "updated"
    host.fail("GET", 502, times=3)
    with pytest.raises(CommentError, match="GitHub failed with status 502"):
        put(github())


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_not_json(host: CodeHost, github: Variables, body: bytes) -> None:
    host.fail("GET", 200, times=3, body=body)
    with pytest.raises(CommentError, match="GitHub did not answer with JSON"):
        put(github())


def test_unexpected_data_is_ignored(host: CodeHost, github: Variables) -> None:
    """A list with other items, an object instead of a list, a comment without a text."""
    host.fail("GET", 200, body=b'[1, null, {"id": 1}, {"id": "x", "body": 5}, []]')
    assert put(github()).outcome == "created"
    host.fail("GET", 200, body=b'{"message": "no list"}')
    host.fail("POST", 201, body=b"[]")
    assert put(github()).url is None


def test_a_server_that_does_not_answer(host: CodeHost, github: Variables) -> None:
    host.delay = 0.5
    review = find_review(github())
    assert not isinstance(review, str)
    review.server.timeout = 0.05
    with pytest.raises(CommentError, match=r"cannot reach GitHub at 127.0.0.1:\d+: no answer"):
        put_comment(review, "text")


def test_a_server_that_is_not_there(host: CodeHost, github: Variables) -> None:
    environment = github(GITHUB_API_URL="http://user:secret@127.0.0.1:9")
    with pytest.raises(CommentError, match=r"cannot reach GitHub at 127\.0\.0\.1:9: ") as caught:
        put(environment)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["a\nb", "ghs_é", "two words"])
def test_an_invalid_token_is_not_shown(github: Variables, token: str) -> None:
    with pytest.raises(ConfigError, match="not printable") as caught:
        put(github(GITHUB_TOKEN=token))
    assert token not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "not a job of GitHub Actions or GitLab CI"),
        ({"GITHUB_ACTIONS": "true"}, "does not run for a pull request"),
        ({"GITLAB_CI": "true"}, "does not run for a merge request"),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "5"}, "set the CI/CD variable GITLAB_TOKEN"),
    ],
)
def test_there_is_nothing_to_comment_on(variables: dict[str, str], reason: str) -> None:
    assert reason in str(find_review(variables))


def test_a_missing_token(github: Variables) -> None:
    assert "set GITHUB_TOKEN" in str(find_review(github(GITHUB_TOKEN=" ")))


def test_invalid_variables(github: Variables, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    for variables in ({"GITHUB_EVENT_PATH": str(broken)}, {"GITHUB_API_URL": "file:///etc"}):
        with pytest.raises(AutodiffError):
            find_review(github(**variables))


def test_the_base_of_a_pull_request(github: Variables) -> None:
    base = find_base(github(GITHUB_BASE_REF="main"))
    assert base is not None
    assert base.revisions == ("origin/main", "abc")
    assert find_base({}) is None
    base = find_base({"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"})
    assert base is not None
    assert "GIT_DEPTH" in base.hint


def test_a_long_text_is_cut_at_a_line_and_closed(host: CodeHost, github: Variables) -> None:
    """Code and folded details do not swallow the sentence about it."""
    text = "<details>\n\n````text\n" + "one line\n" * 20_000
    put(github(), text)
    body = host.comments[0]["body"]
    assert len(body) < 65_536
    assert body.endswith(
        "one line\n````\n\n</details>\n\nThe rest was left out, because a comment cannot be longer."
    )
    assert shorten_markdown("short", 5) == "short"
