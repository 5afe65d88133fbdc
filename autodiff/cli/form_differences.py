"""Compare two forms of an object: by words, or by lines if they have several."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["compare_forms"]

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_MOST_WORDS = 2_000
"""The comparison takes time with the square of the number."""


def compare_forms(before: str, after: str) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Yield lines with a sign: `-`, `+`, or a space for one that is the same on both sides.

    Each line is a list of parts, with whether the part differs from the other side.
    """
    from difflib import SequenceMatcher, unified_diff

    if "\n" in before or "\n" in after:
        _, _, *lines = unified_diff(before.split("\n"), after.split("\n"), n=1, lineterm="")
        yield from ((line[:1], [(line[1:], False)]) for line in lines if not line.startswith("@@"))
        return
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > _MOST_WORDS:
        yield "-", [(before, False)]
        yield "+", [(after, False)]
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    blocks = matcher.get_opcodes()
    yield "-", [(_text(old[i:j]), kind != "equal") for kind, i, j, _, _ in blocks if i < j]
    yield "+", [(_text(new[i:j]), kind != "equal") for kind, _, _, i, j in blocks if i < j]


def _text(words: Sequence[str]) -> str:
    return "".join(words)
