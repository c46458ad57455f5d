"""`paceline plan show|check|preview` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline.cli.plan_commands import app
from paceline.domain.plan import Plan
from paceline.plans.reader import read_plan

GOOD = """# Feast
## Agent Team
### 1. Bake Agent
- **Role**: Bakes [bold]things[/bold]
## Story 1: Cake
- **Agent**: Bake Agent
- **Points**: 3
- **Files**: `cake.py`
- **Checks**: `make cake`
## Story 2: More cake
- **Agent**: Bake Agent
- **Points**: 2
- **Files**: `cake.py`
- **Checks**: `make more`
"""
BAD = GOOD.replace("## Story 2", "- **Dependencies**: Story 2\n## Story 2") + "- **Dependencies**: Story 1\n"


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "feast.md"
    path.write_text(GOOD)
    return path


def run(*arguments: str, text: str | bytes | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_show_prints_tables_and_takes_no_markup_from_the_plan(plan_file: Path) -> None:
    code, out, _ = run("show", str(plan_file))
    assert code == 0
    assert "Feast" in out
    assert "[bold]things[/bold]" in out
    assert "More cake" in out


def test_show_json_is_the_normal_form_and_the_same_every_time(plan_file: Path) -> None:
    code, out, _ = run("show", str(plan_file), "--json")
    assert code == 0
    assert out == read_plan(GOOD, "feast.md").to_json() == run("show", str(plan_file), "--json")[1]
    assert Plan.model_validate_json(out).stories[0].points == 3


def test_the_normal_form_is_itself_a_plan(plan_file: Path, tmp_path: Path) -> None:
    _, out, _ = run("show", str(plan_file), "--json")
    copy = tmp_path / "copy.json"
    copy.write_text(out)
    assert run("show", str(copy), "--json")[1] == out


def test_check_prints_places_and_passes_with_warnings(plan_file: Path) -> None:
    code, out, _ = run("check", str(plan_file))
    first = out.splitlines()[0]
    assert code == 0
    assert first.startswith(f"{plan_file}:8:15: FILES_SHARED_IN_WAVE warning: `Story 1`, `Story 2` could")
    assert out.splitlines()[1] == "    Split the file or add a dependency if the order matters."
    assert out.splitlines()[-1] == "0 errors, 1 warning: the plan can run."
    assert run("check", str(plan_file), "--strict")[0] == 1


def test_check_fails_on_errors(plan_file: Path) -> None:
    plan_file.write_text(BAD)
    code, out, _ = run("check", str(plan_file))
    assert code == 1
    assert "DEPENDENCY_CYCLE error: The dependencies are circular: `Story 1` waits for `Story 2`" in out
    code, out, _ = run("check", str(plan_file), "--json")
    (finding,) = json.loads(out)
    assert (code, finding["code"], finding["severity"], finding["file"]) == (
        1,
        "DEPENDENCY_CYCLE",
        "error",
        "feast.md",
    )


@pytest.mark.parametrize("command", ["show", "check", "preview"])
def test_what_cannot_be_read_is_one_sentence_and_exit_code_2(command: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Just notes.\n")
    (tmp_path / "latin.md").write_bytes(b"# \xfc\n")
    (tmp_path / "nul.md").write_bytes(b"# a\0b\n")
    for name in ("notes.md", "latin.md", "nul.md", "missing.md", ""):
        code, out, err = run(command, str(tmp_path / name))
        assert (code, out, len(err.splitlines())) == (2, "", 1), name
    assert "no such file or directory" in run(command, "missing.md")[2]


def test_a_plan_from_standard_input() -> None:
    code, out, _ = run("check", "-", text=BAD)
    assert code == 1
    assert out.startswith("<stdin>:")
