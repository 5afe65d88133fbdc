"""Test the command lint: what it reads, what it suppresses, and bad input."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

import autodiff
from autodiff import Project
from autodiff.migrations import LockFile, write_lock
from tests.cli.project import Folder
from tests.counting import counted_instructions

URL = "postgresql://localhost/none"
KEY = 'sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)'
FIRST = f'op.create_table("users", {KEY})'
INDEX = 'op.create_index("ix_users_id", "users", ["id"])'


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Folder:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "migrations").mkdir()
    (tmp_path / "autodiff.toml").write_text(f'url = "{URL}"\n')
    return Folder(tmp_path, capsys)


def write(number: int, *lines: str, header: str = "") -> Path:
    """Write a migration after the one with the number before it."""
    parents = f'("{number - 1}aaa",)' if number > 1 else "()"
    body = "".join(f"    {line}\n" for line in lines)
    path = Path("migrations", f"{number:04d}_step.py")
    path.write_text(
        f'{header}revision = "{number}aaa"\nparents = {parents}\n\nimport sqlalchemy as sa\n'
        f"from autodiff import op\n\n\ndef upgrade() -> None:\n{body}\n\n"
        "def downgrade() -> None:\n    raise NotImplementedError\n"
    )
    return path


def codes(*targets: str, diff_base: str | None = None) -> list[tuple[str, int | None]]:
    """Return the code and line of each finding, without advice."""
    found = Project.load().lint(*targets, diff_base=diff_base).findings
    return [(finding.code, finding.line) for finding in found if finding.is_serious]


def test_a_finding_has_its_place_and_the_safe_way(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    result = folder.run("lint")
    assert result.code == 1
    assert result.out.splitlines() == [
        "migrations/0002_step.py:9: warning AD401: builds index ix_users_id on users with writes "
        "blocked",
        "  safe way: Build it concurrently, outside of the transaction, in a separate migration.",
        "1 finding in 2 migrations",
    ]


def test_json_has_the_reason(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    [finding] = json.loads(folder.run("lint", "--json").out)["findings"]
    assert (finding["code"], finding["line"], finding["object"]) == (
        "AD401",
        9,
        "users.ix_users_id",
    )
    assert finding["reason"].startswith("CREATE INDEX takes a SHARE lock")


def test_a_table_of_the_same_migration_is_not_blocked(folder: Folder) -> None:
    write(1, FIRST, INDEX, 'op.execute("ALTER TABLE users ADD COLUMN name text NOT NULL")')
    assert codes() == []


def test_rules_of_postgresql_need_postgresql(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    Path("autodiff.toml").write_text('url = "sqlite:///none.db"\n')
    assert codes() == []
    Path("autodiff.toml").write_text('[lint]\ndialects = ["sqlite", "postgresql 16"]\n')
    assert codes() == [("AD401", 9)]


def test_a_range_and_a_file_are_linted_with_the_tables_before_them(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    write(3, 'op.drop_table("users")')
    assert codes("0002:0002") == codes("migrations/0002_step.py") == [("AD401", 9)]
    assert codes("0002:") == [("AD401", 9), ("AD101", 9)]
    assert codes("3") == [("AD101", 9)]


@pytest.mark.parametrize(
    "fill",
    [
        'op.backfill("teams", {"name": "x"}, where="name IS NULL")',
        'op.execute("UPDATE teams SET name = 1 WHERE name IS NULL")',
    ],
)
def test_an_earlier_migration_can_fill_a_column(folder: Folder, fill: str) -> None:
    """It counts by its new name, until the column accepts NULL again."""
    required = 'op.alter_column("{}", "label", nullable=False)'
    write(1, f'op.create_table("teams", {KEY}, sa.Column("name", sa.Integer()))')
    write(2, fill)
    write(3, 'op.rename_column("teams", "name", "label")', 'op.rename_table("teams", "groups_")')
    write(4, required.format("groups_"))
    write(5, 'op.alter_column("groups_", "label", nullable=True)')
    write(6, required.format("groups_"))
    found = folder.run("lint", "--json").data["findings"]
    assert [f["migration"] for f in found if f["code"] == "AD202"] == ["0006_step"]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("DROP TABLE users", "AD101"),
        ('ALTER TABLE "users" DROP COLUMN id', "AD102"),
        ("ALTER TABLE users ALTER id TYPE integer", "AD105"),
        ("alter table USERS rename to people", "AD301"),
        ("ALTER TABLE users RENAME id TO key", "AD302"),
        ("CREATE INDEX CONCURRENTLY ix ON users (id)", "AD404"),
        ("ALTER TABLE users ADD CONSTRAINT ck CHECK (id > 0)", "AD406"),
        ("SELECT FROM WHERE (", "AD901"),
    ],
)
def test_raw_sql_is_parsed(folder: Folder, sql: str, code: str) -> None:
    write(1, FIRST)
    write(2, f"op.execute('{sql}')")
    assert (code, 9) in codes()


def test_sql_files_have_lines_and_comments(folder: Folder) -> None:
    write(1, FIRST)
    Path("migrations/0002_step.up.sql").write_text(
        "-- revision: 2aaa\n-- parents: 1aaa\n\n"
        "CREATE INDEX ix ON users (id);  -- autodiff: ignore[AD401]\n\n"
        "-- a comment\nALTER TABLE users\n  DROP COLUMN id;\n"
    )
    Path("migrations/0002_step.down.sql").write_text("DROP INDEX ix;")
    assert codes() == [("AD102", 7)]


def test_a_sql_file_without_a_way_back_says_so(folder: Folder) -> None:
    write(1, FIRST)
    Path("migrations/0002_step.up.sql").write_text(
        "-- revision: 2aaa\n-- parents: 1aaa\nCREATE TABLE other (id INTEGER);\n"
        "UPDATE users SET id = 2 WHERE id = 1;\n"
    )
    down = Path("migrations/0002_step.down.sql")
    down.write_text("-- revision: 2aaa\n")
    assert {"AD504", "AD506"} <= {finding.code for finding in Project.load().lint().findings}
    down.write_text("-- revision: 2aaa\n-- irreversible: the old values are gone\n")
    assert not {"AD504", "AD506"} & {finding.code for finding in Project.load().lint().findings}


def test_comments_suppress_on_the_statement_or_in_the_file(folder: Folder) -> None:
    write(1, FIRST)
    write(2, "op.create_index(", '    "ix", "users", ["id"]', ")  # autodiff: ignore[AD401]")
    write(3, 'op.drop_table("users")', header="# autodiff: ignore[AD101]\n")
    assert codes() == []


def test_a_comment_above_a_statement_suppresses_there(folder: Folder) -> None:
    write(1, FIRST)
    write(2, "# autodiff: ignore[AD401]", "# the table is small", INDEX, 'op.drop_table("users")')
    assert codes() == [("AD101", 12)]


@pytest.mark.parametrize(
    "lines",
    [
        ("# autodiff: ignore[AD101]", "with op.autocommit():"),
        ("with op.autocommit():  # autodiff: ignore[AD101]",),
    ],
    ids=["above", "beside"],
)
def test_a_comment_on_a_block_suppresses_in_all_of_it(
    folder: Folder, lines: tuple[str, ...]
) -> None:
    write(1, FIRST, FIRST.replace("users", "teams"), FIRST.replace("users", "logs"))
    drops = ('    op.drop_table("users")', '    op.drop_table("teams")', 'op.drop_table("logs")')
    write(2, *lines, *drops)
    dropped = [found for found in codes() if found[0] in ("AD101", "AD903")]
    assert dropped == [("AD101", 11 + len(lines))]


def test_a_comment_at_the_end_of_a_body_is_for_no_statement_of_another(folder: Folder) -> None:
    write(1, FIRST)
    path = write(2, f"{INDEX}  # autodiff: ignore[AD401]", "# autodiff: ignore[AD101]")
    drop = 'op.drop_table("users")'
    path.write_text(path.read_text().replace("raise NotImplementedError", drop))
    assert ("AD903", 10) in codes()
    write(2, "if True:", "    pass", "    # autodiff: ignore[AD101]", drop)
    assert {("AD903", 11), ("AD101", 12)} <= set(codes())


def test_a_rule_can_be_named_in_comments_and_settings(folder: Folder) -> None:
    write(1, FIRST)
    write(2, f"{INDEX}  # autodiff: ignore[create-index]")
    assert codes() == []
    write(2, 'op.drop_table("users")')
    settings = 'select = ["drop-table"]\nseverity = {drop-table = "info"}'
    Path("autodiff.toml").write_text(f'url = "{URL}"\n[lint]\n{settings}\n')
    [finding] = Project.load().lint().findings
    assert (finding.code, finding.severity) == ("AD101", "info")


def test_an_unknown_severity_is_refused(folder: Folder) -> None:
    text = 'severity = {AD102 = "off"}'
    Path("autodiff.toml").write_text(f'url = "{URL}"\n[lint]\n{text}\n')
    error = folder.run("lint").err
    assert "lint.severity.AD102 must be one of error, warning, info" in error
    assert 'to turn a rule off, write ignore = ["AD102"]' in error


def test_a_file_that_cannot_be_read_is_found_by_its_number(folder: Folder) -> None:
    write(1, FIRST)
    Path("migrations/0002_step.up.sql").write_text("-- revision: 2aaa\n-- parents: 1aaa\n")
    assert "its down file 0002_step.down.sql is missing" in folder.run("lint", "0002").err


def test_an_unused_suppression_is_a_finding(folder: Folder) -> None:
    write(1, f"{FIRST}  # autodiff: ignore[AD101]", "pass  # autodiff: ignore")
    assert codes() == [("AD903", 9), ("AD903", 10)]


def test_a_comment_with_an_unknown_code_is_one_message(folder: Folder) -> None:
    write(1, FIRST)
    write(2, f"{INDEX}  # autodiff: ignore[AD4O1]")
    result = folder.run("lint")
    assert result.code == 2
    assert "AD401" in result.out
    assert "error: unknown rule 'AD4O1' in the comment at" in result.err
    assert "0002_step.py:9" in result.err
    assert json.loads(folder.run("lint", "--json").out)["complete"]


def test_settings_select_and_ignore(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    write(3, 'op.drop_table("users")')
    config = Path("autodiff.toml")

    def with_settings(text: str) -> list[str]:
        config.write_text(f'url = "{URL}"\n[lint]\n{text}\n')
        return [code for code, _ in codes()]

    assert with_settings('select = ["AD1"]') == ["AD101"]
    assert with_settings('ignore = ["AD101"]') == ["AD401"]
    assert with_settings('per-migration = {"0003_*" = ["AD1"]}') == ["AD401"]
    config.write_text(f'url = "{URL}"\n[lint]\nseverity = {{AD401 = "info", AD101 = "error"}}\n')
    assert folder.run("lint", "0002").code == 0
    assert folder.run("lint", "0002", "--strict").code == 1
    assert "error AD101" in folder.run("lint").out


def test_alembic_scripts_are_linted_as_they_are(folder: Folder) -> None:
    versions = folder.path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "1_first.py").write_text(
        "from alembic import (\n    op,\n)\nimport sqlalchemy as sa\n\n"
        'revision = "1"\ndown_revision = None\n\n\ndef upgrade():\n    op.drop_table("users")\n'
    )
    assert codes("alembic/versions") == codes("alembic") == [("AD101", 11)]


def test_modules_that_alembic_scripts_import_can_use_alembic(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are found by prepend_sys_path, and call the functions that the script itself calls."""
    monkeypatch.setattr("sys.path", list(sys.path))
    (folder.path / "alembic.ini").write_text(
        "[alembic]\nscript_location = alembic\nprepend_sys_path = shop\n"
    )
    (folder.path / "shop").mkdir()
    (folder.path / "shop" / "helpers_of_shop.py").write_text(
        "import alembic.op\nfrom alembic import context, op\n\nsettings = context.config\n\n\n"
        "def drop(name):\n"
        "    assert context.get_bind().dialect is alembic.op.get_bind().dialect\n"
        "    op.drop_table(name)\n"
    )
    versions = folder.path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "1_first.py").write_text(
        "from helpers_of_shop import drop\n\nrevision = '1'\ndown_revision = None\n\n\n"
        "def upgrade():\n    drop('users')\n    drop('orders')\n"
    )
    found = codes("alembic/versions")
    assert [code for code in found if code[0] != "AD505"] == [("AD101", 8), ("AD101", 9)]


