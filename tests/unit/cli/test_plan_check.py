"""`paceline plan check` and `explain` as a person, an editor and a review tool see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paceline.cli.plan_commands import app

STORIES = 12
PLAN = "# Feast\n" + "".join(
    f"## Story {n}: Course {n}\n- **Agent**: Ada\n- **Checks**: `make course-{n}`\n"
    for n in range(1, STORIES + 1)
)
BAD = PLAN.replace("Course 2\n", "Course 2\n- **Dependencies**: Story 111\n")


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "feast.md"
    path.write_text(PLAN)
    return path


def run(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_like_findings_are_one_entry_with_their_lines(plan_file: Path) -> None:
    code, out, _ = run("check", str(plan_file))
    assert code == 0
    first = "names no files, so a command agent takes the whole repository for it."
    assert out.splitlines() == [
        f"{plan_file}:2:4: STORY_WITHOUT_FILES warning: `Story 1` {first}",
        f"{plan_file}:5:4: STORY_WITHOUT_FILES warning: `Story 2` {first}",
        f"{plan_file}:8:4: STORY_WITHOUT_FILES warning: `Story 3` {first}",
        "    and 9 more STORY_WITHOUT_FILES, lines 11, 14, 17, 20, 23, 26, 29, 32 and others; "
        "--all prints all 12.",
        "    Add `- **Files**:` with paths or globs in backticks.",
        "0 errors, 12 warnings: the plan can run.",
    ]


def test_all_prints_each(plan_file: Path) -> None:
    _, out, _ = run("check", str(plan_file), "--all")
    assert out.count("STORY_WITHOUT_FILES warning") == STORIES
    assert out.count("Add `- **Files**:`") == 1
    assert "more STORY_WITHOUT_FILES" not in out


def test_errors_come_first_with_a_column_and_their_remedy(plan_file: Path) -> None:
    plan_file.write_text(BAD)
    code, out, _ = run("check", str(plan_file))
    first, second, *_, last = out.splitlines()
    assert code == 1
    assert first == (
        f"{plan_file}:6:21: UNKNOWN_DEPENDENCY error: "
        "`Story 2` depends on `Story 111`, which is not in the plan."
    )
    assert second == "    Write `Story 11`, or add a story with that id, or delete the dependency."
    assert last == "1 error, 12 warnings: a run would be refused."


def test_strict_refuses_warnings_and_says_so(plan_file: Path) -> None:
    code, out, _ = run("check", str(plan_file), "--strict")
    assert code == 1
    assert out.splitlines()[-1] == (
        "0 errors, 12 warnings: refused, because --strict makes warnings errors; without it the plan can run."
    )
    plan_file.write_text(
        PLAN.replace("- **Checks**", "- **Files**: `a/**`\n- **Checks**", 1).split("## Story 2")[0]
    )
    assert run("check", str(plan_file), "--strict")[:2] == (0, "No findings: the plan can run.\n")


def test_json_is_the_whole_list_with_places(plan_file: Path) -> None:
    code, out, _ = run("check", str(plan_file), "--json")
    found = json.loads(out)
    assert (code, len(found)) == (0, STORIES)
    assert found[0] == {
        "code": "STORY_WITHOUT_FILES",
        "severity": "warning",
        "message": "`Story 1` names no files, so a command agent takes the whole repository for it.",
        "remedy": "Add `- **Files**:` with paths or globs in backticks.",
        "file": "feast.md",
        "line": 2,
        "column": 4,
    }
    assert run("check", str(plan_file), "--json")[1] == out


def test_sarif_names_the_file_from_here(plan_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plan_file.parent)
    plan_file.write_text(BAD)
    code, out, _ = run("check", str(plan_file), "--sarif")
    first = json.loads(out)["runs"][0]["results"][0]
    assert (code, first["ruleId"], first["level"]) == (1, "UNKNOWN_DEPENDENCY", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "feast.md"},
        "region": {"startLine": 6, "startColumn": 21},
    }


@pytest.mark.parametrize("form", ["--json", "--sarif"])
def test_output_goes_to_a_file_and_the_verdict_to_the_terminal(plan_file: Path, form: str) -> None:
    target = plan_file.parent / "out"
    code, out, _ = run("check", str(plan_file), form, "--output", str(target))
    assert (code, out) == (0, "0 errors, 12 warnings: the plan can run.\n")
    assert target.read_text() == run("check", str(plan_file), form)[1]


def test_a_file_that_cannot_be_written_is_one_sentence(plan_file: Path) -> None:
    target = plan_file.parent / "no" / "such" / "folder"
    code, out, err = run("check", str(plan_file), "--json", "--output", str(target))
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "give another path" in err


@pytest.mark.parametrize("options", [["--json", "--sarif"], ["--output", "x"]])
def test_options_that_do_not_go_together(plan_file: Path, options: list[str]) -> None:
    assert run("check", str(plan_file), *options)[:2] == (2, "")


def test_a_folder_names_the_file_of_each_finding(tmp_path: Path) -> None:
    for name, number in (("one", 1), ("two", 2)):
        (tmp_path / f"{name}.md").write_text(
            f"# {name}\n## Story {number}: Cook\n- **Agent**: Ada\n- **Files**: `{name}.py`\n"
        )
    code, out, _ = run("check", str(tmp_path))
    assert code == 0
    assert f"{tmp_path}/one.md:2:4: STORY_WITHOUT_PROOF" in out
    assert f"{tmp_path}/two.md:2:4: STORY_WITHOUT_PROOF" in out


def test_a_plan_from_standard_input_has_columns() -> None:
    code, out, _ = run("check", "-", text=BAD)
    assert code == 1
    assert out.startswith("<stdin>:6:21: UNKNOWN_DEPENDENCY error")


def test_what_a_plan_says_cannot_command_the_terminal(plan_file: Path) -> None:
    plan_file.write_text(BAD.replace("Story 111", "Story \x1b[31m111"))
    assert "\x1b" not in run("check", str(plan_file))[1]


def test_explain_says_what_a_finding_means() -> None:
    code, out, _ = run("explain", "story-without-proof")
    assert code == 0
    assert out.startswith("STORY_WITHOUT_PROOF (warning): ")
    assert "Write: " in out
    assert "    ## Story 1: Knead" in out


def test_explain_knows_what_was_meant() -> None:
    code, out, err = run("explain", "STORY_WITHOUT_PROFF")
    assert (code, out) == (2, "")
    assert err == "There is no finding 'STORY_WITHOUT_PROFF'; write STORY_WITHOUT_PROOF.\n"
    assert "lists all of them" in run("explain", "weather")[2]
