"""Hide autodiff's own tables from revisions of Alembic that read the names of all tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["hide_tables"]


@contextmanager
def hide_tables(dialect: sa.Dialect, names: Collection[str]) -> Iterator[None]:
    """Leave tables out of what `get_table_names()` and `MetaData.reflect()` find.

    Revisions that copy, convert or empty all tables must do the same as without autodiff.
    """
    if "get_table_names" in vars(dialect):
        yield
        return
    found: Callable[..., list[str]] = dialect.get_table_names

    def get_table_names(*arguments: Any, **options: Any) -> list[str]:
        return [name for name in found(*arguments, **options) if name not in names]

    dialect.get_table_names = get_table_names  # type: ignore[method-assign]
    try:
        yield
    finally:
        # another thread may have the same dialect, and have removed it
        vars(dialect).pop("get_table_names", None)
