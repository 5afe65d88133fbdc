"""Refuse a migration that drops tables which its author may not mean to drop.

Models that were not imported look like models that were deleted: every table that they defined
would be dropped. So a drop needs a word if the table has rows, or if most tables would go.
"""

from __future__ import annotations

from collections.abc import Collection

from autodiff.autogenerate.plan import Plan
from autodiff.autogenerate.questions import Questioner
from autodiff.errors import DropRefusedError
from autodiff.plan import DataLoss

__all__ = ["ALL_TABLES", "refuse_drops"]

ALL_TABLES = "*"
"""Allows the drop of every table."""


def refuse_drops(plan: Plan, allowed: Collection[str], questioner: Questioner) -> None:
    """Raise DropRefusedError if the plan drops tables that are neither allowed nor confirmed.

    Args:
        plan: The plan, with its data loss counted if a database is connected.
        allowed: The names of tables that may be dropped.
        questioner: Asked about the others.
    """
    if ALL_TABLES in allowed:
        return
    dropped = [loss for loss in plan.data_loss if loss.kind == "table"]
    open_drops = [loss for loss in dropped if loss.place not in allowed]
    total = len(plan.current.tables)
    is_most = 2 * len(dropped) > total
    doubtful = [loss for loss in open_drops if is_most or _may_have_rows(loss)]
    if doubtful and not questioner.may_drop(doubtful):
        names = [loss.place for loss in doubtful]
        raise DropRefusedError(names, list(map(str, doubtful)), total)


def _may_have_rows(loss: DataLoss) -> bool:
    """Return whether a count found rows, or failed. Without a database there is no count."""
    return bool(loss.count) or loss.problem is not None
