"""The command autodiff stamp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autodiff.cli.format import migration_data
from autodiff.cli.guards import ask_at_terminal, confirm_environment
from autodiff.cli.options import Confirm, TargetArgument, Yes
from autodiff.cli.shell import Shell
from autodiff.utils.counting import counted

if TYPE_CHECKING:
    from autodiff.runner.runner import StampPreview

__all__ = ["run_stamp"]


def run_stamp(
    shell: Shell, target: TargetArgument = "head", yes: Yes = False, confirm: Confirm = None
) -> None:
    """Record migrations up to TARGET as applied without running them.

    Migrations after TARGET are recorded as not applied. Use it for a database
    whose tables were created in another way. At a terminal, stamp lists the
    records that change and asks first.

    Examples:
        autodiff stamp
        autodiff stamp 0001_first
        autodiff stamp base
    """
    project = shell.project()
    preview = project.preview_stamp(target)
    confirm_environment(shell, project, confirm, f"change the records to {target}")
    if not yes and (preview.added or preview.removed):
        ask_at_terminal(shell, _lines(preview), "Change these records?")
    applied = project.stamp(target)
    count = counted(len(applied), "migration")
    last = f", up to {applied[-1].name}" if applied else ""
    shell.answer(
        [f"recorded {count} as applied{last}"],
        {"applied": [migration_data(item) for item in applied]},
    )


def _lines(preview: StampPreview) -> list[str]:
    """Return the records that a stamp changes."""
    lines = ["no migration is run; these records change:"]
    lines += [f"  {name}: recorded as applied" for name in preview.added]
    lines += [f"  {name}: no longer recorded as applied" for name in preview.removed]
    return lines
