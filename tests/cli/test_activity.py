"""Test that a long command shows its activity, and a short one does not."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Sequence

import pytest

from autodiff.cli.activity import Activity
from tests.cli.project import POSTS, Folder
from tests.cli.terminal import Terminal

WORK = "comparing the models, the migrations and the database"
SLOW = f"import time\ntime.sleep({{}})\n{POSTS}"


@pytest.mark.parametrize(
    ("options", "is_shown"), [([], True), (["--json"], False), (["--quiet"], False)]
)
def test_a_spinner_after_a_second(blog: Folder, options: Sequence[str], is_shown: bool) -> None:
    """The result is printed as without it, and the cursor is visible again."""
    blog.write(models=SLOW.format(1.6))
    terminal = Terminal(blog, "check", *options)
    terminal.ends_with(0)
    assert (f"{WORK} " in terminal.raw) is is_shown
    assert WORK not in terminal.text  # it disappears
    assert ("\x1b[?25l" in terminal.raw) is is_shown
    assert terminal.raw.count("\x1b[?25l") == terminal.raw.count("\x1b[?25h")
    assert terminal.text.endswith('"notes": []\n}\n' if "--json" in options else "no drift\n")


@pytest.mark.parametrize(
    ("command", "text"), [("status", "connecting to the database"), ("check", WORK)]
)
def test_a_server_that_does_not_answer(
    blog: Folder, monkeypatch: pytest.MonkeyPatch, command: str, text: str
) -> None:
    """A log gets a line with what the command waits for."""
    monkeypatch.setattr("autodiff.cli.activity._FIRST_PAUSE", 1.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/d?connect_timeout=2"
        result = blog.run(command, "--url", url)
    assert result.code == 2
    lines = re.findall(r"(?m)^(.*): \d+(?:[.]\d)? s$", result.err)
    assert 1 <= len(lines) <= 3 and set(lines) == {text}  # more than one on a slow machine


def test_a_short_activity_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    activity = Activity("short")
    activity.start()
    activity.stop()
    assert capsys.readouterr().err == ""


def test_a_dumb_terminal_shows_lines(blog: Folder) -> None:
    """A spinner would need cursor movements."""
    blog.write(models=SLOW.format(1.2))
    terminal = Terminal(blog, "check", environment={"TERM": "dumb"})
    terminal.ends_with(0)
    assert "\x1b" not in terminal.raw


def test_no_spinner_while_a_question_is_open(blog: Folder) -> None:
    blog.write(models=POSTS.replace("title: Mapped", "headline: Mapped"))
    terminal = Terminal(blog, "generate", "-m", "headline")
    terminal.expect("Was column posts.title renamed to posts.headline?")
    before = len(terminal.raw)
    time.sleep(1.3)
    terminal.type("y")
    terminal.ends_with(0)
    assert terminal.raw[before:].partition("y\r\n")[0].strip() == ""
    assert "  ~ column posts.title -> headline\n" in terminal.text


def test_a_single_migration_shows_a_spinner(blog: Folder) -> None:
    """The line with its duration comes after it, once."""
    blog.ok("downgrade", "base")
    path = blog.migrations / "0001_add_posts.py"
    text = path.read_text()
    path.write_text(
        text.replace(
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n    import time\n    time.sleep(1.6)\n",
        )
    )
    terminal = Terminal(blog, "upgrade")
    terminal.ends_with(0)
    assert "0001_add_posts \x1b[33m0:00:0" in terminal.raw
    assert len(re.findall(r"0001_add_posts \.\.\. \d+\.\d s\n", terminal.text)) == 1


def test_a_line_now_and_then_in_a_log(blog: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses between the lines grow; --json and --quiet print none."""
    monkeypatch.setattr("autodiff.cli.activity._FIRST_PAUSE", 0.2)
    blog.write(models=SLOW.format(1.1))
    lines = [line for line in blog.ok("check").err.splitlines() if line.startswith(WORK)]
    assert 1 <= len(lines) <= 4
    for option in ("--json", "--quiet"):
        assert WORK not in blog.ok("check", option).err


def test_the_lines_of_a_migration_that_takes_long(
    blog: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open line ends before them, and the duration comes last."""
    monkeypatch.setattr("autodiff.cli.activity._FIRST_PAUSE", 0.2)
    blog.ok("downgrade", "base")
    path = blog.migrations / "0001_add_posts.py"
    text = path.read_text()
    path.write_text(
        text.replace(
            "def upgrade() -> None:\n",
            "def upgrade() -> None:\n    import time\n    time.sleep(0.5)\n",
        )
    )
    lines = blog.ok("upgrade").err.splitlines()
    start = lines.index("0001_add_posts ... ")
    assert lines[start + 1].startswith("0001_add_posts: ")
    assert lines[-1].startswith("0001_add_posts ... ")
    blog.ok("downgrade", "base")
    assert "0001" not in blog.ok("upgrade", "--quiet").err


def test_the_text_can_change(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text of others has no effect on the terminal."""
    monkeypatch.setattr("autodiff.cli.activity._FIRST_PAUSE", 0.15)
    activity = Activity("first")
    activity.start()
    activity.describe("second\x1b[31m\nthird")
    time.sleep(0.4)
    activity.stop()
    (line, *_) = capsys.readouterr().err.splitlines()
    assert line.startswith("second\\x1b[31m\\nthird: ")
