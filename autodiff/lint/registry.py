"""Collect the rules: autodiff's own, and those of other packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module

from autodiff.errors import ConfigError, exception_words
from autodiff.lint.rule import Rule

__all__ = ["by_code", "find_rule", "load_rules", "own_rules", "unknown_rule"]

ENTRY_POINT = "autodiff.rules"
_MODULES = (
    *("data_loss", "existing_rows", "deploys", "locks", "locking_types", "mysql_locks"),
    *("history", "design", "foreign_keys", "column_types", "names", "mysql_design", "linting"),
    "stored_queries",
)


@cache
def own_rules() -> tuple[Rule, ...]:
    """Return autodiff's own rules, in the order of their codes."""
    found: list[Rule] = []
    for name in _MODULES:
        found += import_module(f"autodiff.lint.rules.{name}").RULES
    return tuple(by_code(found).values())


def load_rules() -> Mapping[str, Rule]:
    """Return all rules by code: autodiff's own, and those of the entry point `autodiff.rules`.

    An entry point is a rule, or a list of rules.

    Raises ConfigError if an entry point cannot be loaded, or two rules have one code or name.
    """
    from importlib.metadata import entry_points

    found = list(own_rules())
    for entry in entry_points(group=ENTRY_POINT):
        try:
            value = entry.load()
        except Exception as error:  # other people's code
            raise ConfigError(
                f"cannot load the rules {entry.value}: {exception_words(error)}",
                hint="fix or uninstall the package that provides them",
            ) from error
        rules = [value] if isinstance(value, Rule) else value
        if not isinstance(rules, list | tuple) or not all(isinstance(r, Rule) for r in rules):
            raise ConfigError(
                f"the entry point {entry.value} is not a rule or a list of rules",
                hint="make it an autodiff.lint.Rule, or a list of them",
            )
        found += rules
    return by_code(found)


def by_code(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Return rules by code, in the order of the codes.

    Raises ConfigError if two rules have the same code or the same name.
    """
    found: dict[str, Rule] = {}
    names: dict[str, Rule] = {}
    for rule in rules:
        other = found.get(rule.code) or names.get(rule.name)
        if other is not None:
            raise ConfigError(
                f"two rules have the same code or name: {other.code} {other.name} and "
                f"{rule.code} {rule.name}",
                hint="give one of them another code and name",
            )
        found[rule.code] = names[rule.name] = rule
    return dict(sorted(found.items()))


def find_rule(text: str, rules: Mapping[str, Rule]) -> Rule:
    """Return the rule of a code or a name.

    Raises ConfigError if there is none.
    """
    for rule in rules.values():
        if text.upper() == rule.code or text == rule.name:
            return rule
    raise unknown_rule(text, rules)


def unknown_rule(code: str, rules: Mapping[str, Rule], place: str = "") -> ConfigError:
    """Return the error for an unknown code or name, with the codes and names that are similar."""
    from difflib import get_close_matches

    names = {name.lower(): name for rule in rules.values() for name in (rule.code, rule.name)}
    similar = [names[found] for found in get_close_matches(code.lower(), names, n=3)]
    shown = ", ".join(similar or list(rules)[:3])
    return ConfigError(f"unknown rule {code!r}{place}", hint=f"for example {shown}")
