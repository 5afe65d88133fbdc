"""SQL for sequences of PostgreSQL, and for the options that identity columns have too.

https://www.postgresql.org/docs/current/sql-altersequence.html
"""

from __future__ import annotations

from autodiff.dialects.ddl.sequences import SequenceDDL
from autodiff.dialects.postgresql.ddl.do_blocks import do_block
from autodiff.schema.objects import Identity, Sequence
from autodiff.schema.operations import AlterSequence, CreateSequence
from autodiff.schema.sqltext import quote_literal

__all__ = ["PostgreSQLSequenceDDL", "alter_in_range", "first_value", "reset_options"]


class PostgreSQLSequenceDDL(SequenceDDL):
    """Creates, drops and alters sequences, with comments."""

    def create(self, operation: CreateSequence) -> list[str]:
        sequence, statements = operation.sequence, super().create(operation)
        if sequence.comment is not None:
            statements.append(self._comment(sequence))
        return statements

    def alter(self, operation: AlterSequence) -> list[str]:
        before, after = operation.before, operation.after
        name = self.quote_name(after.name)
        kind = f"AS {after.type or 'bigint'}"
        statement = f"ALTER SEQUENCE {name} {kind} {' '.join(reset_options(after))}"
        statements = [alter_in_range(statement, before, after, f"{quote_literal(name)}::regclass")]
        if after.comment != before.comment:
            statements.append(self._comment(after))
        return statements

    def _comment(self, sequence: Sequence) -> str:
        comment = self.ddl.comments.literal(sequence.comment)
        return f"COMMENT ON SEQUENCE {self.quote_name(sequence.name)} IS {comment}"


def first_value(source: Identity | Sequence) -> int:
    """Return the first value of a sequence.

    Without START, it is the lowest value, or the highest if the sequence descends.
    https://www.postgresql.org/docs/current/sql-createsequence.html
    """
    if source.start is not None:
        return source.start
    down = (source.increment or 1) < 0
    limit, default = (source.maxvalue, -1) if down else (source.minvalue, 1)
    return default if limit is None else limit


def reset_options(source: Identity | Sequence) -> list[str]:
    """Return all options of a sequence: ALTER SEQUENCE keeps the old value of an omitted option.

    The limit on the side where the sequence starts is a number: with AS, NO MINVALUE and NO
    MAXVALUE mean the limits of the type, if those were the limits before.
    """
    down = (source.increment or 1) < 0
    low = "NO MINVALUE" if down else "MINVALUE 1"
    high = "MAXVALUE -1" if down else "NO MAXVALUE"
    return [
        f"INCREMENT BY {source.increment or 1}",
        low if source.minvalue is None else f"MINVALUE {source.minvalue}",
        high if source.maxvalue is None else f"MAXVALUE {source.maxvalue}",
        f"START WITH {first_value(source)}",
        f"CACHE {source.cache or 1}",
        "CYCLE" if source.cycle else "NO CYCLE",
    ]


def alter_in_range(
    statement: str, before: Identity | Sequence, after: Identity | Sequence, sequence: str
) -> str:
    """Return a statement that alters a sequence, and restarts it if its limits become narrower.

    PostgreSQL refuses limits that exclude the next value. The sequence restarts at its next value
    if that is within the new limits, else at its first value. `sequence` is an expression of type
    regclass.
    """
    (old_low, old_high), (low, high) = _limits(before), _limits(after)
    if low <= old_low and high >= old_high:
        return statement
    first = first_value(after)
    value = f"pg_sequence_last_value({sequence}) + {after.increment or 1}"
    restart = (
        f"SELECT CASE WHEN value BETWEEN {low} AND {high} THEN value ELSE {first} END "
        f"FROM (SELECT {value} AS value) AS next"
    )
    return do_block(f"EXECUTE {quote_literal(f'{statement} RESTART ')} || ({restart})")


def _limits(source: Identity | Sequence) -> tuple[int, int]:
    """Return the lowest and the highest value; the defaults are those of a bigint."""
    down = (source.increment or 1) < 0
    low, high = (-(2**63), -1) if down else (1, 2**63 - 1)
    return (
        low if source.minvalue is None else source.minvalue,
        high if source.maxvalue is None else source.maxvalue,
    )
