"""Names and texts can enter an output only through the functions that quote them."""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import autodiff
from autodiff.cli.shell import Shell
from autodiff.render import templates_folder

PACKAGE = Path(autodiff.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
QUOTING = Path("utils/quoting.py")
TERMINAL = Path("cli/terminal.py")
EXECUTES = {
    Path("alembic/operations.py"),
    Path("alembic/rehearsal.py"),
    Path("runner/loader.py"),
    Path("utils/frozen.py"),
}
"""Modules that execute code: of migration files, of revisions for Alembic, and of a constructor."""
WRITES = {"echo", "secho", "confirm", "prompt", "print"}
"""Functions of typer, rich and Python that write to a stream."""
JSON_DATA = {
    QUOTING,
    Path("ci/server.py"),
    Path("commands/against/models_process.py"),
    Path("commands/against/worker.py"),
    Path("commands/check_cache.py"),
    Path("commands/push.py"),
    Path("dialects/literals.py"),
    Path("fleet/store.py"),
    Path("migrations/lockfile.py"),
    Path("runner/backfill_position.py"),
    Path("runner/journal.py"),
    Path("testing/model_modules.py"),
}
"""Modules that write JSON which is stored, compared or read by a program, and never printed."""
VARIABLES = {
    "argument",
    "body",
    "dialects",
    "downgrade",
    "line",
    "message",
    "named",
    "note",
    "options",
    "phase_guard",
    "replaces",
    "upgrade",
}
"""Variables of templates that contain quoted text or code."""


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def relative(path: Path) -> Path:
    return path.relative_to(PACKAGE)


def called(node: ast.AST) -> str:
    """Return the name of the function or method that a node calls."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return getattr(function, "attr", "") or getattr(function, "id", "")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(relative(path)))
def test_output_passes_one_module(path: Path) -> None:
    """Only cli/terminal.py prints and asks."""
    if relative(path) == TERMINAL:
        return
    found = [node.lineno for node in nodes(path) if called(node) in WRITES]  # type: ignore[attr-defined]
    assert not found, f"{path}:{found}: use autodiff.cli.terminal"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(relative(path)))
def test_comments_are_written_by_one_function(path: Path) -> None:
    """No f-string begins a SQL comment, and no JSON is made for people elsewhere."""
    for node in nodes(path):
        if isinstance(node, ast.JoinedStr) and relative(path) != QUOTING:
            first = node.values[0]
            starts = isinstance(first, ast.Constant) and re.search(r"(^|\n)-- ", first.value)
            assert not starts, f"{path}:{node.lineno}: use sql_comment"
        if called(node) == "dumps" and isinstance(node, ast.Call):
            owner = getattr(node.func, "value", None)
            is_json = isinstance(owner, ast.Name) and owner.id == "json"
            assert not is_json or relative(path) in JSON_DATA, f"{path}: use json_text"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(relative(path)))
def test_code_is_executed_only_from_files_of_the_project(path: Path) -> None:
    """Only code of migrations is executed, and code that consists of names of autodiff's fields."""
    names = {called(node) for node in nodes(path) if isinstance(getattr(node, "func", 0), ast.Name)}
    assert not names & {"eval", "exec"} or relative(path) in EXECUTES


def test_python_is_parsed_in_one_place() -> None:
    """Threads that parse at the same time fail in some versions of Python: `parse_source` locks."""
    parsing = {relative(path) for path in MODULES for node in nodes(path) if _parses(node)}
    assert parsing == {Path("utils/python_source.py")}


PARSES = {"ast.parse", "ast.literal_eval"}


def _parses(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in PARSES


def test_the_python_of_types_has_one_reader() -> None:
    """A type of the lock file has none: PythonSource.type derives it. One rule looks for a word."""
    readers = {
        relative(path)
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Attribute) and node.attr == "python"
    }
    assert readers == {Path("render/python.py"), Path("lint/rules/mysql_design.py")}


CODE_TEMPLATES = sorted(
    path for path in templates_folder().rglob("*.j2") if path.parent.name != "report"
)


@pytest.mark.parametrize("path", CODE_TEMPLATES, ids=lambda p: p.name)
def test_templates_quote_every_value(path: Path) -> None:
    """Each expression is a call of `py`, a variable with quoted text, or a constant.

    The templates of reports need no such rule: their environment quotes every value.
    """
    for expression in re.findall(r"\{\{-?(.*?)-?\}\}", path.read_text(), re.DOTALL):
        text = expression.strip()
        is_constant = re.fullmatch(r'"[a-z ]+" if [\w.]+ else "[a-z ]+"', text)
        word = re.match(r"\w+", text)
        assert text.startswith("py.") or is_constant or (word and word[0] in VARIABLES), text


class Tty(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_code_has_no_effect_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A string in a SQL script may contain a terminal escape; a file gets it unchanged."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = "SELECT '\x1b]0;x\x07\u202e';\n"
    terminal, file = Tty(), io.StringIO()
    for stream in (terminal, file):
        Shell(out=stream).answer_code(text, "sql", {})
    assert terminal.getvalue() == "SELECT '\\x1b]0;x\\x07\\u202e';\n"
    assert file.getvalue() == text


def test_lines_on_a_terminal_have_only_colors_of_autodiff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Tty()
    shell = Shell(out=terminal)
    shell.answer(["- table a\x1b[2J\x9b31m"], {})
    shell.answer_table(["name"], [["a\x1b]0;x\x07\n\u202e"]], [], {})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert plain.replace("\n", "").isprintable()
    assert "- table a\\x1b[2J\\x9b31m" in plain and "a\\x1b]0;x\\x07\\n\\u202e" in plain
