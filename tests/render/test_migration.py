"""Tests for rendering migration files, with built-in and custom templates."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from autodiff import diff
from autodiff.autogenerate.plan import Plan
from autodiff.dialects import dialect_for
from autodiff.errors import ConfigError
from autodiff.models import declare
from autodiff.render import render_empty, render_migration, template_name, templates_folder
from autodiff.render.python import PythonSource
from autodiff.schema.objects import ColumnType, EnumType, Name, Schema
from autodiff.schema.operations import OPERATION_CLASSES, CreateTable

METADATA = sa.MetaData()
sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, index=True),
)


@pytest.fixture
def plan() -> Plan:
    """Return a plan that creates one table on SQLite."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        created_plan = diff(connection, METADATA)
    engine.dispose()
    return created_plan


def render(plan: Plan, templates: Path | None = None, message: str = "create users") -> str:
    return render_migration(
        plan, message=message, revision="7d1c09be", parents=("41f2ab90",), templates=templates
    )


def ruff_format(text: str) -> str:
    process = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout


def test_rendered_file(plan: Plan) -> None:
    assert (
        render(plan)
        == '''"""create users

+ table users
"""

import sqlalchemy as sa
from autodiff import op

revision = "7d1c09be"
parents = ("41f2ab90",)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
    )
    op.create_index("ix_users_name", "users", ["name"])


def downgrade() -> None:
    op.drop_table("users")
'''
    )


def test_empty_file_imports_only_op() -> None:
    text = render_empty(dialect_for("sqlite"), message="by hand", revision="a", parents=())
    assert (
        text
        == '''"""by hand"""

from autodiff import op

revision = "a"
parents = ()


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
'''
    )
    assert ruff_format(text) == text


MESSAGES = [
    "it's",
    'say "hi"',
    '"quoted"',
    'ends with "',
    'ends with \\"',
    '"',
    '"""three"""',
    'four """"',
    "back\\slash",
    "ends with \\",
    "\\N{BULLET} \\x41 \\u0041",
    "'single'",
    "süß 🚀",
    " spaces around ",
    "two\nlines",
    "{{ braces }} {% raw %}",
    "",
]


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_escaped(plan: Plan, message: str) -> None:
    """Quotes and backslashes are preserved."""
    for text in (
        render(plan, message=message),
        render_empty(dialect_for("sqlite"), message=message, revision="a", parents=("b", "c")),
    ):
        docstring = ast.get_docstring(ast.parse(text), clean=True) or ""
        expected = message.strip() or "migration"
        assert docstring.split("\n\n")[0].strip() == expected
        assert ruff_format(text) == text


def test_parents_are_a_tuple(plan: Plan) -> None:
    for parents in ((), ("a",), ("a", "b")):
        text = render_migration(plan, message="m", revision="r", parents=parents)
        namespace: dict[str, object] = {}
        lines = [line for line in text.splitlines() if line.startswith(("revision", "parents"))]
        exec("\n".join(lines), namespace)
        assert (namespace["revision"], namespace["parents"]) == ("r", parents)


def test_notes_follow_the_summary_in_the_docstring(plan: Plan) -> None:
    text = render_migration(plan, message="m", revision="r", parents=(), notes=["Not settled."])
    assert text.startswith('"""m\n\n+ table users\n\nNot settled.\n"""\n')


@pytest.mark.parametrize(
    ("column", "imports"),
    [
        (sa.Column("x", sa.Integer), ["import sqlalchemy as sa", "from autodiff import op"]),
        (
            sa.Column("x", postgresql.JSONB),
            [
                "import sqlalchemy as sa",
                "from autodiff import op",
                "from sqlalchemy.dialects import postgresql",
            ],
        ),
    ],
)
def test_only_necessary_imports_are_written(column: sa.Column[object], imports: list[str]) -> None:
    metadata = sa.MetaData()
    sa.Table("t", metadata, column)
    dialect = dialect_for("postgresql")
    desired = declare(metadata, dialect)
    plan = Plan(
        dialect=dialect,
        current=Schema(),
        desired=desired,
        changes=(),
        operations=(CreateTable(table=desired.tables[Name("t")]),),
        findings=(),
    )
    text = plan.source("m")
    import_lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert import_lines == imports


# Custom templates


def test_custom_template_replaces_the_built_in_one(plan: Plan, tmp_path: Path) -> None:
    """Other operations still use the built-in templates."""
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "drop_table.py.j2").write_text(
        "op.execute({{ py.string('DROP TABLE ' ~ operation.name.name ~ ' CASCADE') }})"
    )
    text = render(plan, tmp_path)
    assert text == render(plan).replace(
        'op.drop_table("users")', 'op.execute("DROP TABLE users CASCADE")'
    )
    assert "CASCADE" not in render(plan)


