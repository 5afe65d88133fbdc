"""Check the types of the arguments that a migration passes to the functions of `op`.

Python would accept many wrong types and do something else: it reads a text in place of a list of
columns letter by letter, and turns None in place of a name into the name "None".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast, get_args

import sqlalchemy as sa
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

from autodiff.dialects.literals import MissingValueError
from autodiff.errors import WrongArgumentError
from autodiff.op.keywords import CommentedKind
from autodiff.runner.context import current_settings
from autodiff.schema.operations import ConstraintKind

__all__ = ["checked"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class _Kind(NamedTuple):
    """The values that an argument can have: those of some types, and others that are accepted."""

    wanted: str
    types: tuple[type, ...] = ()
    accepts: Callable[[Any], bool] = lambda value: False


def checked(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function of `op` that checks its arguments by their annotations first.

    It raises WrongArgumentError. The types in a script written for Alembic are not checked: it may
    do everything that Alembic accepts.
    """
    own = signature(function)
    parameters = own.parameters.values()
    kinds = {
        each.name: _KINDS.get(each.annotation)
        for each in parameters
        if each.kind is not Parameter.VAR_POSITIONAL
    }
    positional = [each.name for each in parameters if each.kind is Parameter.POSITIONAL_OR_KEYWORD]
    others = next((each for each in parameters if each.kind is Parameter.VAR_POSITIONAL), None)
    places, rest = (others.name, _KINDS.get(others.annotation)) if others else ("", None)

    @wraps(function)
    def call(*arguments: _P.args, **keywords: _P.kwargs) -> _T:
        if not current_settings().get("is_alembic"):
            given = [*zip(positional, arguments, strict=False), *keywords.items()]
            for name, value in given:
                kind = kinds.get(name)
                if kind is not None and not isinstance(value, kind.types):
                    _require(function.__name__, name, kind, value)
            if rest is not None:
                for value in arguments[len(positional) :]:
                    _require(function.__name__, f"each of {places}", rest, value)
        try:
            return function(*arguments, **keywords)
        except MissingValueError as error:
            message = f"op.{function.__name__}(): {error}"
            raise WrongArgumentError(message, hint=error.hint) from error
        except TypeError:
            try:
                own.bind(*arguments, **keywords)
            except TypeError as error:
                raise WrongArgumentError(f"op.{function.__name__}(): {error}") from error
            raise

    return call


def _has(kind: _Kind, value: object) -> bool:
    return isinstance(value, kind.types) or kind.accepts(value)


def _require(function: str, argument: str, kind: _Kind, value: object) -> None:
    if _has(kind, value):
        return
    advice = f"; write [{value!r:.60}]" if isinstance(value, str) and "list" in kind.wanted else ""
    raise WrongArgumentError(
        f"op.{function}(): {argument} must be {kind.wanted}, not {value!r:.60}{advice}"
    )


def _is_flag(value: object) -> bool:
    return isinstance(value, int) and value in (0, 1)


def _is_list_of(kind: _Kind, wanted: str) -> _Kind:
    def accepts(values: object) -> bool:
        is_list = isinstance(values, Sequence) and not isinstance(values, str | bytes)
        return is_list and all(_has(kind, value) for value in cast("Sequence[Any]", values))

    return _Kind(wanted, accepts=accepts)


def _has_length(wanted: str, *lengths: int) -> _Kind:
    return _Kind(wanted, accepts=lambda value: _has(_LIST, value) and len(value) in lengths)


def _one_of(values: Sequence[str]) -> _Kind:
    return _Kind(f"one of {', '.join(map(repr, values))}", accepts=lambda value: value in values)


def _is_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, TypeEngine)


def _or_none(kind: _Kind) -> _Kind:
    return kind._replace(wanted=f"{kind.wanted}, or None", types=(*kind.types, type(None)))


_LIST = _is_list_of(_Kind("anything", (object,)), "a list")
_TEXT = _Kind("a string", (str,))
_FLAG = _Kind("True or False", (bool,), _is_flag)
_NUMBER = _Kind("a whole number", accepts=lambda value: type(value) is int)
_SQL = _Kind(
    "SQL text or a SQLAlchemy expression",
    (str, ClauseElement, sa.Executable),
    lambda value: hasattr(value, "__clause_element__"),
)
_MAPPING = _Kind("a dictionary", (Mapping,))
_TYPE = _Kind("a SQLAlchemy type, such as sa.String(20)", (TypeEngine,), _is_type)
_FUNCTION = _Kind("a function", accepts=callable)
_PAIR = _has_length("a pair of a column and an operator", 2)
_ENUM_COLUMN = _has_length("a tuple", 3, 4)
_KINDS: Mapping[str, _Kind] = {
    "str": _TEXT,
    "str | None": _or_none(_TEXT),
    "str | Literal[False] | None": _Kind(
        "a string, or None", (str, type(None)), lambda value: value is False
    ),
    "bool": _FLAG,
    "bool | None": _or_none(_FLAG),
    "int | None": _or_none(_NUMBER),
    "Sequence[str]": _is_list_of(_TEXT, "a list of strings"),
    "Sequence[SQLExpression]": _is_list_of(
        _SQL, "a list of column names or SQLAlchemy expressions"
    ),
    "Sequence[Mapping[str, Any]]": _is_list_of(_MAPPING, "a list of dictionaries"),
    "Mapping[str, Any]": _MAPPING,
    "Mapping[str, Any] | None": _or_none(_MAPPING),
    "SQLExpression": _SQL,
    "SQLExpression | None": _or_none(_SQL),
    "str | sa.ClauseElement": _SQL,
    "ServerDefault": _Kind(
        'a string, a SQLAlchemy expression such as sa.text("5"), None, or False',
        (str, ClauseElement, sa.FetchedValue, type(None)),
        lambda value: value is False or hasattr(value, "__clause_element__"),
    ),
    "sa.Column[Any]": _Kind("sa.Column(...)", (sa.Column,)),
    "sa.TableClause": _Kind("sa.table(...) or sa.Table(...)", (sa.TableClause,)),
    "ColumnType | None": _or_none(_TYPE),
    "tuple[Any, str]": _PAIR,
    "Sequence[EnumColumn]": _is_list_of(_ENUM_COLUMN, "a list of tuples (table, column, default)"),
    "CommentedKind": _one_of(get_args(CommentedKind)),
    "ConstraintKind | None": _or_none(_one_of(get_args(ConstraintKind))),
    "Callable[[sa.Connection], object]": _FUNCTION,
    "Callable[[sa.Connection], object] | None": _or_none(_FUNCTION),
}
"""The kinds of arguments by their annotation. SQLAlchemy checks the types that are not here."""
