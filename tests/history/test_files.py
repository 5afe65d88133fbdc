"""Test that migration files are read without being run, and errors name their location."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from autodiff.errors import MigrationFileError
from autodiff.migrations import Migration, file_name, read_folder, read_migration
from autodiff.migrations.files import sql_header

STEPS = "\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n"


def read(folder: Path, text: str, name: str = "0002_add_timestamp.py") -> Migration:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_migration(path)


def read_refused(
    folder: Path, text: str, name: str = "0002_add_timestamp.py"
) -> tuple[str, str | None]:
    """Read a file that is refused; return the error after the path, and the hint."""
    with pytest.raises(MigrationFileError) as caught:
        read(folder, text, name)
    start = f"cannot read migration {folder / name}"
    assert caught.value.message.startswith(start)
    return caught.value.message.removeprefix(start), caught.value.hint


def test_a_python_file_is_read(tmp_path: Path) -> None:
    """Revision, parents, message, number and name come from the file."""
    text = '"""add timestamp\n\n+ column\n"""\nrevision = "7d"\nparents = ("41", "42")' + STEPS
    migration = read(tmp_path, text)
    assert (migration.revision, migration.parents, migration.message) == (
        "7d",
        ("41", "42"),
        "add timestamp",
    )
    assert (migration.number, migration.name, migration.is_sql) == (2, "0002_add_timestamp", False)


def test_reading_a_file_does_not_run_it(tmp_path: Path) -> None:
    """A file that would fail when imported can be read."""
    assert read(tmp_path, 'revision = "a"\nparents = ()\nraise SystemExit' + STEPS).parents == ()


@pytest.mark.parametrize(
    ("line", "parents"),
    [
        ("down_revision = None", ()),
        ('down_revision = "ae1"', ("ae1",)),
        ('down_revision = ("ae1", "27c")', ("ae1", "27c")),
        ('down_revision = ["ae1", "27c"]', ("ae1", "27c")),
        ('down_revision: Union[str, None] = "ae1"', ("ae1",)),
        ("down_revision: str | Sequence[str] | None = None", ()),
        ('down_revision = "ae1"\nbranch_labels = ("x",)\ndepends_on = None', ("ae1",)),
        ('down_revision = "ae1"\ndepends_on = ("27c", "ae1")', ("ae1",)),
        ("down_revision = None\ndepends_on = '27c'", ()),
        ('parents = "ae1"', ("ae1",)),
        ('parents: tuple[str, ...] = ("ae1",)', ("ae1",)),
        ('parents = ("new",)\ndown_revision = "old"', ("new",)),
        ("", ()),
    ],
)
def test_alembic_files_are_read(tmp_path: Path, line: str, parents: tuple[str, ...]) -> None:
    """Every form of down_revision is understood."""
    migration = read(tmp_path, f'revision: str = "1975ea83b712"\n{line}{STEPS}')
    assert (migration.revision, migration.parents) == ("1975ea83b712", parents)


def test_without_docstring_the_file_name_is_the_message(tmp_path: Path) -> None:
    text = 'revision = "a"' + STEPS
    assert read(tmp_path, text, "0012_add_two_columns.py").message == "add two columns"
    assert read(tmp_path, text, "1975ea83b712_create_account.py").message == (
        "1975ea83b712 create account"
    )
    assert read(tmp_path, text, "1975ea83b712_create_account.py").number is None


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """The checksum is the same with and without it."""
    text = 'revision = "a"' + STEPS
    assert read(tmp_path, "\ufeff" + text).checksum == read(tmp_path, text).checksum


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("revision = \n", ":1: SyntaxError: invalid syntax"),
        ('revision = "a"\n\n\ndef upgrade(:\n', ":4: SyntaxError: invalid syntax"),
        ("def upgrade():\npass\n", ":2: IndentationError: expected an indented block"),
        ('revision = "a\n', ":1: SyntaxError: unterminated string literal"),
        ("<<<<<<< HEAD\nrevision = 'a'\n", ":1: SyntaxError: invalid syntax"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    """The error names the file, the line and Python's reason."""
    message, hint = read_refused(tmp_path, text)
    assert message.startswith(reason)
    assert hint == "fix the file, or restore it from version control"


