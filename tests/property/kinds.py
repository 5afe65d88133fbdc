"""Types, defaults and checks of random columns, and the databases that support them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHECKS", "FAMILIES", "TYPES", "TypeSpec", "can_be_key", "family_of"]


@dataclass(frozen=True, kw_only=True)
class TypeSpec:
    """A column type as Python code; databases that are not in `kinds` use the type `fallback`.

    Types of one family can be converted to each other without losing values. The families
    `number` and `text` can be converted to each other too.
    """

    code: str
    family: str
    defaults: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("sqlite", "postgresql", "mariadb")
    fallback: str = "integer"
    key: bool = True


_NUMBERS = ('"0"', '"7"', 'sa.text("7")', 'sa.text("-1")', 'sa.text("(1 + 2)")')
_TEXTS = (
    '""',
    '"plain"',
    '"it\'s 5%"',
    '"a:b"',
    "sa.text(\"'x'\")",
    "sa.text(\"(lower('ABC'))\")",
    '"NULL"',
    '"c\\\\d"',
    '"é"',
)
_DAYS = ('"2020-01-31"', 'sa.text("CURRENT_DATE")')
_TIMES = ('"2020-01-31 10:00:00"', "sa.func.now()", 'sa.text("CURRENT_TIMESTAMP")')

TYPES: dict[str, TypeSpec] = {
    "integer": TypeSpec(code="sa.Integer()", family="number", defaults=_NUMBERS),
    "small": TypeSpec(code="sa.SmallInteger()", family="number", defaults=_NUMBERS),
    "big": TypeSpec(code="sa.BigInteger()", family="number", defaults=_NUMBERS),
    "money": TypeSpec(code="sa.Numeric(10, 2)", family="number", defaults=_NUMBERS, key=False),
    "float": TypeSpec(code="sa.Float()", family="number", defaults=_NUMBERS, key=False),
    "double": TypeSpec(code="sa.Double()", family="number", defaults=_NUMBERS, key=False),
    "unsigned": TypeSpec(
        code="mysql.INTEGER(unsigned=True)",
        family="number",
        defaults=_NUMBERS[:3],
        kinds=("mariadb",),
    ),
    "string20": TypeSpec(code="sa.String(20)", family="text", defaults=_TEXTS),
    "string50": TypeSpec(code="sa.String(50)", family="text", defaults=_TEXTS),
    "text": TypeSpec(code="sa.Text()", family="text", defaults=_TEXTS, key=False),
    "char": TypeSpec(code="sa.CHAR(12)", family="text", key=False),
    "unicode": TypeSpec(code="sa.Unicode(30)", family="text", defaults=_TEXTS),
    "collated": TypeSpec(
        code='sa.String(20, collation="NOCASE")',
        family="text",
        kinds=("sqlite",),
        fallback="string20",
    ),
    "collated_c": TypeSpec(
        code='sa.String(20, collation="C")',
        family="text",
        kinds=("postgresql",),
        fallback="string20",
    ),
    "collated_bin": TypeSpec(
        code='sa.String(20, collation="utf8mb4_bin")',
        family="text",
        kinds=("mariadb",),
        fallback="string20",
    ),
    "boolean": TypeSpec(
        code="sa.Boolean()",
        family="boolean",
        defaults=("sa.true()", "sa.false()", 'sa.text("1 = 1")'),
        key=False,
    ),
    "checked_boolean": TypeSpec(
        code="sa.Boolean(create_constraint=True)",
        family="boolean",
        defaults=("sa.true()", "sa.false()"),
        kinds=("sqlite", "mariadb"),
        fallback="boolean",
        key=False,
    ),
    "date": TypeSpec(code="sa.Date()", family="time", defaults=_DAYS),
    "datetime": TypeSpec(code="sa.DateTime()", family="time", defaults=_TIMES),
    "datetimetz": TypeSpec(
        code="sa.DateTime(timezone=True)", family="time", defaults=_TIMES, key=False
    ),
    "datetime6": TypeSpec(
        code="mysql.DATETIME(fsp=6)",
        family="time",
        defaults=_TIMES[:1],
        kinds=("mariadb",),
        fallback="datetime",
    ),
    "binary": TypeSpec(code="sa.LargeBinary()", family="binary", key=False),
    "uuid": TypeSpec(code="sa.Uuid()", family="uuid"),
    "json": TypeSpec(
        code="sa.JSON()", family="json", defaults=("sa.text(\"'{}'\")", "'[1, 2]'"), key=False
    ),
    "jsonb": TypeSpec(
        code="postgresql.JSONB()",
        family="json",
        defaults=("sa.text(\"'{}'\")",),
        kinds=("postgresql",),
        fallback="json",
        key=False,
    ),
    "array": TypeSpec(
        code="postgresql.ARRAY(sa.Integer())",
        family="array",
        defaults=('"{}"', '"{1,2}"'),
        kinds=("postgresql",),
        fallback="integer",
        key=False,
    ),
    "interval": TypeSpec(
        code="sa.Interval()",
        family="interval",
        defaults=('"1 day"',),
        kinds=("postgresql",),
        fallback="datetime",
        key=False,
    ),
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "number": tuple(t for t, spec in TYPES.items() if spec.family in ("number", "text")),
    "text": tuple(t for t, spec in TYPES.items() if spec.family in ("number", "text")),
    **{
        family: tuple(label for label, spec in TYPES.items() if spec.family == family)
        for family in ("boolean", "time", "binary", "uuid", "json", "array", "interval")
    },
}
"""The types that a type of each family can be converted to without losing values."""

CHECKS: dict[str, tuple[str, ...]] = {
    "number": (
        "{0} > -5",
        "{0}.in_([-1, 0, 1, 2, 3, 4, 7])",
        "{0} + 9 >= 0",
        "({0} < 99) | ({0} > 100)",
    ),
    "text": (
        '{0} != "zzz"',
        "{0} != \"it's 5%\" + 'q'",
        "sa.func.length({0}) < 60",
        '{0}.not_in(["q:q", "r"])',
        '~{0}.like("q%q")',
    ),
    "boolean": ("{0}.is_not(None) | {0}.is_(None)",),
    "time": ("{0} > sa.text(\"'1999-01-01'\")",),
}
"""Checks that hold for every value that rows or fills have."""


def family_of(label: str) -> str:
    """Return the family of a type label; enums form a separate family."""
    return "enum" if label == "enum" else TYPES[label].family


def can_be_key(label: str) -> bool:
    """Return whether every database supports keys and plain indexes over the type."""
    return label != "enum" and TYPES[label].key
