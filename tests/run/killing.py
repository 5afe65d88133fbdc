"""A runner that is killed, cut off or stopped at a chosen moment."""

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
from autodiff.history import load_graph
from autodiff.run.runner import Runner
from tests.support import Folder, opened

__all__ = ["Moment", "Stopped", "place_of", "statements_of"]
__all__ += ["upgrade_cut", "upgrade_killed", "upgrade_signalled"]


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
    child = _fork()
    if child == 0:  # pragma: no cover
        _child(url, folder, moment, direction, target)
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


def _kill(connection: sa.Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(engine: Any, moment: Moment, act: Callable[[sa.Connection], None] = _kill) -> None:
    """Lets `act` be called at the moment; `engine` is one, or the class for all of them.

    After a statement that fails is before the next one.
    """
    begun = ended = 0
    acted = False

    def look(connection: sa.Connection) -> None:
        nonlocal acted
        at = begun if moment.when == "before" else ended
        if at > moment.number and not acted:
            acted = True
            act(connection)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: sa.Connection, *_: Any) -> None:
        nonlocal begun, ended
        begun, ended = begun + 1, begun
        look(connection)

    @sa.event.listens_for(engine, "after_cursor_execute")
    def after(connection: sa.Connection, *_: Any) -> None:
        nonlocal ended
        ended = begun
        look(connection)


def upgrade_cut(url: sa.URL, folder: Folder, moment: Moment) -> Exception | None:
    """Runs a migration whose session another one ends at the moment; what was raised, if any."""

    def cut(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if url.get_backend_name() == "postgresql":
            sql = f"SELECT pg_terminate_backend({driver.info.backend_pid}, 5000)"
        else:
            sql = f"KILL {driver.thread_id()}"
        with opened(url) as other:
            other.execute(sql)

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    _arm(engine, moment, cut)
    try:
        with engine.connect() as connection:
            Runner(connection, load_graph(folder.path)).upgrade()
    except Exception as error:
        return error
    finally:
        engine.dispose()
    return None


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """How a command line ended that was sent a signal."""

    code: int
    out: str
    err: str


def upgrade_signalled(
    url: sa.URL, folder: Folder, moment: Moment, number: signal.Signals, *options: str
) -> Stopped:
    """Runs `autodiff upgrade` in a child process that gets a signal at the moment."""
    files = [folder.path.parent / name for name in ("out.txt", "err.txt")]
    child = _fork()
    if child == 0:  # pragma: no cover
        for number_, file in enumerate(files, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number_)
        _arm(sa.Engine, moment, lambda connection: os.kill(os.getpid(), number))
        os._exit(_command_line(url, folder, options))
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status), f"ended by signal {os.WTERMSIG(status)}"
    out, err = (file.read_text() for file in files)
    return Stopped(code=os.WEXITSTATUS(status), out=out, err=err)


def _command_line(url: sa.URL, folder: Folder, options: Sequence[str]) -> int:
    """As `autodiff upgrade` in the folder above, in this process."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    try:
        config = folder.path.parent / "autodiff.toml"
        config.write_text(f'models = "nothing:here"\nmigrations = "{folder.path.name}"\n')
        text = url.render_as_string(hide_password=False)
        return main(["upgrade", "--url", text, "--config", str(config), *options])
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def statements_of(url: sa.URL, folder: Folder, *, direction: str = "upgrade") -> int:
    """Runs the migrations in one go; how many statements that takes."""
    return len(_sent(url, folder, direction))


def place_of(start: str, url: sa.URL, folder: Folder) -> int:
    """Runs the migrations in one go; the number of the last statement that begins so."""
    sent = _sent(url, folder, "upgrade")
    return max(place for place, sql in enumerate(sent) if sql.startswith(start))


def _sent(url: sa.URL, folder: Folder, direction: str) -> list[str]:
    sent: list[str] = []
    engine = sa.create_engine(url, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "before_cursor_execute")
    def before(connection: object, cursor: object, statement: str, *_: Any) -> None:
        sent.append(statement)

    with engine.connect() as connection:
        runner = Runner(connection, load_graph(folder.path))
        runner.upgrade() if direction == "upgrade" else runner.downgrade("base")
    engine.dispose()
    return sent
