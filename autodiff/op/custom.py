"""Register custom operations of the application by name, as Alembic does.

A class describes an operation. A function that is registered for the class runs it with the
functions of `op`. The name that is registered for the class becomes a function of `op`, or a method
of the object that `op.batch_alter_table()` returns.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from autodiff.errors import MigrationFailedError
from autodiff.op.statements import get_bind, get_context

if TYPE_CHECKING:
    from collections.abc import Callable

    import sqlalchemy as sa

    from autodiff.op.migration_context import MigrationContext, MigrationImpl

__all__ = [
    "MigrateOperation",
    "Operations",
    "implementation_for",
    "invoke",
    "register_operation",
]

_Class = TypeVar("_Class", bound=type)
_Function = TypeVar("_Function", bound="Callable[..., Any]")
_IMPLEMENTATIONS: dict[type, Callable[..., Any]] = {}


class MigrateOperation:
    """The base class of operations that an application defines for itself."""

    info: ClassVar[dict[Any, Any]] = {}

    def reverse(self) -> MigrateOperation:
        """Return the operation that undoes this one."""
        raise NotImplementedError


class Operations:
    """The functions of `op` as one object, which implementations of operations receive."""

    @property
    def migration_context(self) -> MigrationContext:
        """The context of the running migration."""
        return get_context()

    @property
    def impl(self) -> MigrationImpl:
        """The part of Alembic's context that sends statements."""
        return get_context().impl

    def get_bind(self) -> sa.Connection:
        """Return the connection of the running migration."""
        return get_bind()

    def invoke(self, operation: Any) -> Any:
        """Run an operation; see `op.invoke()`."""
        return invoke(operation)

    @staticmethod
    def register_operation(name: str, sourcename: str | None = None) -> Callable[[_Class], _Class]:
        """Return a decorator; see `op.register_operation()`."""
        return register_operation(name, sourcename)

    @staticmethod
    def implementation_for(op_cls: type, replace: bool = False) -> Callable[[_Function], _Function]:
        """Return a decorator; see `op.implementation_for()`."""
        return implementation_for(op_cls, replace)

    def __getattr__(self, name: str) -> Any:
        """Return a function of `op`."""
        return getattr(sys.modules["autodiff.op"], name)


def register_operation(name: str, sourcename: str | None = None) -> Callable[[_Class], _Class]:
    """Make a class method of an operation a function of `op`.

    Args:
        name: The name of the function.
        sourcename: The name of the class method, if it is another one.

    Returns:
        A decorator for the class of the operation.
    """

    def register(operation_class: _Class) -> _Class:
        def call(*arguments: Any, **keywords: Any) -> Any:
            return getattr(operation_class, sourcename or name)(
                Operations(), *arguments, **keywords
            )

        call.__module__ = operation_class.__module__
        call.__name__ = call.__qualname__ = name
        setattr(sys.modules["autodiff.op"], name, call)
        return operation_class

    return register


def implementation_for(op_cls: type, replace: bool = False) -> Callable[[_Function], _Function]:
    """Make a function run the operations of a class.

    Args:
        op_cls: The class of the operations.
        replace: Whether the class may have another function already. It has no effect: the last
            function is used.

    Returns:
        A decorator for the function, which receives the functions of `op` and the operation.
    """

    def register(function: _Function) -> _Function:
        _IMPLEMENTATIONS[op_cls] = function
        return function

    return register


def invoke(operation: Any) -> Any:
    """Run an operation that the application defines.

    Args:
        operation: The operation. A function must be registered for its class with
            `implementation_for()`.

    Returns:
        What the function returns.

    Raises:
        MigrationFailedError: There is no function for the class.
    """
    for kind in type(operation).__mro__:
        if kind in _IMPLEMENTATIONS:
            return _IMPLEMENTATIONS[kind](Operations(), operation)
    raise MigrationFailedError(
        f"op.invoke() has no implementation for {type(operation).__name__}",
        hint=f"register one with @op.implementation_for({type(operation).__name__})",
    )
