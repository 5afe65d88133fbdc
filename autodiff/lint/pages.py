"""The documentation of the rules, generated from the rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from textwrap import fill
from typing import Any

from autodiff.lint.examples import SETUP
from autodiff.lint.registry import own_rules
from autodiff.lint.rule import ALL, GROUPS, Rule

__all__ = ["rule_data", "rule_pages", "rule_text"]

_WIDTH = 108
_NAMES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "sqlite": "SQLite"}


def rule_text(rule: Rule) -> str:
    """Return the description of a rule in Markdown, with its examples."""
    databases = (
        "all"
        if set(rule.databases) == set(ALL)
        else ", ".join(_NAMES.get(name, name) for name in rule.databases)
    )
    parts = [
        f"## {rule.code} {rule.name}",
        _wrapped(rule.summary),
        f"Severity: {rule.severity}. Databases: {databases}.",
        _wrapped(f"**Reason.** {rule.reason}"),
        _wrapped(f"**Safe way.** {rule.safe_way}"),
    ]
    if rule.bad:
        parts += [
            f"Found:\n\n```python\n{rule.bad}\n```",
            f"Not found:\n\n```python\n{rule.good}\n```",
        ]
    return "\n\n".join(parts) + "\n"


def rule_data(rule: Rule) -> dict[str, Any]:
    """Return a rule for JSON, without its function."""
    left_out = ("also", "check", "tried_on", "scope")
    data = {f.name: getattr(rule, f.name) for f in fields(rule) if f.name not in left_out}
    return {**data, "group": rule.group, "databases": list(rule.databases)}


def rule_pages() -> dict[str, str]:
    """Return the pages about autodiff's own rules by file name: the index, and one a group."""
    rules = own_rules()
    pages = {_file(group): _group_page(group, rules) for group in GROUPS.values()}
    return {"index.md": _index(rules), **pages}


def _file(group: str) -> str:
    return f"{group.lower().replace(' ', '-')}.md"


def _group_page(group: str, rules: Iterable[Rule]) -> str:
    intro = (
        f"This page is for developers who review migrations: it describes the rules of the group "
        f'"{group}" of `autodiff lint`. [All rules](index.md) are in one table.'
    )
    texts = [rule_text(rule) for rule in rules if rule.group == group]
    return f"# {group}\n\n{_wrapped(intro)}\n\n" + "\n".join(texts)


def _index(rules: Iterable[Rule]) -> str:
    intro = _wrapped(
        "This page is for developers who review migrations: it lists the rules of `autodiff lint`. "
        "`autodiff lint --explain CODE` prints the description of one. A rule of PostgreSQL "
        "applies only if that is a database of the project, and a table that the same migration "
        "created is not blocked for anybody, so it has no finding. [One page](comparison.md) "
        "compares the rules with those of other tools."
    )
    rows = [
        f"| [{rule.code}]({_file(rule.group)}#{rule.code.lower()}-{rule.name}) | {rule.name} "
        f"| {rule.severity} | {rule.summary} |"
        for rule in rules
    ]
    table = "\n".join(["| code | name | severity | what it finds |", "|---|---|---|---|", *rows])
    setup = f"The examples of the rules follow this migration:\n\n```python\n{SETUP}```\n"
    return f"# Rules of lint\n\n{intro}\n\n{table}\n\n{setup}"


def _wrapped(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