def test_a_look_at_the_database_is_named(folder: Folder) -> None:
    write(1, 'if "users" not in sa.inspect(op.get_bind()).get_table_names():', "    pass")
    [finding] = Project.load().lint().findings
    assert finding.code == "AD902"
    assert finding.message.endswith("was not checked from here on: it inspects the database")


def test_the_settings_of_an_alembic_folder_are_read(folder: Folder) -> None:
    """A target can be one of several folders of versions, or a subfolder of one."""
    (folder.path / "alembic.ini").write_text(
        "[alembic]\nscript_location = alembic\nversion_locations = a b\n"
        "recursive_version_locations = true\n"
    )
    places = {"alembic/env": ("", ""), "a/1": ("1", None), "b/2024/2": ("2", "1")}
    for name, (revision, parent) in places.items():
        path = folder.path / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"from alembic import op\nrevision = {revision!r}\ndown_revision = {parent!r}\n"
            f'def upgrade():\n    op.drop_table("t{revision}")\n'
        )
    assert codes("alembic") == [("AD101", 5)] * 2
    assert codes("b") == codes("b/2024") == codes("b/2024/2.py") == [("AD101", 5)]


def test_alembic_needs_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kind of database is that of an option, of the environment or of alembic.ini."""
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path, capsys)
    versions = tmp_path / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions / "1_first.py").write_text(
        "from alembic import op\n\nrevision = '1'\ndown_revision = None\n\n\n"
        "def upgrade():\n    op.create_index('ix', 'users', ['id'])\n"
    )
    result = folder.run("lint", "alembic/versions", "--dialect", "postgresql 16")
    assert result.code == 1
    assert result.out.startswith("alembic/versions/1_first.py:8: warning AD401")
    assert folder.run("lint", "alembic", "--dialect", "mariadb").code == 0
    assert "pass --dialect" in folder.run("lint", "alembic").err
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = alembic\nsqlalchemy.url = postgresql+psycopg://h/db\n"
    )
    assert folder.run("lint", "alembic/versions/1_first.py").code == 1
    monkeypatch.setenv("DATABASE_URL", "sqlite:///none.db")
    assert folder.run("lint", "alembic").code == 0
    assert "no configuration found" in folder.run("lint").err
    assert "no configuration found" in folder.run("lint", "0001").err
    assert "error: alembic/version does not exist" in folder.run("lint", "alembic/version").err


def test_few_rows_make_findings_harmless(folder: Folder) -> None:
    write(1, FIRST)
    write(2, 'op.drop_table("users")')
    database = sqlite3.connect("a.db")
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    result = folder.run("lint", "--url", "sqlite:///a.db")
    assert (result.code, result.out) == (0, "no findings in 2 migrations\n")
    assert "note: left out because a table has few rows: 1 finding" in result.err
    database.execute("INSERT INTO users VALUES (1)")
    database.commit()
    database.close()
    assert folder.run("lint", "--url", "sqlite:///a.db").code == 1


def test_a_database_that_cannot_be_reached_is_one_problem(folder: Folder) -> None:
    write(1, FIRST)
    write(2, INDEX)
    result = folder.run("lint", "--url", "postgresql+psycopg://localhost:1/none")
    assert result.code == 2
    assert "AD401" in result.out
    assert "error: cannot read how many rows the tables have" in result.err
    answer = folder.run("lint", "--url", "sqlite://", "--dialect", "sqlite")
    assert (answer.code, "cannot both be passed" in answer.err) == (2, True)


def test_diff_base_selects_changed_files(folder: Folder) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    write(1, FIRST)
    write(2, INDEX)
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "all")
    assert codes(diff_base="main") == []
    write(3, 'op.drop_table("users")')
    assert codes(diff_base="main") == [("AD101", 9)]


@pytest.mark.parametrize("version", ["8.0", "8.4"])
def test_the_rules_are_those_of_the_version(folder: Folder, version: str) -> None:
    """Before MySQL 8.4, a foreign key may refer to an index that is not unique; in lock files too.

    Options of MySQL are accepted in a process that lints for another database.
    """
    bigint = 'sa.Column("{}", sa.BigInteger(){})'
    key = bigint.format("id", ", primary_key=True")
    hidden = bigint.format("h", ", mysql_invisible=True")
    refer = bigint.format("t", ', sa.ForeignKey("t.h")')
    write(1, f'op.create_table("t", {key}, {hidden}, sa.Index("ix_h", "h"))')
    write(2, f'op.create_table("u", {key}, {refer})')
    strict = [("AD605", 9)] if version == "8.4" else []
    found = Project.load().lint(databases=[f"mysql {version}"]).findings
    assert [(f.code, f.line) for f in found if f.is_serious] == strict
    (folder.path / "autodiff.toml").write_text('url = "mysql+pymysql://localhost/none"\n')
    write_lock(folder.path / "migrations", LockFile(database=f"mysql {version}"))
    assert [code for code in codes() if code[0] == "AD605"] == strict
    process = subprocess.run(
        [sys.executable, "-m", "autodiff", "lint", "--strict", "--dialect", "sqlite"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "invisible" not in process.stdout
    assert process.returncode == 1, process.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0009"], "unknown migration '0009'"),
        (["0001:0009"], "unknown migration '0009'"),
        (["0001:0001:0001"], "'0001:0001:0001' is not a range"),
        (["migrations/0009.py"], "migrations/0009.py does not exist"),
        (["0002:0001"], "unknown migration '0002'"),
        (["--explain", "AD999"], "unknown rule 'AD999'"),
        (["--dialect", "oracle"], "unknown kind of database: 'oracle'"),
        (["--dialect", "mysql old"], "'old' is not a version of mysql"),
        (["--diff-base", "missing"], "git knows no revision 'missing'"),
        (["autodiff.toml"], "autodiff.toml is not a migration"),
    ],
)
def test_bad_input_is_one_message(folder: Folder, arguments: list[str], message: str) -> None:
    write(1, FIRST)
    result = folder.run("lint", *arguments)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("place", ["body", "header", "bytes", "alembic", "sql"])
def test_the_rest_of_the_files_is_linted_if_one_does_not_parse(folder: Folder, place: str) -> None:
    """The place of the file in the history is known from its header."""
    write(1, FIRST)
    write(2, "op.create_table(")
    path = Path("migrations/0002_step.py")
    if place == "header":
        path.write_text(path.read_text().replace("import sqlalchemy as sa", "import ("))
    elif place == "bytes":
        path.write_bytes(path.read_bytes() + b"# \xff\n")
    elif place == "sql":
        path.unlink()
        path = Path("migrations/0002_step.up.sql")
        path.write_bytes(b"-- revision: 2aaa\n-- parents: 1aaa\nSELECT '\xff';\n")
        Path("migrations/0002_step.down.sql").write_text("")
    write(3, 'op.drop_table("users")')
    target: tuple[str, ...] = ()
    if place == "alembic":
        for file in Path("migrations").glob("*.py"):
            text = file.read_text().replace("from autodiff import op", "from alembic import op")
            file.write_text(text.replace("parents = ()", "down_revision = None"))
        Path("migrations").rename("versions")
        target = ("versions",)
    result = folder.run("lint", *target)
    assert result.code == 2
    assert "0003_step.py:9: warning AD101" in result.out
    assert (
        f"error: cannot read migration {folder.path / (target or ('migrations',))[0]}" in result.err
    )
    assert result.err.count("error:") == 1
    assert "note: the findings are incomplete" in result.err
    answer = json.loads(folder.run("lint", "--json", *target).out)
    assert (answer["complete"], len(answer["problems"])) == (False, 1)


def test_a_file_without_a_known_place_is_one_message(folder: Folder) -> None:
    """Its successors cannot be put in order."""
    write(1, FIRST)
    write(2, INDEX)
    Path("migrations/0001_step.py").write_text("def upgrade(:\n")
    result = folder.run("lint")
    assert (result.code, "0001_step.py:1" in result.err) == (2, True)


@pytest.mark.parametrize(
    "settings",
    [
        'select = ["AD999"]',
        "ignore = 1",
        "unknown = 1",
        'severity = {AD101 = "bad"}',
        "small-table = -1",
    ],
)
def test_invalid_settings_are_refused(folder: Folder, settings: str) -> None:
    Path("autodiff.toml").write_text(f'url = "{URL}"\n[lint]\n{settings}\n')
    assert folder.run("lint").code == 2


def test_other_packages_can_add_rules(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point is read from the metadata of an installed package."""
    info = folder.path / "acme-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[autodiff.rules]\nacme = acme_rules:RULES\n")
    (folder.path / "acme_rules.py").write_text(
        "from autodiff.lint import Match, Rule\n"
        "RULES = [Rule(code='ACME1', name='always', severity='warning', summary='a', reason='b',\n"
        "    safe_way='c', check=lambda step: [Match(message='found')])]\n"
    )
    monkeypatch.syspath_prepend(str(folder.path))
    write(1, FIRST)
    assert codes() == [("ACME1", 9)]


