"""Check each statement that is sent to a scratch database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from autodiff.errors import DatabaseError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Check", "check_statements", "outside_scratch"]

Check: TypeAlias = Callable[[str], str | None]
"""Returns the statement to send instead of one; None to send that one. It may raise an error."""


def check_statements(connection: Connection, check: Check) -> None:
    """Pass each statement of a connection, and of others of its engine, through a function.

    A function that starts to listen to the connection later is called after the check, so it can
    send statements of its own. Statements of a driver's own cursor are not checked.
    """

    def before(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        instead = check(statement)
        return (statement, parameters) if instead is None else (instead, ())

    def before_others(
        other: Connection, cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> tuple[str, Any]:
        is_checked = other is connection
        return (
            (statement, parameters) if is_checked else before(other, cursor, statement, parameters)
        )

    sa.event.listen(connection, "before_cursor_execute", before, retval=True)
    sa.event.listen(connection.engine, "before_cursor_execute", before_others, retval=True)


def outside_scratch(what: str) -> DatabaseError:
    """Return the error for a statement that reaches something outside of a scratch database.

    what: what the statement does, such as "names the database logs".
    """
    return DatabaseError(
        f"a statement {what}, which a scratch database does not replace, so it was not sent",
        hint="this migration cannot be rehearsed: try it on a copy of the server",
    )
