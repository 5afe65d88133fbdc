"""Encode how far a backfill has come, as text for the journal."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = ["Position"]

_PLAIN = (bool, int, float, str, type(None))
_WRITE: dict[type, Callable[[Any], str]] = {
    Decimal: str,
    UUID: str,
    bytes: bytes.hex,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: lambda value: f"{value.days} {value.seconds} {value.microseconds}",
}
_READ: dict[str, Callable[[str], Any]] = {
    "Decimal": Decimal,
    "UUID": UUID,
    "bytes": bytes.fromhex,
    "datetime": dt.datetime.fromisoformat,
    "date": dt.date.fromisoformat,
    "time": dt.time.fromisoformat,
    "timedelta": lambda text: dt.timedelta(*map(int, text.split())),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The key of the last row that is done, and the number of rows that are."""

    key: tuple[Any, ...]
    done: int

    def encoded(self) -> str | None:
        """Return the position as text, None if a value of the key has a type without a text."""
        if not all(type(value) in (*_PLAIN, *_WRITE) for value in self.key):
            return None
        return json.dumps({"key": [_written(value) for value in self.key], "done": self.done})

    @classmethod
    def decoded(cls, text: str) -> Position:
        """Return the position of a text."""
        data = json.loads(text)
        return cls(key=tuple(map(_read, data["key"])), done=data["done"])


def _written(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    return {type(value).__name__: _WRITE[type(value)](value)}


def _read(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    [(name, text)] = data.items()
    return _READ[name](text)
