"""Test completion in a real bash, and its values by the protocols of zsh and fish."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from autodiff.cli import main
from tests.cli.project import CONFIG, Folder
from tests.cli.terminal import plain
from tests.cli.test_start import HEAVY, imported

SECONDS = 60
EMPTY = """revision = "abc1"
parents = ()


def upgrade():
    pass


def downgrade():
    pass
"""


class Bash:
    """An interactive bash that completes autodiff's command lines."""

    def __init__(self, folder: Folder) -> None:
        pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
        bin_ = folder.path.parent / "bin"
        bin_.mkdir()
        program = bin_ / "autodiff"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m autodiff "$@"\n')
        program.chmod(0o755)
        path = f"{bin_}{os.pathsep}{os.environ['PATH']}"
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            cwd=folder.path,
            env=folder.environment(
                TERM="dumb", PS1="$ ", PATH=path, INPUTRC="/dev/null", HOME=str(bin_)
            ),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._type("bind 'set enable-bracketed-paste off'\r")
        self._type('eval "$(autodiff --show-completion)"; echo loa""ded\r')
        self._read_until("loaded")

    def complete(self, line: str) -> str:
        """Return a command line after the tab key.

        Ctrl-A goes to its start, where echo is written before it.
        """
        self._type(f"{line}\t\x01echo typed-\r")
        return self._read_until(r"^typed-(.*?) ?\r?\n")

    def close(self) -> None:
        """End bash."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def _read_until(self, pattern: str) -> str:
        deadline, raw = time.monotonic() + SECONDS, ""
        while (found := re.search(pattern, plain(raw), re.MULTILINE)) is None:
            assert time.monotonic() < deadline, raw
            if select.select([self._master], [], [], 1)[0]:
                raw += os.read(self._master, 4096).decode()
        return found[found.lastindex or 0]


@pytest.fixture
def bash(blog_3: Folder) -> Iterator[Bash]:
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    script = 'echo "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}"'
    version = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    if int(version.stdout) < 44:
        pytest.skip("typer needs bash 4.4 or later")
    running = Bash(blog_3)
    yield running
    running.close()


def test_bash(bash: Bash, blog_3: Folder) -> None:
    """Words with a colon, an equals sign or an at sign are completed too, which bash splits."""
    text = CONFIG + '[environments.staging]\nurl = "sqlite://"\n'
    blog_3.write(autodiff=text)
    first = blog_3.migrations / "0001_add_posts.py"
    first.write_text(first.read_text().replace("parents = ", 'labels = ("blog",)\nparents = '))
    for typed, expected in (
        ("autodiff upg", "autodiff upgrade"),
        ("autodiff generate --allow-e", "autodiff generate --allow-empty-models"),
        ("autodiff generate --format al", "autodiff generate --format alembic"),
        ("autodiff --env st", "autodiff --env staging"),
        ("autodiff --env=st", "autodiff --env=staging"),
        ("autodiff show 0002", "autodiff show 0002_add_comments"),
        ("autodiff upgrade blog@", "autodiff upgrade blog@head"),
        ("autodiff upgrade blog@he", "autodiff upgrade blog@head"),
        ("autodiff squash 0001_add_posts:blog@", "autodiff squash 0001_add_posts:blog@head"),
        (
            "autodiff rehearse 0001_add_posts:0003",
            "autodiff rehearse 0001_add_posts:0003_add_timestamp",
        ),
        ("autodiff lint :0002", "autodiff lint :0002_add_comments"),
        ("autodiff lint --explain AD90", "autodiff lint --explain AD90"),
        ("autodiff lint mod", "autodiff lint models.py"),
    ):
        assert bash.complete(typed) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lint --explain AD101", ["AD101"]),
        ("lint --diff-base rel", ["release"]),
        ("rebase rel", ["release"]),
        ("rebase --mine 0003", ["0003_add_timestamp"]),
        ("generate --location mig", ["migrations"]),
        ("ci --diff-base rel", ["release"]),
        ("stamp --confirm sta", ["staging"]),
        ("show --config ../other 00", ["0001_other"]),
        ("repair --half-way re", ["reverted"]),
        ("completed", []),
    ],
)
def test_values(
    blog_3: Folder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    expected: list[str],
) -> None:
    """--config on the line is respected; no database file is created or changed."""
    blog_3.write(autodiff=CONFIG + '[environments.staging]\nurl = "sqlite://"\n')
    other = blog_3.path.parent / "other"
    (other / "migrations").mkdir(parents=True)
    (other / "autodiff.toml").write_text(CONFIG)
    (other / "migrations" / "0001_other.py").write_text(EMPTY)
    for command in (["init", "-q"], ["symbolic-ref", "HEAD", "refs/heads/release"]):
        subprocess.run(["git", *command], check=True)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-q", "--allow-empty", "-m", "a"], check=True)
    monkeypatch.setenv("_AUTODIFF_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "\n".join(["autodiff", *words.split()]))
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    with blog_3.untouched():
        capsys.readouterr()
        with contextlib.suppress(SystemExit):
            main([])
    assert capsys.readouterr().out.split() == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_values_by_the_protocols_of_other_shells(blog_3: Folder, shell: str) -> None:
    """They split words at spaces only."""
    for words, expected in (
        ("rehearse 0001:0003", "0001:0003_add_timestamp"),
        ("lint --explain AD90", "AD903"),
    ):
        result = blog_3.process(
            _AUTODIFF_COMPLETE=f"complete_{shell}",
            _TYPER_COMPLETE_ARGS=f"autodiff {words}",
            _TYPER_COMPLETE_FISH_ACTION="get-args",
        )
        assert expected in result.out.replace("\\\\:", ":")


def test_completing_is_quick(blog_3: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports no driver, no SQLAlchemy and no models, and a broken project completes nothing."""
    variables = {
        "_AUTODIFF_COMPLETE": "complete_bash",
        "COMP_WORDS": "autodiff\nshow\n00",
        "COMP_CWORD": "2",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    modules = imported(blog_3)
    assert modules & (HEAVY | {"sqlite3", "psycopg", "pymysql", "models"}) == set()
    blog_3.write(autodiff="models = [")
    result = blog_3.process()
    assert (result.out.strip(), result.err) == ("", "")
