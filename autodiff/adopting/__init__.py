"""Databases that have a past: one without migrations, and one with Alembic's."""

from autodiff.adopting.alembic import Converted, convert
from autodiff.adopting.baseline import Baseline, baseline

__all__ = ["Baseline", "Converted", "baseline", "convert"]
