"""Any epics and stories in BMAD's formats are read back, scenarios and all."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from paceline.plans import bmad
from paceline.plans.reader import read_plan
from tests.written_plans import PATH, SENTENCE, assert_sound, bounded, box

STATES = {"done": True, "review": False, "in-progress": False, "backlog": False}


@dataclass
class Story:
    title: str
    sentence: str
    criteria: list[tuple[str, str, str]]
    waits: bool
    tasks: list[tuple[str, bool]]
    files: list[str]


STORY = st.builds(
    Story,
    SENTENCE,
    st.tuples(SENTENCE, SENTENCE, SENTENCE).map(lambda w: f"As a {w[0]}, I want {w[1]}, so that {w[2]}."),
    st.lists(st.tuples(SENTENCE, SENTENCE, SENTENCE), min_size=1, max_size=3),
    st.booleans(),
    st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3),
    st.lists(PATH, max_size=2, unique=True),
)
EPICS = st.lists(
    st.tuples(SENTENCE, SENTENCE, st.lists(STORY, min_size=1, max_size=3)), min_size=1, max_size=3
)


def criteria_lines(story: Story, shape: str) -> list[str]:
    lines: list[str] = []
    for number, (given_, when, then) in enumerate(story.criteria, 1):
        if shape == "scenarios":
            lines += [f"**Given** {given_}  ", f"**When** {when}  ", f"**Then** {then}", ""]
        elif shape == "numbered":
            lines.append(f"{number}. {given_}")
        else:
            lines.append(f"- {box(number % 2 == 0)} {given_}")
    return [*lines, ""]


def criteria_texts(story: Story, shape: str) -> list[str]:
    return [
        f"Given {first} When {second} Then {third}" if shape == "scenarios" else first
        for first, second, third in story.criteria
    ]


@bounded
@given(EPICS, st.sampled_from(["scenarios", "numbered", "boxes"]), st.booleans(), st.sampled_from([2, 3]))
def test_any_epics_are_read(
    epics: list[tuple[str, str, list[Story]]], shape: str, label: bool, level: int
) -> None:
    lines = ["# Any product - Epic Breakdown", ""]
    told: list[tuple[str, str, Story, str | None]] = []
    before: str | None = None
    for number, (title, goal, stories) in enumerate(epics, 1):
        lines += [f"{'#' * level} Epic {number}: {title}", "", f"**Goal:** {goal}", ""]
        for place, story in enumerate(stories, 1):
            identity = f"Story {number}.{place}"
            lines += [f"{'#' * (level + 1)} {identity}: {story.title}", "", story.sentence, ""]
            lines += ["**Acceptance Criteria:**" if label else f"{'#' * (level + 2)} Acceptance Criteria", ""]
            lines += criteria_lines(story, shape)
            waiting = before if story.waits and before else "None (first story)"
            lines += [
                f"**Prerequisites:** {waiting}"
                if label
                else f"{'#' * (level + 2)} Prerequisites\n\n{waiting}",
                "",
            ]
            told.append((f"Epic {number}", identity, story, before if story.waits else None))
            before = identity
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == bmad.KIND
    assert [(s.id, s.title, s.epic, s.description) for s in plan.stories] == [
        (identity, story.title, epic, story.sentence) for epic, identity, story, _ in told
    ]
    assert [[c.text for c in s.acceptance_criteria] for s in plan.stories] == [
        criteria_texts(story, shape) for _, _, story, _ in told
    ]
    assert [[name for each in s.dependencies for name in each.resolved] for s in plan.stories] == [
        [waiting] if waiting else [] for _, _, _, waiting in told
    ]
    assert [(e.id, e.title, e.goal) for e in plan.epics] == [
        (f"Epic {n}", title, goal) for n, (title, goal, _) in enumerate(epics, 1)
    ]
    assert_sound(plan, proven=True)


@bounded
@given(
    STORY,
    st.sampled_from(sorted(STATES)),
    st.sampled_from(["line", "label", "heading"]),
    st.sampled_from(["scenarios", "numbered"]),
)
def test_any_story_file_is_read(story: Story, status: str, where: str, shape: str) -> None:
    state = {
        "line": f"Status: {status}",
        "label": f"**Status:** {status}",
        "heading": f"## Status\n\n{status}",
    }
    lines = [f"# Story 4.2: {story.title}", "", state[where], "", "## Story", "", story.sentence, ""]
    lines += ["## Acceptance Criteria", "", *criteria_lines(story, shape), "## Tasks / Subtasks", ""]
    lines += [f"- {box(done)} {text} (AC: 1)" for text, done in story.tasks]
    lines += ["", "## Dev Notes", "", "Mind the cats.", "", "## Dev Agent Record", "", "### File List", ""]
    lines += [f"- `{path}` - changed" for path in story.files]
    plan = read_plan("\n".join(lines))
    assert plan.source.kind == bmad.KIND
    (found,) = plan.stories
    assert (found.id, found.title, found.description) == ("Story 4.2", story.title, story.sentence)
    assert found.done is (True if STATES[status] else found.done)
    assert found.done in ({True} if STATES[status] else {False, None})
    assert [c.text for c in found.acceptance_criteria] == criteria_texts(story, shape)
    assert [(t.text, t.done) for t in found.tasks] == [
        (f"{text} (AC: 1)", done) for text, done in story.tasks
    ]
    assert [file.path for file in found.files] == story.files
    assert_sound(plan, proven=True)
