"""Run migrations on a scratch database, up and down, with rows: a draft, or the whole history."""

from autodiff.rehearse.history import RehearsalRequest, rehearse_history
from autodiff.rehearse.measured import MeasuredStatement
from autodiff.rehearse.report import RehearsedHistory, RehearsedStep

__all__ = [
    "MeasuredStatement",
    "RehearsalRequest",
    "RehearsedHistory",
    "RehearsedStep",
    "rehearse_history",
]