def test_file_template_can_be_replaced(plan: Plan, tmp_path: Path) -> None:
    """It gets the variables of the built-in template. Template folders are independent."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "migration.py.j2").write_text(
            f"# {name}\nrevision = {{{{ py.string(revision) }}}}\n\n\n"
            "def upgrade():\n{{ upgrade }}\n\n\ndef downgrade():\n{{ downgrade }}\n"
        )
    for name in ("one", "two"):
        text = render(plan, tmp_path / name)
        assert text.startswith(f'# {name}\nrevision = "7d1c09be"\n')
        assert text.endswith('def downgrade():\n    op.drop_table("users")\n')


def test_edited_template_is_reloaded(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "operations").mkdir()
    template = tmp_path / "operations" / "drop_table.py.j2"
    template.write_text("op.first()")
    assert "op.first()" in render(plan, tmp_path)
    template.write_text("op.second_one()")
    os.utime(template, (1, 1))
    assert "op.second_one()" in render(plan, tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("op.drop_table({{ operation.nme }})", "UndefinedError: 'DropTable object'"),
        ("op.drop_table({{ nothing }})", "UndefinedError: 'nothing' is undefined"),
        ("op.drop_table({{ operation.name )", "TemplateSyntaxError: "),
        ("{% include 'no_such.j2' %}", "TemplateNotFound: 'no_such.j2'"),
    ],
)
def test_broken_template_is_rejected(plan: Plan, tmp_path: Path, text: str, reason: str) -> None:
    """The error includes the folder and Jinja's message; undefined variables are errors."""
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "drop_table.py.j2").write_text(text)
    with pytest.raises(ConfigError) as caught:
        render(plan, tmp_path)
    start = f"a template ({tmp_path}) cannot be rendered: "
    assert caught.value.message.startswith(start)
    assert reason.split(": ")[0] in caught.value.message
    assert caught.value.hint == (
        "compare it with the template of the same name that is part of autodiff"
    )


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("operations/drop_table.py.j2", "op.drop_table(", "'(' was never closed: op.drop_table("),
        ("migration.py.j2", "def upgrade(:", "invalid syntax: def upgrade(:"),
    ],
)
def test_template_with_invalid_python_is_rejected(
    plan: Plan, tmp_path: Path, name: str, text: str, reason: str
) -> None:
    """No file is written."""
    (tmp_path / "operations").mkdir()
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        render(plan, tmp_path)
    assert caught.value.message == f"the templates in {tmp_path} produce invalid Python: {reason}"


def test_templates_folder_must_exist(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        render(plan, tmp_path / "typo")
    assert caught.value.message == f"the templates folder {tmp_path / 'typo'} does not exist"
    assert caught.value.hint == "correct templates_dir"


def test_operations_and_templates_correspond() -> None:
    folder = templates_folder()
    files = {f"operations/{path.name}" for path in (folder / "operations").iterdir()}
    assert files == {template_name(cls) for cls in OPERATION_CLASSES}


SCRIPT = """
import sys
from autodiff import Project
import sqlalchemy as sa

metadata = sa.MetaData()
for name in ("b", "a", "c"):
    sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.String(9), unique=True, index=True),
        sa.Column("y", sa.Enum("u", "v", name=f"enum_{name}"), sa.CheckConstraint("y > 'a'")),
        sa.Column("z", sa.ForeignKey("b.id")),
        sa.UniqueConstraint("y", "x"),
        sa.CheckConstraint("x <> ''"),
        info={"renamed_from": "z"},
    )
project = Project(sys.argv[1], metadata, sys.argv[2])
draft = project.draft("all")
for text in draft.texts.values():
    print(text)
print(draft.lock)
"""


def test_output_is_deterministic(tmp_path: Path) -> None:
    """PYTHONHASHSEED has no effect, so no order comes from a set."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "sqlite://", str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(5)
    ]
    outputs = [process.communicate() for process in processes]
    assert [error for _, error in outputs] == [""] * 5
    assert len({text for text, _ in outputs}) == 1
    assert "op.create_table(" in outputs[0][0]


def test_types_of_the_lock_file_are_spelled_by_their_sql() -> None:
    """The lock file has no Python: a type, an enum and an array of it are derived."""
    mood = EnumType(name=Name("mood", "app"), values=("ok", 'a"b'))
    py = PythonSource(dialect_for("postgresql"), {mood.name: mood})
    spelled = {
        sql: py.type(ColumnType(sql=sql, enum=enum))
        for sql, enum in {
            "character varying(40)": None,
            "geometry(Point,4326)": None,
            "app.mood": mood.name,
            "app.mood[]": mood.name,
            "app.other": Name("other", "app"),
            "": None,
        }.items()
    }
    enum = """sa.Enum("ok", 'a"b', name="mood", schema="app")"""
    assert spelled == {
        "character varying(40)": "sa.String(40)",
        "geometry(Point,4326)": 'op.sql_type("geometry(Point,4326)")',
        "app.mood": enum,
        "app.mood[]": f"postgresql.ARRAY({enum})",
        "app.other": 'op.sql_type("app.other")',
        "": "sa.types.NullType()",
    }
