"""Test that a migration gets new parents and a new number, and keeps all other bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff.errors import MigrationFileError
from autodiff.migrations import read_migration
from autodiff.migrations.rewrite import move_migration

STEPS = "\n\ndef upgrade():\n    pass  # Größe: parents = ('x',)\n\n\ndef downgrade():\n    pass\n"


@pytest.mark.parametrize(
    ("line", "parents", "expected"),
    [
        ('parents = ("old",)', ["new"], 'parents = ("new",)'),
        ("parents=( 'old' ,  'b' )  # why", ["new"], "parents=('new',)  # why"),
        ('parents = (\n    "old",\n    "b",\n)', ["x", "y"], 'parents = ("x", "y")'),
        ('parents = "old"', ["new"], 'parents = "new"'),
        ('parents = "old"', ["x", "y"], 'parents = ("x", "y")'),
        ('parents = ["old"]', ["new"], 'parents = ["new"]'),
        ("parents = ()", ["new"], 'parents = ("new",)'),
        ("parents: tuple[str, ...] = ('old',)", ["new"], "parents: tuple[str, ...] = ('new',)"),
        ("down_revision = 'old'", ["new"], "down_revision = 'new'"),
        ("down_revision: str | None = None", ["new"], 'down_revision: str | None = "new"'),
        ('s = "ä"; parents = ("old",); t = 1', ["new"], 's = "ä"; parents = ("new",); t = 1'),
        ('parents = ("a",)\nparents = ("old",)', ["n"], 'parents = ("a",)\nparents = ("n",)'),
        ("", ["new"], 'parents = ("new",)\n'),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_only_the_parents_are_rewritten(
    tmp_path: Path, line: str, parents: list[str], expected: str, end: str, mark: bytes
) -> None:
    """The spelling, line endings, comments and layout of the file are kept."""
    text = f'"""größer"""\nrevision = "a"\n{line}{STEPS}'
    rewritten = f'"""größer"""\nrevision = "a"\n{expected}{STEPS}'
    path = tmp_path / "0002_add.py"
    path.write_bytes(mark + text.replace("\n", end).encode())
    move = move_migration(read_migration(path), parents, 12)
    assert move.after.path == tmp_path / "0012_add.py"
    assert move.files == {move.after.path: mark + rewritten.replace("\n", end).encode()}
    assert move.removed == (path,)
    assert (move.after.parents, move.after.number) == (tuple(parents), 12)
    assert move.after.checksum == move.before.checksum


def test_a_pair_of_sql_files_is_moved(tmp_path: Path) -> None:
    """The header gets the new parents, and both files get the new number."""
    path = tmp_path / "007_add.up.sql"
    path.write_bytes(b"-- revision: a\r\n-- parents: old\r\n-- x\r\nSELECT '\n-- parents: q';\r\n")
    down = tmp_path / "007_add.down.sql"
    down.write_bytes(b"SELECT 2;")
    move = move_migration(read_migration(path), ["new", "other"], 8)
    assert dict(move.files) == {
        tmp_path / "008_add.up.sql": b"-- revision: a\r\n-- parents: new other\r\n-- x\r\n"
        b"SELECT '\n-- parents: q';\r\n",
        tmp_path / "008_add.down.sql": b"SELECT 2;",
    }
    assert move.removed == (path, down)
    path.write_bytes(b"-- revision: a\nSELECT 1;\n")
    move = move_migration(read_migration(path), ["new"], 7)
    assert move.files[path] == b"-- revision: a\n-- parents: new\nSELECT 1;\n"


def test_unchanged_parents_keep_the_bytes(tmp_path: Path) -> None:
    """The file is renamed. A name without a number is kept."""
    path = tmp_path / "0002_add.py"
    path.write_text('revision = "a"\nparents = ( "old", )' + STEPS)
    move = move_migration(read_migration(path), ["old"], 3)
    assert move.files == {tmp_path / "0003_add.py": path.read_bytes()}
    unnumbered = path.rename(tmp_path / "add.py")
    assert list(move_migration(read_migration(unnumbered), ["new"], None).files) == [unnumbered]


def test_parents_that_cannot_be_rewritten_are_refused(tmp_path: Path) -> None:
    """An indented SQL header can be read, but not rewritten."""
    path = tmp_path / "0001_a.up.sql"
    path.write_text("  -- revision: a\n  -- parents: old\n")
    path.with_name("0001_a.down.sql").write_text("")
    with pytest.raises(MigrationFileError) as caught:
        move_migration(read_migration(path), ["new"], 1)
    assert caught.value.message == (
        f"cannot read migration {path}: cannot rewrite its parents to new"
    )
    assert caught.value.hint == "write parents as a literal at the top of the file"
