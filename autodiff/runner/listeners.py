"""Call a listener of the application, whose exceptions are not those of a migration."""

from __future__ import annotations

from autodiff.errors import MigrationFailedError
from autodiff.runner.events import Event, Listener
from autodiff.runner.failures import reason

__all__ = ["named_in_errors"]


def named_in_errors(listener: Listener) -> Listener:
    """Return a listener that raises MigrationFailedError for any exception of the given one."""

    def call(event: Event) -> None:
        try:
            listener(event)
        except BrokenPipeError:  # nobody reads the output of the program any more
            raise
        except Exception as error:
            raise MigrationFailedError(
                f"the listener (on_event) failed on {type(event).__name__}: {reason(error)}",
                hint="correct the listener and run it again; migrations that have finished stay",
            ) from error

    return call