def test_a_file_with_null_bytes_is_refused(tmp_path: Path) -> None:
    """A crash can leave such a file."""
    message, hint = read_refused(tmp_path, 'revision = "a"\x00')
    assert "null bytes" in message
    assert hint == "fix the file, or restore it from version control"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    """The error names the file, and the hint the required encoding."""
    for name in ("0001_a.py", "0001_a.up.sql"):
        (tmp_path / name).write_bytes("-- Größe".encode("latin-1"))
        with pytest.raises(MigrationFileError, match="can't decode byte") as caught:
            read_migration(tmp_path / name)
        assert caught.value.hint == "save it as UTF-8 text"
        assert caught.value.path == str(tmp_path / name)


@pytest.mark.parametrize(
    "text", ["", "x = 1", "revision = None", "revision = ''", "revision = 12", "revision, b = 'ab'"]
)
def test_a_file_without_revision_is_refused(tmp_path: Path, text: str) -> None:
    """The hint shows the required lines."""
    assert read_refused(tmp_path, text + STEPS) == (
        ": it has no revision",
        'a migration has revision = "..." and parents = (...); move other files away',
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("parents = get_parents()", ":2: parents = get_parents() is not a literal"),
        ("parents = (HEAD,)", ":2: parents = (HEAD,) is not a literal"),
        ("down_revision = {[]: 1}", ":2: down_revision = {[]: 1} is not a literal"),
    ],
)
def test_computed_parents_are_refused(tmp_path: Path, line: str, reason: str) -> None:
    """Treating them as no parents would be wrong."""
    assert read_refused(tmp_path, f'revision = "a"\n{line}{STEPS}') == (
        reason,
        'files are read without running them: write it like revision = "7d1c09be"',
    )


@pytest.mark.parametrize("value", ["5", "(1, 2)", '{"a", "b"}', '{"a": 1}', "(None,)"])
def test_parents_that_are_not_revisions_are_refused(tmp_path: Path, value: str) -> None:
    """Numbers are not revisions, and sets have no order."""
    parents = ast.literal_eval(value)
    message, hint = read_refused(tmp_path, f'revision = "a"\nparents = {value}{STEPS}')
    assert message.startswith(": parents = ") and message.endswith(" is not a list of revisions")
    assert f"{parents!r}" in message or isinstance(parents, set)
    assert hint == 'write it like parents = ("41f2ab90",)'


@pytest.mark.parametrize(
    ("functions", "missing"),
    [
        ("def downgrade(): pass", "upgrade"),
        ("def upgrade(): pass", "downgrade"),
        ("class A:\n    def upgrade(self): pass\n", "downgrade"),
        ("async def upgrade(): pass\ndef downgrade(): pass", "upgrade"),
    ],
)
def test_a_file_without_its_functions_is_refused(
    tmp_path: Path, functions: str, missing: str
) -> None:
    """Both functions are required, even if they are empty."""
    assert read_refused(tmp_path, f'revision = "a"\n{functions}\n') == (
        f": it has no {missing}()",
        "define upgrade() and downgrade(); either may be empty (pass)",
    )


def write_sql_pair(folder: Path, header: str, name: str = "0003_add_index") -> Path:
    (folder / f"{name}.up.sql").write_text(header + "\nCREATE INDEX i ON t (a);\n")
    (folder / f"{name}.down.sql").write_text("DROP INDEX i;\n")
    return folder / f"{name}.up.sql"


def test_a_pair_of_sql_files_is_a_migration(tmp_path: Path) -> None:
    """The header that autodiff writes is read back."""
    path = write_sql_pair(tmp_path, sql_header("7d", ("41", "42"), "add index"))
    migration = read_migration(path)
    assert (migration.revision, migration.parents, migration.message) == (
        "7d",
        ("41", "42"),
        "add index",
    )
    assert (migration.number, migration.name, migration.is_sql) == (3, "0003_add_index", True)
    assert migration.down_path == tmp_path / "0003_add_index.down.sql"


