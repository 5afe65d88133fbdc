"""Tests of the faster `__init__` of frozen dataclasses."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, replace

import pytest

from autodiff.schema.objects import Check, Column, ForeignKey, Index, Name, PrimaryKey, Table
from autodiff.utils.frozen import quick_init


@quick_init
@dataclass(frozen=True, slots=True)
class Point:
    """A class with each kind of field."""

    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)
    label: str = field(default="", kw_only=True)


def test_fields_get_their_values_and_defaults() -> None:
    """Positions, keywords, defaults and factories work as in any dataclass."""
    assert Point(1) == Point(x=1, y=2, names=[], label="")
    assert Point(1, 3, ["a"], label="b") != Point(1, 3, ["a"])
    assert Point(1).names is not Point(1).names
    assert replace(Point(1), y=5, label="c") == Point(1, 5, label="c")
    with pytest.raises(FrozenInstanceError):
        Point(1).x = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [((), {}, "x"), ((1,), {"z": 2}, "z"), ((1, 2, [], "label"), {}, "positional")],
)
def test_wrong_arguments_are_refused(
    arguments: tuple[object, ...], keywords: dict[str, object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        Point(*arguments, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [Column, PrimaryKey, ForeignKey, Check, Index, Table])
def test_signature_is_that_of_the_dataclass(cls: type) -> None:
    """Tools that show the signature see each field, and whether it is required."""
    parameters = inspect.signature(cls).parameters
    assert list(parameters) == [spec.name for spec in fields(cls)]
    for spec in fields(cls):
        required = spec.default is MISSING and spec.default_factory is MISSING
        assert (parameters[spec.name].default is inspect.Parameter.empty) == required


def test_signature_of_a_name() -> None:
    """A name is a tuple, and its schema can be left out."""
    parameters = inspect.signature(Name).parameters
    assert list(parameters) == ["name", "schema"]
    assert parameters["name"].default is inspect.Parameter.empty
    assert parameters["schema"].default is None
