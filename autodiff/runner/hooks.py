"""Call functions of the application around a run and around each migration."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from autodiff.errors import AutodiffError, HookFailedError, MigrationFailedError
from autodiff.migrations.files import Migration
from autodiff.runner.calls import call_completely, exits_as_errors
from autodiff.runner.events import Direction, HookCalled, Listener
from autodiff.runner.failures import reason

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["HookName", "HookedMigration", "HookedRun", "Hooks", "call_hook"]

HookName: TypeAlias = Literal[
    "before_upgrade",
    "after_upgrade",
    "before_downgrade",
    "after_downgrade",
    "before_migration",
    "after_migration",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookedRun:
    """The argument of a hook around a run: its migrations, in order.

    No transaction is open on the connection: each statement is committed on its own.
    """

    connection: Connection
    direction: Direction
    migrations: tuple[Migration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookedMigration:
    """The argument of a hook around a migration; the connection is in its transaction."""

    connection: Connection
    direction: Direction
    migration: Migration


RunHook: TypeAlias = Callable[[HookedRun], object]
MigrationHook: TypeAlias = Callable[[HookedMigration], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Functions to call, by when they are called. A hook that raises stops the run.

    before_upgrade, before_downgrade: before the first migration of a run.
    after_upgrade, after_downgrade: after the last migration of a run.
    before_migration, after_migration: in the transaction of each migration.
    """

    before_upgrade: RunHook | None = None
    after_upgrade: RunHook | None = None
    before_downgrade: RunHook | None = None
    after_downgrade: RunHook | None = None
    before_migration: MigrationHook | None = None
    after_migration: MigrationHook | None = None

    def named(self, name: HookName) -> Callable[[Any], object] | None:
        """Return the function of that name, None if there is none."""
        found: Callable[[Any], object] | None = getattr(self, name)
        return found


def call_hook(
    hooks: Hooks, name: HookName, argument: HookedRun | HookedMigration, on_event: Listener
) -> None:
    """Call a hook, if there is one.

    Raises HookFailedError, with the place of the function, for any exception that it raises.
    """
    function = hooks.named(name)
    if function is None:
        return
    on_event(HookCalled(hook=name, function=_name(function)))
    try:
        with exits_as_errors():
            call_completely(function, "the hook", argument)
        _require_open(argument.connection)
    except Exception as error:
        hint = error.hint if isinstance(error, AutodiffError) else None
        raise HookFailedError(name, _place(function), reason(error), hint=hint) from error


def _require_open(connection: Connection) -> None:
    if connection.closed:
        raise MigrationFailedError(
            "it closed the connection, which the run still needs",
            hint="remove close(), or the with statement that closes it",
        )


def _name(function: Callable[..., object]) -> str:
    qualified = getattr(function, "__qualname__", None)
    return f"{function.__module__}:{qualified}" if qualified else repr(function)


def _place(function: Callable[..., object]) -> str:
    """Return a function's name, file and line."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return _name(function)
    path, here = Path(code.co_filename), Path.cwd()
    shown = path.relative_to(here) if path.is_relative_to(here) else path
    return f"{_name(function)}, {shown}:{code.co_firstlineno}"