def test_a_sql_header_may_be_short(tmp_path: Path) -> None:
    """Parents and message are optional; the default message is the file name."""
    assert sql_header("7d", (), "first") == "-- revision: 7d\n-- parents:\n-- message: first\n"
    migration = read_migration(write_sql_pair(tmp_path, "--revision: 7d"))
    assert (migration.revision, migration.parents, migration.message) == ("7d", (), "add index")
    migration = read_migration(write_sql_pair(tmp_path, sql_header("7d", (), "first\nof all")))
    assert (migration.revision, migration.parents, migration.message) == ("7d", (), "first of all")


def test_a_sql_header_is_read_only_at_the_start(tmp_path: Path) -> None:
    """Similar comments further down are ignored."""
    path = write_sql_pair(
        tmp_path, sql_header("7d", ("41",), "add index") + "-- + index i\n\n-- more"
    )
    path.write_text(path.read_text() + "-- revision: ff\n-- parents: ee\n-- message: dd\n")
    migration = read_migration(path)
    assert (migration.revision, migration.parents, migration.message) == (
        "7d",
        ("41",),
        "add index",
    )


def test_a_sql_file_needs_a_revision(tmp_path: Path) -> None:
    """The hint shows the line to add."""
    path = write_sql_pair(tmp_path, "-- parents: 41")
    with pytest.raises(MigrationFileError) as caught:
        read_migration(path)
    assert caught.value.message == f"cannot read migration {path}: it has no revision"
    assert caught.value.hint == "add a line at the top, such as -- revision: 7d1c09be"


def test_a_sql_file_needs_its_down_file(tmp_path: Path) -> None:
    """A single file could not be reverted."""
    path = write_sql_pair(tmp_path, "-- revision: 7d")
    (tmp_path / "0003_add_index.down.sql").unlink()
    with pytest.raises(MigrationFileError) as caught:
        read_migration(path)
    assert caught.value.message == (
        f"cannot read migration {path}: its down file 0003_add_index.down.sql is missing"
    )
    assert caught.value.hint == (
        "restore it, or create an empty file if there is nothing to revert; if there is no way "
        "back, with the line -- irreversible: REASON"
    )


def test_the_down_file_is_part_of_the_checksum(tmp_path: Path) -> None:
    path = write_sql_pair(tmp_path, "-- revision: 7d")
    before = read_migration(path).checksum
    (tmp_path / "0003_add_index.down.sql").write_text("DROP INDEX other;\n")
    assert read_migration(path).checksum != before


def test_a_folder_is_read_in_the_order_of_file_names(tmp_path: Path) -> None:
    """Hidden files, private modules, down files, folders and other files are ignored."""
    for name in ("0002_b.py", "0001_a.py"):
        read(tmp_path, f'revision = "{name}"{STEPS}', name)
    write_sql_pair(tmp_path, "-- revision: sql")
    for name in ("__init__.py", "_helpers.py", ".0001_a.py.swp", "README.md", "autodiff.lock"):
        (tmp_path / name).write_text("no migration")
    (tmp_path / "__pycache__").mkdir()
    assert [m.name for m in read_folder(tmp_path)] == ["0001_a", "0002_b", "0003_add_index"]


def test_modules_of_alembic_are_no_migrations(tmp_path: Path) -> None:
    """env.py can import modules from its folder, which can be the migrations folder too."""
    read(tmp_path, f'revision = "a"{STEPS}', "0001_a.py")
    helpers = "class Runner:\n    def upgrade(self, revision: str) -> None: ...\n"
    (tmp_path / "runner.py").write_text(helpers)
    (tmp_path / "env.py").write_text("revision = runner.first()\n")
    with pytest.raises(MigrationFileError, match=r"env\.py:1: "):
        read_folder(tmp_path)
    (tmp_path / "script.py.mako").write_text("")
    assert [m.name for m in read_folder(tmp_path)] == ["0001_a"]
    (tmp_path / "0002_b.py").write_text(STEPS)
    with pytest.raises(MigrationFileError, match=r"0002_b\.py: it has no revision"):
        read_folder(tmp_path)


