"""Alembic folders for tests: made by `alembic init`, used through Alembic's own commands."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import sqlalchemy as sa

__all__ = ["Folder", "imported_modules"]

ENV = """\
from alembic import context
from sqlalchemy import NullPool, create_engine

attributes = context.config.attributes
if context.is_offline_mode():
    context.configure(
        url=attributes["url"], as_sql=True, target_metadata=attributes["target_metadata"]
    )
    context.run_migrations()
else:
    with create_engine(attributes["url"], poolclass=NullPool).connect() as connection:
        for statement in attributes["statements"]:
            connection.exec_driver_sql(statement)
            connection.commit()
        if attributes["default_schema"]:
            connection.dialect.default_schema_name = attributes["default_schema"]
        context.configure(
            connection=connection,
            target_metadata=attributes["target_metadata"],
            **attributes["options"],
        )
        with context.begin_transaction():
            context.run_migrations()
"""


@dataclass(kw_only=True)
class Folder:
    """An Alembic folder in `root` for one database.

    options: arguments of `context.configure` in env.py.
    statements: what env.py sends to each new connection.
    arguments: those of `alembic -x`.
    default_schema: the schema of names without one, set as Alembic's guide for tenants does.
    """

    root: Path
    url: sa.URL
    metadata: sa.MetaData = field(default_factory=sa.MetaData)
    options: dict[str, Any] = field(default_factory=dict)
    statements: Sequence[str] = ()
    arguments: Sequence[str] = ()
    default_schema: str | None = None

    def __post_init__(self) -> None:
        self.output = StringIO()
        if not (self.root / "alembic").exists():
            alembic.command.init(self.config(), str(self.root / "alembic"))
            (self.root / "alembic" / "env.py").write_text(ENV)
            (self.root / "alembic.ini").write_text(
                "[alembic]\nscript_location = %(here)s/alembic\npath_separator = os\n"
            )

    def config(self) -> alembic.config.Config:
        """Return Alembic's configuration."""
        config = alembic.config.Config(
            self.root / "alembic.ini",
            stdout=self.output,
            cmd_opts=alembic.config.Namespace(x=list(self.arguments), quiet=True),
        )
        config.attributes.update(
            url=self.url,
            target_metadata=self.metadata,
            options=self.options,
            statements=self.statements,
            default_schema=self.default_schema,
        )
        return config

    def revision(self, message: str = "change", **options: Any) -> Path:
        """Run `alembic revision --autogenerate` and return the file."""
        script = alembic.command.revision(
            self.config(), message=message, autogenerate=True, **options
        )
        assert script is not None and not isinstance(script, list)
        return Path(script.path)

    def upgrade(self, target: str = "head", **options: Any) -> None:
        """Run `alembic upgrade`."""
        alembic.command.upgrade(self.config(), target, **options)

    def downgrade(self, target: str = "-1") -> None:
        """Run `alembic downgrade`."""
        alembic.command.downgrade(self.config(), target)

    def check(self) -> None:
        """Run `alembic check`, which raises if the models and the database differ."""
        alembic.command.check(self.config())


def imported_modules(path: Path) -> set[str]:
    """Return the first parts of the modules that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found
