"""The command line in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def ready(home: Path, temporal: Path, **settings: str) -> Generator[CommandLine]:
    """`paceline up`, ready, with what calls it.

    Args:
        home: its folder.
        temporal: the Temporal binary.
        settings: more of them, without `PACELINE_`.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    own = {"HOME": str(home), "TEMPORAL_BINARY": str(temporal), "API_PORT": port, **settings}
    own |= {"TEMPORAL_PORT": "0", "TEMPORAL_UI_PORT": "0"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    line = CommandLine({**kept, **{f"PACELINE_{name}": value for name, value in own.items()}})
    with subprocess.Popen(
        line.command("up"), env=line.variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            while "Ctrl-C" not in (said := process.stdout.readline()):
                assert said, "it ended early"
            yield line
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
