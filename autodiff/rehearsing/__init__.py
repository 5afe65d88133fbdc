"""Rehearses the whole history on a scratch: each migration up, down and up again, with rows."""

from autodiff.rehearsing.history import RehearsalRequest, rehearse
from autodiff.rehearsing.report import RehearsedHistory, RehearsedStep

__all__ = ["RehearsalRequest", "RehearsedHistory", "RehearsedStep", "rehearse"]