def test_a_missing_folder_is_empty(tmp_path: Path) -> None:
    """A project without migrations is not an error."""
    assert read_folder(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("add timestamp", "0007_add_timestamp"),
        ("Add  User.e-mail!", "0007_add_user_e_mail"),
        ("../../etc/passwd", "0007_etc_passwd"),
        ("a\\b:c*d?\n\te", "0007_a_b_c_d_e"),
        ("__init__", "0007_init"),
        ("Größe ändern", "0007_größe_ändern"),
        ("Gro\u0308\u00dfe", "0007_größe"),
        ("テーブル", "0007_テーブル"),
        ("🚀", "0007_migration"),
        ("", "0007_migration"),
        ("...", "0007_migration"),
        ("word " * 40, "0007_" + "_".join(["word"] * 12)),
    ],
)
def test_file_names_come_from_messages(message: str, name: str) -> None:
    """Any message gives a name that is short, and safe in a path."""
    assert file_name(7, message) == name


def test_the_longest_name_fits_a_file_system(tmp_path: Path) -> None:
    """The message has letters of four bytes, which is the worst case."""
    name = file_name(7, "\U00020000" * 300)
    read(tmp_path, 'revision = "a"' + STEPS, f"{name}.py")
    assert [m.name for m in read_folder(tmp_path)] == [name]
    assert len(f".{name}.down.sql.12345678".encode()) <= 255


def test_numbers_of_file_names_are_padded() -> None:
    """They have four digits, and more above 9999."""
    assert [file_name(n, "a") for n in (1, 9999, 10000)] == ["0001_a", "9999_a", "10000_a"]


