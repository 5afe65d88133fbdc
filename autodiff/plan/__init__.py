"""Change -> MigrationPlan: order, values for existing rows, checks of rows."""

from autodiff.plan.backfills import FillNeeded, fills_needed, parse_fill
from autodiff.plan.data_loss import DataLoss, DataLossFinder, find_data_loss
from autodiff.plan.enum_values import MapPossible, maps_possible, parse_map
from autodiff.plan.migration_plan import Finding, MigrationPlan
from autodiff.plan.planner import plan_changes
from autodiff.plan.replaced_columns import split_replaced_columns
from autodiff.plan.row_checks import RowCheck

__all__ = [
    "DataLoss",
    "DataLossFinder",
    "FillNeeded",
    "Finding",
    "MapPossible",
    "MigrationPlan",
    "RowCheck",
    "fills_needed",
    "find_data_loss",
    "maps_possible",
    "parse_fill",
    "parse_map",
    "plan_changes",
    "split_replaced_columns",
]
