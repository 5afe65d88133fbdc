"""MetaData -> Schema: the schema that models declare; what cannot be converted is an error.

SQLAlchemy is imported when a function is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from autodiff.dialects.base import Dialect
    from autodiff.dialects.scope import Selection
    from autodiff.schema.objects import Schema

__all__ = ["declare", "load_metadata"]


def declare(
    metadata: sa.MetaData | Sequence[sa.MetaData],
    dialect: Dialect,
    selection: Selection | None = None,
) -> Schema:
    """Return the schema that one MetaData, or several together, declare for a dialect.

    selection: the objects to leave out, as when the database is read.

    Raises ModelsError for what cannot be converted, and if two of them declare one table.
    """
    from autodiff.dialects.scope import EVERYTHING
    from autodiff.models.metadata import declare_metadata

    return declare_metadata(metadata, dialect, selection or EVERYTHING)


def load_metadata(targets: str | Sequence[str], folders: Sequence[Path]) -> list[sa.MetaData]:
    """Return the MetaData of "package.module:object"; see `autodiff.models.load`."""
    from autodiff.models.load import find_metadata

    return find_metadata(targets, folders)
