"""The same worlds as the workflows' tests have, and the kill matrix as a table at the end."""

from __future__ import annotations

import pytest

from tests.faults.matrix import table
from tests.workflows.conftest import name, repository, world

__all__ = ["name", "repository", "world"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix."""
    if lines := table():
        terminalreporter.section("kill matrix")
        for line in lines:
            terminalreporter.line(line)
