"""Change -> Plan: order, data safety, findings."""

from autodiff.plan.around import replaced_apart
from autodiff.plan.fills import FillNeeded, fills_needed, parse_fill
from autodiff.plan.plan import Finding, Plan
from autodiff.plan.planner import plan
from autodiff.plan.rows import RowCheck

__all__ = ["FillNeeded", "Finding", "Plan", "RowCheck", "fills_needed", "parse_fill", "plan"]
__all__ += ["replaced_apart"]
