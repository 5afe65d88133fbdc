"""Provide the classes of `alembic.operations` with which an application defines operations."""

from __future__ import annotations

from autodiff.op.batch import BatchOperations
from autodiff.op.custom import MigrateOperation, Operations

__all__ = ["BatchOperations", "MigrateOperation", "Operations"]
