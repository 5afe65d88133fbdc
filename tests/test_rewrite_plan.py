"""Test the functions that rewrite plans and spell types."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff import Plan, Project
from autodiff.errors import HookFailedError
from autodiff.schema.operations import AddColumn, DropColumn, DropTable, Execute
from tests.support import opened


def models(*columns: str, legacy: bool = True) -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        *(sa.Column(name, sa.String(20)) for name in columns),
    )
    if legacy:
        sa.Table("legacy", metadata, sa.Column("id", sa.Integer, primary_key=True))
    return metadata


def keep(*kinds: type) -> Callable[[Plan], Plan]:
    """Return a function that removes the operations of some kinds."""

    def rewrite(plan: Plan) -> Plan:
        kept = tuple(item for item in plan.operations if not isinstance(item, kinds))
        return replace(plan, operations=kept)

    return rewrite


def start(url: sa.URL, folder: Path) -> None:
    """Apply a first migration, and insert a row into the table that the models will lack."""
    project = Project(url, models("nick"), folder)
    project.generate("create")
    project.upgrade()
    with opened(url) as db:
        db.execute("INSERT INTO legacy (id) VALUES (1)", "INSERT INTO users VALUES (1, 'a')")


def test_a_removed_operation_stays_out_of_everything(any_database: sa.URL, tmp_path: Path) -> None:
    """The file, the lost data, the rehearsal, the lock file, check and diff agree."""
    folder = tmp_path / "m"
    start(any_database, folder)
    project = Project(
        any_database,
        models("nick", "mail", legacy=False),
        folder,
        rewrite_plan=keep(DropTable),
    )
    assert project.diff().summary() == ["+ column users.mail"]
    draft = project.draft("mail", allow_drop=False)
    assert draft is not None
    assert draft.plan is not None
    assert draft.summary == ("+ column users.mail",)
    assert draft.plan.data_loss == ()
    assert draft.proof is not None
    assert draft.proof.skipped is None
    draft.write()
    assert "legacy" not in draft.path.read_text()
    project.upgrade()
    assert not project.check()
    assert not project.check(offline=True)
    assert not project.diff()
    assert project.generate("again") is None
    assert project.rehearse().passed
    before = project.lock()
    project.relock()
    after = project.lock()
    assert before is not None
    assert after is not None
    assert set(after.described.tables) == set(before.described.tables)
    assert not project.check()
    plain = Project(any_database, models("nick", "mail", legacy=False), folder)
    assert plain.check().models == ("- table legacy",)


def test_a_part_of_a_table_is_kept(any_database: sa.URL, tmp_path: Path) -> None:
    """One operation on a table is removed and another one is kept."""
    folder = tmp_path / "m"
    start(any_database, folder)
    project = Project(any_database, models("mail"), folder, rewrite_plan=keep(DropColumn))
    project.generate("mail", assume="drop-and-add")
    project.upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT nick, mail FROM users") == [("a", None)]
    assert not project.check()
    assert not project.check(offline=True)
    project.downgrade("-1")
    with opened(any_database) as db:
        assert db.rows("SELECT * FROM users") == [(1, "a")]


def test_an_empty_plan_writes_nothing(any_database: sa.URL, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    start(any_database, folder)
    project = Project(any_database, models("nick", legacy=False), folder, rewrite_plan=keep(object))
    assert project.generate("nothing") is None
    assert not project.check()
    assert not project.check(offline=True)
    assert not project.diff()


def test_a_copy_of_the_plan_can_be_returned(any_database: sa.URL, tmp_path: Path) -> None:
    """A deep copy is equal to the plan."""
    copies: list[Plan] = []

    def rewrite(plan: Plan) -> Plan:
        copies.append(deepcopy(plan))
        assert copies[-1] == plan
        return copies[-1]

    project = Project(any_database, models("nick"), tmp_path / "m", rewrite_plan=rewrite)
    assert project.generate("create") is not None
    assert copies
    project.upgrade()
    assert not project.check()


def test_a_statement_can_be_added(any_database: sa.URL, tmp_path: Path) -> None:
    """What is added is rehearsed, and what it loses is shown."""
    folder = tmp_path / "m"
    start(any_database, folder)

    def rewrite(plan: Plan) -> Plan:
        step = Execute(sql="DELETE FROM users WHERE id = 1", reverse_sql="SELECT 1")
        return replace(plan, operations=(*plan.operations, step))

    project = Project(any_database, models("nick", "mail"), folder, rewrite_plan=rewrite)
    draft = project.draft("mail")
    assert draft is not None
    assert draft.plan is not None
    assert "DELETE FROM users" in str(draft.plan.data_loss[0])
    draft.write()
    project.upgrade()
    with opened(any_database) as db:
        assert db.rows("SELECT count(*) FROM users") == [(0,)]
    assert not project.check()


def test_a_plan_that_fails_its_rehearsal_is_not_written(tmp_path: Path) -> None:
    def rewrite(plan: Plan) -> Plan:
        return replace(
            plan, operations=(*plan.operations, Execute(sql="SELECT nowhere", reverse_sql=""))
        )

    project = Project("sqlite://", models(), tmp_path / "m", rewrite_plan=rewrite)
    with pytest.raises(Exception, match="no such column: nowhere"):
        project.draft("create")


@pytest.mark.parametrize("setting", ["rewrite_plan", "render_type"])
@pytest.mark.parametrize("body", ["return 1 / 0", "return 5"])
def test_errors_name_the_function_and_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, body: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    module = f"hooks_{setting}_{len(body)}"
    (tmp_path / f"{module}.py").write_text(f"def hook(argument):\n    {body}\n")
    named: Any = {setting: f"{module}:hook"}
    project = Project("sqlite://", models(), tmp_path / "m", root=tmp_path, **named)
    with pytest.raises(HookFailedError) as error:
        project.draft("create")
    line = 2 if "0" in body else 1
    assert f"the hook {setting} ({module}.py:{line}) failed: " in error.value.message
    assert error.value.hint is not None


def test_types_are_spelled_by_the_function(any_database: sa.URL, tmp_path: Path) -> None:
    """In the upgrade and the downgrade; imports are written once, and None is the default."""
    folder = tmp_path / "m"
    seen: set[str] = set()

    def render(type_: Any) -> tuple[str, list[str]] | None:
        seen.add(type_.sql)
        if "20" not in type_.sql:
            return None
        return "types.String(20)", ["from sqlalchemy import types"]

    project = Project(any_database, models("nick", "mail"), folder, render_type=render)
    draft = project.draft("create")
    assert draft is not None
    text = draft.path.name and next(iter(draft.texts.values()))
    assert text.count("types.String(20)") == 2
    assert text.count("from sqlalchemy import types\n") == 1
    assert "import types\n" not in text.replace("from sqlalchemy import types\n", "")
    assert "sa.Integer()" in text
    draft.write()
    project.upgrade()
    assert not project.check()
    assert len(seen) == 2


def test_the_function_sees_what_is_lost(tmp_path: Path) -> None:
    """The plan that it gets has its changes, operations and lost data."""
    url = sa.URL.create("sqlite", database=f"{tmp_path / 'a.db'}")
    start(url, tmp_path / "m")
    plans: list[Plan] = []

    def rewrite(plan: Plan) -> Plan:
        plans.append(plan)
        return plan

    project = Project(url, models("mail", legacy=False), tmp_path / "m", rewrite_plan=rewrite)
    draft = project.draft("mail", assume="drop-and-add")
    assert draft is not None
    assert [str(loss) for loss in plans[0].data_loss] == [
        "drop column users.nick",
        "drop table legacy",
    ]
    assert any(isinstance(item, AddColumn) for item in plans[0].operations)
    assert draft.plan is not None
    assert len(draft.plan.data_loss) == 2
