"""Test that a step that was sent and never confirmed is never repeated by guess."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from autodiff.cli import main
from autodiff.errors import AutodiffError, HistoryError, MigrationFailedError
from autodiff.runner.journal import StepAnswer
from autodiff.runner.repair import Repairs
from tests.run.killing import Moment, count_statements, last_statement_number, run_and_kill
from tests.support import Database, Folder, opened

COUNTER = """
op.create_table("counter", sa.Column("n", sa.Integer(), nullable=False))
op.execute("INSERT INTO counter (n) VALUES (0)")
"""
PLAIN = "CREATE PROCEDURE bump() UPDATE counter SET n = n + 1"
COMMITTING = "CREATE PROCEDURE bump() BEGIN UPDATE counter SET n = n + 1; COMMIT; END"
POSTGRESQL = (
    "CREATE PROCEDURE bump() LANGUAGE plpgsql AS "
    "$$ BEGIN UPDATE counter SET n = n + 1; COMMIT; END $$"
)
CALL = 'op.execute("CALL bump()")'
AFTER = 'op.add_column("counter", sa.Column("m", sa.Integer()))'
ADD_BY_HAND = """

def add(connection):
    connection.execute(sa.text("UPDATE counter SET n = n + 1"))
    connection.execute(sa.text("CREATE TABLE made_by_hand (id INT)"))
"""


@pytest.fixture
def mariadb(database: Callable[[str], sa.URL]) -> Iterator[Database]:
    with opened(database("mariadb")) as db:
        yield db


def make_folder(path: Path, procedure: str, *steps: str, code: str = "") -> Folder:
    folder = Folder(path / "m")
    folder.write("aaaa", f'{COUNTER}op.execute("""{procedure}""")')
    file = folder.write("bbbb", "\n".join((*steps, AFTER)))
    file.write_text(file.read_text() + code)
    return folder


def count(db: Database) -> int:
    [(number,)] = db.rows("SELECT n FROM counter")
    return int(number)


def test_a_procedure_is_called_once_no_matter_when_the_run_is_killed(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The call and its journal entry are one transaction."""
    folder = make_folder(tmp_path, PLAIN, CALL)
    undisturbed = database("mariadb")
    call = last_statement_number("CALL", undisturbed, folder)
    for number in range(call - 4, call + 5):
        url = database("mariadb")
        assert run_and_kill(url, folder, Moment(number, "after"))
        with opened(url) as db:
            assert [m.revision for m in db.runner(folder).upgrade()][-1:] == ["bbbb"]
            assert count(db) == 1, number


def kill_after(start: str, undisturbed: sa.URL, url: sa.URL, folder: Folder) -> None:
    """Kill a run after the statement with this start, which has committed."""
    number = last_statement_number(start, undisturbed, folder)
    assert run_and_kill(url, folder, Moment(number, "after"))
    with opened(url) as db:
        assert count(db) == 1


CASES = {
    "a procedure that commits": ("mariadb", COMMITTING, CALL, ""),
    "a function that commits": ("mariadb", PLAIN, "op.run(add)", ADD_BY_HAND),
    "outside of the transaction": (
        "postgresql",
        POSTGRESQL,
        f"with op.autocommit():\n    {CALL}",
        "",
    ),
}


