"""The settings of the linter: the table [tool.autodiff.lint]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from autodiff.errors import ConfigError
from autodiff.lint.finding import SEVERITIES, Severity
from autodiff.lint.registry import unknown_rule
from autodiff.utils.values import value_kind

if TYPE_CHECKING:
    from autodiff.lint.rule import Rule
    from autodiff.migrations import Migration

__all__ = ["LintSettings", "read_lint_settings"]

_KNOWN = ("dialects", "ignore", "per-migration", "select", "severity", "small-table")
_FEW_ROWS = 1000
"""So many rows are read, copied or indexed in a few milliseconds."""
_TABLE = "lint"


@dataclass(frozen=True, slots=True, kw_only=True)
class LintSettings:
    """Which rules apply.

    select: codes or beginnings of codes; empty for all rules.
    ignore: likewise, for rules that do not apply.
    per_migration: rules that do not apply to some migrations, by a pattern of their names.
    severity: overrides the default severity of a rule.
    dialects: the kinds of databases, each with a version or without, such as "postgresql 16".
    small_table: the most rows of a table that a lock cannot block for long.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_migration: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severity: Mapping[str, Severity] = field(default_factory=dict)
    dialects: tuple[str, ...] = ()
    small_table: int = _FEW_ROWS

    def applies(self, rule: Rule) -> bool:
        """Return whether a rule applies to any migration."""
        selected = not self.select or rule.code.startswith(self.select)
        return selected and not (self.ignore and rule.code.startswith(self.ignore))

    def ignores(self, rule: Rule, migration: Migration | None) -> bool:
        """Return whether a rule does not apply to a migration."""
        if migration is None or not self.per_migration:
            return False
        names = (migration.name, migration.path.name, migration.revision)
        return any(
            rule.code.startswith(codes)
            for pattern, codes in self.per_migration.items()
            if any(fnmatchcase(name, pattern) for name in names)
        )

    def severity_of(self, rule: Rule) -> Severity:
        """Return the severity of a rule: the one for its code, or for the longest beginning."""
        found = [code for code in self.severity if rule.code.startswith(code)]
        return self.severity[max(found, key=len)] if found else rule.severity


def read_lint_settings(table: Mapping[str, Any] | None, rules: Mapping[str, Rule]) -> LintSettings:
    """Return the settings of a table of the configuration.

    A rule can be named by its code or its name.

    Raises ConfigError for an unknown setting, an unknown rule, or a value of another type.
    """
    values = {name.replace("_", "-"): value for name, value in (table or {}).items()}
    if unknown := sorted(set(values) - set(_KNOWN)):
        raise ConfigError(
            f"unknown setting {unknown[0]!r} in {_TABLE}",
            hint=f"known settings: {', '.join(_KNOWN)}",
        )
    ignored = _table_of(values, "per-migration")
    severities = _table_of(values, "severity")
    return LintSettings(
        select=_codes(values.get("select", ()), "select", rules),
        ignore=_codes(values.get("ignore", ()), "ignore", rules),
        per_migration={
            pattern: _codes(codes, f"per-migration.{pattern}", rules)
            for pattern, codes in ignored.items()
        },
        severity={
            _codes(code, "severity", rules)[0]: _severity(value, code)
            for code, value in severities.items()
        },
        dialects=_texts(values.get("dialects", ()), "dialects"),
        small_table=_row_count(values.get("small-table", _FEW_ROWS)),
    )


def _row_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(
            f"{_TABLE}.small-table must be a number of rows, not {value_kind(value)}",
            hint="write it like small-table = 1000; with 0, only an empty table is small",
        )
    return value


def _codes(value: Any, key: str, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    return tuple(_code(text, key, rules) for text in _texts(value, key))


def _code(text: str, key: str, rules: Mapping[str, Rule]) -> str:
    """Return the code, or its beginning, that a setting has or names by the name of its rule."""
    if text and any(known.startswith(text) for known in rules):
        return text
    for rule in rules.values():
        if rule.name == text:
            return rule.code
    raise unknown_rule(text, rules, f" in {_TABLE}.{key}")


def _texts(value: Any, key: str) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ConfigError(
            f"{_TABLE}.{key} must be a list of strings, not {value_kind(value)}",
            hint=f'write it like {key} = ["AD101"]',
        )
    return tuple(items)


def _table_of(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = values.get(key, {})
    if not isinstance(value, dict):
        example = '{AD101 = "error"}' if key == "severity" else '{"0003_*" = ["AD101"]}'
        raise ConfigError(
            f"{_TABLE}.{key} must be a table, not {value_kind(value)}",
            hint=f"write it like {key} = {example}",
        )
    return value


def _severity(value: Any, code: str) -> Severity:
    for severity in SEVERITIES:
        if value == severity:
            return severity
    raise ConfigError(
        f"{_TABLE}.severity.{code} must be one of {', '.join(SEVERITIES)}",
        hint=f'to turn a rule off, write ignore = ["{code}"]',
    )
