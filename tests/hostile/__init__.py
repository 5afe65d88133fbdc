"""Tests with input that is meant to break something: texts, files, settings and rows."""
