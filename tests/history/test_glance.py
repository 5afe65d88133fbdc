"""A glance at a file says what the parser would, or nothing."""

from __future__ import annotations

import ast

import pytest

from autodiff.migrations.header import read_header

STEPS = "\n\ndef upgrade() -> None:\n    pass\n\n\ndef downgrade() -> None:\n    pass\n"
NAMES = ("revision", "parents", "lock_timeout")

PLAIN = {
    "generated": '"""add\n\n+ x "y"\n"""\n\nimport sqlalchemy as sa\nfrom autodiff import op\n\n'
    'revision = "a"\nparents = ("b",)\n',
    "Alembic's": '"""add\n\nRevises: b\n"""\nfrom typing import Sequence, Union\n\n'
    "from alembic import op\nimport sqlalchemy as sa\n\n# revision identifiers\n"
    "revision: str = 'a'\nparents: Union[str, Sequence[str], None] = 'b'\nother = None\n",
    "no docstring": 'revision = "a"\nparents = ()\n',
    "lists": 'revision = "a"\nparents = ["b",  "c"]\n',
    "lines": 'revision = "a"\nparents = (\n    "b",\n    "c",\n)\nlock_timeout = 1.5\n',
    "comments": 'revision = "a"  # "x"\nparents = ("b",) # why\n',
    "twice": 'revision = "x"\nrevision = "a"\nparents = None\n',
    "brackets of imports": 'from a.b import (\n    c,\n    d,\n)\nrevision = "a"\n',
}

ODD = {
    "text in a call": 'revision = "a"\nx = f(\nparents="y",\nb=1)\n',
    "text in a string": 'revision = "a"\nx = """\nparents = ("y",)\n"""\n',
    "text between strings": 'revision = "a"\nx = """\nparents = ("y",)\ny = """\n',
    "two strings": 'revision = "a" "b"\n',
    "computed": 'revision = "a".lower()\n',
    "a name": "revision = HEAD\n",
    "escaped": 'revision = "a\\x41"\n',
    "statements on one line": 'revision = "a"; parents = ("b",)\n',
    "two targets": 'revision = parents = "a"\n',
    "if": 'if x:\n    revision = "a"\nrevision = "b"\n',
    "continued": 'revision = \\\n"a"\n',
    "docstring with escapes": '"""a \\""" b"""\nrevision = "a"\n',
    "joined docstring": '"""a""" """b"""\nrevision = "a"\n',
    "docstring goes on": '"""a"""\n"b"\nrevision = "a"\n',
    "no revision": 'parents = "a"\n',
    "empty": 'revision = ""\n',
    "number": "revision = 5\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN.keys())
def test_plain_files_need_no_parser(text: str) -> None:
    """What is seen is what Python makes of the text."""
    seen = read_header(text + STEPS, NAMES)
    assert seen is not None
    module: dict[str, object] = {}
    lines = [line for line in ast.parse(text).body if isinstance(line, ast.Assign | ast.AnnAssign)]
    exec(compile(ast.Module(lines, []), "", "exec"), {"Union": dict, "Sequence": list}, module)
    assert dict(seen.values) == {name: module[name] for name in NAMES if name in module}
    assert (ast.get_docstring(ast.parse(text)) or "").strip() == seen.docstring.strip()


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
def test_where_it_can_not_be_told_nothing_is(text: str) -> None:
    """The parser has the word."""
    assert read_header(text + STEPS, NAMES) is None


@pytest.mark.parametrize(
    "functions",
    [
        "def upgrade(): pass\n",
        "def upgrade(): pass\ndef downgrade(): pass\nparents = ('late',)\n",
        "def upgrade(): pass\ndef downgrade(): pass\n(parents) = ('late',)\n",
        "def upgrade():\n    x = '''\ndef downgrade():\n    '''\n",
        'def upgrade():\n    x = "\\\ndef downgrade():\\\n    "\n',
        "def upgrade(): pass\n@x\ndef downgrade(): pass\n",
        "async def upgrade(): pass\ndef downgrade(): pass\n",
        "def upgrade(): pass\ndef downgrade(): pass\n<<<<<<< HEAD\n",
        "def upgrade(): pass\ndef downgrade(\n): pass; parents = 1\n",
        "def upgrade(): pass\ndef downgrade(): pass\n\0",
    ],
)
def test_what_stands_behind_the_functions_counts(functions: str) -> None:
    """An assignment at the end, or a text that looks like a function, is left to the parser."""
    assert read_header('revision = "a"\nparents = ()\n' + functions, NAMES) is None