@pytest.mark.parametrize(("kind", "procedure", "step", "code"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("answer", ["done", "again"])
def test_a_step_that_left_no_trace_is_asked_for(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    kind: str,
    procedure: str,
    step: str,
    code: str,
    answer: StepAnswer,
) -> None:
    """Neither direction guesses. The answer is recorded, and the next upgrade goes on from it."""
    folder = make_folder(tmp_path, procedure, step, code=code)
    url = database(kind)
    kill_after("CREATE TABLE made" if code else "CALL", database(kind), url, folder)
    with opened(url) as db:
        for _ in range(2):
            with pytest.raises(MigrationFailedError, match="was sent, and the run") as caught:
                db.runner(folder).upgrade()
            assert "autodiff repair --step done" in f"{caught.value.hint}"
            with pytest.raises(MigrationFailedError, match="was sent, and the run"):
                db.runner(folder).downgrade()
            assert count(db) == 1
        [problem] = db.runner(folder).problems()
        assert "autodiff repair --step done" in problem.ways[0]
        if answer == "again" and code:
            db.execute("DROP TABLE IF EXISTS made_by_hand")
        [repaired] = db.runner(folder).repair(Repairs(step=answer))
        assert repaired.outcome == f"step {answer}"
        assert [m.revision for m in db.runner(folder).upgrade()] == ["bbbb"]
        assert count(db) == (1 if answer == "done" else 2)
        assert db.history() == ["aaaa", "bbbb"]
        assert db.table("counter").column("m") is not None
        assert db.runner(folder).problems() == ()


def test_the_command_line_records_the_answer(
    database: Callable[[str], sa.URL],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = make_folder(tmp_path, COMMITTING, CALL)
    url = database("mariadb")
    kill_after("CALL", database("mariadb"), url, folder)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "autodiff.toml").write_text('models = "nothing:here"\nmigrations = "m"\n')
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    assert main(["upgrade"]) == 2
    assert "hint: check in the database whether it took effect, and run: autodiff repair" in (
        capsys.readouterr().err
    )
    assert main(["repair", "--step", "done"]) == 1  # it is still half-way
    assert "has its last step recorded as done" in capsys.readouterr().out
    assert main(["upgrade"]) == 0
    with opened(url) as db:
        assert count(db) == 1


def test_a_part_that_committed_by_itself_is_not_run_again(
    mariadb: Database, tmp_path: Path
) -> None:
    """DDL in a part commits its rows, so running it again to reach later steps would repeat them.

    Without DDL, the part is run again and rolled back.
    """
    folder = make_folder(
        tmp_path, PLAIN, "add(op.get_bind())", 'op.execute("SELECT bogus")', code=ADD_BY_HAND
    )
    with pytest.raises(MigrationFailedError, match="bogus"):
        mariadb.runner(folder).upgrade()
    assert count(mariadb) == 1
    with pytest.raises(MigrationFailedError, match="has committed its own transaction") as caught:
        mariadb.runner(folder).upgrade()
    assert "autodiff repair --half-way applied" in f"{caught.value.hint}"
    assert count(mariadb) == 1


def test_a_part_that_rolled_back_is_not_recorded(mariadb: Database, tmp_path: Path) -> None:
    code = ADD_BY_HAND.replace("CREATE TABLE made_by_hand (id INT)", "ROLLBACK")
    folder = make_folder(tmp_path, PLAIN, "add(op.get_bind())", code=code)
    with pytest.raises(MigrationFailedError, match="rolled its own transaction back"):
        mariadb.runner(folder).upgrade()
    assert count(mariadb) == 0
    assert mariadb.history() == ["aaaa"]
    assert mariadb.runner(folder).unfinished() is None


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("mariadb", 'op.execute("GRANT SELECT ON nothing_there TO nobody_here")'),
        ("mariadb", CALL.replace("bump", "nothing_there")),
        ("postgresql", 'with op.autocommit():\n    op.execute("VACUUM nothing_there")'),
        ("postgresql", 'with op.autocommit():\n    op.execute("GRANT ALL ON nothing_there TO x")'),
    ],
)
def test_a_statement_that_the_server_refused_is_not_asked_for(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, step: str
) -> None:
    """The answer of the server is known: the statement had no effect."""
    folder = make_folder(tmp_path, POSTGRESQL if kind == "postgresql" else PLAIN, step)
    with opened(database(kind)) as db:
        for _ in range(2):
            with pytest.raises(MigrationFailedError, match="nothing_there"):
                db.runner(folder).upgrade()
            assert db.runner(folder).unfinished() is None


