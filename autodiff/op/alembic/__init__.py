"""Provide the names of the package `alembic` that scripts written for it use.

Conversion replaces `import alembic` by an import of this package.
"""

from __future__ import annotations

from autodiff import op
from autodiff.op.alembic import context, operations

__all__ = ["context", "op", "operations"]
