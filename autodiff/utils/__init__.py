"""Provide helpers that know nothing of databases, schemas or migrations."""