@pytest.mark.parametrize(
    ("lines", "depends_on", "labels"),
    [
        ('depends_on = "27c"', ("27c",), ()),
        ('depends_on = ("27c", "41f", "27c")', ("27c", "41f"), ()),
        ("depends_on = None\nbranch_labels = None", (), ()),
        ('labels = ("billing",)', (), ("billing",)),
        ('branch_labels: str | None = "billing"', (), ("billing",)),
        ('branch_labels = ["billing", "money.v2"]', (), ("billing", "money.v2")),
        ('labels = ("new",)\nbranch_labels = ("old",)', (), ("new",)),
    ],
)
def test_labels_and_dependencies_are_read(
    tmp_path: Path, lines: str, depends_on: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    """Alembic's names for them are understood too."""
    migration = read(tmp_path, f'revision = "a"\nparents = ("b",)\n{lines}{STEPS}')
    assert (migration.parents, migration.depends_on, migration.labels) == (
        ("b",),
        depends_on,
        labels,
    )


@pytest.mark.parametrize("label", ["head", "base", "heads", "12", "a@b", "a-1", "a+1", "a b", ""])
def test_an_ambiguous_label_is_refused(tmp_path: Path, label: str) -> None:
    """A label must differ from every other kind of target."""
    assert read_refused(tmp_path, f'revision = "a"\nlabels = ("{label}",){STEPS}') == (
        f": {label!r} cannot be a label",
        "use letters, digits, dots and _, but not a number, head, heads or base",
    )


def test_a_sql_header_has_labels_and_dependencies(tmp_path: Path) -> None:
    """They are written and read back."""
    header = sql_header("7d", ("41",), "add", labels=("billing",), depends_on=("27", "28"))
    assert header == (
        "-- revision: 7d\n-- parents: 41\n-- depends_on: 27 28\n-- labels: billing\n"
        "-- message: add\n"
    )
    migration = read_migration(write_sql_pair(tmp_path, header))
    assert (migration.depends_on, migration.labels, migration.parents) == (
        ("27", "28"),
        ("billing",),
        ("41",),
    )


def test_a_syntax_error_in_a_function_is_found_by_the_checksum(tmp_path: Path) -> None:
    """The error is that of any broken file, with its line."""
    text = 'revision = "a"\n\n\ndef upgrade():\n    op.(\n\n\ndef downgrade():\n    pass\n'
    migration = read(tmp_path, text)
    with pytest.raises(MigrationFileError) as caught:
        _ = migration.checksum
    path = tmp_path / "0002_add_timestamp.py"
    assert caught.value.message == (f"cannot read migration {path}:5: SyntaxError: invalid syntax")
    assert caught.value.hint == "fix the file, or restore it from version control"


def test_line_endings_are_ignored(tmp_path: Path) -> None:
    """A file with the line endings of Windows is the same migration."""
    text = '"""add"""\nrevision = "a"' + STEPS
    migration = read(tmp_path, text)
    path = tmp_path / "0002_add_timestamp.py"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    assert read_migration(path) == migration


def test_plain_files_are_read_without_parsing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Generated files are scanned; only an unusual file needs the parser."""
    plain = (
        '"""add\n\n+ column x\n"""\n\nimport sqlalchemy as sa\nfrom autodiff import op\n\n'
        'revision = "a{n}"\nparents = ("a{p}",)\n'
    )
    for n in range(200):
        (tmp_path / f"{n:04d}_a.py").write_text(plain.format(n=n, p=n - 1) + STEPS)
    (tmp_path / "0200_odd.py").write_text('revision = "odd"\nx = f(\nparents="y"\n)' + STEPS)
    parsed = []
    parse = ast.parse

    def recording_parse(*arguments: object, **keywords: object) -> ast.Module:
        parsed.append(keywords["filename"])
        return parse(*arguments, **keywords)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(ast, "parse", recording_parse)
    migrations = read_folder(tmp_path)
    assert [m.parents for m in migrations[1:200]] == [(f"a{n}",) for n in range(199)]
    assert migrations[200].parents == ()
    assert parsed == [str(tmp_path / "0200_odd.py")]


@pytest.mark.parametrize(
    ("line", "dialects"),
    [
        ("", ()),
        ('dialects = ("postgresql",)', ("postgresql",)),
        ('dialects = "mysql"', ("mysql",)),
        ('dialects = ["sqlite", "mariadb", "sqlite"]', ("sqlite", "mariadb")),
    ],
)
def test_a_file_may_be_limited_to_some_databases(
    tmp_path: Path, line: str, dialects: tuple[str, ...]
) -> None:
    """Without the setting, it is for all of them."""
    assert read(tmp_path, f'revision = "a"\n{line}{STEPS}').dialects == dialects


@pytest.mark.parametrize(("text", "dialects"), [("", ()), ("mysql sqlite", ("mysql", "sqlite"))])
def test_a_sql_file_may_be_limited_to_some_databases(
    tmp_path: Path, text: str, dialects: tuple[str, ...]
) -> None:
    """The header lists them, with or without commas."""
    (tmp_path / "1_a.down.sql").touch()
    for value in (text, text.replace(" ", ", ")):
        header = f"-- revision: a\n-- dialects: {value}\n"
        assert read(tmp_path, header, "1_a.up.sql").dialects == dialects


@pytest.mark.parametrize(
    ("value", "reason", "hint"),
    [
        (
            '("postgres",)',
            "dialects names an unknown kind of database: 'postgres'",
            "use one or more of mariadb, mysql, postgresql, sqlite",
        ),
        (
            "()",
            "dialects = () is not a kind of database",
            'write it like dialects = ("postgresql",)',
        ),
        ("5", "dialects = 5 is not a kind of database", 'write it like dialects = ("postgresql",)'),
    ],
)
def test_unknown_databases_are_refused(tmp_path: Path, value: str, reason: str, hint: str) -> None:
    """Otherwise a typo would skip the migration on every database."""
    refusal = read_refused(tmp_path, f'revision = "a"\ndialects = {value}{STEPS}')
    assert refusal == (f": {reason}", hint)
