"""autodiff downgrade."""

from __future__ import annotations

from autodiff.cli.options import DryRun, Sql, Target
from autodiff.cli.running import run
from autodiff.cli.shell import Shell

__all__ = ["downgrade"]


def downgrade(
    shell: Shell, target: Target = "-1", sql: Sql = False, dry_run: DryRun = False
) -> None:
    """Take migrations back, down to TARGET, which stays applied.

    -1 takes the last one back, base takes all of them back.

    Examples:
        autodiff downgrade
        autodiff downgrade -2 --dry-run
        autodiff downgrade 0001_first
    """
    run(shell, target, "downgrade", sql=sql, dry_run=dry_run)
