"""Check the types of the arguments that a migration passes to the functions of `op`.

Python would accept many wrong types and do something else: it reads a text in place of a list of
columns letter by letter, and turns None in place of a name into the name "None".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Any, NamedTuple, ParamSpec, TypeVar, get_args

import sqlalchemy as sa
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from autodiff.errors import WrongArgumentError
from autodiff.op.keywords import CommentedKind
from autodiff.runner.context import current_settings
from autodiff.schema.operations import ConstraintKind

__all__ = ["checked"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Kind(NamedTuple):
    """Which values an argument can have, and how a message names them."""

    accepts: Callable[[Any], bool]
    wanted: str


def checked(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function of `op` that checks its arguments by their annotations first.

    It raises WrongArgumentError. The types in a script written for Alembic are not checked: it may
    do everything that Alembic accepts.
    """
    own = signature(function)
    parameters = own.parameters.values()
    kinds = {each.name: _KINDS.get(each.annotation) for each in parameters}
    positional = [each.name for each in parameters if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    others = next((each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL), None)

    @wraps(function)
    def call(*arguments: _P.args, **keywords: _P.kwargs) -> _T:
        if not current_settings().get("is_alembic"):
            for name, value in zip(positional, arguments, strict=False):
                _require(function.__name__, name, kinds[name], value)
            for name, value in keywords.items():
                if name != others:
                    _require(function.__name__, name, kinds.get(name), value)
            if others is not None:
                for value in arguments[len(positional) :]:
                    _require(function.__name__, f"each of {others}", kinds[others], value)
        try:
            return function(*arguments, **keywords)
        except TypeError:
            try:
                own.bind(*arguments, **keywords)
            except TypeError as error:
                raise WrongArgumentError(f"op.{function.__name__}(): {error}") from error
            raise

    return call


def _require(function: str, argument: str, kind: _Kind | None, value: object) -> None:
    if kind is None or kind.accepts(value):
        return
    advice = f"; write [{value!r:.60}]" if isinstance(value, str) and "list" in kind.wanted else ""
    raise WrongArgumentError(
        f"op.{function}(): {argument} must be {kind.wanted}, not {value!r:.60}{advice}"
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_flag(value: object) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: _is_list(value) and all(map(accepts, value))


def _has_length(*lengths: int) -> Callable[[Any], bool]:
    return lambda value: _is_list(value) and len(value) in lengths


def _one_of(values: Sequence[str]) -> _Kind:
    return _Kind(lambda value: value in values, f"one of {', '.join(map(repr, values))}")


def _is_sql(value: object) -> bool:
    return isinstance(value, str | ClauseElement | sa.Executable) or hasattr(
        value, "__clause_element__"
    )


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_type(value: object) -> bool:
    return isinstance(value, TypeEngine) or (
        isinstance(value, type) and issubclass(value, TypeEngine)
    )


def _or_none(kind: _Kind) -> _Kind:
    return _Kind(lambda value: value is None or kind.accepts(value), f"{kind.wanted}, or None")


_TEXT = _Kind(_is_text, "a string")
_FLAG = _Kind(_is_flag, "True or False")
_SQL = _Kind(_is_sql, "SQL text or a SQLAlchemy expression")
_MAPPING = _Kind(_is_mapping, "a dictionary")
_KINDS: Mapping[str, _Kind] = {
    "str": _TEXT,
    "str | None": _or_none(_TEXT),
    "str | Literal[False] | None": _Kind(
        lambda value: value is None or value is False or _is_text(value), "a string, or None"
    ),
    "bool": _FLAG,
    "bool | None": _or_none(_FLAG),
    "int | None": _or_none(_Kind(lambda value: type(value) is int, "a whole number")),
    "Sequence[str]": _Kind(_is_list_of(_is_text), "a list of strings"),
    "Sequence[SQLExpression]": _Kind(
        _is_list_of(_is_sql), "a list of column names or SQLAlchemy expressions"
    ),
    "Sequence[Mapping[str, Any]]": _Kind(_is_list_of(_is_mapping), "a list of dictionaries"),
    "Mapping[str, Any]": _MAPPING,
    "Mapping[str, Any] | None": _or_none(_MAPPING),
    "SQLExpression": _SQL,
    "SQLExpression | None": _or_none(_SQL),
    "str | sa.ClauseElement": _SQL,
    "sa.Column[Any]": _Kind(lambda value: isinstance(value, sa.Column), "sa.Column(...)"),
    "sa.TableClause": _Kind(
        lambda value: isinstance(value, sa.TableClause), "sa.table(...) or sa.Table(...)"
    ),
    "ColumnType | None": _or_none(_Kind(_is_type, "a SQLAlchemy type, such as sa.String(20)")),
    "tuple[Any, str]": _Kind(_has_length(2), "a pair of a column and an operator"),
    "Sequence[EnumColumn]": _Kind(
        _is_list_of(_has_length(3, 4)), "a list of tuples (table, column, default)"
    ),
    "CommentedKind": _one_of(get_args(CommentedKind)),
    "ConstraintKind | None": _or_none(_one_of(get_args(ConstraintKind))),
    "Callable[[sa.Connection], object]": _Kind(callable, "a function"),
    "Callable[[sa.Connection], object] | None": _or_none(_Kind(callable, "a function")),
}
"""The kinds of arguments by their annotation. SQLAlchemy checks the types that are not here."""
