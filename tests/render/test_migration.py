"""Migration files: the text of a plan, through templates that a project may replace."""

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
from autodiff.schema.objects import Name, Schema
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
    """The plan that creates one table on SQLite."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        found = diff(connection, METADATA)
    engine.dispose()
    return found


def render(plan: Plan, templates: Path | None = None, message: str = "create users") -> str:
    return render_migration(
        plan, message=message, revision="7d1c09be", parents=("41f2ab90",), templates=templates
    )


def formatted(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_file_looks_as_a_person_writes_it(plan: Plan) -> None:
    """The whole text, byte for byte."""
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


def test_an_empty_file_imports_what_a_person_needs() -> None:
    """op alone, and both functions."""
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
    assert formatted(text) == text


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
def test_the_message_survives(plan: Plan, message: str) -> None:
    """Quotes and backslashes of a message are read back; three quotes become three others."""
    for text in (
        render(plan, message=message),
        render_empty(dialect_for("sqlite"), message=message, revision="a", parents=("b", "c")),
    ):
        docstring = ast.get_docstring(ast.parse(text), clean=True) or ""
        expected = message.replace('"""', "'''").strip() or "migration"
        assert docstring.split("\n\n")[0].strip() == expected
        assert formatted(text) == text


def test_parents_are_a_tuple(plan: Plan) -> None:
    """Of none, one or several."""
    for parents in ((), ("a",), ("a", "b")):
        text = render_migration(plan, message="m", revision="r", parents=parents)
        namespace: dict[str, object] = {}
        lines = [line for line in text.splitlines() if line.startswith(("revision", "parents"))]
        exec("\n".join(lines), namespace)
        assert (namespace["revision"], namespace["parents"]) == ("r", parents)


def test_notes_stand_in_the_docstring(plan: Plan) -> None:
    """Behind the summary."""
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
def test_only_what_is_needed_is_imported(column: sa.Column[object], imports: list[str]) -> None:
    """In ruff's order."""
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
    found = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert found == imports


# Templates of the project


def test_a_template_of_the_project_comes_first(plan: Plan, tmp_path: Path) -> None:
    """One that is replaced changes one thing; the others stay."""
    (tmp_path / "operations").mkdir()
    (tmp_path / "operations" / "drop_table.py.j2").write_text(
        "op.execute({{ py.string('DROP TABLE ' ~ operation.name.name ~ ' CASCADE') }})"
    )
    text = render(plan, tmp_path)
    assert text == render(plan).replace(
        'op.drop_table("users")', 'op.execute("DROP TABLE users CASCADE")'
    )
    assert "CASCADE" not in render(plan)


def test_the_whole_file_can_be_replaced(plan: Plan, tmp_path: Path) -> None:
    """It has the parts of the one that it replaces; folders know nothing of each other."""
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


def test_a_template_is_read_anew(plan: Plan, tmp_path: Path) -> None:
    """One that was mended is used at once."""
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
def test_a_broken_template_is_refused(plan: Plan, tmp_path: Path, text: str, reason: str) -> None:
    """The error names the folder and what Jinja says; nothing undefined becomes an empty text."""
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
def test_a_template_that_writes_no_python_is_refused(
    plan: Plan, tmp_path: Path, name: str, text: str, reason: str
) -> None:
    """Before the file is written."""
    (tmp_path / "operations").mkdir()
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        render(plan, tmp_path)
    assert caught.value.message == f"the templates in {tmp_path} produce invalid Python: {reason}"


def test_a_templates_folder_must_be_there(plan: Plan, tmp_path: Path) -> None:
    """A wrong path is not taken for no templates."""
    with pytest.raises(ConfigError) as caught:
        render(plan, tmp_path / "typo")
    assert caught.value.message == f"the templates folder {tmp_path / 'typo'} does not exist"
    assert caught.value.hint == "correct templates_dir"


def test_each_operation_has_its_template() -> None:
    """And each template its operation."""
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


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """Whatever PYTHONHASHSEED is: no order comes from a set."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, "sqlite://", str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(5)
    ]
    outputs = [process.communicate() for process in running]
    assert [error for _, error in outputs] == [""] * 5
    assert len({text for text, _ in outputs}) == 1
    assert "op.create_table(" in outputs[0][0]
