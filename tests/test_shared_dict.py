"""Test that a dictionary with shared parts behaves as a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autodiff.utils.shared_dict import SharedDict, differing_keys

KEYS = st.integers(0, 120)
STEPS = st.lists(st.tuples(st.sampled_from(["set", "delete", "copy"]), KEYS), max_size=300)


@given(STEPS)
def test_it_has_what_a_dictionary_has(steps: list[tuple[str, int]]) -> None:
    """Set, delete and copy in any order; earlier copies stay as they were."""
    plain = {number: number for number in range(0, 120, 2)}
    shared = SharedDict(plain)
    plain = dict(plain)
    copies = []
    for place, (step, key) in enumerate(steps):
        if step == "set":
            plain[key] = shared[key] = place
        elif step == "delete":
            assert plain.pop(key, None) == shared.pop(key, None)
        else:
            copies.append((dict(plain), shared))
            shared = SharedDict(shared)
        assert (key in plain) == (key in shared)
        assert plain.get(key) == shared.get(key)
    for expected, found in [*copies, (plain, shared)]:
        assert dict(found) == expected
        assert len(found) == len(expected)


@given(STEPS)
def test_copies_are_compared_as_dictionaries_are(steps: list[tuple[str, int]]) -> None:
    """Compare each copy with each later one, also with those that were copied in full."""
    shared: SharedDict[int, str] = SharedDict({number: f"{number}" for number in range(0, 120, 2)})
    copies = [SharedDict(shared)]
    for place, (step, key) in enumerate(steps):
        if step == "set":
            shared[key] = f"{key}" if place % 2 else f"{place}"
        elif step == "delete":
            shared.pop(key, None)
        else:
            copies.append(shared)
            shared = SharedDict(shared)
    for before in copies[:5]:
        for after in copies[-5:]:
            old, new = dict(before), dict(after)
            assert (before == after) == (old == new)
            assert (before == new) == (old == new)
            differing = differing_keys(before, after)
            assert len(set(differing)) == len(differing)
            assert set(differing) == {
                key for key in old.keys() | new.keys() if old.get(key) is not new.get(key)
            }


def test_values_can_be_replaced_while_they_are_listed() -> None:
    """A rename replaces the references of all tables."""
    shared = SharedDict(dict.fromkeys(range(5), 0))
    shared[7] = 0
    for key, value in shared.items():
        shared[key] = value + 1
    assert dict(shared) == dict.fromkeys((0, 1, 2, 3, 4, 7), 1)


def test_a_copy_does_not_change_the_original() -> None:
    """Each copy has its own changes."""
    first = SharedDict({"a": 1})
    second = SharedDict(first)
    second["a"] = 2
    del first["a"]
    assert dict(first) == {}
    assert dict(second) == {"a": 2}
