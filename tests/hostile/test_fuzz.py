"""Change a valid project at random: each command ends with a result or one clear message."""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.project import CONFIG, Result, SmallProject

COMMANDS = (
    ("check",),
    ("check", "--offline"),
    ("status",),
    ("history",),
    ("history", "--log"),
    ("upgrade",),
    ("upgrade", "--sql"),
    ("downgrade", "-1", "--dry-run"),
    ("generate", "-m", "x", "--dry-run", "--no-input"),
    ("generate", "-m", "x", "--from", "history", "--dry-run", "--no-input", "--no-rehearse"),
    ("show", "head"),
    ("repair",),
    ("diff", "head", "models"),
    ("status", "--all"),
)
PARTS = st.sampled_from(
    [
        *("", "\n", "\r", "\0", "\u2028", "\x1b[2J", "'", '"', '"""', "'''", "\\", "(" * 300, "é"),
        *(
            "nan",
            "inf",
            "-1",
            "1e400",
            "0.5",
            "9" * 5000,
            "true",
            "[]",
            "{}",
            "null",
            "None",
            "${X}",
        ),
        *(
            "revision",
            "parents = ",
            "lock_timeout = ",
            "-- revision:",
            "://",
            "@",
            "%",
            "?a=b",
            "#",
        ),
        *("raise BaseException()", "import sys; sys.exit(3)", "\ud800", "<<<<<<< ", "{{ 1 }}"),
    ]
)
TEXTS = st.lists(st.one_of(PARTS, st.text(max_size=5)), max_size=4).map("".join)
EXAMPLES = 120


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SmallProject:
    return SmallProject.create(tmp_path_factory.mktemp("fuzz") / "original")


@pytest.fixture(scope="module")
def counts() -> Iterator[dict[str, int]]:
    """Count the runs of each input; the report shows them with -s."""
    found: dict[str, int] = {}
    yield found
    print(f"\nfuzz: {sum(found.values())} command lines: {found}")


def checked(project: SmallProject, command: tuple[str, ...]) -> Result:
    """Run a command that must not end with a traceback or with a bug of autodiff."""
    result = project.run(*command)
    said = result.out + result.err
    assert "bug in autodiff" not in said, said
    assert "Traceback" not in said, said
    assert result.code in (0, 1, 2), said
    if result.code == 2:
        assert result.err.count("error: ") >= 1, said
        assert "hint: " in result.err, said
    return result


def fuzz(
    original: SmallProject,
    counts: dict[str, int],
    name: str,
    inputs: st.SearchStrategy[Any],
    change: Callable[[SmallProject, Any], None],
) -> None:
    """Run random commands on copies of the project that `change` alters by random inputs."""

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(inputs, st.sampled_from(COMMANDS))
    def check(value: Any, command: tuple[str, ...]) -> None:
        project = original.copy(original.path.with_name(name))
        change(project, value)
        checked(project, command)
        counts[name] = counts.get(name, 0) + 1

    check()
    assert counts[name] >= EXAMPLES


def spliced(text: str, place: float, part: str, removed: int) -> str:
    """Return a text with a part in the place of some characters."""
    start = int(place * len(text))
    return text[:start] + part + text[start + removed :]


SPLICES = st.tuples(st.floats(0, 1), TEXTS, st.integers(0, 20))
SETTINGS = (
    *("lock_wait", "lock_timeout", "statement_timeout", "lock_retries", "url", "scratch_url"),
    *("models", "migrations", "exclude_tables", "hooks", "targets", "history_schema", "path"),
    *("templates_dir", "env_file", "allow_empty_models", "environments"),
)
VALUES = st.sampled_from(
    [
        *(
            "nan",
            "inf",
            "-inf",
            "0.5",
            "-1",
            "1e300",
            "9" * 30,
            "true",
            "[]",
            "{}",
            "[[1]]",
            '["x"]',
        ),
        *(
            "1979-05-27",
            '"x:y"',
            '"\\u0000"',
            '"a" ',
            "{urls = 5}",
            '{file = "x"}',
            '{query = "x"}',
        ),
        *('{urls = ["sqlite://", "x"]}', '{before_upgrade = "x:y"}', '"sqlite:///x?foo=1"', '"x"'),
        *('"\\u001b[2J"', '"."', '"app.db"', '"postgresql://u:p@ss@h/d"', '{a = {url = ["x"]}}'),
    ]
)


@pytest.mark.parametrize("name", ["config", "migration", "lock", "models"])
def test_changed_text(original: SmallProject, counts: dict[str, int], name: str) -> None:
    """Characters of a file are replaced by hostile ones."""
    files = {
        "config": "autodiff.toml",
        "migration": "migrations/0001_users.py",
        "lock": "migrations/autodiff.lock",
        "models": "hostile_models.py",
    }
    text = (original.path / files[name]).read_text()
    fuzz(
        original,
        counts,
        name,
        SPLICES,
        lambda project, splice: project.write(files[name], spliced(text, *splice)),
    )


@pytest.mark.parametrize("name", ["config", "migration", "lock", "models", "env"])
def test_changed_bytes(original: SmallProject, counts: dict[str, int], name: str) -> None:
    """A file is not UTF-8."""
    files = {
        "config": "autodiff.toml",
        "migration": "migrations/0001_users.py",
        "lock": "migrations/autodiff.lock",
        "models": "hostile_models.py",
        "env": ".env",
    }
    path = original.path / files[name]
    data = path.read_bytes() if path.exists() else b"A=1\n"
    cut = st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4))

    def change(project: SmallProject, value: tuple[float, bytes]) -> None:
        start = int(value[0] * len(data))
        project.write(files[name], data[:start] + value[1] + data[start:])

    fuzz(original, counts, f"bytes of {name}", cut, change)


