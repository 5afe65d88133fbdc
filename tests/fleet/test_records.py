"""Test that the shards of a run see one another's outcomes, and that a run can be resumed."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import ConfigError, DatabaseError
from autodiff.fleet import Outcome, Outcomes, Shard, TargetFinished, TargetStarted, shard_of
from autodiff.fleet.results import WaitingForCanaries
from autodiff.fleet.store import StoredRun, open_store
from tests.support import Folder, opened

MakeProject = Callable[..., Project]
ONE, TWO = Shard(number=1, count=2), Shard(number=2, count=2)

pytestmark = pytest.mark.usefixtures("modules_imported")


def names_in(project: Project, shard: Shard) -> list[str]:
    names = [target.name for target in project.targets()]
    return [name for name in names if shard_of(name, shard.count) == shard.number]


def break_target(root: Path, name: str) -> None:
    with closing(sqlite3.connect(root / "tenants" / f"{name}.db")) as connection:
        connection.execute("CREATE TABLE t1 (x int)")


def repair_target(root: Path, name: str) -> None:
    (root / "tenants" / f"{name}.db").unlink()


def results(outcomes: Outcomes) -> dict[str, str]:
    return {outcome.name: outcome.result for outcome in outcomes}


@pytest.fixture
def outcomes_database(
    request: pytest.FixtureRequest, database: Callable[[str], sa.URL], tmp_path: Path
) -> sa.URL:
    if request.param == "sqlite":
        return sa.make_url(f"sqlite:///{tmp_path / 'outcomes.db'}")
    return database(request.param)


@pytest.mark.parametrize("outcomes_database", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_concurrent_shards_record_all_outcomes(outcomes_database: sa.URL, tmp_path: Path) -> None:
    """Eight writers create the tables at the same moment. Texts of any kind come back unchanged."""
    run = StoredRun(name="r", direction="upgrade", target="head", migrations="m", total=80)
    hostile = "\x1b[31m\0 ' \ud800 \u202e ÿ 😀" + "x" * 70_000
    together = threading.Barrier(8, timeout=30)

    def write(number: int) -> None:
        together.wait()
        with open_store(outcomes_database) as store:
            store.begin(run)
            for index in range(10):
                outcome = Outcome(
                    name=f"Tenant {number}-{index}", database="db", result="running", shard="1/8"
                )
                store.put("r", outcome)
                store.put("r", Outcome(name="shared", database="db", result="failed"))
            store.put_all(
                "r",
                [
                    Outcome(
                        name=f"{prefix} {number}-{index}",
                        database="db",
                        result="upgraded",
                        migrations=("0001_a",),
                        error=hostile,
                    )
                    for prefix in ("Tenant", "TENANT")
                    for index in range(10)
                ],
            )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with open_store(outcomes_database) as store:
        stored = [s.outcome for s in store.outcomes("r")]
        assert len(stored) == 161
        assert {outcome.error for outcome in stored} == {hostile, None}
        assert [outcome.name for outcome in stored if outcome.result != "upgraded"] == ["shared"]
        assert stored[0].migrations == ("0001_a",)
        assert len(store.stamps("r", "failed")) == 1
        assert store.runs() == [run]
        assert store.outcomes("R") == []
        assert [s.outcome.name for s in store.outcomes("r", ["shared"])] == ["shared"]
    with opened(outcomes_database) as db:
        assert db.tables() == []  # they are not compared with models


@pytest.mark.parametrize(
    ("kind", "sessions", "end"),
    [
        (
            "postgresql",
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()",
            "SELECT pg_terminate_backend({})",
        ),
        (
            "mariadb",
            "SELECT id FROM information_schema.processlist WHERE db = database() "
            "AND id <> connection_id()",
            "KILL {}",
        ),
    ],
)
def test_a_lost_connection_is_opened_again(
    database: Callable[[str], sa.URL], kind: str, sessions: str, end: str
) -> None:
    """A server ends connections that are idle while migrations run for hours."""
    url = database(kind)
    outcome = Outcome(name="a", database="db", result="failed")
    with open_store(url) as store:
        store.put("r", outcome)
        with opened(url) as db:
            [(session,)] = db.rows(sessions)
            db.execute(end.format(session))
        store.put("r", replace(outcome, result="upgraded"))
        assert [stored.outcome.result for stored in store.outcomes("r")] == ["upgraded"]


def test_stop_after_counts_the_failures_of_all_shards(
    sqlite_project: MakeProject, tmp_path: Path
) -> None:
    """A shard that starts later starts nothing. The resumed run repeats what failed."""
    project = sqlite_project(12, stop_after=2, parallel=1)
    first, second = names_in(project, ONE), names_in(project, TWO)
    for name in first[:2]:
        break_target(tmp_path, name)
    outcomes = project.upgrade_all(shard=ONE, run="r")
    assert list(results(outcomes).values())[:3] == ["failed", "failed", "not started"]
    later = project.upgrade_all(shard=TWO, run="r")
    assert set(results(later).values()) == {"not started"}
    assert later.outcomes[0].error == "2 targets failed, the limit set by stop_after"
    report = project.recorded_run("r")
    assert not report
    assert report.missing == 0
    assert len(report.of("failed")) == 2

    repair_target(tmp_path, first[0])
    assert set(results(project.upgrade_all(shard=TWO, run="r")).values()) == {"upgraded"}
    again = project.upgrade_all(shard=ONE, run="r")
    assert results(again) == {**dict.fromkeys(first, "upgraded"), first[1]: "failed"}
    assert len(project.recorded_run("r").of("upgraded")) == len(first + second) - 1


def test_a_resumed_run_skips_what_is_done(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """It keeps the outcomes of before, does not connect, and repeats the others."""
    project = sqlite_project(4)
    break_target(tmp_path, "t02")
    assert not project.upgrade_all(run="r")
    repair_target(tmp_path, "t02")
    (tmp_path / "tenants" / "t00.db").write_text("not a database, and nobody looks at it")
    events: list[object] = []
    outcomes = project.upgrade_all(run="r", on_event=events.append)
    assert set(results(outcomes).values()) == {"upgraded"}
    started = [event.name for event in events if isinstance(event, TargetStarted)]
    assert started == ["t02"]
    assert outcomes.run == "r"
    assert project.recorded_run("r")


def test_a_run_can_begin_with_a_part_of_the_targets(sqlite_project: MakeProject) -> None:
    """Its number of targets grows."""
    project = sqlite_project(3)
    assert project.upgrade_all(run="r", only=["t01"])
    assert project.recorded_run("r")
    outcomes = project.upgrade_all(run="r", stop_after=1)
    assert outcomes
    assert project.recorded_run("r").total == 3


def test_a_failed_target_that_was_removed_is_left_out(
    sqlite_project: MakeProject, tmp_path: Path
) -> None:
    """No run can repeat it. Targets that succeeded stay in the record."""
    project = sqlite_project(3)
    break_target(tmp_path, "t02")
    assert not project.upgrade_all(run="r")
    assert not project.recorded_run("r")
    report = sqlite_project(2).recorded_run("r")
    assert results(report) == {"t00": "upgraded", "t01": "upgraded"}
    assert (bool(report), report.total, report.missing) == (True, 2, 0)


def test_a_killed_process_leaves_its_target_running(sqlite_project: MakeProject) -> None:
    """The table shows it, and the next run repeats it."""
    project = sqlite_project(2)

    class KilledError(BaseException):
        pass

    def kill(event: object) -> None:
        if isinstance(event, TargetFinished) and event.outcome.name == "t01":
            raise KilledError

    with pytest.raises(KilledError):
        project.upgrade_all(run="r", parallel=1, on_event=kill)
    report = project.recorded_run("r")
    assert results(report) == {"t00": "upgraded", "t01": "running"}
    assert not report
    assert results(project.upgrade_all(run="r")) == {"t00": "upgraded", "t01": "up to date"}


def test_the_others_wait_for_the_canaries_of_another_shard(sqlite_project: MakeProject) -> None:
    """Canaries count in the whole run, whichever shard they are in."""
    project = sqlite_project(12)
    first, second = names_in(project, ONE), names_in(project, TWO)
    order: list[tuple[str, str]] = []
    waiting = threading.Event()

    def listen(event: object) -> None:
        if isinstance(event, WaitingForCanaries):
            assert event.names == (first[0],)
            waiting.set()
        if isinstance(event, TargetStarted):
            order.append(("started", event.name))
        if isinstance(event, TargetFinished):
            order.append(("finished", event.outcome.name))

    with ThreadPoolExecutor(1) as pool:
        options: dict[str, Any] = {"run": "r", "canary": [first[0]], "on_event": listen}
        other = pool.submit(project.upgrade_all, shard=TWO, **options)
        assert waiting.wait(20)
        assert order == []
        assert project.upgrade_all(shard=ONE, **options)
        assert set(results(other.result(30)).values()) == {"upgraded"}
    assert order[:2] == [("started", first[0]), ("finished", first[0])]
    assert len(order) == 2 * len(first + second)


def test_a_canary_that_failed_in_another_shard_stops_the_run(
    sqlite_project: MakeProject, tmp_path: Path
) -> None:
    """A number of canaries counts in the order of all targets. When resumed, they are repeated."""
    project = sqlite_project(12, canary=1)
    own = ONE if "t00" in names_in(project, ONE) else TWO
    other = TWO if own == ONE else ONE
    break_target(tmp_path, "t00")
    assert results(project.upgrade_all(shard=own, run="r"))["t00"] == "failed"
    outcomes = project.upgrade_all(shard=other, run="r")
    assert set(results(outcomes).values()) == {"not started"}
    assert outcomes.outcomes[0].error == f"the canary t00 in shard {own} failed"
    repair_target(tmp_path, "t00")
    assert project.upgrade_all(shard=own, run="r")
    assert project.upgrade_all(shard=other, run="r")


def test_waiting_for_canaries_ends(sqlite_project: MakeProject) -> None:
    """The reason names the options that all shards must share."""
    project = sqlite_project(12)
    [name, *_] = names_in(project, ONE)
    outcomes = project.upgrade_all(shard=TWO, run="r", canary=[name], canary_wait=0.2)
    assert set(results(outcomes).values()) == {"not started"}
    assert outcomes.outcomes[0].error == (
        f"no shard finished the canaries {name} in 0.2 seconds: start all shards with the same "
        "--run and --outcomes, or wait longer with --canary-wait"
    )


def test_ctrl_c_ends_the_wait_for_canaries(
    sqlite_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = sqlite_project(12)
    [name, *_] = names_in(project, ONE)

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("autodiff.fleet.record.RunRecord._canaries", press)
    outcomes = project.upgrade_all(shard=TWO, run="r", canary=[name])
    assert outcomes.interrupted
    assert {outcome.error for outcome in outcomes} == {"interrupted"}


def test_a_run_does_one_thing(sqlite_project: MakeProject, folder: Folder) -> None:
    """Otherwise its finished targets would be skipped although they have more to do."""
    project = sqlite_project(1)
    assert project.upgrade_all("aaa1", run="r")
    with pytest.raises(ConfigError, match="the run 'r' exists and leads to aaa1") as caught:
        project.upgrade_all(run="r")
    assert caught.value.hint == "choose another --run NAME"
    with pytest.raises(ConfigError, match="the run 'r' exists and is an upgrade"):
        project.downgrade_all("aaa1", run="r")
    assert project.upgrade_all(run="s")
    folder.write("aaa4")
    with pytest.raises(ConfigError, match="the run 's' exists and has other migrations"):
        project.upgrade_all(run="s")
    assert project.downgrade_all("base", run="d")
    assert project.downgrade_all("base", run="d")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[31m", "x" * 201])
def test_invalid_names_of_runs(sqlite_project: MakeProject, name: str) -> None:
    with pytest.raises(ConfigError, match="invalid name of a run"):
        sqlite_project(1).upgrade_all(run=name)


def test_a_shard_needs_the_name_of_its_run(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """An array of jobs has one; a run that is not divided gets a new one."""
    project = sqlite_project(2, outcomes="sqlite:///o.db")
    with pytest.raises(ConfigError, match="the shard 1/2 has no name of a run") as caught:
        project.upgrade_all(shard=ONE)
    assert caught.value.hint == "pass the same --run NAME to all shards of a run"
    array = Shard(number=1, count=1, job="slurm-812")
    assert project.upgrade_all("aaa1", shard=array).run == "slurm-812"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", str(project.upgrade_all().run))
    assert (tmp_path / "o.db").exists()


def test_no_password_is_recorded(tmp_path: Path, folder: Folder) -> None:
    """Not of a target, and not in its error, also if a driver repeats it."""
    project = Project(
        directory=folder.path,
        root=tmp_path,
        targets={"urls": ["postgresql://app:s3cret@127.0.0.1:1/x?sslpassword=s3cret"]},
    )
    assert not project.upgrade_all(run="r")
    data = (tmp_path / ".autodiff" / "outcomes.db").read_bytes()
    assert b"cannot connect to postgresql" in data
    assert b"s3cret" not in data
    assert (tmp_path / ".autodiff" / ".gitignore").read_text() == "*\n"


def test_outcomes_that_cannot_be_recorded(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """No target is started unseen; what is known is still returned."""
    project = sqlite_project(3, parallel=1)
    with pytest.raises(DatabaseError, match="unable to open database file"):
        project.upgrade_all(outcomes=f"sqlite:///{tmp_path / 'none' / 'o.db'}", run="r")

    def break_store(event: object) -> None:
        if isinstance(event, TargetFinished):
            with closing(sqlite3.connect(tmp_path / ".autodiff" / "outcomes.db")) as connection:
                connection.execute("DROP TABLE autodiff_fleet_outcomes")

    outcomes = project.upgrade_all(run="r", on_event=break_store)
    assert list(results(outcomes).values()) == ["upgraded", "not started", "not started"]
    assert str(outcomes.outcomes[1].error).startswith("the outcomes cannot be recorded: sqlite:")


def test_an_unknown_run(sqlite_project: MakeProject, tmp_path: Path) -> None:
    """Looking for it creates nothing."""
    project = sqlite_project(1)
    with pytest.raises(ConfigError, match="unknown run 'r'") as caught:
        project.recorded_run("r")
    assert caught.value.hint == "pass --run NAME; recorded are: none"
    assert not (tmp_path / ".autodiff").exists()
    assert project.upgrade_all(run="a")
    with pytest.raises(ConfigError, match="no run is named") as caught:
        project.recorded_run(None)
    assert caught.value.hint == "pass --run NAME; recorded are: a"
