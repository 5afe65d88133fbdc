"""Compute a fingerprint of models, which is equal as long as they declare the same schema.

What is plain is described by its attributes, in one pass over the MetaData: columns, keys and
indexes without options, with types and defaults of SQLAlchemy. Everything else is declared, and the
result is described: a type or an expression of the application can be any code.

A description has everything that declaring reads. It may have more: then two fingerprints differ
though the schemas are equal, and the models are declared for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import TextClause, conv, quoted_name

from autodiff.models.columns import declare_column, enum_of
from autodiff.models.constraints import declare_constraint, declare_index, foreign_key_target
from autodiff.models.expressions import Compiler, default_key
from autodiff.models.metadata import declared_enum_types, declared_sequences, declared_view
from autodiff.models.options import has_options
from autodiff.models.renamed_from import renamed
from autodiff.models.tables import name_of, options_of_table
from autodiff.models.types import is_plain_class, type_key
from autodiff.utils.sharing import pause_garbage_collection

if TYPE_CHECKING:
    from autodiff.dialects.base import Dialect

__all__ = ["fingerprint_models", "schemas_named_by"]

_PLAIN_NAMES = frozenset((str, quoted_name, conv))
"""The types of names that no naming convention changes when they are compiled."""
_PLAIN_VALUES = (str, int, bool, float, bytes, type(None))
_COLUMN = itemgetter(
    *("name", "key", "nullable", "primary_key", "autoincrement", "comment", "system")
)
_KEYS = (sa.PrimaryKeyConstraint, sa.UniqueConstraint)


@pause_garbage_collection()
def fingerprint_models(metadata: Sequence[sa.MetaData], dialect: Dialect) -> str:
    """Return a fingerprint of what the MetaData declare for a dialect, without any selection.

    Raises ModelsError for what cannot be declared.
    """
    describer = _Describer(metadata, dialect)
    text = repr([*describer.tables(), *describer.others(), [*describer.type_texts]])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def schemas_named_by(metadata: Sequence[sa.MetaData]) -> set[str]:
    """Return every schema that a table, a sequence or an enum type of the models can be in."""
    found: set[str | None] = set()
    for item in metadata:
        found.add(item.schema)
        found.update(sequence.schema for sequence in item._sequences.values())
        found.update(getattr(part, "schema", None) for part in getattr(item, "_objects", ()))
        for table in item.tables.values():
            found.add(table.schema)
            for column in table.columns:
                attributes = vars(column.type)
                if "schema" in attributes:
                    found.add(attributes["schema"])
    return {schema for schema in found if schema}


class _Describer:
    """Describes models as tuples of plain values, which `repr` writes in one way only."""

    def __init__(self, metadata: Sequence[sa.MetaData], dialect: Dialect) -> None:
        self.metadata = metadata
        self.dialect = dialect
        self.compiler = Compiler(
            dialect.sqlalchemy,
            dialect.default_schema,
            backslashes=dialect.features.backslash_escapes,
        )
        self.sequences = declared_sequences(metadata, dialect)
        self.compiler.sequences = frozenset(name.name for name in self.sequences)
        self.type_texts: dict[str, int] = {}
        self._types: dict[Any, int] = {}

    def others(self) -> Iterator[object]:
        """Yield what is not a part of a table."""
        yield repr(self.sequences)
        enums = declared_enum_types(self.metadata, self.dialect)
        yield sorted(repr(enum_of(enum, self.dialect, self.compiler)) for enum in enums)

    def tables(self) -> Iterator[object]:
        for number, item in enumerate(self.metadata):
            for key in sorted(item.tables):
                table = item.tables[key]
                if getattr(table, "is_view", False):
                    name = name_of(table, self.dialect)
                    yield repr(declared_view(name, table, self.dialect, self.compiler))
                else:
                    yield number, key, *self._table(table)

    def _table(self, table: sa.Table) -> tuple[object, ...]:
        columns = list(table.columns)
        counted = table.autoincrement_column
        items = table.constraints.union(*(c.constraints for c in columns if c.constraints))
        # First, because SQLAlchemy gives a column the type of its foreign key when it is resolved:
        constraints = [self._constraint(item) for item in sorted(items, key=_creation_order)]
        prefixes = table._prefixes
        old_names = renamed(name_of(table, self.dialect), table, columns)
        return (
            str(table.name),
            table.schema,
            table.comment,
            [self._column(column, column is counted) for column in columns],
            constraints,
            sorted(map(self._index, table.indexes)),
            repr(options_of_table(table, self.dialect)) if has_options(table) else "",
            [str(prefix) for prefix in prefixes] if prefixes else (),
            "" if old_names is None else repr(old_names),
        )

    def _column(self, column: sa.Column[Any], is_counted: bool) -> object:
        """Return the attributes of a column, or the text of a declared one.

        This runs for each column, so every attribute is read once, from the dictionary.
        """
        attributes = vars(column)
        plain = _COLUMN(attributes)
        type_number = self._type(attributes["type"])
        if type_number is None or type(column) is not sa.Column or has_options(column):
            return self._declared_column(column)
        if column.primary_key and column.default is not None:
            return self._declared_column(column)
        default = attributes["server_default"]
        if default is None:
            return is_counted, type_number, plain
        key = default_key(getattr(default, "arg", None))
        if not _is_plain_default(key):
            return self._declared_column(column)
        return is_counted, type_number, plain, isinstance(key, str), f"{key}"

    def _type(self, type_: Any) -> int | None:
        """Return the number of a type of SQLAlchemy, None for one that must be declared."""
        key: Any = (type(type_), *vars(type_).items())
        try:
            return self._types[key]
        except (KeyError, TypeError):  # a new type, or one with attributes that have no hash
            key = type_key(type_)
        if key is None:
            return None
        text = _type_text(*key)
        if text is None:
            return None
        self._types[key] = number = self.type_texts.setdefault(text, len(self.type_texts))
        return number

    def _declared_column(self, column: sa.Column[Any]) -> str:
        declared = declare_column(column, self.dialect, self.compiler)
        enum = enum_of(column.type, self.dialect, self.compiler)
        domains = self.dialect.domains_of(column.table) if column.table is not None else ()
        return f"{column.key!r} {column.system} {declared} {enum} {domains}"

    def _name(self, item: Any) -> str | None:
        """Return the name of a constraint or index by the naming convention."""
        name = item.name
        if name is None:
            return None
        if type(name) in _PLAIN_NAMES:
            return f"{type(name).__name__} {name}"
        return self.compiler.name(item)

    def _constraint(self, item: Any) -> object:
        if item._ddl_if is not None or getattr(item, "_type_bound", False) or has_options(item):
            return self._declared_constraint(item)
        cls, common = type(item), (self._name(item), item.comment, item.deferrable, item.initially)
        if cls in _KEYS:
            return cls.__name__, common, [column.name for column in item.columns]
        if cls is sa.ForeignKeyConstraint:
            actions = item.onupdate, item.ondelete, item.match
            return "foreign key", common, actions, [self._target(part) for part in item.elements]
        if cls is sa.CheckConstraint and _is_plain_text(item.sqltext):
            return "check", common, item.sqltext.text
        return self._declared_constraint(item)

    def _target(self, part: sa.ForeignKey) -> tuple[str, str | None, str, str]:
        """Return a column of a foreign key, and the column that it refers to."""
        table, column = foreign_key_target(part, self.dialect)
        return str(part.parent.name), table.schema, table.name, column

    def _declared_constraint(self, item: Any) -> str:
        return repr(declare_constraint(item, self.dialect, self.compiler))

    def _index(self, index: sa.Index) -> str:
        """Return the text of an index. Indexes have no order of their own, so texts are sorted."""
        is_plain = index._ddl_if is None and not has_options(index)
        parts: Sequence[Any] = index.expressions
        if is_plain and parts and all(type(part) is sa.Column for part in parts):
            columns = [part.name for part in parts]
            return f"{self._name(index)!r} {index.unique} {columns}"
        return repr(declare_index(index, self.dialect, self.compiler))


def _type_text(cls: type[Any], *attributes: Any) -> str | None:
    """Return a text for a type; None if it has an object, as an array has the type of its items.

    attributes: the names of the attributes, followed by their values, as `type_key` returns them.

    SQLAlchemy keeps the affinity, which follows from the class, once it is asked for it.
    """
    count = len(attributes) // 2
    pairs = zip(attributes[:count], attributes[count:], strict=True)
    own = [(name, value) for name, value in pairs if name != "_type_affinity"]
    if not all(isinstance(value, _PLAIN_VALUES) for _, value in own):
        return None
    return f"{cls.__module__}.{cls.__qualname__} {own}"


def _creation_order(item: Any) -> int:
    order: int = item._creation_order
    return order


def _is_plain_text(clause: Any) -> bool:
    return type(clause) is TextClause and is_plain_class(TextClause) and not clause._bindparams


def _is_plain_default(key: Any) -> bool:
    """Return whether the key of a default is a text or a function of SQLAlchemy."""
    cls = key[0] if isinstance(key, tuple) else key
    return isinstance(key, str) or (isinstance(cls, type) and is_plain_class(cls))
