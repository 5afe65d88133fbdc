"""Test that the work of comparing and of reading SQL grows linearly.

Calls are counted because times vary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.autogenerate.planning import plan_difference
from autodiff.autogenerate.questions import NoAnswers
from autodiff.autogenerate.rename_search import find_renamed_difference
from autodiff.dialects import dialect_for
from autodiff.lint.sql import parse_sql
from autodiff.models import declare
from autodiff.schema.sql_statements import split_statements
from tests.benchmarks.shop import models
from tests.counting import counted_calls
from tests.support import Folder

SMALL, LARGE = 30, 120
CASES: dict[str, Callable[[int], tuple[sa.MetaData, sa.MetaData]]] = {
    "equal": lambda tables: (models(tables), models(tables)),
    "created": lambda tables: (sa.MetaData(), models(tables)),
    "dropped": lambda tables: (models(tables), sa.MetaData()),
    "changed": lambda tables: (models(tables), models(tables, changed=tables)),
    "reworded": lambda tables: (models(tables), models(tables, changed=tables, worded=True)),
}


def calls(kind: str, case: str, tables: int) -> int:
    """Return the number of Python function calls that comparing and planning take."""
    before, after = CASES[case](tables)
    dialect = dialect_for(kind)
    current = declare(before, dialect)
    with counted_calls() as count:
        desired = declare(after, dialect)
        difference = find_renamed_difference(
            None, dialect, current, desired, [], NoAnswers(), "drop-and-add", create_scratch=False
        )
        plan_difference(difference, {}, NoAnswers())
    return count[0]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mysql"])
def test_the_number_of_calls_is_linear(kind: str, case: str) -> None:
    """Four times as many tables need at most 4.4 times as many calls."""
    calls(kind, case, SMALL)  # fills caches and imports modules
    assert calls(kind, case, LARGE) < 4.4 * calls(kind, case, SMALL)


def calls_of_lint(path: Path, migrations: int) -> int:
    """Return the number of calls to lint migrations that fill a column and drop a table each."""
    folder = Folder(path / f"{migrations}")
    for number in range(migrations):
        key = 'sa.Column("id", sa.Integer(), primary_key=True)'
        folder.write(
            f"r{number:04}",
            f'op.create_table("kept{number}", {key}, sa.Column("n", sa.Integer()))\n'
            f'op.create_table("gone{number}", {key})\n'
            f'op.backfill("kept{number}", {{"n": 1}})\n'
            f'op.drop_table("gone{number}")',
        )
    project = Project("sqlite://", sa.MetaData(), folder.path)
    with counted_calls() as count:
        project.lint()
    return count[0]


def test_the_number_of_calls_of_lint_is_linear(tmp_path: Path) -> None:
    """What earlier migrations filled is followed through all of them."""
    calls_of_lint(tmp_path, 2)  # fills caches and imports modules
    assert calls_of_lint(tmp_path, 400) < 4.4 * calls_of_lint(tmp_path, 100)


def calls_of_split(kind: str, statements: int) -> int:
    """Return the number of calls to split a trigger or procedure with many statements in it."""
    start = "TRIGGER t AFTER INSERT ON a" if kind == "trigger" else "PROCEDURE p()"
    body = (
        "IF a > 0 THEN UPDATE a SET b = 1; END IF; " if kind == "procedure" else "DELETE FROM a; "
    )
    with counted_calls() as count:
        found = split_statements(
            f"CREATE {start} BEGIN {body * statements} END; SELECT 1",
            backslashes=kind == "procedure",
        )
        assert len(list(found)) == 2
    return count[0]


@pytest.mark.parametrize("kind", ["trigger", "procedure"])
def test_the_number_of_calls_to_split_a_body_is_linear(kind: str) -> None:
    assert calls_of_split(kind, 400) < 4.4 * calls_of_split(kind, 100)


def calls_to_parse(rows: int) -> int:
    """Return the number of calls to parse an INSERT of so many rows."""
    sql = f"INSERT INTO t (a, b) VALUES {', '.join(rows * ('(1, 2)',))}"
    with counted_calls() as count:
        parse_sql(sql, dialect_for("sqlite"))
    return count[0]


def test_the_rows_of_an_insert_are_not_parsed() -> None:
    calls_to_parse(1)  # fills caches and imports modules
    assert calls_to_parse(100) == calls_to_parse(10)
