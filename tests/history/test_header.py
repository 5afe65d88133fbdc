"""Test that scanning the header of a file gives what the parser would give, or nothing."""

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

UNUSUAL = {
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
    """The values and the docstring are those that Python would read."""
    header = read_header(text + STEPS, NAMES)
    assert header is not None
    module: dict[str, object] = {}
    assignments = [
        line for line in ast.parse(text).body if isinstance(line, ast.Assign | ast.AnnAssign)
    ]
    exec(
        compile(ast.Module(assignments, []), "", "exec"), {"Union": dict, "Sequence": list}, module
    )
    assert dict(header.values) == {name: module[name] for name in NAMES if name in module}
    assert (ast.get_docstring(ast.parse(text)) or "").strip() == header.docstring.strip()


@pytest.mark.parametrize("text", UNUSUAL.values(), ids=UNUSUAL.keys())
def test_unusual_files_are_left_to_the_parser(text: str) -> None:
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
def test_code_after_the_functions_is_left_to_the_parser(functions: str) -> None:
    """It may be an assignment, or text that looks like a function."""
    assert read_header('revision = "a"\nparents = ()\n' + functions, NAMES) is None
