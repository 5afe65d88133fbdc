"""Test that a checksum depends only on what a migration does."""

from __future__ import annotations

import ast
import textwrap

import pytest

from autodiff.migrations.checksum import python_checksum, sql_checksum

MIGRATION = '''
"""add timestamp

+ column comments.timestamp
"""
import sqlalchemy as sa
from autodiff import op

revision = "7d1c09be"
parents = ("41f2ab90",)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA a")
        op.execute("PRAGMA b")
    op.add_column("comments", sa.Column("timestamp", sa.DateTime(), nullable=False))


def downgrade() -> None:
    op.drop_column("comments", "timestamp")
'''
SQL = "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\n"


def checksum(text: str) -> str:
    return python_checksum(ast.parse(textwrap.dedent(text)))


EQUIVALENT_FILES = {
    "comment": MIGRATION.replace("def downgrade", "# takes it back\ndef downgrade"),
    "trailing comment": MIGRATION.replace('"timestamp")', '"timestamp")  # gone'),
    "module docstring": MIGRATION.replace("add timestamp", "another message"),
    "no docstring": MIGRATION.replace(MIGRATION[: MIGRATION.index("import")], ""),
    "function docstring": MIGRATION.replace("None:\n", 'None:\n    """Does it."""\n'),
    "lines broken": MIGRATION.replace('("comments", sa', '(\n        "comments",\n        sa'),
    "spaces": MIGRATION.replace(", ", " ,  "),
    "quotes": MIGRATION.replace('"', "'").replace("'''", '"""'),
    "strings joined": MIGRATION.replace('"PRAGMA a"', '"PRAG" "MA a"'),
    "revision": MIGRATION.replace("7d1c09be", "ffffffff"),
    "parents": MIGRATION.replace('("41f2ab90",)', '("a", "b")'),
    "no parents": MIGRATION.replace('parents = ("41f2ab90",)\n', ""),
    "annotated parents": MIGRATION.replace("parents =", "parents: tuple[str, ...] ="),
    "parents after the functions": MIGRATION.replace('parents = ("41f2ab90",)\n', "")
    + '\nparents = ("41f2ab90",)\n',
    "Alembic's names": MIGRATION.replace(
        'parents = ("41f2ab90",)', 'down_revision = "41f2ab90"\nbranch_labels = depends_on = None'
    ),
}

DIFFERENT_FILES = {
    "name": MIGRATION.replace("comments", "posts", 1).replace('n("comments"', 'n("posts"'),
    "argument": MIGRATION.replace("nullable=False", "nullable=True"),
    "no argument": MIGRATION.replace(", nullable=False", ""),
    "type": MIGRATION.replace("DateTime", "Date"),
    "statement added": MIGRATION + "    op.execute('x')\n",
    "statement removed": MIGRATION.replace('        op.execute("PRAGMA b")\n', ""),
    "statement out of the block": MIGRATION.replace('        op.execute("PRAGMA b")', "").replace(
        "    op.add", '    op.execute("PRAGMA b")\n    op.add'
    ),
    "statement into the block": MIGRATION.replace("    op.add_column", "        op.add_column"),
    "order": MIGRATION.replace("PRAGMA a", "PRAGMA c").replace("PRAGMA b", "PRAGMA a"),
    "imports": MIGRATION.replace("from autodiff import op", "from alembic import op"),
    "string that is no docstring": MIGRATION.replace('"PRAGMA a"', '"PRAGMA a "'),
    "directions swapped": MIGRATION.replace("upgrade", "x")
    .replace("downgrade", "upgrade")
    .replace("def x", "def downgrade"),
}


@pytest.mark.parametrize("text", EQUIVALENT_FILES.values(), ids=EQUIVALENT_FILES.keys())
def test_irrelevant_changes_keep_the_checksum(text: str) -> None:
    """Comments, docstrings, layout and the position in the graph are irrelevant."""
    assert text != MIGRATION
    assert checksum(text) == checksum(MIGRATION)


@pytest.mark.parametrize("text", DIFFERENT_FILES.values(), ids=DIFFERENT_FILES.keys())
def test_code_changes_change_the_checksum(text: str) -> None:
    assert text != MIGRATION
    ast.parse(text)
    assert checksum(text) != checksum(MIGRATION)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def upgrade():\n parents = 1\n f(parents)", "def upgrade():\n parents = 2\n f(parents)"),
        ("f(g(a), b)", "f(g(a, b))"),
        ("[[a], b]", "[[a, b]]"),
        ("if x:\n a()\n b()", "if x:\n a()\nb()"),
        ("for i in x:\n a()\nelse:\n b()", "for i in x:\n a()\n b()"),
        ("f(None)", "f()"),
        ("f(1)", "f(True)"),
        ("f('1')", "f(1)"),
        ("f(b'a')", "f('a')"),
        ("f('a', 'b')", "f(\"a', 'b\")"),
        ("f(*a)", "f(**a)"),
        ("def f(a, /): ...", "def f(a): ..."),
        ("def f(): ...", "async def f(): ..."),
    ],
)
def test_similar_code_has_different_checksums(one: str, other: str) -> None:
    """Nesting counts, and so does a local variable with the name of a header field."""
    assert checksum(one) != checksum(other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIGRATION, "852a153c01342453"),
        ("def f(a, b=1, *c, d, e=2, **g): return a if b else [*c, {**g}]", "449a06553a8ea8a5"),
        ("x = f'{a!r:>{b}} c {d=}' 'e' f\"{g['h']}\"", "7187af6cbd6beabf"),
        ("with a as b, (c): pass\nclass D(E, f=1): x: int = 1\n", "a29f9cdaed04bf83"),
        ("try:\n  a[1:2, ::3]\nexcept* (B, C) as d:\n  raise E from d\n", "796c1721159e3fbd"),
        ("match a:\n  case {'b': [c, *_], **d} | E(f=1) if g: pass\n", "a10c9c1616ca6e88"),
        (
            "f('Größe \\U0001fae8 \\U0001cc00 \\x00 \\u200b', 1e400, -0.0, 2j, 10 ** 3, ...)",
            "3229413cbb738259",
        ),
        ("lambda *, a=None: (yield)\nglobal_ = u'x'\n", "301d5ffa175b926b"),
    ],
)
def test_checksums_are_the_same_under_every_python(text: str, expected: str) -> None:
    """A database may be migrated by different versions of Python."""
    assert checksum(text) == expected


def test_sql_comments_and_spaces_do_not_count() -> None:
    """A SQL file can be reformatted."""
    assert sql_checksum(SQL, "DROP TABLE a;") == sql_checksum(
        "-- revision: other\n" + SQL.replace(" ", "\n  ") + "/* end */", "DROP   TABLE a;\n-- x"
    )


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (SQL.replace("1", "2"), "DROP TABLE a;"),
        (SQL, "DROP TABLE a CASCADE;"),
        (SQL + "DROP TABLE a;", ""),
        ("", SQL + "DROP TABLE a;"),
        (SQL.replace("a (", "'a' ("), "DROP TABLE a;"),
        (SQL + "/*!50100 SET x = 1 */;", "DROP TABLE a;"),
        (SQL.replace("INSERT", "INSERT /*+ hint */"), "DROP TABLE a;"),
    ],
)
def test_sql_changes_count(up: str, down: str) -> None:
    """Moving a statement from up to down counts too."""
    assert sql_checksum(up, down) != sql_checksum(SQL, "DROP TABLE a;")


def test_a_comment_at_the_end_does_not_hide_the_down_file() -> None:
    """The two files are hashed separately."""
    assert sql_checksum("A -- end", "B") != sql_checksum("A -- end", "C")