def test_the_work_grows_with_the_number_of_files(folder: Folder) -> None:
    """Four times as many files need at most 4.4 times as many calls; each is compiled once."""

    def write_all(first: int, last: int) -> None:
        for number in range(first, last + 1):
            write(number, f'op.create_table("t{number}", {KEY})')

    def calls() -> int:
        counts: Counter[str] = Counter()

        def count(frame: FrameType, event: str, argument: object) -> None:
            counts["all"] += event == "call"
            counts["compiled"] += event == "c_call" and argument is compile

        before = sys.getprofile()
        sys.setprofile(count)
        try:
            assert codes() == []
        finally:
            sys.setprofile(before)
        assert counts["compiled"] <= len(list(Path("migrations").iterdir())) + 1
        return counts["all"]

    write_all(1, 15)
    assert codes() == []  # fills caches and imports modules
    few = calls()
    write_all(16, 60)
    assert calls() < 4.4 * few


def test_generate_prints_the_findings_of_what_it_writes(folder: Folder) -> None:
    """Those about data loss are left out: generate lists the losses."""
    model = (
        "from sqlalchemy import Column, Integer, MetaData, Table, Text\n\nmeta = MetaData()\n"
        'users = Table("lint_users", meta, Column("id", Integer, primary_key=True){})\n'
    )
    settings = 'url = "sqlite:///a.db"\nmodels = "lint_models:meta"\n'
    folder.write(lint_models=model.format(""), autodiff=settings)
    assert "AD" not in folder.ok("generate", "-m", "users").err
    folder.ok("upgrade")
    folder.write(
        lint_models=model.format(', Column("country", Text, nullable=False)'), autodiff=settings
    )
    result = folder.ok("generate", "-m", "country", "--fill", "lint_users.country=de", "--json")
    assert [finding["code"] for finding in json.loads(result.out)["findings"]] == ["AD305"]
    assert "warning AD305: requires the new column lint_users.country" in result.err


