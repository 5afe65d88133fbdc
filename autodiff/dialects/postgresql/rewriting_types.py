"""Which new types of a column make PostgreSQL rewrite the table."""

from __future__ import annotations

from autodiff.dialects.type_names import split_type

__all__ = ["rewrites_table"]

_TEXTS = ("text", "character varying", "citext")
_REWRITTEN = frozenset(
    "smallint integer bigint numeric real date time json jsonb uuid boolean bytea text interval "
    "character timestamp".split()
) | {"character varying", "double precision"}
"""Types whose conversions are known; another type, such as one of an extension, is not judged."""


def rewrites_table(before: str, after: str) -> bool:
    """Return whether PostgreSQL rewrites the table; False if that is not known.

    https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
    """
    (old, old_arguments, old_rest), (new, new_arguments, new_rest) = (
        _split(before),
        _split(after),
    )
    if old not in _REWRITTEN or new not in _REWRITTEN or before.endswith("]"):
        return False
    if old in _TEXTS and new in _TEXTS:
        return bool(new_arguments) and (
            not old_arguments or _number(new_arguments) < _number(old_arguments)
        )
    if old == new == "timestamp":
        old_rest = new_rest  # with or without a zone: no rewrite if the session's zone is UTC
    if (old, old_rest) != (new, new_rest):
        return True
    if old_arguments == new_arguments or not new_arguments:
        return old == "character" and old_arguments != new_arguments
    if old == "character" or not old_arguments:
        return True
    return _number(new_arguments) < _number(old_arguments) or old_arguments[1:] != new_arguments[1:]


def _split(sql: str) -> tuple[str, tuple[str, ...], str]:
    """Split a type as `split_type`; the zone is in the rest, also of a type without arguments."""
    name, arguments, rest = split_type(sql)
    word, _, zone = name.partition(" ")
    return (
        (word, arguments, zone)
        if word in ("time", "timestamp") and zone
        else (name, arguments, rest)
    )


def _number(arguments: tuple[str, ...]) -> int:
    return int(arguments[0]) if arguments and arguments[0].isdigit() else 0
