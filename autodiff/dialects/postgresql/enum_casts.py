"""Replace the names and values of enum types in SQL expressions of PostgreSQL.

PostgreSQL prints an enum value as a literal with a cast, `'sad'::mood`. Renaming the type or value
changes the expressions that the server prints, so the ones that autodiff has read must change too.
"""

from __future__ import annotations

from collections.abc import Mapping

from autodiff.schema.objects import Name
from autodiff.schema.sqltext import quote_literal, tokens

__all__ = ["rename_casts", "rename_literals"]

Tokens = list[tuple[str, str]]


def rename_casts(text: str, before: Name, spelled: str) -> str:
    """Return the text with casts to `spelled`, a quoted name, instead of the enum type `before`."""
    found = list(tokens(text))
    parts: list[str] = []
    place = 0
    while place < len(found):
        width = _cast_width(found, place, before)
        parts.append(f"::{spelled}" if width else found[place][1])
        place += width or 1
    return "".join(parts)


def rename_literals(text: str, enum: Name | None, renamed: Mapping[str, str]) -> str:
    """Return the text with renamed values in the literals of an enum type.

    `enum` is the type; None replaces values in all literals.
    """
    found = list(tokens(text))
    parts = [token for _, token in found]
    for place, (kind, token) in enumerate(found):
        if kind != "string" or not token.startswith("'"):
            continue
        width = _cast_width(found, place + 1, enum) if enum is not None else 1
        if width:
            is_array = token.startswith("'{") and token.endswith("}'")
            parts[place] = _array(token, renamed) if is_array else _literal(token, renamed)
    return "".join(parts)


def _cast_width(found: Tokens, place: int, name: Name) -> int:
    """Return how many tokens the cast to the type at `place` has; 0 if there is no such cast."""
    wanted = [name.schema, ".", name.name] if name.schema else [name.name]
    texts = [_plain(*token) for token in found[place : place + 1 + len(wanted)]]
    if texts != ["::", *wanted]:
        return 0
    end = place + 1 + len(wanted)
    return 0 if found[end : end + 1] == [("other", ".")] else 1 + len(wanted)


def _plain(kind: str, token: str) -> str:
    return token[1:-1].replace('""', '"') if kind == "quoted" else token


def _literal(token: str, renamed: Mapping[str, str]) -> str:
    value = token[1:-1].replace("''", "'")
    return quote_literal(renamed.get(value, value))


def _array(token: str, renamed: Mapping[str, str]) -> str:
    """Return an array literal such as '{sad,"very sad"}' with renamed values.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    items = token[2:-2].replace("''", "'").split(",")
    values = (item.strip().removeprefix('"').removesuffix('"') for item in items)
    spelled = (_item(renamed[v]) if v in renamed else i for v, i in zip(values, items, strict=True))
    return quote_literal("{" + ",".join(spelled) + "}")


def _item(value: str) -> str:
    plain = value.isidentifier() and value.lower() != "null"
    return value if plain else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
