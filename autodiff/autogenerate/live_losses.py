"""Count the rows and values that a migration would lose in a live database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from autodiff.autogenerate.live_queries import Answer, Limits, ask_each
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
    losses = list(losses)
    counted = [loss for loss in losses if loss.query is not None]
    queries = (partial(_count, connection, loss.query or "") for loss in counted)
    limits = Limits(each=each, together=together, reached="the time limit was reached")
    answers = iter(ask_each(connection, dialect, queries, limits))
    return tuple(loss if loss.query is None else _counted(loss, next(answers)) for loss in losses)


def _count(connection: Connection, query: str) -> int:
    result = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
    return int(result.scalar_one())


def _counted(loss: DataLoss, answer: Answer[int]) -> DataLoss:
    return replace(loss, count=answer.found, problem=answer.problem or None)
