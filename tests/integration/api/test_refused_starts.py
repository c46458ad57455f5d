"""What `paceline run` and `paceline up` refuse: one sentence that says what to do, and a non-zero exit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from paceline.settings import Settings
from paceline.store.database import Database
from paceline.store.runs import list_runs
from tests.integration.api.command_line import CommandLine
from tests.sample_plans import E, S, plan

pytestmark = pytest.mark.temporal

GOOD = plan(E("1", [S("1.1", files=("a.txt",))]))
COMMAND = ("--agent-command", "true {order}")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """The command ended with one sentence that has these words; a plan's findings may follow, a line each."""
    assert done.returncode == 1, done.stdout
    sentence, *findings = done.stderr.strip().splitlines()
    assert all(line.startswith("  ") and "plan.md:" in line for line in findings)
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            plan(E("1", [S("1.1", "Story 1.2"), S("1.2", "Story 1.1")])),
            ["plan.md:", "`Story 1.1` waits for `Story 1.2` waits for `Story 1.1`", "Delete"],
        ),
        (plan(E("1")), ["plan.md:", "#### Story 1.1"]),
    ],
    ids=["cycle", "no stories"],
)
def test_a_plan_with_errors_starts_nothing(
    paceline: CommandLine, tmp_path: Path, text: str, words: list[str]
) -> None:
    path = tmp_path / "plan.md"
    path.write_text(text)
    refused(paceline("run", str(path), "--agent", "simulated"), "nothing was started", *words)
    settings = Settings(home=Path(paceline.variables["PACELINE_HOME"]))
    database = Database(settings.resolved_database_url)
    try:
        assert database.read_now(list_runs) == []
    finally:
        database.close()


def test_a_dirty_repository_is_refused_with_its_file(
    paceline: CommandLine, tmp_path: Path, repository: Path
) -> None:
    path = tmp_path / "plan.md"
    path.write_text(GOOD)
    (repository / "beds.txt").write_text("half a bed\n")
    done = paceline("run", str(path), "--repo", str(repository), *COMMAND)
    refused(done, "uncommitted changes", "beds.txt", "commit or stash")


def test_a_missing_repository_is_refused(paceline: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "plan.md"
    path.write_text(GOOD)
    empty = tmp_path / "empty"
    empty.mkdir()
    refused(paceline("run", str(path), "--repo", str(empty), *COMMAND), "git init")


def test_a_missing_server_is_one_sentence(paceline: CommandLine) -> None:
    paceline.variables["PACELINE_TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    done = paceline("up")
    assert done.returncode == 1
    assert "no Temporal server answers at 127.0.0.1:1" in done.stderr
    assert "PACELINE_TEMPORAL_ADDRESS" in done.stderr
    assert "Traceback" not in done.stderr
