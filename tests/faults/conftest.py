"""The same worlds as the workflows' tests have."""

from __future__ import annotations

from tests.workflows.conftest import name, repository, world

__all__ = ["name", "repository", "world"]
