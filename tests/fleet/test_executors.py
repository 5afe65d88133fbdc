"""Test that targets run on any executor of concurrent.futures, and that dead workers lose none."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import signal
import sqlite3
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project, errors
from autodiff.dialects.timeouts import Limits
from autodiff.errors import ConfigError
from autodiff.fleet import Target, TargetFinished, TargetStarted
from autodiff.fleet.executors import load_executor
from autodiff.fleet.target_run import RunSettings
from autodiff.fleet.tasks import NamedHooks, TargetTask, pack_graph, run_task
from autodiff.migrations import load_graph
from autodiff.runner.hooks import HookedRun, Hooks
from tests.support import Folder, opened

MakeProject = Callable[..., Project]
pytestmark = pytest.mark.usefixtures("modules_imported")

ROWS = 'op.execute("INSERT INTO t1 VALUES (1)")'


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Return two worker processes that share nothing with this one."""
    with new_processes() as pool:
        yield pool


def new_processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


class HereExecutor(Executor):
    """Runs each task at once, in the thread that submits it."""

    def __init__(self, change: Callable[[Any], object] = lambda outcome: outcome) -> None:
        self.change = change
        self.lock = threading.Lock()
        self.running = 0
        self.peak = 0

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **_: Any) -> Future[Any]:
        with self.lock:
            self.running += 1
            self.peak = max(self.peak, self.running)
        future: Future[Any] = Future()
        try:
            future.set_result(self.change(function(*arguments)))
        except BaseException as error:
            future.set_exception(error)
        with self.lock:
            self.running -= 1
        return future


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        count: int = connection.execute("SELECT count(*) FROM t1").fetchone()[0]
        return count


