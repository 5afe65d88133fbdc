"""Test migrations with pytest: fixtures, and tests that are ready to run.

`from autodiff.testing.ready_tests import *` in a test file adds the tests. The fixtures belong to
the plugin, which pytest finds by an entry point.
"""
