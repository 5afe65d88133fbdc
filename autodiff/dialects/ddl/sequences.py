"""SQL for sequences."""

from __future__ import annotations

from autodiff.dialects.ddl.part import Part
from autodiff.schema.objects import Identity, Sequence
from autodiff.schema.operations import AlterSequence, CreateSequence, DropSequence

__all__ = ["SequenceDDL"]


class SequenceDDL(Part):
    """Creates, drops and alters sequences."""

    def options(self, source: Identity | Sequence) -> str:
        """Return the clauses that are set, such as START WITH and INCREMENT BY."""
        words = (
            ("INCREMENT BY", source.increment),
            ("MINVALUE", source.minvalue),
            ("MAXVALUE", source.maxvalue),
            ("START WITH", source.start),
            ("CACHE", source.cache),
        )
        parts = [f"{word} {value}" for word, value in words if value is not None]
        return " ".join([*parts, "CYCLE"] if source.cycle else parts)

    def create(self, operation: CreateSequence) -> list[str]:
        sequence = operation.sequence
        kind = f" AS {sequence.type}" if sequence.type else ""
        options = self.options(sequence)
        text = f"CREATE SEQUENCE {self.quote_name(sequence.name)}{kind}"
        return [f"{text} {options}" if options else text]

    def drop(self, operation: DropSequence) -> list[str]:
        return [f"DROP SEQUENCE {self.quote_name(operation.name)}"]

    def alter(self, operation: AlterSequence) -> list[str]:
        raise NotImplementedError
