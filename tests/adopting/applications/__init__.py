"""Adopt the Alembic histories of real applications: `python -m tests.adopting.applications --help`.

These runs install large packages, so they are not part of the usual tests.
"""
