"""Read variables from a .env file with python-dotenv, if it is installed."""

from __future__ import annotations

from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from autodiff.errors import ConfigError

__all__ = ["is_dotenv_installed", "read_env_file"]


def is_dotenv_installed() -> bool:
    """Return whether python-dotenv, the extra `dotenv`, is installed."""
    return find_spec("dotenv") is not None


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a .env file; those without a value are left out.

    Raises ConfigError if the file can't be read or python-dotenv is not installed.
    """
    if not is_dotenv_installed():
        raise ConfigError(
            f"cannot read {path}: python-dotenv is not installed",
            hint='install it: pip install "sqlalchemy-autodiff[dotenv]"',
        )
    from dotenv import dotenv_values

    try:
        # dotenv_values ignores a file that does not exist:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"cannot read {path}: {reason}",
            hint="correct the setting env_file, or the file that it names",
        ) from error
    if "\0" in text:
        raise ConfigError(
            f"cannot read {path}: it contains a NUL character",
            hint="remove it: no environment variable can contain one",
        )
    values = dotenv_values(stream=StringIO(text))
    return {name: value for name, value in values.items() if value is not None}
