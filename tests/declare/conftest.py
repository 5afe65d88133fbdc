"""Import GeoAlchemy2 without its SQL for computed columns, which tests on MariaDB would use."""

from __future__ import annotations

import importlib

import sqlalchemy as sa

_compiled = sa.Computed.__dict__["_compiler_dispatch"]
importlib.import_module("geoalchemy2")
sa.Computed._compiler_dispatch = _compiled  # type: ignore[method-assign]
