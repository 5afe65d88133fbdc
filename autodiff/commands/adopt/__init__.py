"""Start managing an existing database: without migrations, or with those of Alembic."""

from autodiff.commands.adopt.alembic import Converted, convert_alembic
from autodiff.commands.adopt.baseline import Baseline, create_baseline

__all__ = ["Baseline", "Converted", "convert_alembic", "create_baseline"]
