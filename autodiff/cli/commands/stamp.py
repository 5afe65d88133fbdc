"""The command autodiff stamp."""

from __future__ import annotations

from autodiff.cli.format import migration_data
from autodiff.cli.options import TargetArgument
from autodiff.cli.shell import Shell

__all__ = ["run_stamp"]


def run_stamp(shell: Shell, target: TargetArgument = "head") -> None:
    """Record migrations up to TARGET as applied without running them.

    Migrations after TARGET are recorded as not applied. Use it for a database
    whose tables were created in another way.

    Examples:
        autodiff stamp
        autodiff stamp 0001_first
        autodiff stamp base
    """
    applied = shell.project().stamp(target)
    count = f"{len(applied)} migrations" if len(applied) != 1 else "1 migration"
    last = f", up to {applied[-1].name}" if applied else ""
    shell.answer(
        [f"recorded {count} as applied{last}"],
        {"applied": [migration_data(item) for item in applied]},
    )
