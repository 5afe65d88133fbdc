"""Test --all: the output and exit codes for many databases."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.project import CONFIG, Folder

TARGETS = """
[targets]
file = "tenants.txt"
database = "{name}.db"
"""


@pytest.fixture
def tenants(blog_3: Folder) -> Folder:
    """Return the blog with three tenants whose databases do not exist yet."""
    blog_3.write(autodiff=f"{CONFIG}{TARGETS}")
    (blog_3.path / "tenants.txt").write_text("acme\nglobex\ninitech\n")
    return blog_3


def test_a_table_of_outcomes(tenants: Folder) -> None:
    """Stdout has a row for each target; stderr has a line when a target is done."""
    result = tenants.ok("upgrade", "--all", "--parallel", "1")
    lines = [re.sub(r" +", " ", re.sub(r"[\d.]+ m?s", "TIME", line)) for line in result.lines]
    assert lines == [
        "target from to migrations time outcome",
        *(f"{n} base 0003_add_timestamp 3 TIME upgraded" for n in ("acme", "globex", "initech")),
        "",
        "3 upgraded",
    ]
    assert re.fullmatch(r"(\w+ \.\.\. upgraded \([\d.]+ m?s\)\n){3}", result.err)
    assert tenants.ok("upgrade", "--all").lines[-1] == "3 up to date"
    downgrade = tenants.ok("downgrade", "base", "--all", "--only", "acme")
    assert downgrade.lines[-1] == "1 downgraded"
    status = tenants.ok("status", "--all")
    assert status.lines[-1] == "2 up to date, 1 behind"
    assert re.fullmatch(r"acme +base +0 +3", status.lines[1])


def test_a_worker_process_that_dies_is_an_outcome(tenants: Folder) -> None:
    """The pool ends the other worker by SIGTERM, which it does not report as this process does."""
    tenants.write(autodiff=f'{CONFIG}[hooks]\nbefore_upgrade = "pools:die"\n{TARGETS}')
    (tenants.path / "pools.py").write_text(
        "import os, signal\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "def die(run): os.kill(os.getpid(), signal.SIGKILL)\n"
        "def processes(): return ProcessPoolExecutor(2)\n"
    )
    options = ("--all", "--only", "acme", "--executor", "pools:processes")
    result = tenants.process("upgrade", *options, "--quiet")
    assert result.code == 2
    assert "the worker did not return an outcome: BrokenProcessPool" in result.out
    assert result.err == ""


def test_failures_with_the_same_reason_are_grouped(tenants: Folder) -> None:
    """The hint is printed once, and the exit code is 2."""
    for name in ("acme", "initech"):
        (tenants.path / f"{name}.db").write_text("this is no database, and long enough for one")
    result = tenants.run("upgrade", "--all", "--canary", "globex")
    assert result.code == 2
    assert result.lines[-1] == "2 failed, 1 upgraded"
    assert "failed: acme" in result.out
    assert "file is not a database" in result.out
    assert "  hint: the file is not a SQLite database: check the path in the URL" in result.lines
    assert tenants.run("status", "--all").code == 2


def test_a_failing_canary_stops_the_run(tenants: Folder) -> None:
    """The other targets are not begun, and the table says why."""
    (tenants.path / "acme.db").write_text("this is no database, and long enough for one")
    result = tenants.run("upgrade", "--all", "--canary", "1")
    assert result.code == 2
    assert result.lines[-1] == "1 failed, 2 not started"
    assert "not started: the canary acme failed" in result.lines[2]
    assert not (tenants.path / "globex.db").exists()


def test_outcomes_as_json(tenants: Folder) -> None:
    """The object has the details of each target."""
    data = tenants.ok("upgrade", "2", "--all", "--json", "--shard", "3/10").data
    assert (data["direction"], data["target"], data["counts"]) == ("upgrade", "2", {"upgraded": 1})
    [acme] = data["targets"]
    assert acme["name"] == "acme"
    assert acme["migrations"] == ["0001_add_posts", "0002_add_comments"]
    assert (acme["before"], acme["after"]) == (None, "0002_add_comments")
    status = tenants.ok("status", "--all", "--json").data["targets"]
    assert status[0]["pending"] == ["0003_add_timestamp"]
    assert status[1]["current"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upgrade", "--shard", "1/2"), "error: --shard is only valid with --all"),
        (("downgrade", "--canary", "1"), "error: --canary is only valid with --all"),
        (("status", "--only", "x"), "error: --only is only valid with --all"),
        (("status", "--run", "x"), "error: --run is only valid with --all"),
        (("upgrade", "--executor", "x:y"), "error: --executor is only valid with --all"),
        (("upgrade", "--all", "--executor", "x"), "error: --executor 'x' does not name a function"),
        (("upgrade", "--all", "--shard", "auto"), "error: --shard auto found none of"),
        (("upgrade", "--all", "--sql"), "error: --sql is not valid with --all"),
        (("downgrade", "base", "--all", "--dry-run"), "error: --dry-run is not valid with --all"),
        (("downgrade", "--all"), "error: downgrade --all needs a target"),
        (
            ("downgrade", "-1", "--all"),
            "error: the relative target -1 is not valid for many databases",
        ),
        (("upgrade", "--all", "--shard", "3/2"), "error: invalid shard '3/2'"),
        (("upgrade", "--all", "--only", "nobody"), "error: unknown target 'nobody'"),
        (("upgrade", "--all", "--canary", "nobody"), "error: unknown target 'nobody'"),
        (("upgrade", "nothing", "--all"), "error: unknown migration 'nothing'"),
        (("downgrade", "nothing", "--all"), "error: unknown migration 'nothing'"),
    ],
)
def test_wrong_options_are_refused(
    tenants: Folder, arguments: tuple[str, ...], message: str
) -> None:
    """Nothing is changed."""
    assert message in tenants.fails(*arguments).err


def test_missing_targets_are_refused(blog_3: Folder) -> None:
    """The hint shows how to configure them."""
    result = blog_3.fails("upgrade", "--all")
    assert "error: no targets are configured" in result.err
    assert 'file = "tenants.txt"' in result.err


def test_an_executor_of_the_project(tenants: Folder) -> None:
    """Its function is found beside the configuration; the executor is shut down at the end."""
    (tenants.path / "cluster.py").write_text(
        "import concurrent.futures\n"
        "class Pool(concurrent.futures.ThreadPoolExecutor):\n"
        "    def shutdown(self, wait=True):\n"
        "        print('shut down', wait)\n"
        "        super().shutdown(wait)\n"
        "        raise OSError('the cluster is gone')\n"
        "def connect(): return Pool(2)\n"
        "def client(): return 3\n"
    )
    result = tenants.ok("upgrade", "--all", "--executor", "cluster:connect")
    assert result.lines[-1] == "3 upgraded"
    assert result.err.endswith("shut down True\n")
    wrong = tenants.fails("downgrade", "base", "--all", "--executor", "cluster:client")
    assert "error: --executor 'cluster:client' returned int, not a concurrent" in wrong.err


def test_a_recorded_run(tenants: Folder) -> None:
    """Its shards run on their own; status shows the outcomes of all of them."""
    assert tenants.ok("upgrade", "--all", "--shard", "1/2", "--run", "r").lines[-1] == "run: r"
    report = tenants.run("status", "--all", "--run", "r")
    assert report.code == 2
    counts = [int(number) for number in re.findall(r"\d+", report.lines[-2])]
    assert re.fullmatch(r"\d upgraded, \d without an outcome", report.lines[-2])
    assert sum(counts) == 3
    tenants.ok("upgrade", "--all", "--shard", "2/2", "--run", "r")
    complete = tenants.ok("status", "--all", "--run", "r")
    assert complete.lines[-2:] == ["3 upgraded", "run: r"]
    data = tenants.ok("status", "--all", "--run", "r", "--json").data
    assert (data["run"], data["missing"], data["counts"]) == ("r", 0, {"upgraded": 3})
    assert {target["shard"] for target in data["targets"]} <= {"1/2", "2/2"}
    assert "error: unknown run 's'" in tenants.fails("status", "--all", "--run", "s").err


def test_recorded_errors_are_quoted(tenants: Folder) -> None:
    """A message of a database can contain anything; none of it reaches the terminal as it is."""
    (tenants.path / "tenants.txt").write_text("acme\n")
    path = tenants.migrations / "0001_add_posts.py"
    text = path.read_text().replace(
        "def upgrade() -> None:\n",
        "def upgrade() -> None:\n    raise ValueError(chr(27) + '[2J' + chr(0))\n",
    )
    path.write_text(text)
    run = tenants.run("upgrade", "--all", "--run", "r", "--outcomes", "sqlite:///o.db")
    report = tenants.run("status", "--all", "--run", "r", "--outcomes", "sqlite:///o.db")
    for result in (run, report):
        assert result.code == 2
        assert "[2J" in result.out
        assert not {"\x1b", "\0"} & set(result.out + result.err)
    assert (tenants.path / "o.db").exists()


def test_a_shard_of_an_array(tenants: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "0")
    assert tenants.ok("upgrade", "--all", "--shard", "auto/1").lines[-1] == "3 upgraded"
    assert (
        "hint: pass the number of completions"
        in tenants.fails("upgrade", "--all", "--shard", "auto").err
    )


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_finishes_the_running_migration(tenants: Folder) -> None:
    """The table is printed."""
    path = tenants.migrations / "0002_add_comments.py"
    wait = "    import time; open('begun', 'w').close(); time.sleep(2)\n"
    path.write_text(path.read_text().replace("def upgrade() -> None:\n", f"def upgrade():\n{wait}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "autodiff", "upgrade", "--all", "--parallel", "1"],
        cwd=tenants.path,
        env=tenants.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (tenants.path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 2, err
    lines = out.splitlines()
    assert re.match(r"acme +base +0002_add_comments +2 .*stopped: interrupted after", lines[1])
    assert lines[-1] == "1 stopped, 2 not started"
    assert "Traceback" not in err
    path.write_text(path.read_text().replace(wait, ""))
