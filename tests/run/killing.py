"""Helpers that kill, disconnect or signal a runner at a chosen statement."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from autodiff.cli import main
from autodiff.migrations import load_graph
from autodiff.runner.runner import Runner
from tests.support import Folder, opened

__all__ = ["CommandResult", "Moment", "count_statements", "last_statement_number"]
__all__ += ["run_and_kill", "upgrade_and_disconnect", "upgrade_and_signal"]


@dataclass(frozen=True)
class Moment:
    """A point in a run: before or after the statement with this number, counted from 0."""

    number: int
    when: Literal["before", "after"]


def run_and_kill(
    url: sa.URL,
    folder: Folder,
    moment: Moment,
    *,
    direction: str = "upgrade",
    target: str = "base",
) -> bool:
    """Run a migration in a child process that is killed at the moment.

    Return False if the run ended before that moment.
    """
    child = _fork()
    if child == 0:  # pragma: no cover
        _run_in_child(url, folder, moment, direction, target)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed before it was killed"
    return False


def _fork() -> int:
    if not hasattr(os, "fork"):
        pytest.skip("Windows has no os.fork")
    return os.fork()


def _run_in_child(url: sa.URL, folder: Folder, moment: Moment, direction: str, target: str) -> None:
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        _call_at(engine, moment)
        with engine.connect() as connection:
            runner = Runner(connection, load_graph(folder.path))
            runner.upgrade() if direction == "upgrade" else runner.downgrade(target)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _kill(connection: sa.Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _call_at(
    engine: Any, moment: Moment, callback: Callable[[sa.Connection], None] = _kill
) -> None:
    """Call `callback` once, at the moment; `engine` is an engine, or the class for all engines.

    A failed statement has no end: the moment after it is reached when the next one starts.
    """
    started = finished = 0
    called = False

    def call_if_reached(connection: sa.Connection) -> None:
        nonlocal called
        reached = started if moment.when == "before" else finished
        if reached > moment.number and not called:
            called = True
            callback(connection)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: sa.Connection, *_: Any) -> None:
        nonlocal started, finished
        started, finished = started + 1, started
        call_if_reached(connection)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def after(connection: sa.Connection, *_: Any) -> None:
        nonlocal finished
        finished = started
        call_if_reached(connection)


def upgrade_and_disconnect(url: sa.URL, folder: Folder, moment: Moment) -> Exception | None:
    """Run an upgrade whose session is terminated at the moment; return the error, if any."""

    def terminate_session(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if url.get_backend_name() == "postgresql":
            sql = f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)"
        else:
            sql = f"KILL {driver.thread_id()}"
        with opened(url) as other:
            other.execute(sql)

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    _call_at(engine, moment, terminate_session)
    try:
        with engine.connect() as connection:
            Runner(connection, load_graph(folder.path)).upgrade()
    except Exception as error:
        return error
    finally:
        engine.dispose()
    return None


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The exit code and output of a command that received a signal."""

    code: int
    out: str
    err: str


def upgrade_and_signal(
    url: sa.URL, folder: Folder, moment: Moment, signal_number: signal.Signals, *options: str
) -> CommandResult:
    """Run `autodiff upgrade` in a child process that receives a signal at the moment."""
    files = [folder.path.parent / name for name in ("out.txt", "err.txt")]
    child = _fork()
    if child == 0:  # pragma: no cover
        for descriptor, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        _call_at(sa.Engine, moment, lambda connection: os.kill(os.getpid(), signal_number))
        os._exit(_run_command(url, folder, options))
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), f"ended by signal {os.WTERMSIG(status)}"
    out, err = (file.read_text() for file in files)
    return CommandResult(code=os.WEXITSTATUS(status), out=out, err=err)


def _run_command(url: sa.URL, folder: Folder, options: Sequence[str]) -> int:
    """Run `autodiff upgrade` in this process, with a configuration next to the folder."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, sys.stderr = (os.fdopen(descriptor, "w", buffering=1) for descriptor in (1, 2))
    try:
        config = folder.path.parent / "autodiff.toml"
        config.write_text(f'models = "nothing:here"\nmigrations = "{folder.path.name}"\n')
        url_text = url.render_as_string(hide_password=False)
        return main(["upgrade", "--url", url_text, "--config", str(config), *options])
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def count_statements(url: sa.URL, folder: Folder, *, direction: str = "upgrade") -> int:
    """Run the migrations without interruption; return the number of statements."""
    return len(_sent_statements(url, folder, direction))


def last_statement_number(start: str, url: sa.URL, folder: Folder) -> int:
    """Run the migrations; return the number of the last statement with this start."""
    statements = _sent_statements(url, folder, "upgrade")
    return max(number for number, sql in enumerate(statements) if sql.startswith(start))


def _sent_statements(url: sa.URL, folder: Folder, direction: str) -> list[str]:
    statements: list[str] = []
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: object, cursor: object, statement: str, *_: Any) -> None:
        statements.append(statement)

    with engine.connect() as connection:
        runner = Runner(connection, load_graph(folder.path))
        runner.upgrade() if direction == "upgrade" else runner.downgrade("base")
    engine.dispose()
    return statements