def test_worker_processes_give_the_same_outcomes(
    sqlite_project: MakeProject, folder: Folder, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    """A failure has its reason and its hint; the migrations need not be on the worker's disk."""
    folder.write("aaa4", ROWS)
    project = sqlite_project(4, parallel=3)
    with closing(sqlite3.connect(tmp_path / "tenants" / "t02.db")) as connection:
        connection.execute("CREATE TABLE t2 (x int)")
    events: list[object] = []
    outcomes = project.upgrade_all(executor=processes, on_event=events.append)
    assert [outcome.result for outcome in outcomes] == [
        "upgraded",
        "upgraded",
        "failed",
        "upgraded",
    ]
    failed = outcomes.outcomes[2]
    assert "table t2 already exists" in str(failed.error)
    assert str(failed.hint).startswith("the failed migration left nothing behind")
    assert (failed.after, failed.migrations) == ("0001_step_aaa1", ("0001_step_aaa1",))
    assert Counter(map(type, events)) == {TargetStarted: 4, TargetFinished: 4}
    with closing(sqlite3.connect(tmp_path / "tenants" / "t02.db")) as connection:
        connection.execute("DROP TABLE t2")
    again = project.upgrade_all(executor=processes)
    assert [o.result for o in again] == ["up to date", "up to date", "upgraded", "up to date"]
    assert [rows_of(path) for path in sorted((tmp_path / "tenants").iterdir())] == [1] * 4
    assert project.downgrade_all("base", executor=processes)


def test_a_dead_worker_loses_no_target(
    sqlite_project: MakeProject, folder: Folder, tmp_path: Path
) -> None:
    """Targets in progress have failed, the others are not started; the next run does the rest."""
    mark = tmp_path / "died"
    folder.write(
        "aaa4",
        f"""
        import os, pathlib, time
        {ROWS}
        path, mark = op.get_bind().engine.url.database, pathlib.Path({str(mark)!r})
        if path.endswith("t03.db") and not mark.exists():
            mark.touch()
            os._exit(1)
        while path.endswith(("t04.db", "t05.db")) and not mark.exists():
            time.sleep(0.01)  # so that the other worker does not do them before
        """,
    )
    project = sqlite_project(6, parallel=2)
    with new_processes() as pool:
        outcomes = project.upgrade_all(executor=pool)
    assert [outcome.name for outcome in outcomes] == [f"t{n:02}" for n in range(6)]
    assert {outcome.result for outcome in outcomes} >= {"failed", "not started"}
    failed = outcomes.outcomes[3]
    assert str(failed.error).startswith("the worker did not return an outcome: BrokenProcessPool")
    assert "a migration that stopped half-way is resumed" in str(failed.hint)
    assert "the executor accepts no more tasks" in str(outcomes.outcomes[-1].error)
    assert project.upgrade_all(parallel=2)
    assert [rows_of(path) for path in sorted((tmp_path / "tenants").iterdir())] == [1] * 6


def test_an_executor_that_refuses_starts_no_target(sqlite_project: MakeProject) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    outcomes = sqlite_project(3).upgrade_all(executor=pool)
    assert {outcome.result for outcome in outcomes} == {"not started"}
    reason = "the executor accepts no more tasks: RuntimeError: cannot schedule new futures"
    assert str(outcomes.outcomes[2].error).startswith(reason)


@pytest.mark.parametrize(
    ("change", "result", "error"),
    [
        (lambda outcome: 3, "failed", "the executor returned int instead of an outcome"),
        (lambda outcome: 1 / 0, "failed", "outcome: ZeroDivisionError: division by zero"),
        (lambda outcome: sys.exit("enough"), "failed", "outcome: SystemExit: enough"),
        (lambda outcome: interrupt(), "stopped", "its worker was interrupted"),
    ],
)
def test_a_worker_without_an_outcome(
    sqlite_project: MakeProject, change: Callable[[Any], object], result: str, error: str
) -> None:
    """The other targets still have their own."""
    [outcome] = sqlite_project(1).upgrade_all(executor=HereExecutor(change))
    assert outcome.result == result
    assert error in str(outcome.error)


def interrupt() -> None:
    raise KeyboardInterrupt


def test_few_tasks_are_in_flight(sqlite_project: MakeProject) -> None:
    """There are never more than `parallel`, however many targets there are."""
    executor = HereExecutor()
    assert sqlite_project(12, parallel=3).upgrade_all("aaa1", executor=executor)
    assert 1 <= executor.peak <= 3


def test_an_object_that_is_no_executor(sqlite_project: MakeProject) -> None:
    class Client:
        get_executor = None

    with pytest.raises(ConfigError, match=r"executor is Client, not a concurrent") as caught:
        sqlite_project(1).upgrade_all(executor=Client())  # type: ignore[arg-type]
    assert caught.value.hint == "pass client.get_executor() instead of the client"


def called(run: HookedRun) -> None:
    run.connection.exec_driver_sql("CREATE TABLE called (x int)")


def test_hooks_must_reach_the_worker(
    folder: Folder, tmp_path: Path, processes: ProcessPoolExecutor
) -> None:
    """A function of a module does; a lambda is refused before anything runs."""
    target = Target(name="a", url=sa.make_url(f"sqlite:///{tmp_path / 'a.db'}"))
    project = Project(directory=folder.path, hooks=Hooks(before_upgrade=lambda run: None))
    with pytest.raises(ConfigError, match="the hooks cannot be sent to a worker") as caught:
        project.upgrade_all(targets=[target], executor=processes)
    assert "functions at the top level of a module" in str(caught.value.hint)
    assert not (tmp_path / "a.db").exists()
    (tmp_path / "announce.py").write_text(
        "def announce(run):\n    run.connection.exec_driver_sql('CREATE TABLE called (x int)')\n"
    )
    (tmp_path / "autodiff.toml").write_text('hooks.before_upgrade = "announce:announce"\n')
    assert Project.load(tmp_path).upgrade_all(targets=[target], executor=processes)
    with opened(target.url) as db:
        assert "called" in db.tables()


ERRORS: dict[type[errors.AutodiffError], dict[str, Any]] = {
    errors.MigrationFileError: {"path": "a.py", "reason": "line 1"},
    errors.RevisionNotFoundError: {"revision": "a"},
    errors.AmbiguousRevisionError: {"revision": "a"},
    errors.SeveralHeadsError: {"heads": ["a", "b"], "picture": ["* a"]},
    errors.EditedMigrationError: {"message": "edited", "revisions": ["a"]},
    errors.HandWrittenError: {"places": ["a.py:1"]},
    errors.FillNeededError: {"columns": ["t.c"]},
    errors.RehearsalFailedError: {"problems": ["lost a row"]},
    errors.RenameUndecidedError: {"candidates": ["a:b"], "reasons": ["same type"]},
    errors.DropRefusedError: {"tables": ["t"], "losses": ["drop table t"], "total": 2},
    errors.MigrationFailedError: {"message": "failed", "revision": "a", "statement": "SELECT"},
    errors.RowsInTheWayError: {"message": "rows", "revision": "a"},
    errors.HookFailedError: {"hook": "after", "place": "a.py:1", "reason": "no"},
}


def all_errors() -> list[type[errors.AutodiffError]]:
    classes = [errors.AutodiffError]
    for error_class in classes:
        classes += error_class.__subclasses__()
    return classes


@pytest.mark.parametrize("error_class", all_errors(), ids=lambda error_class: error_class.__name__)
def test_errors_survive_pickling(error_class: type[errors.AutodiffError]) -> None:
    """With their hint and their other attributes, whatever arguments their class takes."""
    arguments = ERRORS.get(error_class, {"message": ["no\ttabs", "line 2"]})
    takes_hint = "hint" in inspect.signature(error_class).parameters
    error = error_class(**arguments, **({"hint": "run it"} if takes_hint else {}))
    error.add_note("a note")
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is error_class
        assert vars(copied) == vars(error)
        assert (str(copied), copied.args) == (str(error), error.args)


SECRETS = ("other-secret", "config-secret", "scratch-secret", "ini-secret", "outcomes-secret")


def test_a_task_holds_no_secret_but_that_of_its_target(
    sqlite_project: MakeProject, folder: Folder, tmp_path: Path
) -> None:
    """Not even in the settings of Alembic. Its text, which workers log, has no secret at all."""
    folder.write("aaa4")
    (folder.path.parent / "old" / "versions").mkdir(parents=True)
    (folder.path.parent / "old" / "env.py").write_text("")
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = old\nsqlalchemy.url = postgresql://u:ini-secret@h/x\n"
    )
    (folder.path / "alembic.toml").write_text('config = "../alembic.ini"\n')
    seen: list[TargetTask] = []

    class Spy(HereExecutor):
        def submit(self, function: Any, /, *arguments: Any, **_: Any) -> Future[Any]:
            seen.extend(arguments)
            future: Future[Any] = Future()
            future.set_exception(RuntimeError(f"cannot run {arguments}"))
            return future

    url = "postgresql://app:own-secret@host/{}?sslpassword=own-secret"
    targets = [
        Target(name="a", url=sa.make_url(url.format("a"))),
        Target(name="b", url=sa.make_url(url.format("b").replace("own", "other"))),
    ]
    project = Project(
        "postgresql://app:config-secret@host/x",
        directory=folder.path,
        root=tmp_path,
        scratch_url="postgresql://app:scratch-secret@host/scratch",
        targets={"urls": [], "outcomes": "sqlite:///outcomes-secret.db"},
    )
    outcomes = project.upgrade_all(targets=targets, executor=Spy(), parallel=1)
    task = seen[0]
    data = pickle.dumps(task)
    text = data + zlib.decompress(task.history)
    assert b"own-secret" in text and b"0004_step_aaa4" in text
    assert [secret for secret in SECRETS if secret.encode() in text] == []
    assert "secret" not in repr(task) + repr(targets) + repr(outcomes)
    assert pickle.loads(data).target == targets[0]


