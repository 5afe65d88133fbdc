"""Lint migrations: find steps that lose data, fail on existing rows, or block the database.

A package can add rules: a `Rule` whose `check` receives each `Step`, listed in the entry
point group `autodiff.rules`.
"""

from autodiff.lint.context import History, Script, Step
from autodiff.lint.engine import Linted, LintRequest, lint_migrations, run_rules
from autodiff.lint.finding import Evidence, Finding
from autodiff.lint.registry import find_rule, load_rules, own_rules
from autodiff.lint.rule import Match, Rule
from autodiff.lint.settings import read_lint_settings

__all__ = [
    "Evidence",
    "Finding",
    "History",
    "LintRequest",
    "Linted",
    "Match",
    "Rule",
    "Script",
    "Step",
    "find_rule",
    "lint_migrations",
    "load_rules",
    "own_rules",
    "read_lint_settings",
    "run_rules",
]