def test_settings(original: SmallProject, counts: dict[str, int]) -> None:
    """A setting has a value of another type or out of range."""
    pairs = st.tuples(st.sampled_from(SETTINGS), VALUES)

    def change(project: SmallProject, pair: tuple[str, str]) -> None:
        name, value = pair
        lines = [line for line in CONFIG.splitlines() if not line.startswith(f"{name} ")]
        project.write("autodiff.toml", "\n".join([*lines, f"{name} = {value}"]))

    fuzz(original, counts, "settings", pairs, change)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in JSON data."""
    yield path
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*path, key))


def test_values_of_the_lock_file(original: SmallProject, counts: dict[str, int]) -> None:
    """A value of the lock file is replaced by other JSON, or has another key."""
    text = (original.path / "migrations/autodiff.lock").read_text()
    paths = [path for path in places(json.loads(text)) if path]

    def change(project: SmallProject, value: tuple[tuple[Any, ...], Any, str | None]) -> None:
        path, new, key = value
        data = json.loads(text)
        holder = data
        for step in path[:-1]:
            holder = holder[step]
        if key is not None and isinstance(holder, dict):
            holder[key] = new
        else:
            holder[path[-1]] = new
        project.write("migrations/autodiff.lock", json.dumps(data))

    inputs = st.tuples(st.sampled_from(paths), JSON, st.one_of(st.none(), st.text(max_size=5)))
    fuzz(original, counts, "values of the lock file", inputs, change)


@pytest.mark.parametrize("table", ["autodiff_journal", "autodiff_history"])
def test_rows(original: SmallProject, counts: dict[str, int], table: str) -> None:
    """A value of autodiff's own tables was changed by another program."""
    columns = {
        "autodiff_journal": "revision name kind checksum actor host pid tool started_at seconds "
        "outcome error progress",
        "autodiff_history": "revision name checksum applied_at digest",
    }[table].split()
    values = st.one_of(
        *(st.text(max_size=5), st.binary(max_size=3), st.integers(-(2**60), 2**60), st.floats()),
        st.sampled_from(["running", "failed", "downgrade", "{", "[]", "[" * 100_000]),
        st.sampled_from(['{"steps": "x"}', '{"undone": 5}', '{"position": "{}"}', '{"sent": []}']),
        st.sampled_from(['{"statements": "DROP TABLE users"}', '{"steps": 3}', '{"steps": -1}']),
        st.sampled_from(['{"position": "{\\"key\\": 1, \\"done\\": \\"x\\"}"}', '{"step": 5}']),
    )
    pairs = st.tuples(st.sampled_from(columns), values, st.booleans())

    def change(project: SmallProject, value: tuple[str, Any, bool]) -> None:
        column, new, is_running = value
        if is_running and table == "autodiff_journal":
            project.execute("UPDATE autodiff_journal SET outcome = 'running'")
        try:
            text = new.encode("utf-8", "replace").decode() if isinstance(new, str) else new
            project.execute(f"UPDATE {table} SET {column} = ?", text)
        except Exception as error:  # NULL for NaN, in a column that does not allow it
            assert "NOT NULL" in str(error)

    fuzz(original, counts, f"rows of {table}", pairs, change)
    assert original.tables() == ["users"]


URL_PARTS = st.sampled_from(
    [
        *(
            "sqlite",
            "postgresql",
            "mysql+pymysql",
            "mariadb",
            "://",
            "/",
            ":",
            "@",
            "?",
            "&",
            "=",
            "%",
        ),
        *(
            "%zz",
            "127.0.0.1:1",
            "localhost:99999",
            "[::1",
            "app.db",
            "timeout=x",
            "foo=1",
            "uri=true",
        ),
        *("mode=ro", "file:", "\0", "é" * 70, "charset=x", "sslmode=x", "connect_timeout=x", "..."),
        *("a" * 300, "check_same_thread=x", "isolation_level=x", "\u2028", "\udcff", "host=a,b"),
    ]
)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_urls(original: SmallProject, counts: dict[str, int]) -> None:
    """A URL has unknown options, invalid numbers and characters."""

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(
        st.sampled_from(["", "sqlite:///app.db?", "postgresql://127.0.0.1:1/x?", "mysql://u@:1/?"]),
        st.lists(URL_PARTS, max_size=6).map("".join),
        st.sampled_from([("status",), ("check",), ("upgrade",), ("diff",)]),
    )
    def check(start: str, rest: str, command: tuple[str, ...]) -> None:
        project = original.copy(original.path.with_name("urls"))
        checked(project, (*command, "--url", start + rest))
        counts["urls"] = counts.get("urls", 0) + 1

    check()


TARGETS = st.one_of(
    st.sampled_from(["0" * 5000, "+" + "9" * 5000, "-" + "9" * 5000, "head-" + "9" * 5000]),
    st.sampled_from(["x@", "@", ":", "٣", "²", "0001-0", "base+1", "\udcff", "\x1b[2J", "+0"]),
    st.text(string.printable, max_size=6),
)


def test_targets(original: SmallProject, counts: dict[str, int]) -> None:
    """A target is no number that Python converts, or no target at all."""

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(TARGETS, st.sampled_from(["upgrade", "downgrade", "show", "diff", "stamp", "rehearse"]))
    def check(target: str, command: str) -> None:
        project = original.copy(original.path.with_name("targets"))
        checked(project, (command, target))
        counts["targets"] = counts.get("targets", 0) + 1

    check()
