"""Let a dialect of SQLAlchemy quote reserved words that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Set
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["quoting_dialect"]


def quoting_dialect(dialect: SQLAlchemyDialect, words: Set[str]) -> SQLAlchemyDialect:
    """Return a copy of the dialect that quotes the words too, as do the copies of it."""
    known = dialect.identifier_preparer.reserved_words  # on MariaDB not those of its class
    if words <= known:
        return dialect
    names = {"reserved_words": known | words}
    quoting = copy.copy(dialect)
    quoting.preparer = type(dialect.preparer.__name__, (dialect.preparer,), names)
    preparer = copy.copy(dialect.identifier_preparer)
    vars(preparer).update(names, dialect=quoting, _strings={})
    quoting.identifier_preparer = preparer
    quoting.type_compiler_instance = quoting.type_compiler_cls(quoting)
    return quoting
