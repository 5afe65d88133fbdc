"""Change -> Plan: order, data safety, findings."""

from autodiff.plan.around import replaced_apart
from autodiff.plan.fills import FillNeeded, fills_needed, parse_fill
from autodiff.plan.plan import Finding, Plan
from autodiff.plan.planner import plan
from autodiff.plan.rows import RowCheck
from autodiff.plan.values import MapPossible, maps_possible, parse_map

__all__ = ["FillNeeded", "Finding", "MapPossible", "Plan", "RowCheck", "fills_needed"]
__all__ += ["maps_possible", "parse_fill", "parse_map", "plan", "replaced_apart"]
