"""Create and drop schemas, the namespaces of tables."""

from __future__ import annotations

from autodiff.op._arguments import checked
from autodiff.op._executor import submit
from autodiff.schema.operations import CreateNamespace, DropNamespace

__all__ = ["create_schema", "drop_schema"]


@checked
def create_schema(name: str) -> None:
    """Create a schema; on MySQL and MariaDB this is a database. SQLite ignores this.

    Args:
        name: The name of the schema.

    Raises:
        MigrationFailedError: The schema exists.
    """
    submit(CreateNamespace(name=name))


@checked
def drop_schema(name: str) -> None:
    """Drop an empty schema. SQLite ignores this.

    Args:
        name: The name of the schema.

    Raises:
        MigrationFailedError: The schema does not exist, or is not empty.
    """
    submit(DropNamespace(name=name))
