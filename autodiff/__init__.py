"""Compare a live database with SQLAlchemy models and write the migration between them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff import op
    from autodiff.autogenerate.plan import Plan
    from autodiff.autogenerate.planning import diff
    from autodiff.commands.drift import Drift
    from autodiff.dialects import Scope
    from autodiff.dialects.reflection import reflect
    from autodiff.errors import AutodiffError
    from autodiff.migrations import Migration
    from autodiff.models import declare
    from autodiff.project import Project
    from autodiff.runner import run
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

_PUBLIC_NAMES = {
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
    "declare": "autodiff.models",
    "diff": "autodiff.autogenerate.planning",
    "reflect": "autodiff.dialects.reflection",
    "run": "autodiff.runner",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that the command line starts quickly."""
    if name == "op":
        return import_module("autodiff.op")
    if name in _PUBLIC_NAMES:
        return getattr(import_module(_PUBLIC_NAMES[name]), name)
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")