@pytest.mark.parametrize(
    "steps",
    [
        ['op.create_table("t{n}", {key})', 'op.create_index("ix{n}", "t{n}", ["id"])'],
        ['op.add_column("t{n}", sa.Column("added", sa.Integer()))'],
        ['op.create_index("ix{n}", "t{n}", ["id"])', 'op.drop_column("t{n}", "gone")'],
        ['op.drop_table("t{n}")'],
    ],
    ids=["new tables", "new columns", "indexes and drops", "dropped tables"],
)
def test_the_work_grows_with_the_number_of_steps(folder: Folder, steps: list[str]) -> None:
    """A file that replaces a whole history has thousands of steps: 8,000 tables took 2 minutes."""

    def instructions(count: int) -> int:
        lines = [step.format(n=n, key=KEY) for n in range(count) for step in steps]
        write(1, *lines)
        with counted_instructions([str(Path(autodiff.__file__).parent / "lint")]) as found:
            Project.load().lint()
        return found[0]

    instructions(10)  # fills caches
    assert instructions(240) < 4.4 * instructions(60)


def test_a_message_names_few_tables(folder: Folder) -> None:
    """Thousands of messages would otherwise name thousands of tables each."""
    write(1, *(f'op.create_table("t{n}", {KEY})' for n in range(12)))
    drops = (f'op.drop_column("t{n}", "gone")' for n in range(12))
    write(2, *drops, 'op.create_index("ix", "t11", ["id"])')
    messages = [finding.message for finding in Project.load().lint("2aaa").findings]
    [message] = [text for text in messages if "meanwhile" in text]
    assert message == (
        "builds an index of t11 in a transaction that blocks t0, t1, t2, t3, t4, t5, t6, t7 and "
        "others meanwhile"
    )
