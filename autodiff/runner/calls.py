"""Call functions of migrations and applications, and notice those that do nothing or exit."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autodiff.errors import MigrationFailedError, exception_words

__all__ = ["call_completely", "exits_as_errors", "lazy_kind", "line_in"]


class _ExitedError(Exception):
    """A BaseException of hand-written code, as an exception that stops a migration."""


def lazy_kind(function: object) -> str | None:
    """Return why calling a function would run nothing of it, None if it would run."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "contains yield"
    if inspect.iscoroutinefunction(function):
        return "is async"
    return None


def call_completely(function: Callable[..., object], name: str, *arguments: Any) -> None:
    """Call a function.

    Raises MigrationFailedError if it returns a generator or coroutine: nothing of it was run then.
    """
    result = function(*arguments)
    if inspect.isgenerator(result) or inspect.iscoroutine(result) or inspect.isasyncgen(result):
        close = getattr(result, "close", None)
        if close is not None:  # otherwise Python warns that it was never awaited
            close()
        raise MigrationFailedError(
            f"{name} {lazy_kind(function) or 'returned a generator or coroutine'}, so calling it "
            "runs nothing",
            hint="write a plain function: def, without async and yield",
        )


def line_in(path: Path, error: BaseException) -> int | None:
    """Return the last line of a file that was executed before an error, None if there is none."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((each.lineno for each in reversed(frames) if each.filename == str(path)), None)


@contextmanager
def exits_as_errors() -> Iterator[None]:
    """Turn SystemExit and the like into an exception: a run that exits early has not succeeded.

    KeyboardInterrupt and the cancellation of a task are not converted.
    """
    try:
        yield
    except (Exception, KeyboardInterrupt, asyncio.CancelledError):
        raise
    except SystemExit as error:
        code = "" if error.code is None else repr(error.code)
        raise MigrationFailedError(
            f"it called sys.exit({code})",
            hint="return instead, or raise an exception to stop the migration",
        ) from error
    except BaseException as error:
        raise _ExitedError(exception_words(error)) from error
