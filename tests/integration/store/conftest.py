"""Fixtures of the store's tests: every test runs on SQLite and on PostgreSQL."""

from tests.databases import *  # noqa: F403 - fixtures are found by their names
