"""Long lines are broken as `ruff format` breaks them."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from autodiff.render.layout import lay_out


def ruff(code: str) -> str:
    """The code as the real formatter has it."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"],
        input=code,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def module(calls: list[str], indent: int) -> str:
    """The calls laid out, inside of a function if they are indented."""
    laid = [lay_out(call, indent=indent) for call in calls]
    head = "def upgrade() -> None:\n" if indent else ""
    return head + "\n".join(laid) + "\n"


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
def test_a_call_is_laid_out_as_ruff_does(call: str, indent: int) -> None:
    """`ruff format` has nothing to change."""
    text = module([call], indent)
    assert ruff(text) == text


def argument(pick: random.Random, depth: int) -> str:
    """Any argument of a generated call."""
    name = "x" * pick.randint(1, 20)
    kinds = ["string", "number", "keyword", "name"]
    if depth:
        kinds += ["call", "list", "mapping", "tuple", "call"]
    match pick.choice(kinds):
        case "string":
            return (
                '"'
                + "".join(pick.choice("ab ,()[]{}'#=") for _ in range(pick.randint(0, 25)))
                + '"'
            )
        case "number":
            return str(pick.randint(0, 10_000))
        case "keyword":
            return f"{name}=True"
        case "name":
            return f"sa.{name}"
        case "call":
            return f"sa.{name}({arguments(pick, depth - 1)})"
        case "list":
            return (
                "["
                + ", ".join(f'"{"y" * pick.randint(1, 15)}"' for _ in range(pick.randint(0, 6)))
                + "]"
            )
        case "mapping":
            return (
                "{"
                + ", ".join(
                    f'"k{n}": "{"v" * pick.randint(0, 20)}"' for n in range(pick.randint(0, 4))
                )
                + "}"
            )
        case _:
            return f'("{name}", sa.text("{name}"))'


def arguments(pick: random.Random, depth: int) -> str:
    found = [argument(pick, depth) for _ in range(pick.randint(0, 6))]
    places = [a for a in found if "=True" not in a or a[0] in '"([{s']
    keywords = list(dict.fromkeys(a for a in found if a not in places))
    return ", ".join(places + keywords)


def test_many_generated_calls_are_laid_out_as_ruff_does() -> None:
    """Five hundred calls, nested and with brackets in their strings."""
    pick = random.Random(20240229)
    calls = [f"op.{'f' * pick.randint(1, 30)}({arguments(pick, 3)})" for _ in range(500)]
    text = module(calls, 4)
    assert ruff(text) == text


def test_strings_of_several_lines_stay_as_they_are() -> None:
    """What stands between three quotes is not indented."""
    code = 'op.create_view(\n    "v",\n    """\nSELECT 1,\n  2\n""",\n    materialized=True,\n)'
    laid = lay_out(code, indent=4)
    assert laid.splitlines() == [
        "    op.create_view(",
        '        "v",',
        '        """',
        "SELECT 1,",
        "  2",
        '""",',
        "        materialized=True,",
        "    )",
    ]


def test_a_line_that_cannot_be_broken_stays() -> None:
    """A comment, or a name that is too long."""
    for line in ("# " + "word " * 40, "x = " + "y" * 100):
        assert lay_out(line) == line.rstrip()
