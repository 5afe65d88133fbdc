"""Turns what a command raises into a message and an exit code. Nothing else ends a command."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

import typer

from autodiff.cli.colors import styled
from autodiff.cli.shell import Shell
from autodiff.errors import AutodiffError

__all__ = ["INTERRUPTED", "USAGE", "guarded", "report"]

USAGE = 2
INTERRUPTED = 130
_BROKEN_PIPE = 141


def guarded(shell: Shell, command: Callable[[], int | None]) -> int:
    """Runs a command; its exit code, also where it fails.

    What models and migrations print goes to stderr, so that stdout holds the result alone.
    """
    try:
        with redirect_stdout(sys.stderr):
            code = command() or 0
        shell.out.flush()
        return code
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("\ninterrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        _leave_pipe()
        return _BROKEN_PIPE
    except Exception as error:
        return _failed(shell, error)


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
