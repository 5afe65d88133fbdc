"""Python source for sequences and identities."""

from __future__ import annotations

from autodiff.render.part import Part
from autodiff.schema.objects import Identity, Sequence

__all__ = ["SequenceSource"]


class SequenceSource(Part):
    """Writes sa.Identity and the options of sequences."""

    def identity(self, identity: Identity) -> str:
        """Return sa.Identity(...)."""
        options = ["always=True"] if identity.always else []
        return f"sa.Identity({', '.join([*options, *_options(identity)])})"

    def arguments(self, sequence: Sequence, before: Sequence | None = None) -> str:
        """Return the options of a sequence with a comma before each; NAME=None resets an option."""
        kind = [f"type={self.py.string(sequence.type)}"] if sequence.type else []
        gone = [
            f"{name}=None"
            for name in ("start", "increment", "minvalue", "maxvalue", "cache")
            if before and getattr(sequence, name) is None and getattr(before, name) is not None
        ]
        return self.py.keywords([*kind, *_options(sequence), *gone])


def _options(source: Identity | Sequence) -> list[str]:
    options = []
    for name in ("start", "increment", "minvalue", "maxvalue"):
        value = getattr(source, name)
        options += [f"{name}={value:d}"] if value is not None else []
    options += ["cycle=True"] if source.cycle else []
    options += [f"cache={source.cache:d}"] if source.cache is not None else []
    return options
