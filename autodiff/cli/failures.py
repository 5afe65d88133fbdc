"""Turn every exception of a command into a message and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import typer

from autodiff.cli.shell import Shell
from autodiff.cli.streams import OutputError
from autodiff.cli.terminal import print_json, print_labelled, print_lines
from autodiff.errors import AutodiffError, exception_words, one_line

__all__ = ["INTERRUPTED", "USAGE", "note_error", "report_error", "report_unwritable", "run_command"]

USAGE = 2
# 128 plus the number of the signal, as shells report it (SIGINT 2, SIGPIPE 13, SIGTERM 15):
INTERRUPTED = 130
_BROKEN_PIPE = 141
_PATH_ERRORS = {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS),
}
_TERMINATED = 143


def run_command(shell: Shell, command: Callable[[], int | None]) -> int:
    """Run a command, report an error if it fails, and return its exit code.

    Output of models and migrations is redirected to stderr, so that stdout contains only the
    result.
    """
    try:
        with redirect_stdout(sys.stderr), _sigterm_as_interrupt():
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
    except OutputError:
        raise
    except BaseException as error:  # SystemExit of a migration or of the models, and others
        return _failed(shell, error)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, which stops containers."""


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Make SIGTERM stop a command as Ctrl-C does: roll back, then release the lock.

    Only the main thread can set signal handlers. A handler that is already set stays.
    """
    is_main_thread = threading.current_thread() is threading.main_thread()
    if not is_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    process = os.getpid()

    def stop(*_: object) -> None:
        if os.getpid() != process:  # a process that was forked, such as one of a process pool
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        raise _Terminated("terminated (SIGTERM)")

    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stopped(shell: Shell, error: KeyboardInterrupt) -> int:
    """Report an interrupted command and return its exit code.

    A run of migrations adds a note to the exception about the steps that were kept.
    """
    notes = "\n".join(getattr(error, "__notes__", ()))
    message, _, hint = notes.rpartition("\nhint: ")
    kind = "Terminated" if isinstance(error, _Terminated) else "Interrupted"
    reason = f"{error}" or "interrupted"
    if message or shell.json:
        report_error(shell, message or reason, hint if message else None, kind=kind)
    else:
        # On a new line: the terminal shows ^C at the end of the current one.
        print_lines(["", reason], sys.stderr)
    return _TERMINATED if isinstance(error, _Terminated) else INTERRUPTED


def _failed(shell: Shell, error: BaseException) -> int:
    from autodiff.utils.connections import mask_passwords_in_text

    if shell.debug:
        text = "".join(traceback.format_exception(error))
        print_lines(mask_passwords_in_text(text).rstrip().split("\n"), sys.stderr)
    message, hint = _message_and_hint(error)
    message = mask_passwords_in_text(message)
    report_error(shell, message, hint, kind=type(error).__name__)
    return error.exit_code if isinstance(error, AutodiffError) else USAGE


def _message_and_hint(error: BaseException) -> tuple[str, str | None]:
    if isinstance(error, AutodiffError):
        return error.message, error.hint
    if isinstance(error, OSError) and error.strerror:
        place = f"{one_line(str(error.filename))}: " if error.filename else ""
        hint = "check that the path exists, and its permissions"
        return f"{place}{error.strerror}", hint if error.errno in _PATH_ERRORS else None
    if not isinstance(error, Exception):
        return (
            one_line(f"the code of the project ended the command: {exception_words(error)}"),
            "pass --debug to see where, and remove the call, such as sys.exit()",
        )
    if version := _old_sqlalchemy():
        return (
            f"autodiff needs SQLAlchemy 2.0.30 or later, but {version} is installed",
            "upgrade it: pip install --upgrade sqlalchemy",
        )
    reason = " ".join(exception_words(error).split())
    return (
        f"this is a bug in autodiff: {one_line(reason)}",
        "run the command again with --debug, and report the bug with the traceback",
    )


def _old_sqlalchemy() -> str | None:
    """Return the version of SQLAlchemy if it is too old, which `pip --no-deps` allows."""
    import sqlalchemy

    version = sqlalchemy.__version__
    return version if version.startswith(("0.", "1.")) else None


def report_error(shell: Shell, message: str, hint: str | None, *, kind: str) -> None:
    """Print an error: as JSON on stdout with --json, otherwise as text on stderr.

    It is text too if nothing can be written to stdout.
    """
    if shell.json:
        data: dict[str, Any] = {"error": message, "hint": hint, "kind": kind}
        try:
            print_json(data, shell.out)
        except OSError:  # such as a full disk, or a pipe that its reader has closed
            _print_error(message, hint)
        return
    _print_error(message, hint)


def report_unwritable(error: OutputError) -> None:
    """Print that the result of a command could not be written."""
    _print_error(f"cannot write the result to stdout: {error.strerror}", None)


def note_error(error: AutodiffError) -> None:
    """Print an error on stderr that did not keep a command from printing its result."""
    from autodiff.utils.connections import mask_passwords_in_text

    _print_error(mask_passwords_in_text(error.message), error.hint)


def _print_error(message: str, hint: str | None) -> None:
    print_labelled("error:", "red", message, sys.stderr)
    if hint:
        print_labelled("hint:", "cyan", hint, sys.stderr)


def _leave_pipe() -> None:
    """Redirect stdout to the null device after its reader has closed the pipe.

    Otherwise Python would flush the buffered output at exit and print an error.
    """
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, sys.stdout.fileno())
