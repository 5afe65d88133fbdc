"""Test which tables a migration is said to change."""

from __future__ import annotations

from autodiff.runner.changed_tables import ChangedTables
from autodiff.schema.objects import Name
from autodiff.schema.operations import (
    AddColumn,
    DropIndex,
    DropTable,
    Execute,
    Operation,
    RenameTable,
    Require,
)
from tests.nouns import column

ADD = AddColumn(table=Name("t"), column=column("a"))
CHECK = Require(query="SELECT 1 FROM u", message="rows are in the way")


def changed(*operations: Operation) -> frozenset[Name] | None:
    """Return what is taken after the operations."""
    tables = ChangedTables()
    tables.add(operations)
    return tables.take()


def test_operations_name_their_tables() -> None:
    """A check of rows changes nothing."""
    assert changed(ADD, CHECK, DropTable(name=Name("v"))) == frozenset((Name("t"), Name("v")))
    assert changed(CHECK) == frozenset()


def test_other_operations_can_change_any_table() -> None:
    """Hand-written SQL, renames, and an index whose table is not named."""
    assert changed(ADD, Execute(sql="SELECT 1")) is None
    assert changed(RenameTable(before=Name("a"), after=Name("b"))) is None
    assert changed(DropIndex(name="ix", table=None)) is None


def test_what_was_taken_is_forgotten() -> None:
    """Each call returns the changes since the one before."""
    tables = ChangedTables()
    tables.add_all()
    assert tables.take() is None
    tables.add([ADD])
    assert tables.take() == frozenset((Name("t"),))
    assert tables.take() == frozenset()
