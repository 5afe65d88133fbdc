"""Test how migration files are loaded, and SQL files split into statements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import MigrationFailedError, MigrationFileError
from autodiff.migrations import read_migration
from autodiff.runner.loader import load_step, split_statements
from tests.support import Folder, opened

SPLIT_TEXTS = [
    ("", []),
    (" ; ;\n;", []),
    ("-- only; a comment\n/* and; another */", []),
    ("SELECT 1", ["SELECT 1"]),
    ("SELECT 1;SELECT 2;", ["SELECT 1", "SELECT 2"]),
    ("\n SELECT 1 ;\n\n SELECT 2 \n", ["SELECT 1", "SELECT 2"]),
    ("SELECT 'a;b'; SELECT 'it''s;'", ["SELECT 'a;b'", "SELECT 'it''s;'"]),
    ('SELECT "a;b", `c;d`; SELECT 2', ['SELECT "a;b", `c;d`', "SELECT 2"]),
    ("SELECT 1 -- one; still\n+ 1; SELECT 2", ["SELECT 1 -- one; still\n+ 1", "SELECT 2"]),
    ("SELECT /* a; 'b */ 1; SELECT 2", ["SELECT /* a; 'b */ 1", "SELECT 2"]),
    ("SELECT 1; -- the end; really", ["SELECT 1"]),
    ("SELECT E'it\\'s; fine'; SELECT 2", ["SELECT E'it\\'s; fine'", "SELECT 2"]),
    (r"SELECT 'C:\'; SELECT 2", [r"SELECT 'C:\'", "SELECT 2"]),
    ("/*!40101 SET x = 1 */; SELECT 1", ["/*!40101 SET x = 1 */", "SELECT 1"]),
]

DOLLAR_QUOTED = (
    "CREATE FUNCTION f() RETURNS int AS {q} BEGIN; RETURN 'a;b'; END; {q} LANGUAGE plpgsql"
)

BODIES = [
    DOLLAR_QUOTED.format(q="$$"),
    DOLLAR_QUOTED.format(q="$body$"),
    DOLLAR_QUOTED.format(q="$f1$"),
    "DO $$ BEGIN CREATE TYPE t AS ENUM ('a'); EXCEPTION WHEN others THEN NULL; END $$",
    "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = 1; DELETE FROM d; END",
    "create temp trigger t after insert on a begin select case when 1 then 2 end; select 3; end",
    'CREATE TRIGGER "a begin;" AFTER INSERT ON "end" BEGIN SELECT 1; END',
    "CREATE DEFINER=`root`@`%` TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @x = 1; END",
    "CREATE PROCEDURE p() BEGIN IF a THEN SET b = 1; END IF; WHILE c DO SET d = 1; END WHILE; END",
    "CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SET b = 2; END CASE; BEGIN SET c = 3; END; END",
    "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END",
    "CREATE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE OR REPLACE TRIGGER t BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.b = 1",
    "CREATE TABLE begin_end (begin_at int, triggered int)",
]


@pytest.mark.parametrize(("text", "statements"), SPLIT_TEXTS)
def test_a_semicolon_ends_a_statement(text: str, statements: list[str]) -> None:
    """Semicolons in strings, names and comments do not. Empty statements are dropped."""
    assert list(split_statements(text)) == statements


@pytest.mark.parametrize("statement", BODIES)
def test_a_body_is_part_of_its_statement(statement: str) -> None:
    """Triggers, procedures and dollar quotes are not split; the statements after them are."""
    text = f"{statement};\nSELECT 1; SELECT 2;\n"
    assert list(split_statements(text)) == [statement, "SELECT 1", "SELECT 2"]
    assert list(split_statements(f"-- first\nSELECT 0;{text}"))[1] == statement


def test_transaction_keywords_do_not_start_a_body() -> None:
    """Outside CREATE, BEGIN and END are statements."""
    assert list(split_statements("BEGIN; SELECT 1; END;")) == ["BEGIN", "SELECT 1", "END"]


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (r"SELECT 'it\'s; fine'; SELECT 2", [r"SELECT 'it\'s; fine'", "SELECT 2"]),
        (r'SELECT "a \"b\"; c"; SELECT 2', [r'SELECT "a \"b\"; c"', "SELECT 2"]),
        (r"SELECT '\\'; SELECT 2", [r"SELECT '\\'", "SELECT 2"]),
        ("SELECT 1; # all; of it's\nSELECT 2", ["SELECT 1", "# all; of it's\nSELECT 2"]),
        ("# it's alone;", []),
    ],
)
def test_backslash_escapes_are_recognized_for_mysql(text: str, statements: list[str]) -> None:
    """MySQL and MariaDB also have comments that start with #."""
    assert list(split_statements(text, backslashes=True)) == statements


def test_a_large_file_is_split_quickly() -> None:
    """A splitter with quadratic run time would make this test slow."""
    text = "INSERT INTO t VALUES (1, 'a;b');\n" * 10_000
    assert len(list(split_statements(text))) == 10_000


IMPORT_ERRORS = {
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "from sqlalchemy import NoSuchName": "ImportError: cannot import name 'NoSuchName'",
    "x = y": "NameError: name 'y' is not defined",
    "1 / 0": "ZeroDivisionError: division by zero",
}


