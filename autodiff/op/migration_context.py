"""Describe the running migration to scripts written for Alembic."""

from __future__ import annotations

from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from autodiff.op.alembic.config import Config, config
from autodiff.op.statements import execute
from autodiff.runner.context import current_connection, current_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType

    from sqlalchemy.engine.interfaces import Dialect as SQLAlchemyDialect

    from autodiff.runner.executor import Executor

__all__ = ["MigrationContext", "MigrationImpl"]


class MigrationContext:
    """The migration that runs, as `op.get_context()` returns it to scripts written for Alembic."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def dialect(self) -> SQLAlchemyDialect:
        """SQLAlchemy's dialect, whose name identifies the database even without a connection."""
        return self._executor.dialect.sqlalchemy

    @property
    def as_sql(self) -> bool:
        """Whether SQL is written to a file, so that there is no connection."""
        return self._executor.sink.writes_script

    @property
    def connection(self) -> sa.Connection | None:
        """The connection, after everything that was submitted before; None without one."""
        return None if self.as_sql else current_connection()

    bind = connection

    @property
    def config(self) -> Config:
        """The options of alembic.ini that the script reads."""
        return config

    @property
    def environment_context(self) -> ModuleType:
        """The functions of Alembic's `context`."""
        return import_module("autodiff.op.alembic.context")

    @property
    def impl(self) -> MigrationImpl:
        """The part of Alembic's context that sends statements."""
        return MigrationImpl(self)

    @property
    def opts(self) -> dict[str, Any]:
        """The options of env.py that are known here."""
        return {
            "as_sql": self.as_sql,
            "target_metadata": sa.MetaData(
                naming_convention=current_settings().get("naming_convention")
            ),
            "version_table": self.version_table,
            "version_table_schema": self.version_table_schema,
        }

    @property
    def version_table(self) -> str:
        """The name of Alembic's version table, which this migration does not write to."""
        return str(current_settings().get("version_table", "alembic_version"))

    @property
    def version_table_schema(self) -> str | None:
        """The schema of Alembic's version table."""
        schema = current_settings().get("version_table_schema")
        return None if schema is None else str(schema)

    @property
    def transactional_ddl(self) -> bool:
        """Whether the database can roll back DDL."""
        return self._executor.dialect.features.transactional_ddl

    def autocommit_block(self) -> AbstractContextManager[None]:
        """Do what `op.autocommit()` does, under Alembic's name."""
        return self._executor.autocommit()

    def begin_transaction(self) -> AbstractContextManager[None]:
        """Return a block that does nothing: the runner begins and ends transactions."""
        return nullcontext()

    def execute(
        self,
        sql: str | sa.ClauseElement,
        execution_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Run one SQL statement; see `op.execute()`."""
        execute(sql, execution_options=execution_options)


class MigrationImpl:
    """The part of Alembic's context that sends statements, as `op.get_context().impl`."""

    def __init__(self, context: MigrationContext) -> None:
        self._context = context

    @property
    def dialect(self) -> SQLAlchemyDialect:
        """SQLAlchemy's dialect."""
        return self._context.dialect

    @property
    def connection(self) -> sa.Connection | None:
        """The connection; None without one."""
        return self._context.connection

    bind = connection

    @property
    def as_sql(self) -> bool:
        """Whether SQL is written to a file."""
        return self._context.as_sql

    def execute(
        self,
        sql: str | sa.ClauseElement,
        execution_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Run one SQL statement; see `op.execute()`."""
        execute(sql, execution_options=execution_options)
