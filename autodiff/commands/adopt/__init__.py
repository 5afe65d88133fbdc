"""Start managing an existing database: without migrations, or with those of Alembic."""

from autodiff.commands.adopt.alembic import Converted, convert_alembic
from autodiff.commands.adopt.alembic_baseline import AlembicBaseline, replace_alembic
from autodiff.commands.adopt.baseline import Baseline, create_baseline
from autodiff.commands.adopt.bridge import Bridge, bridge_alembic

__all__ = [
    "AlembicBaseline",
    "Baseline",
    "Bridge",
    "Converted",
    "bridge_alembic",
    "convert_alembic",
    "create_baseline",
    "replace_alembic",
]
