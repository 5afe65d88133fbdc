"""Find the live rows that would make a migration fail, before it changes anything."""

from autodiff.plan.row_checks.build import (
    build_downgrade_checks,
    build_reported_checks,
    build_row_checks,
)
from autodiff.plan.row_checks.context import RowCheck

__all__ = ["RowCheck", "build_downgrade_checks", "build_reported_checks", "build_row_checks"]
