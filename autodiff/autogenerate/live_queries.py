"""Run queries on a live database within time limits, and keep going if one of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from autodiff.dialects.base import Dialect
from autodiff.errors import database_words

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Answer", "Limits", "ask", "ask_each"]

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
        ask(connection, dialect, query, min(limits.each, end - time.monotonic()), limits.reached)
        for query in queries
    ]


def ask(
    connection: Connection,
    dialect: Dialect,
    query: Callable[[], T],
    seconds: float,
    reached: str,
    *,
    too_long: str | None = None,
) -> Answer[T]:
    """Run a query in a read-only transaction that takes some seconds at most.

    reached: the problem if there are no seconds left.
    too_long: the problem if the query takes longer; by default that is the server's message.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if seconds <= 0:
        return Answer(found=None, problem=reached)
    began = time.monotonic()
    try:
        with dialect.session.read_only(connection, seconds):
            return Answer(found=query())
    except SQLAlchemyError as error:
        if too_long is not None and time.monotonic() - began >= seconds:
            return Answer(found=None, problem=too_long)
        words = database_words(getattr(error, "orig", None) or error)
        return Answer(found=None, problem=words.strip().partition("\n")[0])
