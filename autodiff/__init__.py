"""Compares a live database with SQLAlchemy models and writes the migration between them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

# The three functions that share a name with their package are bound here, once their package is:
from autodiff.declare import declare
from autodiff.reflect import reflect
from autodiff.run import run

if TYPE_CHECKING:
    from autodiff import op
    from autodiff.dialects import Scope
    from autodiff.diffing import diff
    from autodiff.drift import Drift
    from autodiff.errors import AutodiffError
    from autodiff.history import Migration
    from autodiff.planned import Plan
    from autodiff.project import Project
    from autodiff.run.hooks import HookedMigration, HookedRun, Hooks
    from autodiff.schema import Schema

__all__ = [
    "AutodiffError",
    "Drift",
    "HookedMigration",
    "HookedRun",
    "Hooks",
    "Migration",
    "Plan",
    "Project",
    "Schema",
    "Scope",
    "__version__",
    "declare",
    "diff",
    "op",
    "reflect",
    "run",
]

__version__ = "0.1.0"

_HOMES = {
    "AutodiffError": "autodiff.errors",
    "Drift": "autodiff.drift",
    "HookedMigration": "autodiff.run.hooks",
    "HookedRun": "autodiff.run.hooks",
    "Hooks": "autodiff.run.hooks",
    "Migration": "autodiff.history",
    "Plan": "autodiff.planned",
    "Project": "autodiff.project",
    "Schema": "autodiff.schema",
    "Scope": "autodiff.dialects",
    "diff": "autodiff.diffing",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that the command line starts soon."""
    if name == "op":
        return import_module("autodiff.op")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")
