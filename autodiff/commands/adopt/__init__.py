"""Databases that have a past: one without migrations, and one with Alembic's."""

from autodiff.commands.adopt.alembic import Converted, convert_alembic
from autodiff.commands.adopt.baseline import Baseline, create_baseline

__all__ = ["Baseline", "Converted", "convert_alembic", "create_baseline"]
