"""Where the rows of a rehearsal come from: generated, copied from the live database, or none."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.scratch_inspector import ScratchInspector
from autodiff.rehearse.context import RehearsalContext
from autodiff.rehearse.live_sample import Sample, insert_sample, read_sample
from autodiff.rehearse.proof import select_tables
from autodiff.rehearse.rehearsal_database import RowSource
from autodiff.rehearse.sample_rows import insert_samples, update_samples
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["LaterRows", "LiveRows", "NoRows", "SampleRows"]


class NoRows:
    """No rows."""

    is_live = False
    label = "no"
    notes: Sequence[str] = ()

    def fills(self, applied: Set[str]) -> bool:
        """Return False."""
        return False

    def fill(self, inspector: ScratchInspector, tables: Schema) -> None:
        """Do nothing."""


class SampleRows:
    """A few generated rows in each table, and values in columns that migrations add later.

    The rows also fit the columns of `goal`, the schema at the head, if it is known.
    """

    is_live = False
    label = "sample"

    def __init__(self, goal: Schema) -> None:
        self._goal = goal
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> Sequence[str]:
        """The tables without rows, and why."""
        return tuple(self._notes)

    def fills(self, applied: Set[str]) -> bool:
        """Return True."""
        return True

    def fill(self, inspector: ScratchInspector, tables: Schema) -> None:
        """Insert rows into each empty table, and values into columns without any."""
        empty_tables = select_tables(
            tables, [name for name in tables.tables if _is_empty(inspector, name)]
        )
        choices = choose_sample_values((), (), tables, self._goal).choices
        notes = insert_samples(
            inspector.connection, inspector.dialect, empty_tables, self._goal, choices
        )
        update_samples(inspector.connection, inspector.dialect, tables, self._goal, choices)
        self._notes |= dict.fromkeys(notes)


class LiveRows:
    """A sample of the live rows, inserted when the migrations of the live database are applied."""

    is_live = True
    label = "the live"

    def __init__(self, sample: Sample, applied: frozenset[str]) -> None:
        self._sample = sample
        self._applied = applied
        self._notes: dict[str, None] = dict.fromkeys(sample.notes)

    @classmethod
    def read(
        cls,
        live: Connection,
        context: RehearsalContext,
        applied: frozenset[str],
        count: int,
        seconds: float,
    ) -> LiveRows:
        """Read the sample; nothing is written to the live database."""
        sample = read_sample(live, context.dialect, context.scope, count=count, seconds=seconds)
        return cls(sample, applied)

    @property
    def notes(self) -> Sequence[str]:
        """What could not be read or inserted; never a value of a row."""
        return tuple(self._notes)

    def fills(self, applied: Set[str]) -> bool:
        """Return whether the migrations of the live database are applied."""
        return applied == self._applied

    def fill(self, inspector: ScratchInspector, tables: Schema) -> None:
        """Insert the rows, once."""
        schema = inspector.read()
        if all(_is_empty(inspector, name) for name in schema.tables if name in self._sample.rows):
            notes = insert_sample(inspector.connection, inspector.dialect, schema, self._sample)
            self._notes |= dict.fromkeys(notes)


@dataclass(frozen=True, slots=True)
class LaterRows:
    """The rows of a source, inserted only after a migration that cannot be applied to them."""

    rows: RowSource
    after: str

    @property
    def is_live(self) -> bool:
        """The same as for the source."""
        return self.rows.is_live

    @property
    def label(self) -> str:
        """The same as for the source."""
        return self.rows.label

    @property
    def notes(self) -> Sequence[str]:
        """The same as for the source."""
        return self.rows.notes

    def fills(self, applied: Set[str]) -> bool:
        """Return whether the migration is applied, and the source has rows then."""
        return self.after in applied and self.rows.fills(applied)

    def fill(self, inspector: ScratchInspector, tables: Schema) -> None:
        """Insert the rows of the source."""
        self.rows.fill(inspector, tables)


def _is_empty(inspector: ScratchInspector, name: Name) -> bool:
    query = f"SELECT 1 FROM {inspector.dialect.quote_name(name)} LIMIT 1"
    options = {"no_parameters": True}
    return inspector.connection.exec_driver_sql(query, execution_options=options).first() is None
