"""Facts about a database besides its schema: shown to people, never compared."""

from __future__ import annotations

from dataclasses import dataclass

from autodiff.schema.objects import Name

__all__ = ["DependentObject", "DependentView", "IndexUse", "Prerequisite", "UnmanagedObject"]
__all__ += ["shown_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmanagedObject:
    """An object of the database that is not compared, and the reason in a few words."""

    kind: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prerequisite:
    """An unmanaged object that a table or view needs, with the SQL that creates and drops it."""

    kind: str
    name: str
    sql: str
    reverse_sql: str

    def is_same(self, item: UnmanagedObject) -> bool:
        """Return whether it is an object of the list of unmanaged objects."""
        return (self.kind, self.name) == (item.kind, item.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class DependentView:
    """A view and a table that it reads, with the column that it reads.

    text: the SQL of the view, if the catalog does not list the columns; then `column` is None.
    """

    view: Name
    table: Name
    column: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependentObject:
    """A trigger, policy or rule of a table, or a routine or event, and a column that it names.

    table: the table that it belongs to; None for a routine or an event.
    text: the SQL of the object, if the catalog does not list the columns; then `column` is None.
    is_checked: whether the database parses the text, so that it follows renames.
    is_lost: whether the database drops it with the column, as it does with statistics and grants.
    drop_sql, create_sql: the statements that drop it and create it again; empty if unknown, or if
        one statement does not restore everything, such as grants or that it is disabled.
    """

    kind: str
    name: str
    table: Name | None
    column: str | None = None
    text: str = ""
    is_checked: bool = False
    is_lost: bool = False
    drop_sql: str = ""
    create_sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUse:
    """A setting of a table that names one of its indexes, and is lost with that.

    setting: the words of `ALTER TABLE`: "CLUSTER ON" or "REPLICA IDENTITY USING INDEX".
    columns: the columns of the index; it is dropped with each of them.
    """

    table: Name
    index: str
    columns: tuple[str, ...]
    setting: str

    @property
    def identifies_rows(self) -> bool:
        """Whether replicas find rows by the index."""
        return self.setting.startswith("REPLICA IDENTITY")


def shown_name(name: str, schema: str | None, default_schema: str) -> str:
    """Return the name of an object for messages, with its schema unless that is the default one."""
    return name if schema in (None, default_schema) else f"{schema}.{name}"
