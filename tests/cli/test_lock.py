"""Test what the command autodiff lock prints."""

from __future__ import annotations

from tests.cli.project import Folder


def test_a_migration_that_fails_is_a_warning(blog: Folder) -> None:
    """The lock file is written all the same, because a scratch database can lack what it needs."""
    blog.ok("generate", "--empty", "-m", "broken")
    path = blog.migrations / "0002_broken.py"
    path.write_text(path.read_text().replace("    pass", "    nothing()", 1))
    result = blog.ok("lock")
    assert result.out == "migrations/autodiff.lock\n"
    assert "warning: upgrade of 0002_broken.py failed at line " in result.err
    assert "without running the migrations: fix it and lock again" in result.err
    path.write_text(path.read_text().replace("    nothing()", "    pass", 1))
    assert "warning" not in blog.ok("lock").err
