"""What live rows can refuse of a plan, and the queries that find such rows before it begins."""

from autodiff.plan.row_checks.before import RowCheck
from autodiff.plan.row_checks.build import row_checks, row_checks_back

__all__ = ["RowCheck", "row_checks", "row_checks_back"]
