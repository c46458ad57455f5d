"""`make run` ends as it promises, twice in a row; its parts are tested in tests/unit/test_example.py."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.world import ROOT, git_lines
from workers.temporal_binary import Binary

pytestmark = pytest.mark.temporal
PATIENCE = 300
STORIES = 11


def run_example(runs: Path, binary: Binary) -> subprocess.CompletedProcess[str]:
    """What the Makefile's target runs, without a terminal and with its runs elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "run.py"), "--runs", str(runs)],
        env=kept | {"PACELINE_TEMPORAL_BINARY": str(binary.path)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_example_runs_to_its_end_twice_in_a_row(tmp_path: Path, temporal_binary: Binary) -> None:
    for number in ("1", "2"):
        done = run_example(tmp_path, temporal_binary)
        assert done.returncode == 0, done.stderr + done.stdout
        assert "The sprint is done." in done.stdout
        assert "scripted-reviewer" in done.stdout + done.stderr
        repository = tmp_path / number / "toolshed"
        (branch,) = git_lines(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/paceline/")
        assert len(git_lines(repository, "rev-list", "--merges", f"main..{branch}")) == STORIES
        assert git_lines(repository, "status", "--porcelain") == []
        (bundle,) = (tmp_path / number / "home").rglob("*.zip")
        with zipfile.ZipFile(bundle) as found:
            assert "manifest.json" in found.namelist()
            assert b"scripted-reviewer" in found.read("questions.json")