@pytest.mark.parametrize(("line", "reason"), IMPORT_ERRORS.items())
def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    """The error contains the file and Python's reason, and the hint a remedy."""
    path = Folder(tmp_path / "m").write("aaaa")
    path.write_text(path.read_text() + f"\n{line}\n")
    with pytest.raises(MigrationFileError) as caught:
        load_step(read_migration(path), "upgrade")
    assert caught.value.message.startswith(f"cannot read migration {path}: {reason}")
    assert caught.value.hint == (
        "install the package that provides 'no_such_module', or add its folder to the "
        'configuration: path = ["FOLDER"]'
        if "no_such_module" in line
        else "correct that line; a migration needs no more imports than sqlalchemy and autodiff.op"
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_syntax_error_in_a_function_is_reported_with_its_line(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str
) -> None:
    """Nothing is run: earlier migrations are not applied either."""
    folder = Folder(tmp_path / "m")
    folder.write("aaaa")
    code = 'op.create_index("i", "t", ["c"], postgresql_concurrently=True)\nx = = 1'
    path = folder.write("bbbb", code)
    with opened(database(kind)) as db:
        with pytest.raises(MigrationFileError) as caught:
            db.runner(folder).upgrade()
        assert caught.value.message == (
            f"cannot read migration {path}:11: SyntaxError: invalid syntax"
        )
        assert caught.value.hint == "fix the file, or restore it from version control"
        assert db.history() == []


def test_calling_op_during_the_import_is_refused(tmp_path: Path) -> None:
    """op works only inside upgrade() and downgrade()."""
    path = Folder(tmp_path / "m").write("aaaa")
    path.write_text(path.read_text() + '\nop.drop_table("users")\n')
    with pytest.raises(MigrationFileError, match="a function of op was called outside a migration"):
        load_step(read_migration(path), "upgrade")


def test_files_have_separate_namespaces(tmp_path: Path) -> None:
    """Two files may use the same names."""
    folder = Folder(tmp_path / "m")
    steps = []
    for revision in ("aaaa", "bbbb"):
        path = folder.write(revision, "NAMES.append(revision)\nassert NAMES == [revision]")
        path.write_text(path.read_text() + "\nNAMES = []\n")
        steps.append(load_step(read_migration(path), "upgrade"))
    for step in steps:
        step()


def test_a_file_is_loaded_again_each_time(tmp_path: Path) -> None:
    """An edit takes effect at the next load."""
    path = Folder(tmp_path / "m").write("aaaa", "raise ValueError('first')")
    load_step(read_migration(path), "upgrade")
    path.write_text(path.read_text().replace("first", "second"))
    with pytest.raises(ValueError, match="second"):
        load_step(read_migration(path), "upgrade")()


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_annotations_of_classes_are_resolved(tmp_path: Path, future: str) -> None:
    """Dataclasses and mapped classes work, with and without postponed annotations."""
    path = Folder(tmp_path / "m").write("aaaa", "assert Point(x=1) == Point(1) and Base.metadata")
    path.write_text(
        future
        + path.read_text()
        + """
from dataclasses import dataclass

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


@dataclass
class Point:
    x: int


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


assert (Point.__annotations__["x"] is int) is not bool({future})
""".replace("{future}", repr(future))
    )
    load_step(read_migration(path), "upgrade")()


def test_a_traceback_points_to_the_file(tmp_path: Path) -> None:
    path = Folder(tmp_path / "m").write("aaaa", "1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        load_step(read_migration(path), "upgrade")()
    assert str(caught.traceback[-1].path) == str(path)


def test_a_failed_statement_of_a_sql_file_is_reported(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """The error contains that statement, not the whole file."""
    folder = Folder(tmp_path / "m")
    folder.write_sql("aaaa", "CREATE TABLE a (x int);\nDROP TABLE nowhere;\nSELECT 1;")
    with opened(database("sqlite")) as db:
        with pytest.raises(MigrationFailedError) as caught:
            db.runner(folder).upgrade()
        assert caught.value.statement == "DROP TABLE nowhere"
        assert db.tables() == []


def test_delimiter_is_refused_before_anything_is_run(
    database: Callable[[str], sa.URL], tmp_path: Path
) -> None:
    """It is a command of the client mariadb; lint says the same."""
    folder = Folder(tmp_path / "m")
    folder.write_sql("aaaa", "CREATE TABLE t (id int);\n\nDELIMITER //\nSELECT 1//\nDELIMITER ;\n")
    url = database("mariadb")
    with opened(url) as db:
        with pytest.raises(MigrationFileError, match="DELIMITER is a command of a client"):
            db.runner(folder).upgrade()
        assert db.tables() == []
    with pytest.raises(MigrationFailedError, match="DELIMITER is a command of a client"):
        Project(url, directory=folder.path).script()
    [problem] = Project(url, directory=folder.path).lint().problems
    assert "DELIMITER is a command of a client" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (\nid int,\ndelimiter text\n)",
        "CREATE TABLE t (id int)\n/*\nDELIMITER //\n*/",
        "CREATE TABLE t (id int);\n-- DELIMITER //\nSELECT '\nDELIMITER //\n'",
    ],
)
def test_the_word_delimiter_may_be_in_a_statement(
    any_database: sa.URL, tmp_path: Path, text: str
) -> None:
    folder = Folder(tmp_path / "m")
    folder.write_sql("aaaa", text)
    with opened(any_database) as db:
        assert len(db.runner(folder).upgrade()) == 1
