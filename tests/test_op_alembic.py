"""Test that `op` has every function and argument of Alembic's `op`, and that they do the same."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from alembic.operations import BatchOperations, Operations

from autodiff import op
from autodiff.op.alembic import context
from autodiff.op.batch import BatchOperations as OwnBatchOperations

NOT_FOR_SCRIPTS = {
    "context": "creates an Operations object in env.py",
    "create_module_class_proxy": "defines the module alembic.op itself",
}
"""Methods of Alembic's class that its documentation of `op` does not list."""
IN_A_BATCH = NOT_FOR_SCRIPTS | {"batch_alter_table": "a batch cannot contain a batch"}
SINGLE_KEYWORDS: dict[str, set[str]] = {
    "alter_column": {"autoincrement", "existing_autoincrement", "postgresql_using"},
}
"""The documented keywords of functions that accept any keyword in Alembic, but not here."""


def public(owner: type, exceptions: dict[str, str]) -> list[str]:
    return sorted(name for name in dir(owner) if name[0] != "_" and name not in exceptions)


def functions() -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each function, Alembic's and the one of autodiff."""
    owners: list[tuple[type, ModuleType | type, dict[str, str]]] = [
        (Operations, op, NOT_FOR_SCRIPTS),
        (BatchOperations, OwnBatchOperations, IN_A_BATCH),
    ]
    for owner, own, exceptions in owners:
        for name in public(owner, exceptions):
            yield f"{owner.__name__}.{name}", getattr(owner, name), getattr(own, name, None)


FUNCTIONS = {name: (theirs, own) for name, theirs, own in functions()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_accept_what_alembic_accepts(name: str) -> None:
    """Each has Alembic's parameters, of the same kinds and in the same order."""
    theirs, own = FUNCTIONS[name]
    assert own is not None, f"autodiff has no {name}()"
    if not callable(own):
        return
    accepted = list(_parameters(own).values())
    keywords = {p.name for p in accepted if p.kind is not p.POSITIONAL_ONLY}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in accepted)
    positional = [p.name for p in accepted if p.kind is p.POSITIONAL_OR_KEYWORD]
    place = 0
    for parameter in _parameters(theirs).values():
        if parameter.kind is parameter.VAR_KEYWORD:
            assert takes_any or SINGLE_KEYWORDS[name.rpartition(".")[2]] <= keywords
        elif parameter.kind is parameter.VAR_POSITIONAL:
            assert any(p.kind is p.VAR_POSITIONAL for p in accepted)
        else:
            assert parameter.name in keywords or takes_any, parameter
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                if place < len(positional):
                    assert positional[place] == parameter.name
                place += 1


def _parameters(function: Any) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(function).parameters)
    return {name: p for name, p in parameters.items() if name not in ("self", "cls")}


def test_positional_arguments_reach_the_same_parameters() -> None:
    """A function that passes keywords on accepts the positional arguments of Alembic too."""
    for name, (theirs, own) in FUNCTIONS.items():
        names = [p.name for p in _parameters(theirs).values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        arguments = [object() for _ in names]
        bound = inspect.signature(own).bind(
            *([None] if "self" in inspect.signature(own).parameters else []), *arguments
        )
        assert [bound.arguments[n] for n in names] == arguments, name


def test_context_has_what_scripts_use() -> None:
    """The other names of Alembic's `context` configure and run migrations in env.py."""
    import alembic.context

    only_in_env_py = {
        *("configure", "get_head_revision", "get_head_revisions", "get_revision_argument"),
        *("get_starting_revision_argument", "run_migrations", "static_output"),
        *("EnvironmentContext", "create_module_class_proxy"),
    }
    theirs = {name for name in dir(alembic.context) if name[0] != "_"} | {"config"}
    assert theirs - only_in_env_py == set(context.__all__)
