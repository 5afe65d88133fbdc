"""Databases that have a past: one without migrations, and one with Alembic's."""

from autodiff.adopting.baseline import Baseline, baseline

__all__ = ["Baseline", "baseline"]
