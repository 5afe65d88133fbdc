"""Count the rows and values that a migration would lose in a live database."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from autodiff.dialects.base import Dialect
from autodiff.plan.data_loss import DataLoss

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["count_losses"]

_SECONDS_EACH = 5.0
_SECONDS_TOGETHER = 20.0
"""Time limits for one query and for all of them: a person waits for the answer.

Counting reads a whole table. A count over the limit is shown as "not counted".
"""


def count_losses(
    connection: Connection,
    dialect: Dialect,
    losses: Iterable[DataLoss],
    *,
    each: float = _SECONDS_EACH,
    together: float = _SECONDS_TOGETHER,
) -> tuple[DataLoss, ...]:
    """Return the losses with the number of rows or values that the database has. Nothing changes.

    Args:
        connection: A connection that is not in a transaction.
        dialect: The database.
        losses: The losses to count.
        each: The time limit of one query, in seconds.
        together: The time limit of all queries, in seconds.
    """
    end = time.monotonic() + together
    return tuple(
        _count(connection, dialect, loss, min(each, end - time.monotonic())) for loss in losses
    )


def _count(connection: Connection, dialect: Dialect, loss: DataLoss, seconds: float) -> DataLoss:
    from sqlalchemy.exc import SQLAlchemyError

    if loss.query is None:
        return loss
    if seconds <= 0:
        return replace(loss, problem="the time limit was reached")
    try:
        with dialect.session.read_only(connection, seconds):
            result = connection.exec_driver_sql(
                loss.query, execution_options={"no_parameters": True}
            )
            return replace(loss, count=int(result.scalar_one()))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return replace(loss, problem=reason)
