"""Tests for line breaking, which must match `ruff format`."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from autodiff.render.layout import lay_out


def ruff_format(code: str) -> str:
    """Return the code formatted by ruff."""
    process = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=code,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout


def module(calls: list[str], indent: int) -> str:
    """Return the calls as a module, inside a function if they are indented."""
    formatted = [lay_out(call, indent=indent) for call in calls]
    header = "def upgrade() -> None:\n" if indent else ""
    return header + "\n".join(formatted) + "\n"


CALLS = [
    'op.drop_table("users")',
    'op.create_index("ix_users_email", "users", ["email"], unique=True)',
    'op.create_index("ix_users_email_and_name", "users", ["email", "name"], unique=True)',
    'op.create_index("ix_users_email_and_name_and_more", "users", ["email", "name"], unique=True)',
    'op.create_index("ix", "users", [' + ", ".join(f'"column_{n}"' for n in range(9)) + "])",
    'op.add_column("comments", sa.Column("timestamp", sa.DateTime(), nullable=False))',
    'op.add_column("comments", sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False))',
    'op.add_column("c", sa.Column("t", sa.Numeric(10, 2), server_default=sa.text("'
    + "x" * 60
    + '")))',
    'op.execute("' + "a very long statement " * 6 + '")',
    'op.execute("short, but (with) [brackets]")',
    'op.execute("' + "long, (with) [brackets], 'and' {quotes} " * 4 + '")',
    'op.backfill("users", {"email": sa.text("lower(name)"), "name": "'
    + "n" * 50
    + '"}, where="id > 1")',
    'op.alter_column("users", "name", type_=sa.String(99), existing_type=sa.Text(), nullable=True)',
    'op.create_exclude_constraint("ex", "t", (sa.text("room"), "="), (sa.text("'
    + "d" * 40
    + '"), "&&"))',
    'sa.Enum("' + '", "'.join(f"value {n}" for n in range(12)) + '", name="mood")',
    'op.create_check_constraint("ck_users_name", "users", "length(name) > 3 AND name <> \'(\'")',
    "f(a)(" + "b" * 50 + ", " + "c" * 50 + ")",
    "f(" + "a" * 100 + ")",
    'f("' + "a" * 100 + '",)',
    "f()",
    "pass",
]


@pytest.mark.parametrize("indent", [0, 4])
@pytest.mark.parametrize("call", CALLS)
def test_call_is_formatted_as_by_ruff(call: str, indent: int) -> None:
    text = module([call], indent)
    assert ruff_format(text) == text


def argument(rng: random.Random, depth: int) -> str:
    """Return a random argument."""
    name = "x" * rng.randint(1, 20)
    kinds = ["string", "number", "keyword", "name"]
    if depth:
        kinds += ["call", "list", "mapping", "tuple", "call"]
    match rng.choice(kinds):
        case "string":
            return (
                '"' + "".join(rng.choice("ab ,()[]{}'#=") for _ in range(rng.randint(0, 25))) + '"'
            )
        case "number":
            return str(rng.randint(0, 10_000))
        case "keyword":
            return f"{name}=True"
        case "name":
            return f"sa.{name}"
        case "call":
            return f"sa.{name}({arguments(rng, depth - 1)})"
        case "list":
            return (
                "["
                + ", ".join(f'"{"y" * rng.randint(1, 15)}"' for _ in range(rng.randint(0, 6)))
                + "]"
            )
        case "mapping":
            return (
                "{"
                + ", ".join(
                    f'"k{n}": "{"v" * rng.randint(0, 20)}"' for n in range(rng.randint(0, 4))
                )
                + "}"
            )
        case _:
            return f'("{name}", sa.text("{name}"))'


def arguments(rng: random.Random, depth: int) -> str:
    items = [argument(rng, depth) for _ in range(rng.randint(0, 6))]
    positional = [a for a in items if "=True" not in a or a[0] in '"([{s']
    keywords = list(dict.fromkeys(a for a in items if a not in positional))
    return ", ".join(positional + keywords)


def test_generated_calls_are_formatted_as_by_ruff() -> None:
    """The 500 calls are nested and have brackets in strings."""
    rng = random.Random(20240229)
    calls = [f"op.{'f' * rng.randint(1, 30)}({arguments(rng, 3)})" for _ in range(500)]
    text = module(calls, 4)
    assert ruff_format(text) == text


def test_multi_line_strings_are_not_indented() -> None:
    code = 'op.create_view(\n    "v",\n    """\nSELECT 1,\n  2\n""",\n    materialized=True,\n)'
    formatted = lay_out(code, indent=4)
    assert formatted.splitlines() == [
        "    op.create_view(",
        '        "v",',
        '        """',
        "SELECT 1,",
        "  2",
        '""",',
        "        materialized=True,",
        "    )",
    ]


def test_unbreakable_line_is_unchanged() -> None:
    """Comments and long names cannot be broken."""
    for line in ("# " + "word " * 40, "x = " + "y" * 100):
        assert lay_out(line) == line.rstrip()
