"""Tests of migrations that are ready to run.

Import all of them, or some, in a test file: `from autodiff.testing.ready_tests import *`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from autodiff.project import Project
    from autodiff.rehearse import RehearsedHistory
    from autodiff.testing.migrator import Migrator

__all__ = [
    "test_all_models_are_imported",
    "test_base_is_empty",
    "test_lock_file_is_current",
    "test_models_match_database",
    "test_models_match_migrations",
    "test_single_head",
    "test_up_down_up",
    "test_upgrade",
]

_NOT_REVERTED = "not reverted to the base"
"""The start of the note of a rehearsal that stopped at a migration without a downgrade."""


@pytest.mark.autodiff
def test_single_head(autodiff_project: Project) -> None:
    """The history has one head: no two branches were merged without being joined."""
    heads = autodiff_project.graph().heads
    if len(heads) > 1:
        _fail("the migrations have several heads", heads, "run autodiff rebase or autodiff merge")


@pytest.mark.autodiff
def test_models_match_migrations(autodiff_project: Project) -> None:
    """Every change of the models has a migration, by the lock file; no database is needed."""
    _fail_if(
        autodiff_project.check(offline=True).models,
        "the models have changes that no migration covers",
        'run autodiff generate -m "..."',
    )


@pytest.mark.autodiff
def test_lock_file_is_current(
    autodiff_project: Project, autodiff_rehearsal: RehearsedHistory
) -> None:
    """The lock file has the checksums of the migrations and the schema that they make."""
    differences = autodiff_project.check(offline=True).edited
    built = _problems(autodiff_rehearsal, "lock file and migrations differ at the head: ")
    _fail_if([*differences, *built], "the lock file is not current", "run autodiff lock")


@pytest.mark.autodiff
def test_upgrade(autodiff_migrator: Migrator) -> None:
    """All migrations can be applied to an empty database, one after the other, by the runner."""
    from autodiff.errors import AutodiffError

    try:
        autodiff_migrator.upgrade()
    except AutodiffError as error:
        pytest.fail(str(error), pytrace=False)
    assert autodiff_migrator.applied == autodiff_migrator.migrations


@pytest.mark.autodiff
def test_up_down_up(autodiff_migration: str, autodiff_rehearsal: RehearsedHistory) -> None:
    """A migration can be applied, reverted and applied again, with rows in the tables.

    After the downgrade, the schema and the rows are those from before. A migration whose downgrade
    raises an error on purpose passes.
    """
    names = [step.name for step in autodiff_rehearsal.steps]
    if autodiff_migration in autodiff_rehearsal.not_reached:
        pytest.fail("not reached, because a migration before it cannot be applied", pytrace=False)
    selected = [autodiff_migration] if autodiff_migration in names else names
    problems = [
        f"{step.name}: {problem}"
        for step in autodiff_rehearsal.steps
        if step.name in selected
        for problem in step.problems
    ]
    _fail_if(problems, "the migration failed its rehearsal", "correct the migration")


@pytest.mark.autodiff
def test_models_match_database(autodiff_rehearsal: RehearsedHistory) -> None:
    """A database to which all migrations were applied has the schema of the models."""
    if autodiff_rehearsal.not_reached or not autodiff_rehearsal.steps:
        pytest.skip("the head was not reached")
    _fail_if(
        _problems(autodiff_rehearsal, "models and migrations differ at the head: "),
        "the models and the migrated database differ",
        'run autodiff generate -m "..."',
    )


@pytest.mark.autodiff
def test_base_is_empty(autodiff_rehearsal: RehearsedHistory) -> None:
    """After all downgrades, no table or other object is left."""
    if stopped := [note for note in autodiff_rehearsal.notes if note.startswith(_NOT_REVERTED)]:
        pytest.skip(stopped[0])
    left = _problems(autodiff_rehearsal, "left at the base: ")
    _fail_if(left, "objects are left after all downgrades", "drop them in a downgrade()")


@pytest.mark.autodiff
def test_all_models_are_imported(autodiff_project: Project) -> None:
    """The configured models import every module of their package that defines tables."""
    from autodiff.errors import AutodiffError
    from autodiff.testing.model_modules import find_forgotten_tables

    if not autodiff_project.config.models:
        pytest.skip("the project is built in code")
    try:
        found = find_forgotten_tables(autodiff_project.config)
    except AutodiffError as error:
        pytest.fail(str(error), pytrace=False)
    _fail_if(
        [f"{module}: {', '.join(tables)}" for module, tables in found.items()],
        "modules define tables, but the configured models do not import them",
        "import the modules where the setting models points to",
    )


def _problems(rehearsal: RehearsedHistory, heading: str) -> list[str]:
    found = (line.partition(heading) for line in rehearsal.problems)
    return [rest for before, match, rest in found if match and not before]


def _fail_if(lines: Iterable[str], problem: str, hint: str) -> None:
    if shown := list(lines):
        _fail(problem, shown, hint)


def _fail(problem: str, lines: Iterable[str], hint: str) -> None:
    listed = [f"  {line}" for line in lines]
    pytest.fail("\n".join([f"{problem}:", *listed, f"hint: {hint}"]), pytrace=False)
