"""Refuse what cannot be done while the application is running."""

from __future__ import annotations

from autodiff.errors import PlanError

__all__ = ["refusal"]


def refusal(action: str, reason: str, way_out: str) -> PlanError:
    """Return the error for a change that cannot be split by phases.

    action: the change, as a verb and its object.
    way_out: what can be done instead of applying it while the application is stopped.
    """
    return PlanError(
        f"cannot {action} online: {reason}",
        hint=f"{way_out}; or pass --no-online, and apply it while the application is stopped",
    )
