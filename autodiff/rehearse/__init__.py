"""Runs migrations on a scratch, up and down, with rows: a new one, or the whole history."""

from autodiff.rehearse.history import RehearsalRequest, rehearse_history
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep

__all__ = ["RehearsalRequest", "RehearsedHistory", "RehearsedStep", "rehearse_history"]
