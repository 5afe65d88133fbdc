"""Let a dialect of SQLAlchemy quote reserved words that it does not know."""

from __future__ import annotations

import copy
from collections.abc import Set
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

__all__ = ["quoting_dialect"]


def quoting_dialect(dialect: SQLAlchemyDialect, words: Set[str]) -> SQLAlchemyDialect:
    """Return a copy of the dialect that quotes the words too, as do the copies of it."""
    base: Any = dialect.preparer
    known = dialect.identifier_preparer.reserved_words
    if words <= known:
        return dialect
    own = None if known is base.reserved_words else frozenset(known)  # on MariaDB
    quoting = copy.copy(dialect)
    quoting.preparer = _with_words(base, own, frozenset(words))
    preparer = copy.copy(dialect.identifier_preparer)
    preparer.reserved_words = quoting.preparer.reserved_words
    vars(preparer).update(dialect=quoting, _strings={})
    quoting.identifier_preparer = preparer
    quoting.type_compiler_instance = quoting.type_compiler_cls(quoting)
    return quoting


@cache
def _with_words(preparer: Any, own: frozenset[str] | None, words: frozenset[str]) -> Any:
    """Return a subclass of a preparer with more reserved words, the same one each time.

    own: the words that it has in place of those of its class.
    """
    known = preparer.reserved_words if own is None else own
    return type(preparer.__name__, (preparer,), {"reserved_words": known | words})
