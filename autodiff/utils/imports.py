"""Import a module of the application, and describe why one can't be imported."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from autodiff.errors import AutodiffError

_OWN_FILES = (__file__, str(Path(__file__).with_name("functions.py")))

__all__ = ["add_import_folders", "import_application_module", "module_file", "place_of_error"]


def add_import_folders(folders: Sequence[Path]) -> None:
    """Put folders at the end of the import path, so that migrations can import from them.

    No module in them hides one that is installed.
    """
    sys.path += [folder for folder in map(str, folders) if folder not in sys.path]


def module_file(folder: Path, name: str) -> Path | None:
    """Return the file of a module below a folder of the import path, None if it has none.

    A package comes before a module of the same name, as when Python imports it.
    """
    place = folder.joinpath(*name.split("."))
    paths = (place / "__init__.py", Path(f"{place}.py"))
    return next((path for path in paths if path.is_file()), None)


def import_application_module(
    name: str,
    folders: Sequence[Path],
    *,
    subject: str,
    setting: str,
    error_class: type[AutodiffError],
) -> ModuleType:
    """Import a module with `folders` in front of the import path, the first one first.

    The folders stay on the import path: modules import others of the application when they run.
    `subject` begins the message, as in "the models 'app:Base'"; `setting` is the name of the
    setting that names the module.

    Raises `error_class`, also if the module ends the process: a module must not end a command.
    """
    first = list(map(str, folders))
    sys.path[:] = [*first, *(folder for folder in sys.path if folder not in first)]
    if (hidden := _hidden_by_python(name, folders)) is not None:
        own = getattr(sys.modules[hidden.stem], "__file__", None) or "built in"
        raise error_class(
            f"cannot import {subject}: {hidden.stem} is Python's own module ({own}), which is "
            f"imported already and hides {hidden}",
            hint=f"rename {hidden.name}, and correct the setting {setting!r}",
        )
    try:
        return import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and whatever a module derives from BaseException
        reason, hint = _explained(error, name, folders, setting)
        raise error_class(f"cannot import {subject}: {reason}", hint=hint) from error


def _hidden_by_python(name: str, folders: Sequence[Path]) -> Path | None:
    """Return the file or package of the application that a module of Python hides."""
    top = name.partition(".")[0]
    if top not in sys.stdlib_module_names or top not in sys.modules:
        return None
    loaded = Path(getattr(sys.modules[top], "__file__", None) or "")
    found = (path for folder in folders for path in (folder / f"{top}.py", folder / top))
    path = next((path for path in found if path.exists()), None)
    return None if path is None or path in (loaded, loaded.parent) else path


def _explained(
    error: BaseException, name: str, folders: Sequence[Path], setting: str
) -> tuple[str, str]:
    """Return the reason, with file and line, and the hint."""
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{name}.".startswith(f"{missing}."):
        return _not_found(missing, name, folders, setting)
    place = place_of_error(error, folders)
    if missing:
        return (
            f"{place}No module named {missing!r}",
            f"install the package that provides {missing.partition('.')[0]!r} in the "
            "environment that runs autodiff, or add its folder to the configuration: "
            'path = ["FOLDER"]',
        )
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    reason = f"{place}{type(error).__name__}: {text}".rstrip(": ")
    if isinstance(error, ImportError | SyntaxError):
        return reason, "fix that line and run the command again"
    return reason, "the module must import without a running application"


def _not_found(missing: str, name: str, folders: Sequence[Path], setting: str) -> tuple[str, str]:
    """Describe that the module itself is missing, or the package that it should be in."""
    parent = missing.rpartition(".")[0]
    if parent in sys.modules:
        file = getattr(sys.modules[parent], "__file__", None)
        where = f"the package {parent!r}" + (f" ({file})" if file else "")
        return (
            f"{where} has no module {missing.rpartition('.')[2]!r}",
            f"correct {name!r} in the setting {setting!r}",
        )
    listed = " or ".join(map(str, folders))
    return (
        f"there is no module {missing!r} in {listed}, and none is installed",
        f"correct the setting {setting!r}, or name the folder that contains {missing!r} in "
        'the configuration: path = ["FOLDER"]',
    )


def place_of_error(error: BaseException, folders: Sequence[Path]) -> str:
    """Return `FILE:LINE: ` for the last line of the application that ran, or an empty text.

    That is the line that a person can change; the frames behind it belong to installed packages.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(error.filename, folders)}:{error.lineno or 1}: "
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen ") and frame.filename not in _OWN_FILES
    ]
    frames = [frame for frame in frames if "importlib" not in Path(frame.filename).parts]
    own = [frame for frame in frames if _is_own(frame.filename, folders)] or frames
    return f"{_shown(own[-1].filename, folders)}:{own[-1].lineno}: " if own else ""


def _is_own(filename: str, folders: Sequence[Path]) -> bool:
    path = Path(filename)
    inside = any(path.is_relative_to(folder) for folder in folders)
    return inside and "site-packages" not in path.parts


def _shown(filename: str, folders: Sequence[Path]) -> str:
    """Return a path relative to the first folder that contains it."""
    path = Path(filename)
    for folder in folders:
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return filename
