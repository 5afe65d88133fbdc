"""Where the rows of a rehearsal come from: made up, copied from the live database, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.autogenerate.scratch import Bench
from autodiff.rehearse.live_sample import Sample, insert_sample, read_sample
from autodiff.rehearse.proof import select_tables
from autodiff.rehearse.sample_rows import insert_samples, update_samples
from autodiff.rehearse.sample_values import choose_sample_values
from autodiff.rehearse.stage import Place, RowSource
from autodiff.schema.objects import Name, Schema

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["LaterRows", "LiveRows", "NoRows", "SampleRows"]


class NoRows:
    """No rows at all."""

    real = False
    word = "no"
    notes: Sequence[str] = ()

    def fill(self, bench: Bench, applied: frozenset[str]) -> None:
        """Nothing."""


class SampleRows:
    """A few made-up rows in each table, as soon as it is there; and values in columns that came
    later.

    They are such that they fit the columns of `goal`, as tables will be, where it is known.
    """

    real = False
    word = "sample"

    def __init__(self, goal: Schema) -> None:
        self._goal = goal
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> Sequence[str]:
        """The tables that got none."""
        return tuple(self._notes)

    def fill(self, bench: Bench, applied: frozenset[str]) -> None:
        """Puts rows into each table that has none, and values into columns that have none."""
        schema = bench.read()
        bare = select_tables(schema, [name for name in schema.tables if _is_empty(bench, name)])
        choices = choose_sample_values((), (), schema, self._goal).choices
        told = insert_samples(bench.connection, bench.dialect, bare, self._goal, choices)
        update_samples(bench.connection, bench.dialect, schema, self._goal, choices)
        self._notes |= dict.fromkeys(told)


class LiveRows:
    """A sample of the live rows, put in where the migrations are those that it has had."""

    real = True
    word = "the live"

    def __init__(self, sample: Sample, applied: frozenset[str]) -> None:
        self._sample = sample
        self._applied = applied
        self._notes: dict[str, None] = dict.fromkeys(sample.notes)

    @classmethod
    def read(
        cls,
        live: Connection,
        place: Place,
        applied: frozenset[str],
        count: int,
        seconds: float,
    ) -> LiveRows:
        """Reads the sample; the live database is only read from."""
        sample = read_sample(live, place.dialect, place.scope, count=count, seconds=seconds)
        return cls(sample, applied)

    @property
    def notes(self) -> Sequence[str]:
        """What could not be read or put in; never a value of a row."""
        return tuple(self._notes)

    def fill(self, bench: Bench, applied: frozenset[str]) -> None:
        """Puts the rows in, once."""
        if applied != self._applied:
            return
        schema = bench.read()
        if all(_is_empty(bench, name) for name in schema.tables if name in self._sample.rows):
            told = insert_sample(bench.connection, bench.dialect, schema, self._sample)
            self._notes |= dict.fromkeys(told)


@dataclass(frozen=True, slots=True)
class LaterRows:
    """Rows for what comes behind a migration that can't be applied with rows in the tables."""

    rows: RowSource
    after: str

    @property
    def real(self) -> bool:
        """As those of the source."""
        return self.rows.real

    @property
    def word(self) -> str:
        """As those of the source."""
        return self.rows.word

    @property
    def notes(self) -> Sequence[str]:
        """As those of the source."""
        return self.rows.notes

    def fill(self, bench: Bench, applied: frozenset[str]) -> None:
        """As the source, once the migration is applied."""
        if self.after in applied:
            self.rows.fill(bench, applied)


def _is_empty(bench: Bench, name: Name) -> bool:
    query = f"SELECT 1 FROM {bench.dialect.quote_name(name)} LIMIT 1"
    options = {"no_parameters": True}
    return bench.connection.exec_driver_sql(query, execution_options=options).first() is None
