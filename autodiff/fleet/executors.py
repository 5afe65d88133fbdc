"""Run tasks on an executor of `concurrent.futures`, such as that of a Dask cluster."""

from __future__ import annotations

import pickle
import re
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from autodiff.errors import ConfigError, exception_words
from autodiff.fleet.requests import checked_executor
from autodiff.fleet.results import Outcome
from autodiff.fleet.target_run import STOPPED_HINT, database_of, failed_outcome, message_and_hint
from autodiff.fleet.targets import Target
from autodiff.fleet.tasks import TargetTask, run_task
from autodiff.utils.connections import mask_passwords_in_text
from autodiff.utils.imports import import_application_module, place_of_error

__all__ = ["RefusedError", "check_picklable", "load_executor", "run_on_executor", "start_processes"]

_FUNCTION = re.compile(r"[\w.]+:[\w.]+")
_EXAMPLE = 'write it like --executor "app.cluster:connect", for a function without arguments'


def start_processes(executor: Executor) -> None:
    """Let a process pool fork its processes now, while this process has few threads.

    A process that is forked later can inherit a lock that another thread holds, and wait forever.
    """
    if isinstance(executor, ProcessPoolExecutor):
        with suppress(Exception):  # the first task reports it
            executor.submit(int)


class RefusedError(Exception):
    """Raised if an executor accepts no more tasks."""


def run_on_executor(executor: Executor, task: TargetTask) -> Outcome:
    """Run a task and return its outcome; a worker that died is a failure of its target.

    Raises RefusedError if the executor does not accept the task.
    """
    started_at = time.monotonic()
    try:
        future: Future[Outcome] = executor.submit(run_task, task)
    except Exception as error:
        message, _ = message_and_hint(error, task.target.url)
        raise RefusedError(f"the executor accepts no more tasks: {message}") from error
    try:
        outcome: object = future.result()
    except KeyboardInterrupt:  # of the worker: Ctrl-C of a terminal reaches its process too
        return _interrupted(task.target, time.monotonic() - started_at)
    except BaseException as error:  # whatever the worker raised, or the executor about it
        message, hint = message_and_hint(error, task.target.url)
        return failed_outcome(
            task.target,
            f"the worker did not return an outcome: {message}",
            hint or "run the same command again: a migration that stopped half-way is resumed",
            seconds=time.monotonic() - started_at,
        )
    if isinstance(outcome, Outcome):
        return outcome
    return failed_outcome(
        task.target,
        f"the executor returned {type(outcome).__name__} instead of an outcome",
        "submit(function, argument) must return a future of function(argument)",
    )


def _interrupted(target: Target, seconds: float) -> Outcome:
    return Outcome(
        name=target.name,
        database=database_of(target),
        result="stopped",
        error="its worker was interrupted",
        hint=STOPPED_HINT,
        seconds=seconds,
    )


def check_picklable(executor: Executor, hooks: object) -> None:
    """Raise ConfigError if hooks cannot be sent to the workers of an executor."""
    if isinstance(executor, ThreadPoolExecutor):
        return
    try:
        pickle.dumps(hooks)
    except Exception as error:  # pickle raises PicklingError, AttributeError, TypeError and others
        raise ConfigError(
            f"the hooks cannot be sent to a worker: {error}",
            hint="use functions at the top level of a module, or name them in the configuration",
        ) from error


def load_executor(name: str, folders: Sequence[Path]) -> Executor:
    """Call the function `package.module:function` and return the executor that it returns.

    `folders` are put on the import path.

    Raises ConfigError if there is no such function, if it fails or returns anything else.
    """
    if not _FUNCTION.fullmatch(name):
        raise ConfigError(f"--executor {name!r} does not name a function", hint=_EXAMPLE)
    module_name, _, path = name.partition(":")
    function: object = import_application_module(
        module_name,
        folders,
        subject=f"--executor {name!r}",
        setting="--executor",
        error_class=ConfigError,
    )
    for part in path.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise ConfigError(
            f"--executor {name!r}: {module_name} has no function {path}", hint=_EXAMPLE
        )
    try:
        executor = function()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a function must not end a command
        place = place_of_error(error, folders)
        reason = mask_passwords_in_text(f"{place}{exception_words(error)}")
        raise ConfigError(
            f"--executor {name!r} failed: {reason}",
            hint="fix the function and run the command again",
        ) from error
    return checked_executor(executor, f"--executor {name!r} returned", "return")
