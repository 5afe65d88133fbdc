"""Turns what a command raises into a message and an exit code. Nothing else ends a command."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import typer

from autodiff.cli.colors import styled
from autodiff.cli.shell import Shell
from autodiff.errors import AutodiffError

__all__ = ["INTERRUPTED", "USAGE", "guarded", "report"]

USAGE = 2
INTERRUPTED = 130
_BROKEN_PIPE = 141
_TERMINATED = 143


def guarded(shell: Shell, command: Callable[[], int | None]) -> int:
    """Runs a command; its exit code, also where it fails.

    What models and migrations print goes to stderr, so that stdout holds the result alone.
    """
    try:
        with redirect_stdout(sys.stderr), _terminable():
            code = command() or 0
        shell.out.flush()
        return code
    except KeyboardInterrupt as error:
        return _stopped(shell, error)
    except typer.Abort:
        return _stopped(shell, KeyboardInterrupt())
    except BrokenPipeError:
        _leave_pipe()
        return _BROKEN_PIPE
    except Exception as error:
        return _failed(shell, error)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, by which containers are stopped."""


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM stops a command as Ctrl-C does: what it is at is rolled back, its lock given back.

    Signals are the main thread's; where somebody else handles it, that stays so.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def stop(*_: object) -> None:
        raise _Terminated("terminated (SIGTERM)")

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stopped(shell: Shell, error: KeyboardInterrupt) -> int:
    """Says what was stopped, and what was kept, where a run of migrations has noted that."""
    notes = "\n".join(getattr(error, "__notes__", ()))
    message, _, hint = notes.rpartition("\nhint: ")
    kind = "Terminated" if isinstance(error, _Terminated) else "Interrupted"
    told = f"{error}" or "interrupted"
    if message or shell.json:
        report(shell, message or told, hint if message else None, kind=kind)
    else:
        typer.echo(f"\n{told}", err=True)
    return _TERMINATED if isinstance(error, _Terminated) else INTERRUPTED


def _failed(shell: Shell, error: Exception) -> int:
    if shell.debug:
        traceback.print_exception(error, file=sys.stderr)
    message, hint = _explained(error)
    report(shell, message, hint, kind=type(error).__name__)
    return error.exit_code if isinstance(error, AutodiffError) else USAGE


def _explained(error: Exception) -> tuple[str, str | None]:
    if isinstance(error, AutodiffError):
        return error.message, error.hint
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}", None
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"this is a bug in autodiff: {reason}",
        "run it again with --debug (or AUTODIFF_DEBUG=1) to see the traceback, and report it",
    )


def report(shell: Shell, message: str, hint: str | None, *, kind: str) -> None:
    """Prints a failure: as JSON on stdout with --json, else as text on stderr."""
    if shell.json:
        data: dict[str, Any] = {"error": message, "hint": hint, "kind": kind}
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2), file=shell.out)
        return
    typer.echo(f"{styled('error:', 'red', sys.stderr)} {message}", err=True)
    if hint:
        typer.echo(f"{styled('hint:', 'cyan', sys.stderr)} {hint}", err=True)


def _leave_pipe() -> None:
    """Nobody reads any more: what is buffered goes nowhere, or Python complains at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