def test_alembic_settings_are_read_on_the_worker(tmp_path: Path, folder: Folder) -> None:
    """A worker without the files does not take the history for one without Alembic."""
    task = TargetTask(
        target=Target(name="a", url=sa.make_url("sqlite://")),
        settings=RunSettings(
            direction="upgrade",
            target="head",
            history_table="autodiff_history",
            history_schema=None,
            lock_wait=1,
            limits=Limits(),
        ),
        history=pack_graph(load_graph(folder.path)),
        alembic=tmp_path / "elsewhere",
        hooks=NamedHooks(names={}, folders=()),
    )
    outcome = run_task(pickle.loads(pickle.dumps(task)))
    assert outcome.result == "failed"
    assert str(outcome.error).startswith("the worker has no Alembic history in ")
    assert outcome.hint == "install the project on each worker in the same folder as here"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("pools", "--executor 'pools' does not name a function", "app.cluster:connect"),
        ("no_pools:f", "cannot import --executor 'no_pools:f': there is no module", "correct"),
        ("pools:none", "--executor 'pools:none': pools has no function none", "write it like"),
        ("pools:three", "returned int, not a concurrent.futures.Executor", "ProcessPoolExecutor"),
        ("pools:client", "returned Client, not a", "return client.get_executor() instead"),
        ("pools:lazy", "returned coroutine, not a", "return an executor"),
        ("pools:fails", "pools.py:6: OSError: no tcp://u:***@h/x", "fix the function"),
        ("pools:ends", "failed: pools.py:9: SystemExit: 3", "fix the function"),
        ("pools:takes", "takes() missing 1 required positional argument", "fix the function"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_functions_that_return_no_executor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, hint: str
) -> None:
    (tmp_path / "pools.py").write_text(
        "def three():\n    return 3\n"
        "class Client:\n    get_executor = None\n"
        "def fails():\n    raise OSError('no tcp://u:secret@h/x')\n"
        "def client(): return Client()\n"
        "def ends():\n    raise SystemExit(3)\n"
        "async def lazy(): return 3\n"
        "def takes(argument): return 3\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "pools", raising=False)
    with pytest.raises(ConfigError) as caught:
        load_executor(name, [tmp_path])
    monkeypatch.delitem(sys.modules, "pools", raising=False)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.filterwarnings("ignore")
def test_a_dask_worker_that_is_killed_loses_and_repeats_nothing(
    sqlite_project: MakeProject,
    database: Callable[[str], sa.URL],
    folder: Folder,
    tmp_path: Path,
) -> None:
    """Dask runs the task on another worker, which resumes the migration by its journal."""
    distributed = pytest.importorskip("distributed")
    mark = tmp_path / "pid"
    folder.write(
        "aaa4",
        f"""
        import os, pathlib, time
        {ROWS}
        mark = pathlib.Path({str(mark)!r})
        if op.get_bind().dialect.name != "sqlite" and not mark.exists():
            mark.with_suffix(".new").write_text(str(os.getpid()))
            mark.with_suffix(".new").rename(mark)
            time.sleep(60)
        op.create_table("t4", sa.Column("id", sa.Integer(), primary_key=True))
        """,
    )
    project = sqlite_project(4)
    server = Target(name="server", url=database("mariadb"))
    targets = [*project.targets()[:2], server, *project.targets()[2:]]

    def kill() -> None:
        while not mark.exists():
            time.sleep(0.05)
        os.kill(int(mark.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        killer.start()
        outcomes = project.upgrade_all(targets=targets, executor=client.get_executor(), parallel=4)
        assert [outcome.result for outcome in outcomes] == ["upgraded"] * 5, outcomes
        again = project.upgrade_all(targets=targets, executor=client.get_executor(), parallel=4)
        assert [outcome.result for outcome in again] == ["up to date"] * 5
    killer.join()
    gc.collect()  # what Dask leaves open must not become a warning of another test
    assert [rows_of(path) for path in sorted((tmp_path / "tenants").iterdir())] == [1] * 4
    with opened(server.url) as db:
        assert db.rows("SELECT count(*) FROM t1") == [(1,)]
        assert "t4" in db.tables()
