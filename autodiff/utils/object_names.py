"""Names of the objects that exist only while a change is under way."""

from __future__ import annotations

import hashlib

__all__ = ["temporary_name"]


def temporary_name(*parts: str, limit: int) -> str:
    """Return a name that starts with autodiff_; one that is too long ends with a hash."""
    name = "_".join(("autodiff", *parts))
    if len(name.encode()) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: limit - 9].decode(errors='ignore')}_{digest}"
