"""Provide the functions of Alembic's `context` that scripts use while they run.

Converted scripts import this module under the name `context`. The functions that configure Alembic
in env.py are missing: the runner does their work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.op.alembic.config import config
from autodiff.op.statements import execute, get_bind, get_context
from autodiff.runner.context import current_settings

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from autodiff.op.migration_context import MigrationImpl

__all__ = [
    "begin_transaction",
    "config",
    "execute",
    "get_bind",
    "get_context",
    "get_impl",
    "get_tag_argument",
    "get_x_argument",
    "is_offline_mode",
    "is_transactional_ddl",
    "requires_connection",
]


def is_offline_mode() -> bool:
    """Return whether SQL is written to a file, so that there is no connection."""
    return get_context().as_sql


def requires_connection() -> bool:
    """Return whether there is a connection."""
    return not get_context().as_sql


def is_transactional_ddl() -> bool:
    """Return whether the database can roll back DDL."""
    return get_context().transactional_ddl


def begin_transaction() -> AbstractContextManager[None]:
    """Return a block that does nothing: the runner begins and ends transactions."""
    return get_context().begin_transaction()


def get_impl() -> MigrationImpl:
    """Return the part of Alembic's context that sends statements."""
    return get_context().impl


def get_tag_argument() -> str | None:
    """Return None: there is no option --tag."""
    return None


def get_x_argument(as_dictionary: bool = False) -> list[str] | dict[str, str]:
    """Return the arguments that were given to `autodiff adopt --convert -x`."""
    arguments = list(current_settings().get("x", ()))
    if not as_dictionary:
        return arguments
    parts = (argument.partition("=") for argument in arguments)
    return {name: value for name, _, value in parts}
