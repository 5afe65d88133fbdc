"""Databases that have a past: one without migrations, and one with Alembic's."""

from autodiff.commands.adopt.alembic import Converted, convert
from autodiff.commands.adopt.baseline import Baseline, baseline

__all__ = ["Baseline", "Converted", "baseline", "convert"]
