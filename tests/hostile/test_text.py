"""Hostile names and texts arrive in every output as data and as nothing else."""

from __future__ import annotations

import ast
import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from autodiff import Project, diff, run
from autodiff.errors import (
    AutodiffError,
    ConfigError,
    DropRefusedError,
    MigrationFailedError,
    PlanError,
    database_words,
)
from autodiff.schema.sql_statements import split_statements
from autodiff.utils.quoting import html_text, markdown_text, one_line
from tests.hostile.project import Result, SmallProject

FRAGMENTS = (
    *("\n", "\r", "\r\n", "\t", "\u2028", "\x85", "\x0b", "\x0c", "\x1c", "'", '"', "`", "\\"),
    *('"""', "'''", "*/", "/*", "--", "-- ", "#", ";", "$$", "$guard$", "//", ")", "]", "}"),
    *("\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\u202e", "\u2066", "\u200b", "{{ 1 }}", "{% if %}"),
    *("{#", "%s", "%(x)s", "%%", ":name", "\\:x", "</script>", "<b>", "&lt;", "|", "[x](y)"),
    *("\nDROP TABLE guard; --", "\n-- revision: x", '"; DROP TABLE guard; --', "\n.quit\n", "\\q"),
    *("é", "🚀", " ", "end'", 'end"', "end\\", "DELIMITER ;", "\nGO\n", "=", "+", "!", "_x_"),
)
TEXTS = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=3).map("".join)
EXAMPLES = 60
SLOW_EXAMPLES = 4
MESSAGES = TEXTS.filter(str.strip)


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    """Count the outputs that were checked; the report shows them with -s."""
    found: Counter[str] = Counter()
    yield found
    print(f"\nhostile texts: {sum(found.values())} outputs: {dict(found)}")


def is_harmless(text: str) -> bool:
    """Return whether no character but a newline has an effect on a terminal."""
    return text.replace("\n", "").isprintable()


def shape(code: str) -> str:
    """Return the syntax tree of code, with the type of each constant instead of its value."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = type(node.value).__name__
    return ast.dump(tree)


def constants(code: str) -> set[object]:
    """Return the constants of code."""
    return {n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)}


def tables(text: str) -> tuple[sa.MetaData, sa.MetaData]:
    """Return a table of the database and one of the models, whose names contain a text."""
    found = []
    for place in ("old", "new"):
        metadata = sa.MetaData()
        sa.Table(
            f"{place}{text}{place}",
            metadata,
            sa.Column(f"key{text}{place}", sa.Integer, primary_key=True),
            sa.Column(f"value{text}{place}", sa.Text, server_default=f"{text}{place}"),
            sa.Index(f"ix{text}{place}", f"value{text}{place}"),
            comment=f"{text}{place}",
        )
        sa.Table("guard", metadata, sa.Column("id", sa.Integer, primary_key=True))
        found.append(metadata)
    return found[0], found[1]


def names(metadata: sa.MetaData) -> set[str]:
    """Return the names and the default of the table with the text."""
    [table] = [table for table in metadata.tables.values() if table.name != "guard"]
    default = table.columns[1].server_default
    assert isinstance(default, sa.DefaultClause)
    indexes = {str(index.name) for index in table.indexes}
    return {table.name, *table.columns.keys(), *indexes, str(default.arg)}


def project_of(folder: Path, text: str) -> Project:
    """Return a project whose database has one table and whose models have another."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    old, new = tables(text)
    url = f"sqlite:///{folder / 'app.db'}"
    old.create_all(sa.create_engine(url, poolclass=sa.pool.NullPool))
    return Project(url, new, folder / "m", root=folder)


def check_python(project: Project, text: str, message: str, expected: str) -> None:
    """Check that the file has the shape of one for plain names, and the names unchanged."""
    draft = project.draft(message, assume="drop-and-add", rehearse=False)
    assert draft is not None
    [code] = draft.texts.values()
    assert is_harmless(code) and shape(code) == expected
    old, new = tables(text)
    assert names(old) | names(new) <= constants(code)


def check_sql(project: Project, folder: Path, text: str, message: str, expected: int) -> None:
    """Check that the files have as many statements as for plain names, and what they do."""
    draft = project.draft(message, assume="drop-and-add", rehearse=False, format="sql")
    assert draft is not None
    for script in draft.texts.values():
        comments = "".join(line for line in script.split("\n") if line.startswith("-- "))
        assert is_harmless(comments)
    up, down = draft.texts.values()
    assert len(list(split_statements(up))) == len(list(split_statements(down))) == expected
    old, new = tables(text)
    with closing(sqlite3.connect(folder / "app.db")) as connection:
        for script, metadata in ((up, new), (down, old)):
            connection.executescript(script)
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            assert {name for (name,) in rows} == set(metadata.tables)


