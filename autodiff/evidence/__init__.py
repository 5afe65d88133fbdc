"""Measure the facts behind the findings of lint: in the live database, and in a rehearsal."""

from autodiff.evidence.live import Measured, measure_live
from autodiff.evidence.rehearsed import with_rehearsal
from autodiff.evidence.subjects import FollowedStep, follow_steps

__all__ = ["FollowedStep", "Measured", "follow_steps", "measure_live", "with_rehearsal"]