def test_statements_outside_of_the_transaction_run_once_on_postgresql(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """Those that can be in a transaction share one with their journal entry."""
    steps = (
        "CREATE FUNCTION three() RETURNS int LANGUAGE sql AS 'SELECT 3'",
        "CREATE VIEW numbers AS SELECT n FROM counter",
        "COMMENT ON TABLE counter IS 'counts'",
        "UPDATE counter SET n = n + three()",
    )
    block = "\n".join(("with op.autocommit():", *(f'    op.execute("{sql}")' for sql in steps)))
    folder = make_folder(tmp_path, POSTGRESQL, block)
    undisturbed = database("postgresql")
    statements = count_statements(undisturbed, folder)
    first = last_statement_number("CREATE FUNCTION", database("postgresql"), folder)
    kills = 0
    for number in range(first - 2, statements, 2):
        url = database("postgresql")
        kills += run_and_kill(url, folder, Moment(number, "after"))
        with opened(url) as db:
            db.runner(folder).upgrade()
            assert count(db) == 3, number
    assert kills >= 8


USERS = """
op.create_table("users", sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("a", sa.Integer()))
op.execute("INSERT INTO users VALUES (1, 1), (2, 1)")
"""
UNIQUE = 'op.create_unique_constraint("uq_a", "users", ["a"])'
TAMPERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a statement": lambda p: {**p, "statements": ["DROP TABLE users"]},
    "a statement as another field": lambda p: {**p, "sql": "DROP TABLE users"},
    "another digest": lambda p: {**p, "statements": ["0" * 32]},
    "more steps": lambda p: {**p, "steps": 50},
    "fewer steps": lambda p: {**p, "steps": 0, "step": None} | {"step": "x"},
    "a negative count": lambda p: {**p, "steps": -1},
    "a fraction": lambda p: {**p, "sent": 0.5},
    "more sent than there are": lambda p: {**p, "sent": 7},
    "a text for a list": lambda p: {**p, "statements": "DROP TABLE users"},
    "a list": lambda p: [1, 2],
    "a position": lambda p: {**p, "position": '{"key": [{"Decimal": "x"}], "done": 1}'},
    "an unknown type": lambda p: {**p, "position": '{"key": [{"eval": "1"}], "done": 1}'},
    "undone by a text": lambda p: {**p, "undone": "x"},
}


@pytest.mark.parametrize("change", [*TAMPERED.values(), None], ids=[*TAMPERED, "deep nesting"])
def test_a_changed_journal_is_refused(
    mariadb: Database, tmp_path: Path, change: Callable[[dict[str, Any]], object] | None
) -> None:
    """Nothing that is in it is executed, and the message names what to do."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", USERS, 'op.drop_table("users")')
    folder.write("bbbb", f'op.create_index("ix_a", "users", ["a"])\n{UNIQUE}')
    with pytest.raises(MigrationFailedError, match="Duplicate"):
        mariadb.runner(folder).upgrade()
    [(text,)] = mariadb.rows("SELECT progress FROM autodiff_journal WHERE outcome = 'failed'")
    changed = "[" * 100_000 if change is None else json.dumps(change(json.loads(text)))
    update = sa.text("UPDATE autodiff_journal SET progress = :text WHERE outcome = 'failed'")
    mariadb.connection.execute(update, {"text": changed[:60_000]})
    mariadb.connection.commit()
    mariadb.execute("UPDATE users SET a = id")
    with pytest.raises(AutodiffError) as caught:
        mariadb.runner(folder).upgrade()
    assert caught.value.hint
    assert mariadb.tables() == ["users"]
    assert mariadb.history() == ["aaaa"]


@pytest.mark.parametrize("column", ["kind", "outcome", "started_at"])
def test_a_changed_row_of_the_journal_is_refused(
    any_database: sa.URL, tmp_path: Path, column: str
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", 'op.create_table("t", sa.Column("id", sa.Integer(), primary_key=True))')
    with opened(any_database) as db:
        db.runner(folder).upgrade()
        db.execute(f"UPDATE autodiff_journal SET {column} = 'x'")
        with pytest.raises(HistoryError, match="cannot read row 1 of the table autodiff_journal"):
            db.runner(folder).log()


def test_settings_of_finished_steps_are_set_again(mariadb: Database, tmp_path: Path) -> None:
    """A resumed run has another session, in which the variable is unknown."""
    folder = make_folder(
        tmp_path,
        PLAIN,
        'op.execute("SET @step = 5")',
        'op.execute("INSERT INTO missing VALUES (1)")',
        'op.execute("UPDATE counter SET n = n + @step")',
    )
    with pytest.raises(MigrationFailedError, match="missing"):
        mariadb.runner(folder).upgrade()
    with opened(mariadb.connection.engine.url) as other:
        other.execute("CREATE TABLE missing (id INT)")
        other.runner(folder).upgrade()
        assert count(other) == 5
