"""Python literals: strings, SQL expressions and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from autodiff.dialects.base import Dialect
from autodiff.schema.objects import Name
from autodiff.schema.sqltext import tokens, without_trailing_spaces
from autodiff.utils.quoting import python_block, python_keyword, python_string

__all__ = ["Literals"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_DIGITS = re.compile(r"[0-9]{1,18}")
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")
_VALUES = {
    "CURRENT_TIMESTAMP": "sa.func.now()",
    "CURRENT_DATE": "sa.func.current_date()",
    "true": "True",
    "false": "False",
}


class Literals:
    """Spells strings, SQL and values in Python, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def string(self, value: str | None) -> str:
        """Return a string literal in double quotes, or None."""
        return "None" if value is None else python_string(value)

    def strings(self, values: Iterable[str]) -> str:
        """Return a list of string literals."""
        return f"[{', '.join(map(self.string, values))}]"

    def option(self, value: object) -> str:
        """Return a literal for the value of an option."""
        return self.string(value) if isinstance(value, str) else repr(value)

    def argument(self, name: str, value: object) -> str:
        """Return a keyword argument with a literal: `nullable=False`."""
        return f"{python_keyword(name)}={self.option(value)}"

    def block(self, sql: str) -> str:
        """Return an SQL text as the inside of a string in three double quotes."""
        return python_block(without_trailing_spaces(sql))

    def mapping(self, items: Mapping[str, object]) -> str:
        """Return a dict literal."""
        pairs = (f"{self.string(key)}: {self.option(value)}" for key, value in items.items())
        return "{" + ", ".join(pairs) + "}"

    def storage_parameters(self, text: str) -> str:
        """Return a dict literal for PostgreSQL's storage parameters (`fillfactor=70`)."""
        items = (part.split("=", 1) for part in text.split(", "))
        return self.mapping({name: int(v) if _DIGITS.fullmatch(v) else v for name, v in items})

    # SQL

    def sql(self, sql: str) -> str:
        """Return SQL as a string that is sent to the database unchanged."""
        return self.string(self._without_backticks(sql))

    def sql_string(self, sql: str) -> str:
        """Return SQL as a string for sa.text: colons that would be parameters are escaped."""
        return self.string(self.escape_binds(self._without_backticks(sql)))

    @staticmethod
    def escape_binds(sql: str) -> str:
        """Return SQL for sa.text, with a backslash before each colon that would be a parameter."""
        return _BIND.sub(r"\\:", sql)

    def text(self, sql: str) -> str:
        """Return sa.text(...)."""
        return f"sa.text({self.sql_string(sql)})"

    def value(self, sql: str) -> str:
        """Return a value for op.backfill: a number, a string, sa.func.now() or sa.text(...)."""
        literal = self.dialect.literal_value(sql)
        if literal is not None:
            return self.string(literal)
        if _NUMBER.match(sql) and not (
            sql.lstrip("-").startswith("0") and len(sql) > 1 and "." not in sql
        ):
            return sql
        return _VALUES.get(sql) or self.text(sql)

    def _without_backticks(self, sql: str) -> str:
        """Remove the backticks that MySQL's catalog puts around each name, if none are needed."""
        found = tokens(sql, backslashes=self.dialect.features.backslash_escapes)
        return "".join(
            self._unquoted(token) if kind == "quoted" else token for kind, token in found
        )

    def _unquoted(self, token: str) -> str:
        name = token[1:-1]
        plain = token.startswith("`") and self.dialect.quote(name) == name
        return name if plain else token

    # Arguments

    def schema(self, name: Name, keyword: str = "schema") -> str:
        """Return `, schema="audit"`, or nothing for a name without a schema."""
        return f", {keyword}={self.string(name.schema)}" if name.schema else ""

    def keywords(self, arguments: Iterable[str]) -> str:
        """Return arguments with a comma before each."""
        return "".join(f", {argument}" for argument in arguments)
