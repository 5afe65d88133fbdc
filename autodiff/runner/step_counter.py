"""Count the steps of a run and compare them with those of an earlier run that stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from autodiff.errors import MigrationFailedError
from autodiff.runner.journal import ANSWER_STEP, SETTLE_BY_HAND, Progress
from autodiff.runner.schema_before import TablesBefore
from autodiff.schema.operations import Operation

__all__ = ["StepCounter", "describe_operations", "extended_digest", "step_key", "unclear_step"]


class StepCounter:
    """The progress of a run, and that of the `earlier` run that it resumes.

    While fewer steps are counted than the earlier run completed, the run is replaying: steps are
    counted and not run. When the counts meet, the digests must be equal; otherwise the file does
    something else now, and going on would do it twice or skip it.
    """

    def __init__(self, earlier: Progress, before: tuple[TablesBefore, ...]) -> None:
        self._progress = Progress(before=before, parts=earlier.parts)
        self._descriptions: list[str] = []
        self._earlier = earlier
        self._uncounted: list[Operation] = []

    @property
    def progress(self) -> Progress:
        """The progress of this run."""
        self._count()
        return self._progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self._count()
        self._progress = progress

    @property
    def descriptions(self) -> list[str]:
        """A description of each completed step."""
        self._count()
        return self._descriptions

    @property
    def earlier(self) -> Progress:
        """The progress of the earlier run; its unfinished step is gone once it was taken."""
        return self._earlier

    @property
    def is_replaying(self) -> bool:
        """Whether the next step was completed by the earlier run."""
        return self._earlier.steps > 0 and self.progress.steps < self._earlier.steps

    @property
    def is_ahead(self) -> bool:
        """Whether this run has completed more steps than the earlier one."""
        return self.progress.steps > self._earlier.steps

    def remember(self, tables: TablesBefore) -> None:
        """Remember what tables were before the first step that alters them."""
        self.progress = replace(self.progress, before=(*self.progress.before, tables))

    def complete(self, keys: Sequence[str], descriptions: Sequence[str]) -> None:
        """Count completed steps.

        Raises MigrationFailedError if the earlier run completed as many steps and other ones.
        """
        progress = self.progress
        self._descriptions += descriptions
        digest = progress.digest
        for key in keys:
            digest = extended_digest(digest, key)
        steps = progress.steps + len(keys)
        self._progress = replace(progress, steps=steps, digest=digest)
        if steps == self._earlier.steps and digest != self._earlier.digest:
            raise self.different_steps()

    def complete_operations(self, operations: Sequence[Operation]) -> None:
        """Count the steps that are these operations, as `complete` does."""
        self._uncounted += operations
        if self._earlier.steps:
            self._count()

    def _count(self) -> None:
        """Count the operations that were completed since the last time.

        Most migrations are one transaction, whose progress nobody reads.
        """
        if self._uncounted:
            operations, self._uncounted = self._uncounted, []
            keys = [step_key(operation) for operation in operations]
            self.complete(keys, [operation.describe() for operation in operations])

    def began_earlier(self, description: str) -> bool:
        """Return whether the earlier run began a step and did not complete it."""
        return self._earlier.step == description and self.progress.steps == self._earlier.steps

    def take_unfinished(self, description: str) -> Progress | None:
        """Return how far the earlier run came in a step, None if it did not begin it.

        A second call returns None: the same step may follow once more.
        """
        if not self.began_earlier(description):
            return None
        earlier, self._earlier = self._earlier, replace(self._earlier, step=None)
        return earlier

    def answer(self, question: Callable[[], bool]) -> bool:
        """Return the answer of the database, or the one that the earlier run got when replaying.

        The schema may have changed since, and the file must take the same branch again.
        """
        asked = len(self.progress.answers)
        if self.is_replaying and asked < len(self._earlier.answers):
            answer = self._earlier.answers[asked]
        else:
            answer = question()
        self.progress = replace(self.progress, answers=(*self.progress.answers, answer))
        return answer

    def different_steps(self) -> MigrationFailedError:
        """Return the error that the steps are not those of the earlier run."""
        return MigrationFailedError(
            f"its first {self._earlier.steps} steps are not those that an earlier run completed",
            hint=f"restore the file as it was then, or {SETTLE_BY_HAND}",
        )


def unclear_step(progress: Progress) -> MigrationFailedError:
    """Return the error that asks whether a step took effect."""
    return MigrationFailedError(
        f"step {progress.steps + 1} was sent, and the run stopped before the database confirmed "
        f"it: {progress.step}",
        hint=ANSWER_STEP,
    )


def extended_digest(digest: str, key: str) -> str:
    """Return the digest of steps after one more of them."""
    return hashlib.sha256(f"{digest}\n{key}".encode()).hexdigest()


def step_key(operation: Operation) -> str:
    """Return what distinguishes a step from any other: everything that the file says of it."""
    return repr(operation)


def describe_operations(operations: Sequence[Operation]) -> str:
    """Return operations on one line, for messages and the journal."""
    return "; ".join(operation.describe() for operation in operations)