def test_files_on_sqlite(tmp_path: Path, counts: Counter[str]) -> None:
    """Python files and SQL files have only data of the texts."""
    folder = tmp_path / "project"
    plain = project_of(folder, "x")
    draft = plain.draft("plain", assume="drop-and-add", rehearse=False)
    assert draft is not None
    [code] = draft.texts.values()
    expected = shape(code)
    sql = plain.draft("plain", assume="drop-and-add", rehearse=False, format="sql")
    assert sql is not None
    statements = len(list(split_statements(next(iter(sql.texts.values())))))
    inputs = Counter[str]()

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(TEXTS, MESSAGES)
    @example("\nDROP TABLE guard; --", '"""')
    @example('"""', "\\")
    def check(text: str, message: str) -> None:
        inputs[text] += 1
        project = project_of(folder, text)
        check_python(project, text, message, expected)
        if "\r" not in text:
            check_sql(project, folder, text, message, statements)
        else:
            with pytest.raises(Exception, match="carriage return"):
                project.draft(message, assume="drop-and-add", rehearse=False, format="sql")
        counts["python"] += 1
        counts["sql"] += 2

    check()
    assert len(inputs) >= EXAMPLES // 2


def test_runs_on_sqlite(tmp_path: Path, counts: Counter[str]) -> None:
    """A migration is rehearsed, applied and reverted, and its script runs in sqlite3."""
    folder = tmp_path / "project"

    @settings(
        max_examples=EXAMPLES // 4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(TEXTS, MESSAGES)
    @example("\nDROP TABLE guard; --", "\n.quit\n")
    def check(text: str, message: str) -> None:
        check_run(project_of(folder, text), folder, text, message)
        counts["runs and scripts"] += 2

    check()


def check_run(project: Project, folder: Path, text: str, message: str) -> None:
    """Check that the migration runs up and down, and its script in the program sqlite3."""
    assert project.generate(message, assume="drop-and-add") is not None
    if shutil.which("sqlite3"):
        shutil.copy(folder / "app.db", folder / "copy.db")
        script = project.script("head", "upgrade").text
        done = subprocess.run(
            ["sqlite3", str(folder / "copy.db")],
            input=script.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0 and done.stderr == b"", done.stderr
    project.upgrade()
    old, new = tables(text)
    assert not project.check()
    with project.connect() as connection:
        found = set(sa.inspect(connection).get_table_names())
    assert found - {"autodiff_history", "autodiff_journal"} == set(new.tables)
    project.downgrade("base")
    with project.connect() as connection:
        found = set(sa.inspect(connection).get_table_names())
    assert found - {"autodiff_history", "autodiff_journal"} == set(old.tables)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_runs_on_servers(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, counts: Counter[str]
) -> None:
    """Both formats are rehearsed, applied and reverted, with comments."""

    @settings(
        max_examples=SLOW_EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(TEXTS, st.sampled_from(["python", "sql"]))
    @example("\nDROP TABLE guard; --", "sql")
    @example("';\\'; DROP TABLE guard; -- ", "sql")
    @example('"""%s :x {{ 1 }}', "python")
    def check(text: str, format: str) -> None:
        text = text.strip().replace("\r", "")[:20]
        if kind == "mariadb":
            text = "".join(c for c in text if c <= "\uffff")
        url = database(kind)
        old, new = tables(text)
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        old.create_all(engine)
        folder = tmp_path / str(sum(counts.values()))
        project = Project(url, new, folder)
        assert project.generate("x", assume="drop-and-add", format=format)  # type: ignore[arg-type]
        project.upgrade()
        assert not project.check()
        inspector = sa.inspect(engine)
        assert set(inspector.get_table_names()) >= set(new.tables)
        [name] = set(new.tables) - {"guard"}
        assert inspector.get_table_comment(name)["text"] == f"{text}new"
        project.downgrade("base")
        assert set(sa.inspect(engine).get_table_names()) >= set(old.tables)
        engine.dispose()
        counts[kind] += 1

    check()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])  # MariaDB refuses such names
def test_a_name_that_ends_with_a_line_end(database: Callable[[str], sa.URL], kind: str) -> None:
    """The table `old` stays when the table beside it is dropped, whose name has a newline more."""
    engine = sa.create_engine(database(kind), poolclass=sa.pool.NullPool)
    quote = engine.dialect.identifier_preparer.quote_identifier
    models = sa.MetaData()
    sa.Table("old", models, sa.Column("id", sa.Integer, primary_key=True))
    models.create_all(engine)
    with engine.connect() as connection:
        name = quote("old\n")
        connection.exec_driver_sql(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY)")
        connection.commit()
        plan = diff(connection, models, assume="drop-and-add")
        assert [loss.count for loss in plan.data_loss] == [0]
        run(connection, plan)
    assert sa.inspect(engine).get_table_names() == ["old"]


COMMANDS = (
    ("generate", "--dry-run", "--no-input", "--assume", "drop-and-add"),
    ("generate", "--no-input", "--assume", "drop-and-add"),
    ("check",),
    ("diff", "--assume", "drop-and-add"),
    ("status",),
    ("history",),
    ("history", "--log"),
    ("repair",),
    ("upgrade",),
    ("show", "head"),
    ("show", "TEXT"),
    ("upgrade", "TEXT"),
    ("generate", "-m", "x", "--no-input", "--rename", "TEXT:users"),
    ("generate", "-m", "x", "--no-input", "--fill", "users.TEXT=1"),
    ("status", "--url", "sqlite:////nowhere/TEXT/x.db"),
    ("status", "--env", "TEXT"),
    ("check", "--config", "TEXT"),
)


def test_terminal(tmp_path: Path, counts: Counter[str]) -> None:
    """Output has no control characters, --json is JSON, and no text makes a line more."""
    original = SmallProject.create(tmp_path / "original")
    plain: dict[object, int] = {}

    def run(text: str, command: tuple[str, ...], is_json: bool, is_recorded: bool) -> Result:
        project = original.copy(tmp_path / "copy")
        quoted = text.replace('"', '""')
        project.execute(f'CREATE TABLE "old{quoted}" ("a{quoted}" INTEGER PRIMARY KEY)')
        if is_recorded:
            project.execute(f'INSERT INTO "old{quoted}" DEFAULT VALUES')
            project.execute("UPDATE autodiff_journal SET name = ?, actor = ?", text, text)
            project.execute("UPDATE autodiff_history SET name = ?", text)
        more = ["-m", f"m{text}"] if command[0] == "generate" and "-m" not in command else []
        arguments = [part.replace("TEXT", f"x{text}") for part in command]
        result = project.run(*arguments, *more, *(["--json"] if is_json else []))
        assert "guard" not in project.tables() and "users" in project.tables()
        return result

    @settings(
        max_examples=2 * EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(TEXTS, st.sampled_from(COMMANDS), st.booleans(), st.booleans())
    def check(text: str, command: tuple[str, ...], is_json: bool, is_recorded: bool) -> None:
        result = run(text, command, is_json, is_recorded)
        assert result.code in (0, 1, 2) and "bug in autodiff" not in result.err
        if command[0] != "diff" or is_json:  # SQL that is piped into a file is not changed
            assert is_harmless(result.out), result.out
        assert is_harmless(result.err), result.err
        if is_json:
            json.loads(result.out)
        key = command, is_json, is_recorded
        if key not in plain:
            plain[key] = run("x", *key).err.count("\n")
        assert result.err.count("\n") == plain[key], result.err
        counts["terminal"] += 1

    check()


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.sampled_from([AutodiffError, ConfigError, PlanError, MigrationFailedError]))
def test_errors(text: str, kind: type[AutodiffError]) -> None:
    """A text in a message or a hint never ends the line; only separate lines do."""
    assert f"{kind(f'x {text}', hint=f'y {text}')}".count("\n") == 1
    assert is_harmless(str(kind([text, text], hint=text)))
    drop = DropRefusedError([text], [f"drop table {text} (1 row)"], 3)
    assert len(drop.lines) == 2 and is_harmless(str(drop))
    words = database_words(Exception(f'relation "{text}" does not exist\nLINE 1: SELECT\n  ^'))
    assert words.isprintable() and words.endswith("; LINE 1: SELECT")


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_html(text: str) -> None:
    """No element is added, in a text and in an attribute."""
    parser = _Elements()
    parser.feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    parser.close()
    assert parser.found == ["p"] and parser.text == one_line(text)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_markdown(text: str) -> None:
    """A cell of a table has the text, and no cell, line or markup is added."""
    quoted = markdown_text(text)
    tokens = MarkdownIt("commonmark").enable("table").parse(f"|a|b|\n|-|-|\n|x{quoted}x|y|\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4 and [token.type for token in tokens].count("tr_open") == 2
    children = cells[2].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children).split() == f"x{one_line(text)}x".split()
