"""A runner in a process of its own that is killed, as hard as it goes, at a chosen moment."""

from __future__ import annotations

import os
import signal
import traceback
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from autodiff.history import load_graph
from autodiff.run.runner import Runner
from tests.support import Folder

__all__ = ["Moment", "statements_of", "upgrade_killed"]


@dataclass(frozen=True)
class Moment:
    """Before or after the statement of that number, from 0."""

    number: int
    when: Literal["before", "after"]


def upgrade_killed(
    url: sa.URL,
    folder: Folder,
    moment: Moment,
    *,
    direction: str = "upgrade",
    target: str = "base",
) -> bool:
    """Runs a migration in a child process that is killed at the moment; whether it came to it."""
    child = os.fork()
    if child == 0:  # pragma: no cover
        _child(url, folder, moment, direction, target)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed before it was killed"
    return False


def _child(url: sa.URL, folder: Folder, moment: Moment, direction: str, target: str) -> None:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        _arm(engine, moment)
        with engine.connect() as connection:
            runner = Runner(connection, load_graph(folder.path))
            runner.upgrade() if direction == "upgrade" else runner.downgrade(target)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _arm(engine: sa.Engine, moment: Moment) -> None:
    seen = {"before": 0, "after": 0}

    def count(when: str) -> None:
        if when == moment.when and seen[when] == moment.number:
            os.kill(os.getpid(), signal.SIGKILL)
        seen[when] += 1

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(*_: Any) -> None:
        count("before")

    @sa.event.listens_for(engine, "after_cursor_execute")
    def after(*_: Any) -> None:
        count("after")


def statements_of(url: sa.URL, folder: Folder, *, direction: str = "upgrade") -> int:
    """Runs the migrations in one go; how many statements that takes."""
    sent = 0
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(*_: Any) -> None:
        nonlocal sent
        sent += 1

    with engine.connect() as connection:
        runner = Runner(connection, load_graph(folder.path))
        runner.upgrade() if direction == "upgrade" else runner.downgrade("base")
    engine.dispose()
    return sent
