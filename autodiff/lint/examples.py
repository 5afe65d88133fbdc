"""The examples of the rules as whole migration files."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

from autodiff.dialects import Dialect, dialect_for
from autodiff.lint.rule import Rule
from autodiff.migrations.files import Migration, parse_migration

__all__ = ["SETUP", "example_dialect", "example_migrations"]

SETUP = """\
op.create_enum("mood", "ok", "sad")
op.create_table(
    "teams",
    sa.Column("id", sa.BigInteger(), primary_key=True),
    sa.Column("name", sa.Text()),
    sa.Column("owner_id", sa.BigInteger()),
)
op.create_table(
    "users",
    sa.Column("id", sa.BigInteger(), primary_key=True),
    sa.Column("email", sa.Text()),
    sa.Column("nickname", sa.String(50)),
    sa.Column("age", sa.Integer()),
    sa.Column("team_id", sa.BigInteger()),
)
op.create_index("ix_teams_owner_id", "teams", ["owner_id"])
op.create_index("ix_users_age", "users", ["age"])
op.create_index("ix_users_team_id", "users", ["team_id"])
"""
"""The upgrade before each example."""


def example_dialect(rule: Rule) -> Dialect:
    """Return the database of the examples of a rule, with a version if the rule needs one."""
    name, _, version = rule.example_database.partition(" ")
    return dialect_for(name, version=version or None)


def example_migrations(example: str, setup: str = SETUP) -> list[Migration]:
    """Return the migration that creates the tables, and the one of an example."""
    return [_migration("1", (), setup), _migration("2", ("1",), example)]


def _migration(revision: str, parents: tuple[str, ...], body: str) -> Migration:
    upgrade = body if "def upgrade" in body else f"def upgrade() -> None:\n{indent(body, '    ')}"
    downgrade = "\n\n\ndef downgrade() -> None:\n    raise NotImplementedError"
    text = (
        f"revision = {revision!r}\nparents = {parents!r}\n\nimport sqlalchemy as sa\n"
        f"from autodiff import op\n\n\n{upgrade}{'' if 'def downgrade' in body else downgrade}\n"
    )
    return parse_migration(Path(f"000{revision}_example.py"), text)
