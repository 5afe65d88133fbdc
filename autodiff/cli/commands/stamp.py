"""autodiff stamp."""

from __future__ import annotations

from autodiff.cli.format import migration_data
from autodiff.cli.options import Target
from autodiff.cli.shell import Shell

__all__ = ["stamp"]


def stamp(shell: Shell, target: Target = "head") -> None:
    """Record migrations as applied up to TARGET, and no others, without running them.

    For a database that came to its tables by another way.

    Examples:
        autodiff stamp
        autodiff stamp 0001_first
        autodiff stamp base
    """
    applied = shell.project().stamp(target)
    count = f"{len(applied)} migrations count" if len(applied) != 1 else "1 migration counts"
    last = f", the last is {applied[-1].name}" if applied else ""
    shell.answer(
        [f"{count} as applied{last}"], {"applied": [migration_data(item) for item in applied]}
    )
