"""A migration gets other parents and another number, and keeps every other byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from autodiff.errors import MigrationFileError
from autodiff.migrations import read_migration
from autodiff.migrations.rewrite import move_migration

STEPS = "\n\ndef upgrade():\n    pass  # Größe: parents = ('x',)\n\n\ndef downgrade():\n    pass\n"


@pytest.mark.parametrize(
    ("place", "parents", "expected"),
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
def test_the_parents_alone_are_rewritten(
    tmp_path: Path, place: str, parents: list[str], expected: str, end: str, mark: bytes
) -> None:
    """In the file's own spelling, whatever its line ends; comments and layout stay."""
    text = f'"""größer"""\nrevision = "a"\n{place}{STEPS}'
    wanted = f'"""größer"""\nrevision = "a"\n{expected}{STEPS}'
    path = tmp_path / "0002_add.py"
    path.write_bytes(mark + text.replace("\n", end).encode())
    found = move_migration(read_migration(path), parents, 12)
    assert found.after.path == tmp_path / "0012_add.py"
    assert found.files == {found.after.path: mark + wanted.replace("\n", end).encode()}
    assert found.removed == (path,)
    assert (found.after.parents, found.after.number) == (tuple(parents), 12)
    assert found.after.checksum == found.before.checksum


def test_a_pair_of_sql_files_is_moved(tmp_path: Path) -> None:
    """Both headers are rewritten, where there are two."""
    path = tmp_path / "007_add.up.sql"
    path.write_bytes(b"-- revision: a\r\n-- parents: old\r\n-- x\r\nSELECT '\n-- parents: q';\r\n")
    down = tmp_path / "007_add.down.sql"
    down.write_bytes(b"SELECT 2;")
    found = move_migration(read_migration(path), ["new", "other"], 8)
    assert dict(found.files) == {
        tmp_path / "008_add.up.sql": b"-- revision: a\r\n-- parents: new other\r\n-- x\r\n"
        b"SELECT '\n-- parents: q';\r\n",
        tmp_path / "008_add.down.sql": b"SELECT 2;",
    }
    assert found.removed == (path, down)
    path.write_bytes(b"-- revision: a\nSELECT 1;\n")
    found = move_migration(read_migration(path), ["new"], 7)
    assert found.files[path] == b"-- revision: a\n-- parents: new\nSELECT 1;\n"


def test_only_the_name_may_change(tmp_path: Path) -> None:
    """With the parents that it has the bytes stay; without a number the name does."""
    path = tmp_path / "0002_add.py"
    path.write_text('revision = "a"\nparents = ( "old", )' + STEPS)
    found = move_migration(read_migration(path), ["old"], 3)
    assert found.files == {tmp_path / "0003_add.py": path.read_bytes()}
    plain = path.rename(tmp_path / "add.py")
    assert list(move_migration(read_migration(plain), ["new"], None).files) == [plain]


def test_parents_that_are_not_found_are_refused(tmp_path: Path) -> None:
    """A SQL header with spaces in front is read; where it can't be rewritten, nothing is."""
    path = tmp_path / "0001_a.up.sql"
    path.write_text("  -- revision: a\n  -- parents: old\n")
    path.with_name("0001_a.down.sql").write_text("")
    with pytest.raises(MigrationFileError) as caught:
        move_migration(read_migration(path), ["new"], 1)
    assert caught.value.message == (
        f"cannot read migration {path}: cannot rewrite its parents to new"
    )
    assert caught.value.hint == "write parents as a literal at the top of the file"
