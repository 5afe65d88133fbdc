"""Run migrations on a scratch database, up and down, with rows: a draft, or the whole history."""

from autodiff.rehearse.history import RehearsalRequest, rehearse_history
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep

__all__ = ["RehearsalRequest", "RehearsedHistory", "RehearsedStep", "rehearse_history"]
