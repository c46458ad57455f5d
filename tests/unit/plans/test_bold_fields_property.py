"""Any backlog of `### US-001` headings with bold fields is read back."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import agent_sprint
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan
from paceline.plans.reader import read_plan
from tests.written_plans import NAME, PATH, POINTS, SENTENCE, assert_sound, bounded, box, earlier, waits

STATES = {"Done": True, "To Do": None, "In Progress": None}


@dataclass
class Story:
    title: str
    sentence: str
    points: int | None
    priority: str | None
    agent: str | None
    status: str | None
    waits: list[int]
    criteria: list[tuple[str, bool]]
    tasks: list[tuple[str, bool]]
    files: list[str]


@st.composite
def backlogs(draw: st.DrawFn) -> list[tuple[str, list[Story]]]:
    number = 0
    found: list[tuple[str, list[Story]]] = []
    for title in draw(st.lists(SENTENCE, min_size=1, max_size=3)):
        stories: list[Story] = []
        for _ in range(draw(st.integers(1, 3))):
            number += 1
            stories.append(
                Story(
                    draw(SENTENCE),
                    draw(SENTENCE),
                    draw(POINTS),
                    draw(st.sampled_from([None, "High", "P1", "Must have"])),
                    draw(st.none() | NAME),
                    draw(st.sampled_from([None, *STATES])),
                    draw(earlier(number)),
                    draw(st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3)),
                    draw(st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3)),
                    draw(st.lists(PATH, max_size=2, unique=True)),
                )
            )
        found.append((title, stories))
    return found


def lines_of(story: Story, number: int, prefix: str, colon_inside: bool) -> list[str]:
    def field(name: str, value: str = "") -> str:
        return f"**{name}:** {value}".rstrip() if colon_inside else f"**{name}**: {value}".rstrip()

    lines = [
        f"### {prefix}-{number:03}: {story.title}",
        "",
        f"**As a** guest, **I want** {story.sentence}.",
        "",
    ]
    lines += [field("Priority", story.priority)] if story.priority else []
    lines += [field("Story Points", str(story.points))] if story.points is not None else []
    lines += [field("Assignee", story.agent)] if story.agent else []
    lines += [field("Status", story.status)] if story.status else []
    lines += [field("Dependencies", ", ".join(f"{prefix}-{each:03}" for each in story.waits) or "None")]
    lines += [field("Files", ", ".join(f"`{path}`" for path in story.files))] if story.files else []
    for name, items in (("Acceptance Criteria", story.criteria), ("Tasks", story.tasks)):
        if items:
            lines += ["", field(name), *(f"- {box(done)} {text}" for text, done in items)]
    return [*lines, ""]


@bounded
@given(backlogs(), st.sampled_from(["US", "STORY", "TASK"]), st.booleans())
def test_any_backlog_is_read(written: list[tuple[str, list[Story]]], prefix: str, colon_inside: bool) -> None:
    lines, number = ["# Product Backlog", ""], 0
    for place, (title, stories) in enumerate(written, 1):
        lines += [f"## Epic {place}: {title}", ""]
        for story in stories:
            number += 1
            lines += lines_of(story, number, prefix, colon_inside)
    plan = read_plan("\n".join(lines))
    told = [(f"Epic {n}", story) for n, (_, stories) in enumerate(written, 1) for story in stories]
    assert plan.source.kind == agent_sprint.KIND
    assert [(s.id, s.title, s.epic, s.points, s.priority) for s in plan.stories] == [
        (f"{prefix}-{n:03}", s.title, epic, s.points, s.priority) for n, (epic, s) in enumerate(told, 1)
    ]
    assert [s.agents for s in plan.stories] == [[s.agent] if s.agent else [] for _, s in told]
    assert [bool(s.done) for s in plan.stories] == [s.status == "Done" for _, s in told]
    assert [[(c.text, c.done) for c in s.acceptance_criteria] for s in plan.stories] == [
        s.criteria for _, s in told
    ]
    assert [[(t.text, t.done) for t in s.tasks] for s in plan.stories] == [s.tasks for _, s in told]
    assert [[file.path for file in s.files] for s in plan.stories] == [s.files for _, s in told]
    assert waits(plan) == [[f"{prefix}-{each:03}" for each in s.waits] for _, s in told]
    assert [s.description for s in plan.stories] == [f"As a guest, I want {s.sentence}." for _, s in told]
    assert_sound(plan)


def test_a_cancelled_story_is_left_out() -> None:
    text = (
        "# Backlog\n\n## Epic 1: Tea\n\n### US-001: Brew\n\n**Status:** Cancelled\n\n"
        "### US-002: Pour\n\n**Dependencies:** US-001\n"
    )
    plan = read_plan(text)
    assert [story.id for story in plan.stories] == ["US-002"]
    assert [epic.stories for epic in plan.epics] == [["US-002"]]
    codes = {found.code for found in check_plan(plan)}
    assert {Code.TASK_LEFT_OUT, Code.DEPENDENCY_CANCELLED} <= codes
    assert_sound(plan)
