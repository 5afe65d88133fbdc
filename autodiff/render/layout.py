"""Break long lines of code as ruff format does: one argument a line, with a trailing comma."""

from __future__ import annotations

import io
import tokenize

__all__ = ["lay_out"]

WIDTH = 88
_OPENING = {"(": ")", "[": "]", "{": "}"}


def lay_out(code: str, *, indent: int = 0) -> str:
    """Return the code with long lines broken at their brackets; strings are not changed."""
    lines: list[str] = []
    in_block = False  # each line with an odd number of """ begins or ends a block
    for line in code.split("\n"):
        prefix = "" if in_block else " " * indent
        odd = line.count('"""') % 2 == 1
        if in_block or '"""' in line:
            lines.append(prefix + line if line else line)
        else:
            lines += [part.rstrip() for part in _broken(prefix + line)]
        in_block ^= odd
    return "\n".join(lines)


def _broken(line: str) -> list[str]:
    """Return the line, broken if it is too long and has brackets to break at."""
    text = line.lstrip()
    margin = line[: len(line) - len(text)]
    if len(line) <= WIDTH or text.startswith("#"):
        return [line]
    found = _last_brackets(text)
    if found is None:
        return [line]
    start, end = found
    parts = _split(text[start + 1 : end])
    if not parts:
        return [line]
    inner = [piece for part in parts for piece in _broken(f"{margin}    {part},")]
    return [margin + text[: start + 1], *inner, margin + text[end:]]


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    """Return the operators of one line, which may be incomplete: it may end in a bracket."""
    found: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            found.append(token)
    except (tokenize.TokenError, IndentationError):
        pass
    return [token for token in found if token.type == tokenize.OP]


def _last_brackets(text: str) -> tuple[int, int] | None:
    """Return the positions of the pair of brackets that closes at the end of the line."""
    stack: list[int] = []
    found: tuple[int, int] | None = None
    for token in _tokens(text):
        if token.string in _OPENING:
            stack.append(token.start[1])
        elif token.string in _OPENING.values() and stack:
            start = stack.pop()
            if text[token.end[1] :] in ("", ",", ":"):
                found = (start, token.start[1])
    return found


def _split(text: str) -> list[str]:
    """Return the arguments between top-level commas."""
    depth, start = 0, 0
    parts: list[str] = []
    for token in _tokens(text):
        if token.string in _OPENING:
            depth += 1
        elif token.string in _OPENING.values():
            depth -= 1
        elif token.string == "," and depth == 0:
            parts.append(text[start : token.start[1]].strip())
            start = token.end[1]
    return [part for part in (*parts, text[start:].strip()) if part]
