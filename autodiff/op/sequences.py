"""Create, change and drop sequences, which PostgreSQL and MariaDB have.

On other databases these functions do nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from autodiff.op._arguments import checked
from autodiff.op._executor import qualified_name, submit
from autodiff.op.keywords import SequenceOptions
from autodiff.schema.objects import Sequence
from autodiff.schema.operations import AlterSequence, CreateSequence, DropSequence

if TYPE_CHECKING:
    from autodiff.schema.objects import Name

__all__ = ["alter_sequence", "create_sequence", "drop_sequence"]


@checked
def create_sequence(
    name: str, *, schema: str | None = None, **options: Unpack[SequenceOptions]
) -> None:
    """Create a sequence; databases without sequences ignore this.

    Args:
        name: The name of the sequence.
        schema: The schema of the sequence.
        **options: `start`, `increment`, `minvalue`, `maxvalue`, `cache`, `cycle`, `type` and
            `comment`. Options that are not given have the defaults of the database.

    Raises:
        MigrationFailedError: The sequence exists.
    """
    submit(CreateSequence(sequence=_sequence(qualified_name(name, schema), options)))


@checked
def drop_sequence(name: str, *, schema: str | None = None) -> None:
    """Drop a sequence; databases without sequences ignore this.

    Args:
        name: The name of the sequence.
        schema: The schema of the sequence.

    Raises:
        MigrationFailedError: The sequence does not exist, or a column's default uses it.
    """
    submit(DropSequence(name=qualified_name(name, schema)))


@checked
def alter_sequence(
    name: str, *, schema: str | None = None, **options: Unpack[SequenceOptions]
) -> None:
    """Replace the options of a sequence; databases without sequences ignore this.

    If the next value is outside new limits, the sequence restarts.

    Args:
        name: The name of the sequence.
        schema: The schema of the sequence.
        **options: The options, as for `create_sequence()`. Options that are not given are reset to
            the defaults of the database.

    Raises:
        MigrationFailedError: The sequence does not exist.
    """
    after = _sequence(qualified_name(name, schema), options)
    can_turn = "increment" in options  # a sequence that descends has other limits by default
    before = replace(
        after,
        minvalue=-(2**63) if can_turn or "minvalue" in options else after.minvalue,
        maxvalue=2**63 - 1 if can_turn or "maxvalue" in options else after.maxvalue,
    )
    submit(AlterSequence(before=before, after=after))


def _sequence(name: Name, options: SequenceOptions) -> Sequence:
    return Sequence(name=name, **options)
