"""`paceline plan preview` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.test_plan_commands import BAD, GOOD, run


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "feast.md"
    path.write_text(GOOD)
    return path


def test_preview_shows_waves_path_load_and_contention(plan_file: Path) -> None:
    code, out, _ = run("preview", str(plan_file))
    assert code == 0
    assert "Critical path, 3 points: Story 1" in out
    assert "cake.py" in out
    code, out, _ = run("preview", str(plan_file), "--json")
    found = json.loads(out)
    assert found["waves"] == [["Story 1", "Story 2"]]
    assert found["critical_path"] == ["Story 1"]
    assert found["critical_points"] == 3.0
    assert found["agents"] == [{"agent": "Bake Agent", "stories": ["Story 1", "Story 2"], "points": 5.0}]
    assert found["contention"] == [{"pattern": "cake.py", "stories": ["Story 1", "Story 2"]}]


def test_preview_of_a_plan_with_errors_shows_them(plan_file: Path) -> None:
    plan_file.write_text(BAD)
    code, out, err = run("preview", str(plan_file), "--json")
    assert (code, out) == (1, "")
    assert "DEPENDENCY_CYCLE" in err
