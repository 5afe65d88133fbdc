"""Test an application with a listener that raises other errors than SQLAlchemy, for all engines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext

from autodiff import Project


@pytest.fixture(autouse=True)
def listener() -> Iterator[None]:
    """Raise the error of the driver, as some applications do."""

    def unwrap(context: ExceptionContext) -> None:
        raise context.original_exception

    event.listen(Engine, "handle_error", unwrap)
    yield
    event.remove(Engine, "handle_error", unwrap)


def models(*more: sa.Column[Any], length: int) -> sa.MetaData:
    """Return a table that no sample row can have, because of its check."""
    metadata = sa.MetaData()
    key: sa.Column[Any] = sa.Column("id", sa.Integer, primary_key=True)
    code: sa.Column[Any] = sa.Column("code", sa.String(length), nullable=False)
    check = sa.CheckConstraint("code = 'a rather special value'", name="ck_code")
    sa.Table("items", metadata, key, code, *more, check)
    return metadata


def test_a_listener_for_errors_of_all_engines(any_database: sa.URL, tmp_path: Path) -> None:
    """Sample rows that the database refuses are no failure of the rehearsal."""
    first = Project(any_database, models(length=30), tmp_path)
    first.generate("first")
    first.upgrade()
    second = Project(any_database, models(sa.Column("n", sa.Integer), length=40), tmp_path)
    assert second.generate("second") is not None
    assert second.rehearse().passed
    second.upgrade()
    assert not second.check()
