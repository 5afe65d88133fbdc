"""Transactions of a migration on MySQL and MariaDB, where DDL commits by itself."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

__all__ = ["transaction"]


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """BEGIN and COMMIT around data statements; ROLLBACK on any error.

    Each DDL statement commits what came before it, and itself; a rollback takes back only the
    data statements after the last one. `foreign_key_checks` is at the end what it was before.
    https://dev.mysql.com/doc/refman/en/implicit-commit.html
    """
    with connection.begin():
        checks = connection.exec_driver_sql("SELECT @@foreign_key_checks").scalar_one()
        try:
            yield
        finally:
            with suppress(SQLAlchemyError):
                connection.exec_driver_sql(f"SET foreign_key_checks = {int(checks)}")
