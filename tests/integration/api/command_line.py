"""The command line in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

PATIENCE = 90
"""Seconds after which a command that did not end is a failure."""


@dataclass(frozen=True)
class CommandLine:
    """`paceline` with a home and ports of the test's own."""

    variables: dict[str, str]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def command(self, *arguments: str) -> list[str]:
        """The argument list."""
        return [sys.executable, "-m", "paceline.cli.main", *arguments]
