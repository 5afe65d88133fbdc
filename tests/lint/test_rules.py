"""Test each rule with its own examples."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType

import pytest

from autodiff.errors import ConfigError
from autodiff.lint import Finding, LintRequest, Match, Rule, Step, lint_migrations, own_rules
from autodiff.lint.examples import example_dialect, example_migrations
from autodiff.lint.registry import by_code
from autodiff.lint.settings import LintSettings
from autodiff.schema.operations import AddColumn, DropTable

RULES = by_code(own_rules())


@pytest.fixture(autouse=True)
def application(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the module that an example imports importable."""
    monkeypatch.setitem(sys.modules, "application", ModuleType("application"))


WITH_EXAMPLES = [rule for rule in RULES.values() if rule.bad]


EXAMPLE = 'op.add_column("users", sa.Column("country", sa.Text()))\nop.drop_table("teams")'


def lint(example: str, rule: Rule, rules: Mapping[str, Rule] = RULES) -> tuple[Finding, ...]:
    return lint_migrations(
        LintRequest(
            order=example_migrations(example),
            revisions=frozenset("2"),
            dialects=[example_dialect(rule)],
            rules=rules,
            settings=LintSettings(),
            is_application=lambda module: module == "application",
        )
    )


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.code)
def test_the_bad_example_has_only_these_findings(rule: Rule) -> None:
    found = [finding.code for finding in lint(rule.bad, rule)]
    assert sorted(found) == sorted([rule.code, *rule.also])


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.code)
def test_the_good_example_has_no_finding(rule: Rule) -> None:
    assert lint(rule.good, rule) == ()


@pytest.mark.parametrize("rule", WITH_EXAMPLES, ids=lambda rule: rule.code)
def test_a_rule_names_all_steps_that_it_looks_at(rule: Rule) -> None:
    """A rule that is called for every step finds the same, in all examples for its databases."""
    unlimited = {code: replace(known, actions=()) for code, known in RULES.items()}
    for example in (rule.bad, rule.good):
        assert lint(example, rule, unlimited) == lint(example, rule)


def test_a_rule_is_called_only_for_the_steps_that_it_names() -> None:
    seen: list[type] = []

    def check(step: Step) -> Iterator[Match]:
        seen.append(type(step.action))
        yield from ()

    own = replace(RULES["AD101"], code="ACME1", name="acme", check=check)
    for actions in ((), (AddColumn,)):
        lint(EXAMPLE, own, {"ACME1": replace(own, actions=actions)})
        expected = [AddColumn, DropTable] if not actions else [AddColumn]
        assert seen == expected
        seen.clear()


def test_every_rule_has_texts() -> None:
    for rule in RULES.values():
        for text in (rule.summary, rule.reason, rule.safe_way):
            assert text.endswith("."), rule.code


def test_a_duplicate_code_is_refused() -> None:
    with pytest.raises(ConfigError, match="two rules have the same code or name"):
        by_code([*own_rules(), own_rules()[0]])
