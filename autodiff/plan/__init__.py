"""Change -> Plan: order, data safety, findings."""

from autodiff.plan.backfills import FillNeeded, fills_needed, parse_fill
from autodiff.plan.dependents import replaced_apart
from autodiff.plan.enum_values import MapPossible, maps_possible, parse_map
from autodiff.plan.plan import Finding, Plan
from autodiff.plan.planner import plan_changes
from autodiff.plan.row_checks import RowCheck

__all__ = ["FillNeeded", "Finding", "MapPossible", "Plan", "RowCheck", "fills_needed"]
__all__ += ["maps_possible", "parse_fill", "parse_map", "plan_changes", "replaced_apart"]
