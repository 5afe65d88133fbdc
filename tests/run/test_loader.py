"""Test how migration files are loaded, and SQL files split into statements."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from autodiff import Project
from autodiff.errors import MigrationFailedError, MigrationFileError
from autodiff.migrations import read_migration
from autodiff.runner.loader import load_step
from autodiff.schema.sql_statements import split_statements
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
        ("SELECT 5--1; SELECT 2 --", ["SELECT 5--1", "SELECT 2 --"]),
        ("SELECT 5 --\t1; '\n; --\nSELECT 2", ["SELECT 5 --\t1; '", "--\nSELECT 2"]),
    ],
)
def test_backslash_escapes_are_recognized_for_mysql(text: str, statements: list[str]) -> None:
    """MySQL and MariaDB also have comments that start with #."""
    assert list(split_statements(text, backslashes=True)) == statements


TABLE = """
op.create_table(
    "t",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("x", sa.String(50)),
    sa.Column("begin", sa.Integer()),
    sa.Column("end", sa.Integer()),
)
op.execute("INSERT INTO t (id, x) VALUES (1, 'a')")
"""

RUN_ON_SQLITE = [
    "CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET x = NEW.end; UPDATE t SET x = 'b'; END",
    "CREATE TRIGGER r AFTER UPDATE OF begin ON t WHEN NEW.begin IS NULL BEGIN "
    "UPDATE t SET begin = 1, end = 2 WHERE id = NEW.id AND end > 1; "
    "SELECT begin, end, CASE WHEN end > 1 THEN begin ELSE end END FROM t; END",
    "CREATE TABLE event (begin int)",
    "/* a /* b */ UPDATE t SET x = 'b'",
    "CREATE TRIGGER begin AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END",
]
RUN_ON_POSTGRESQL = [
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT begin FROM t; "
    "SELECT CASE WHEN a > 1 THEN 5 ELSE CASE a WHEN 1 THEN 2 END END; END",
    "CREATE RULE r AS ON DELETE TO t DO ALSO (UPDATE t SET x = 'd'; UPDATE t SET x = 'e')",
    "CREATE OR REPLACE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
    "/* a /* nested; ' */ ; /* and /* deeper */ */ ' */ UPDATE t SET x = 'b'",
    "CREATE FUNCTION begin(begin int, out b int) LANGUAGE sql AS 'SELECT 1; SELECT 2'",
]
RUN_ON_MARIADB = [
    "CREATE OR REPLACE DEFINER=root@localhost PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
    "CREATE DEFINER = 'root'@'localhost' PROCEDURE IF NOT EXISTS p() SQL SECURITY INVOKER BEGIN "
    "SELECT 1; SELECT 2; END",
    "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.end IS NULL THEN "
    "SET NEW.end = 5; END IF; UPDATE t SET begin = 1, end = 2; SET NEW.x = 'b'; END",
    "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW IF NEW.x IS NULL THEN SET NEW.x = 'b'; "
    "ELSE IF NEW.x = IF(NEW.begin, 1, 2) THEN SET NEW.x = 'c'; END IF; END IF",
    "CREATE FUNCTION f(a INT) RETURNS INT IF a > 1 THEN RETURN 1; ELSE RETURN 2; END IF",
    "CREATE PROCEDURE p() COMMENT 'a;b' CASE 1 WHEN 1 THEN SELECT 1; "
    "SELECT CASE WHEN 1 THEN IF(1, 2, 3) ELSE 4 END; ELSE BEGIN END; END CASE",
    "CREATE PROCEDURE p() a: LOOP SELECT 1; LEAVE a; END LOOP a",
    "CREATE PROCEDURE p() DETERMINISTIC REPEAT SET @i = 5; UNTIL @i > 3 END REPEAT",
    "CREATE PROCEDURE p() WHILE 1 = 2 DO SELECT REPEAT('a', 2); DROP TABLE IF EXISTS a; END WHILE",
    "CREATE PROCEDURE p() FOR r IN (SELECT id FROM t) DO UPDATE t SET x = r.id; END FOR",
    "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT id FROM t; "
    "DECLARE EXIT HANDLER FOR NOT FOUND BEGIN SELECT 1; END; SELECT id FROM t FOR UPDATE; END",
    "CREATE FUNCTION f(a INT) RETURNS INT UNSIGNED IF a > 1 THEN RETURN 1; ELSE RETURN 2; END IF",
    "CREATE FUNCTION f(a INT) RETURNS DOUBLE PRECISION CASE a WHEN 1 THEN RETURN 1; "
    "ELSE RETURN 2; END CASE",
    "CREATE FUNCTION f() RETURNS VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin IF 1 = 1 THEN "
    "RETURN 'a'; ELSE RETURN 'b'; END IF",
    "CREATE FUNCTION f() RETURNS TEXT CHARSET latin1 IF 1 THEN RETURN 'a'; END IF",
    "CREATE PROCEDURE p() BEGIN DECLARE e CONDITION FOR 1062; "
    "DECLARE EXIT HANDLER FOR SQLSTATE '23000' IF 1 THEN SELECT 1; END IF; "
    "DECLARE EXIT HANDLER FOR SQLSTATE VALUE '22001', 1064, 1051 IF 1 THEN SELECT 1; END IF; "
    "DECLARE EXIT HANDLER FOR e IF 1 THEN SELECT 1; END IF; SELECT 2; END",
    "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT CASE WHEN 1 THEN IF(1, 2, 3) END; "
    "DECLARE d CURSOR FOR SELECT IF(1, 2, DATE_ADD(now(), INTERVAL CASE WHEN 1 THEN IF(1, 2, 3) "
    "END DAY)); SELECT 1; END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO IF 1 = 2 THEN DELETE FROM t; END IF",
    "BEGIN NOT ATOMIC DECLARE a INT DEFAULT 5; UPDATE t SET x = a; END",
    "IF 1 = 1 THEN UPDATE t SET x = 'b'; UPDATE t SET x = 'c'; END IF",
    "UPDATE t SET x = 5--1",
]
SPLIT_AND_RUN = [
    *(("sqlite", sql) for sql in RUN_ON_SQLITE),
    *(("postgresql", sql) for sql in RUN_ON_POSTGRESQL),
    *(("mariadb", sql) for sql in RUN_ON_MARIADB),
]


@pytest.mark.parametrize(("kind", "sql"), SPLIT_AND_RUN)
def test_statements_are_split_as_their_database_reads_them(
    database: Callable[[str], sa.URL], tmp_path: Path, kind: str, sql: str
) -> None:
    """The database accepts each statement, and those after it are run by themselves."""
    after = "UPDATE t SET begin = 8; UPDATE t SET x = 'last'"
    assert list(split_statements(f"{sql}; {after}", backslashes=kind == "mariadb")) == [
        sql,
        *after.split("; "),
    ]
    folder = Folder(tmp_path / "m")
    folder.write("aaaa", TABLE)
    folder.write_sql("bbbb", f"{sql};\n{after};\n")
    with opened(database(kind)) as db:
        db.runner(folder).upgrade()
        assert db.rows("SELECT x FROM t") == [("last",)]


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
    number = len(path.read_text().splitlines())
    with pytest.raises(MigrationFileError) as caught:
        load_step(read_migration(path), "upgrade")
    assert caught.value.message.startswith(f"cannot read migration {path}: {reason}")
    assert caught.value.message.endswith(f"(line {number})")
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
