"""Run queries on a live database within time limits, and keep going if one of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from autodiff.dialects.base import Dialect

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Answer", "Limits", "ask_each"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The time limits in seconds, for one query and for all, and the words for reaching them."""

    each: float
    together: float
    reached: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """The result of a query; None, with a problem, if the query could not be run."""

    found: T | None
    problem: str = ""


def ask_each(
    connection: Connection, dialect: Dialect, queries: Iterable[Callable[[], T]], limits: Limits
) -> list[Answer[T]]:
    """Run each query in a read-only transaction, and return the answers in order."""
    end = time.monotonic() + limits.together
    return [
        _ask(connection, dialect, query, min(limits.each, end - time.monotonic()), limits.reached)
        for query in queries
    ]


def _ask(
    connection: Connection, dialect: Dialect, query: Callable[[], T], seconds: float, reached: str
) -> Answer[T]:
    from sqlalchemy.exc import SQLAlchemyError

    if seconds <= 0:
        return Answer(found=None, problem=reached)
    try:
        with dialect.session.read_only(connection, seconds):
            return Answer(found=query())
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        return Answer(found=None, problem=reason)
