"""Run migrations up and down on a scratch database, with rows: one draft, or the whole history."""

from autodiff.rehearse.history import RehearsalRequest, rehearse
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep

__all__ = ["RehearsalRequest", "RehearsedHistory", "RehearsedStep", "rehearse"]
