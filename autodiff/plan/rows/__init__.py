"""What live rows can refuse of a plan, and the queries that find such rows before it begins."""

from autodiff.plan.rows.checks import row_checks, row_checks_back
from autodiff.plan.rows.standing import RowCheck

__all__ = ["RowCheck", "row_checks", "row_checks_back"]
