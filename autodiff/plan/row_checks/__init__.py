"""What live rows can refuse of a plan, and the queries that find such rows before it begins."""

from autodiff.plan.row_checks.before import RowCheck
from autodiff.plan.row_checks.build import build_downgrade_checks, build_row_checks

__all__ = ["RowCheck", "build_downgrade_checks", "build_row_checks"]
