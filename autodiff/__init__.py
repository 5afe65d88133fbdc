"""Compares a live database with SQLAlchemy models and writes the migration between them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autodiff.dialects.reflection import reflect

# The three functions that share a name with their package are bound here, once their package is:
from autodiff.models import declare
from autodiff.runner import run

if TYPE_CHECKING:
    from autodiff import op
    from autodiff.autogenerate.diff import diff
    from autodiff.autogenerate.plan import Plan
    from autodiff.commands.drift import Drift
    from autodiff.dialects import Scope
    from autodiff.errors import AutodiffError
    from autodiff.migrations import Migration
    from autodiff.project import Project
    from autodiff.runner.hooks import HookedMigration, HookedRun, Hooks
    from autodiff.schema.objects import Schema

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
    "Drift": "autodiff.commands.drift",
    "HookedMigration": "autodiff.runner.hooks",
    "HookedRun": "autodiff.runner.hooks",
    "Hooks": "autodiff.runner.hooks",
    "Migration": "autodiff.migrations",
    "Plan": "autodiff.autogenerate.plan",
    "Project": "autodiff.project",
    "Schema": "autodiff.schema.objects",
    "Scope": "autodiff.dialects",
    "diff": "autodiff.autogenerate.diff",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that the command line starts soon."""
    if name == "op":
        return import_module("autodiff.op")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")
