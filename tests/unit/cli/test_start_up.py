"""What the command line loads before it knows what to do: nothing of servers, databases or workflows."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.world import ROOT

HEAVY = {
    *("sqlalchemy", "alembic", "temporalio", "fastapi", "starlette", "uvicorn", "opentelemetry", "authlib"),
    *("prometheus_client", "structlog", "workers", "workflows", "activities", "api"),
}
PROGRAM = """\
import atexit, sys
atexit.register(lambda: print("loaded:", *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr))
from paceline.cli.main import main
sys.argv = ["paceline", *sys.argv[1:]]
main()
"""
COMPLETING = {"_PACELINE_COMPLETE": "complete_bash", "COMP_WORDS": "paceline ret", "COMP_CWORD": "1"}


@pytest.mark.parametrize(
    ("words", "variables", "said"),
    [
        (["--help"], {}, "Usage: paceline"),
        (["--version"], {}, "paceline 0."),
        (["token", "create", "--help"], {}, "--role"),
        (["audit", "verify", "--help"], {}, "--known"),
        (["work", "list", "--help"], {}, "--repo"),
        (["completion", "bash"], {}, "complete -o"),
        ([], COMPLETING, "retry"),
    ],
)
def test_nothing_heavy_is_loaded(words: list[str], variables: dict[str, str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout) == (0, True), done.stderr
    loaded = set(done.stderr.rpartition("loaded:")[2].split())
    assert "typer" in loaded
    assert not loaded & HEAVY
