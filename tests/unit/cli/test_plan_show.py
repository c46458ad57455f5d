"""`paceline plan show` as a person reads it, and as data that is read again."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from paceline.cli.plan_commands import app
from paceline.cli.plan_views import print_plan
from paceline.domain.plan import Allocation, Epic, Plan, Source, Sprint, Story
from paceline.plans.reader import read_plan
from tests.shared_plans import plan_text

ROW = (
    "# Regatta\n## Story 1: Tie knots\n- **Agent**: Ada\n- **Status**: done\n"
    "## Story 2: Sail\n- **Agent**: Ada\n"
)
SHARED = [
    *("webrtc-sprint", "epic-001-assignment", "autolynx-sprints"),
    *("nova-torch-sprint", "bmad-sprint-3-summary"),
]


def run(*arguments: str, text: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments), input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def lines(plan: Plan, width: int = 140) -> list[str]:
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    print_plan(plan, console)
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def plan(*stories: Story, sprints: list[Sprint], epics: list[Epic] | None = None) -> Plan:
    source = Source(file="regatta.md", kind="test", lines=9, digest="")
    return Plan(title="Regatta", source=source, sprints=sprints, epics=epics or [], stories=list(stories))


def test_sprints_have_their_points_and_optional_ones_are_marked() -> None:
    shown = lines(
        plan(
            Story(id="S1", title="Sail", sprints=["Sprint 1"], points=3, done=True),
            Story(
                id="S2",
                title="Row",
                sprints=["Sprint 1", "Sprint 2"],
                points=5,
                allocations=[
                    Allocation(sprint="Sprint 1", points=2, of=5),
                    Allocation(sprint="Sprint 2", points=3, of=5),
                ],
            ),
            Story(id="S3", title="Rest"),
            sprints=[
                Sprint(id="Sprint 1", name="Begin", points_stated=6, capacity_points=8, goal="Go"),
                Sprint(id="Sprint 2", optional=True, condition="if the wind is good", points_stated=3),
            ],
        )
    )
    assert shown[:2] == ["Regatta", "regatta.md, 9 lines, read as test"]
    assert "Sprint 1: Begin  2 stories, 1 done, 5 points (6 stated), capacity 8" in shown
    assert "Sprint 2 (optional: if the wind is good)  1 story, 3 points" in shown
    assert [line.split() for line in shown if line.startswith(("\u2713", "    S"))] == [
        ["Story", "Title", "Points"],
        ["\u2713", "S1", "Sail", "3"],
        ["S2", "Row", "2/5"],
    ]
    assert "S2 Row 3/5" in [" ".join(line.split()) for line in shown]
    assert shown[shown.index("Stories  1 story") + 3].split() == ["S3", "Rest"]
    assert shown[-1] == "3 stories"


def test_columns_without_anything_are_left_out_and_control_characters_too() -> None:
    shown = "\n".join(lines(plan(Story(id="S1", title="A \x1b[31mred\x07 sail"), sprints=[])))
    assert "A [31mred sail" in shown
    for column in ("Points", "Agents", "Waits for", "Files", "Epic"):
        assert column not in shown


def test_a_narrow_terminal_counts_files() -> None:
    found = read_plan(ROW + "- **Files**: `a.py`, `b.py`, `c.py`\n")
    assert any("a.py, b.py +1" in line for line in lines(found, 140))
    assert any(line.endswith(" 3") for line in lines(found, 80))


def test_only_what_a_story_waits_for_itself_is_shown() -> None:
    text = "# P\n" + "".join(
        f"## Story {n}: T{n}\n- **Agent**: Ada\n"
        + (f"- **Dependencies**: {', '.join(f'Story {m}' for m in range(1, n))}\n" if n > 1 else "")
        for n in range(1, 5)
    )
    (row,) = [line.split() for line in lines(read_plan(text)) if "T4" in line]
    assert row == ["Story", "4", "T4", "Ada", "Story", "3"]


def test_a_circle_is_shown() -> None:
    text = "# P\n## Story 1: One\n- **Dependencies**: Story 2\n## Story 2: Two\n- **Dependencies**: Story 1\n"
    shown = lines(read_plan(text))
    assert any("One" in line and line.endswith("Story 2") for line in shown)
    assert any("Two" in line and line.endswith("Story 1") for line in shown)


def test_a_large_plan_shows_the_first_stories_of_each_sprint() -> None:
    stories = [Story(id=f"S{n}", title="T", sprints=["Sprint"]) for n in range(2_001)]
    shown = lines(plan(*stories, sprints=[Sprint(id="Sprint")]))
    assert "and 1,951 more; --json prints all" in shown
    assert len(shown) < 70


def test_stories_of_a_folder_name_their_files(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(ROW)
    (tmp_path / "b.md").write_text(ROW.replace("Story 1", "Story 3").replace("Story 2", "Story 4"))
    code, out, _ = run("show", str(tmp_path))
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines() if "Sail" in line] == ["a.md", "b.md"]


@pytest.mark.parametrize("width", [40, 80, 140])
@pytest.mark.parametrize(
    "name",
    [
        "webrtc-sprint",
        "epic-001-assignment",
        "autolynx-sprints",
        "nova-torch-sprint",
        "bmad-sprint-3-summary",
    ],
)
def test_every_shared_document_fits_its_terminal(name: str, width: int) -> None:
    found = read_plan(plan_text(name), f"{name}.md")
    shown = lines(found, width)
    assert max(map(len, shown)) <= width
    words = "".join("".join(shown).split())
    for sprint in found.sprints:
        if sprint.name:
            assert "".join(sprint.name.split()) in words
    assert sum("optional" in line for line in shown) >= sum(sprint.optional for sprint in found.sprints)
    if width > 40:
        assert sum(line.startswith("\u2713") for line in shown) == sum(s.done is True for s in found.stories)


@pytest.mark.parametrize("option", ["--json", "--yaml"])
def test_what_is_shown_as_data_is_the_same_plan(option: str, tmp_path: Path) -> None:
    path = tmp_path / "regatta.md"
    path.write_text(ROW)
    code, out, _ = run("show", str(path), option)
    assert (code, out) == (0, run("show", str(path), option)[1])
    assert run("show", "-", option, text=out)[1] == out
    assert run("show", "-", "--json", text=out)[1] == read_plan(ROW, "regatta.md").to_json()


def test_one_form_at_a_time(tmp_path: Path) -> None:
    code, _, err = run("show", str(tmp_path), "--json", "--yaml")
    assert code == 2
    assert "exclude each other" in err
