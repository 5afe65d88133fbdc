"""Scratch databases: how a database describes the models, and the proof of a migration."""

from autodiff.rehearse.canonical import describe

__all__ = ["describe"]
