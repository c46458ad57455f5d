"""The linter's rules where they could say too much or too little."""

from __future__ import annotations

import pytest

from paceline.domain.plan import Agent, Epic, File, Item, Plan, Story
from paceline.plans.findings import Code
from paceline.plans.folder import read_folder
from paceline.plans.lint import check_plan
from paceline.plans.lint_near import Nearest
from paceline.plans.reader import read_plan
from tests.lint_plans import found, plan_of, said, sprints, story, waits
from tests.shared_plans import plan_text


def test_the_plans_of_these_tests_are_clean() -> None:
    assert check_plan(plan_of(story(1), story(2))) == []


# --- names ---


@pytest.mark.parametrize(
    ("written", "known", "near"),
    [
        ("Story 11", ["Story 1", "Story 2"], "Story 1"),
        ("Story 9", ["Story 1", "Story 2"], None),
        ("Story 2.9", ["Story 2.1", "Story 2.2"], None),
        ("Storry 1.2", ["Story 1.2"], "Story 1.2"),
        ("STORY-0012", ["STORY-012", "STORY-099"], "STORY-012"),
        ("Epic 1", ["Story 1"], "Story 1"),
        ("the weather", ["Story 1"], None),
        ("x" * 5000, ["x" * 5000 + "y"], None),
        ("", ["Story 1"], None),
    ],
)
def test_only_what_is_near_is_suggested(written: str, known: list[str], near: str | None) -> None:
    assert Nearest(known).find(written) == near


def remedies(plan: Plan, code: Code) -> list[str | None]:
    return [each.remedy for each in found(plan, code)]


def test_a_suggestion_is_neither_the_story_itself_nor_a_cycle() -> None:
    first = story(1, dependencies=[waits("Story 22")])
    second = story(2, dependencies=[waits("Story 1", "Story 1")])
    assert remedies(plan_of(first, second), Code.UNKNOWN_DEPENDENCY) == [
        "Add a story with that id, or delete the dependency."
    ]
    second.dependencies.clear()
    (remedy,) = remedies(plan_of(first, second), Code.UNKNOWN_DEPENDENCY)
    assert remedy is not None
    assert remedy.startswith("Write `Story 2`")
    alone = story(1, dependencies=[waits("Story 11")])
    assert "Write" not in str(remedies(plan_of(alone), Code.UNKNOWN_DEPENDENCY))


def test_a_suggested_epic_is_not_the_storys_own() -> None:
    epics = [Epic(id="Epic 1", title="Soup", stories=["Story 1"])]
    lost = story(1, epic="Epic 1", dependencies=[waits("Epic 11")])
    assert "Write" not in str(remedies(plan_of(lost, epics=epics), Code.UNKNOWN_DEPENDENCY))


@pytest.mark.parametrize(
    ("written", "resolved", "ambiguous"),
    [
        ("Soup", ["Story 1"], True),
        ("soup", [], True),
        ("Story 1", ["Story 1"], False),
        ("1", ["Story 1"], False),
        ("Bread", ["Story 3"], False),
    ],
)
def test_words_that_fit_two_stories(written: str, resolved: list[str], ambiguous: bool) -> None:
    waiting = story(4, dependencies=[waits(written, *resolved)])
    plan = plan_of(story(1, title="Soup"), story(2, title="Soup"), story(3, title="Bread"), waiting)
    (message,) = said(plan, Code.AMBIGUOUS_DEPENDENCY) or [""]
    assert ("`Story 1` or `Story 2`" in message) == ambiguous
    assert found(plan, Code.UNKNOWN_DEPENDENCY) == []


def test_a_number_that_two_kinds_of_ids_share() -> None:
    plan = plan_of(story(1, id="US-7"), story(2, id="BUG-7"), story(3, dependencies=[waits("7")]))
    assert "`US-7` or `BUG-7`" in said(plan, Code.AMBIGUOUS_DEPENDENCY)[0]


def test_an_alias_is_more_than_the_word_agent() -> None:
    agents = [Agent(id="Ada", aliases=["Ada Agent", "ada"]), Agent(id="Master Ben", aliases=["Ben"])]
    (message,) = said(plan_of(story(1), agents=agents), Code.AGENT_ALIAS)
    assert message.startswith("`Master Ben` is also called `Ben`;")


# --- cycles ---


def ring(first: int, size: int) -> list[Story]:
    numbers = [first + n for n in range(size)]
    following = [*numbers[1:], first]
    return [
        story(n, dependencies=[waits(f"Story {m}", f"Story {m}")])
        for n, m in zip(numbers, following, strict=True)
    ]


def test_every_circle_is_told_with_its_whole_path() -> None:
    messages = said(plan_of(*ring(1, 2), *ring(3, 3)), Code.DEPENDENCY_CYCLE)
    assert messages == [
        "The dependencies are circular: `Story 1` waits for `Story 2` waits for `Story 1`.",
        "The dependencies are circular: "
        "`Story 3` waits for `Story 4` waits for `Story 5` waits for `Story 3`.",
    ]


def test_a_circle_of_thousands_fits_a_screen() -> None:
    (message,) = said(plan_of(*ring(1, 3000)), Code.DEPENDENCY_CYCLE)
    assert "2901 more" in message
    assert message.count("`Story 1`") == 2
    assert len(message) < 4_000


# --- order ---


def test_what_may_be_left_out_is_not_waited_for() -> None:
    wanted = story(1, sprints=["Sprint 1"])
    waiting = story(2, sprints=["Sprint 2"], dependencies=[waits("Story 1", "Story 1")])
    plan = plan_of(wanted, waiting, sprints=sprints(True, False))
    assert len(found(plan, Code.DEPENDENCY_ON_OPTIONAL)) == 1
    assert found(plan_of(wanted, waiting, sprints=sprints(True, True)), Code.DEPENDENCY_ON_OPTIONAL) == []
    wanted.sprints = ["Sprint 1", "Sprint 2"]
    assert found(plan_of(wanted, waiting, sprints=sprints(True, False)), Code.DEPENDENCY_ON_OPTIONAL) == []


def test_done_marks_that_disagree() -> None:
    early = story(2, done=True, dependencies=[waits("Story 1", "Story 1")])
    assert said(plan_of(story(1), early), Code.DONE_BEFORE_DEPENDENCY) == [
        "`Story 2` is done, and it waits for `Story 1`, which is not."
    ]
    assert found(plan_of(story(1, done=True), early), Code.DONE_BEFORE_DEPENDENCY) == []
    boxes = [Item(text="a", done=True, line=11), Item(text="b", done=False, line=12)]
    (half,) = found(plan_of(story(1, done=True, tasks=boxes)), Code.DONE_MARKS_DIFFER)
    assert (half.line, "(open: 1 of 2)" in half.message) == (12, True)
    ticked = story(1, done=False, acceptance_criteria=boxes[:1])
    assert len(found(plan_of(ticked), Code.DONE_MARKS_DIFFER)) == 1
    for done, tasks in ((None, boxes), (False, boxes), (True, list[Item]())):
        assert found(plan_of(story(1, done=done, tasks=tasks)), Code.DONE_MARKS_DIFFER) == []


# --- files ---


def test_globs_and_paths_of_one_wave() -> None:
    plan = plan_of(
        story(1, files=[File(path="src/**")]),
        story(2, files=[File(path="src/a.py")]),
        story(3, files=[File(path="docs/a.md")]),
    )
    (message,) = said(plan, Code.FILES_SHARED_IN_WAVE)
    assert message.startswith(
        "`Story 1`, `Story 2` could run at the same time (wave 1), and all change `src/**`"
    )


def test_two_globs_are_told_once_and_sprints_do_not_meet() -> None:
    first, second = story(1, files=[File(path="src/*.py")]), story(2, files=[File(path="src/a*")])
    assert len(found(plan_of(first, second), Code.FILES_SHARED_IN_WAVE)) == 1
    second.sprints = ["Sprint 2"]
    plan = plan_of(first, second, sprints=sprints(False, False))
    assert found(plan, Code.FILES_SHARED_IN_WAVE) == []
    second.sprints, second.done = ["Sprint 1"], True
    assert found(plan_of(first, second), Code.FILES_SHARED_IN_WAVE) == []


def test_one_file_of_ten_thousand_stories_is_one_finding() -> None:
    many = [story(n, files=[File(path="all.py")]) for n in range(1, 10_001)]
    (message,) = said(plan_of(*many), Code.FILES_SHARED_IN_WAVE)
    assert "and 9994 more" in message
    assert len(message) < 250


def test_more_globs_than_can_be_compared_are_said() -> None:
    many = [story(n, files=[File(path=f"*/{n}-*/x")]) for n in range(1, 1_001)]
    (message,) = said(plan_of(*many), Code.FILES_SHARED_IN_WAVE)
    assert "so many globs that not all could be compared" in message


# --- whole documents ---


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("webrtc-sprint", {Code.AGENT_ALIAS, Code.STORY_IN_NO_PHASE, Code.PHASE_AGAINST_DEPENDENCY,
                           Code.OWNERSHIP_CROSSED, Code.FILES_SHARED_IN_WAVE, Code.METRIC_UNCOVERED,
                           Code.PARTIAL_DEPENDENCY, Code.SHARED_FILE_UNUSED}),
        ("epic-001-assignment", {Code.POINTS_DIFFER, Code.TEAM_SIZE_DIFFERS, Code.STORY_OVER_ALLOCATED,
                                 Code.AGENT_LOAD_DIFFERS, Code.AGENT_POOL, Code.SPRINT_OPTIONAL}),
        ("autolynx-sprints", {Code.COUNT_DIFFERS, Code.SPRINT_UNDER_CAPACITY, Code.TITLE_REPEATED}),
        ("nova-torch-sprint", {Code.POINTS_WITHOUT_ROWS, Code.METRIC_REPEATED, Code.LEAD_NOT_ASSIGNED}),
        ("bmad-sprint-3-summary", {Code.TEXT_REPAIRED, Code.REPORT_IMPORTED, Code.FOLLOW_UP_WORK}),
    ],
)  # fmt: skip
def test_what_is_doubtful_about_the_shared_documents(name: str, expected: set[Code]) -> None:
    text = plan_text(name)
    findings = check_plan(read_plan(text, "plan.md"), {"plan.md": text})
    codes = {each.code for each in findings}
    assert expected <= codes
    assert not codes & {Code.UNKNOWN_FIELD, Code.TITLE_TOO_LONG, Code.ID_TOO_LONG, Code.DONE_MARKS_DIFFER}
    assert all(each.severity == "warning" for each in findings)
    assert all(each.column for each in findings if each.line)


def test_findings_of_a_folder_are_in_the_file_of_their_story() -> None:
    files = {
        "one.md": "# One\n## Story 1: Soup\n- **Agent**: Ada\n- **Checks**: `make`\n",
        "two.md": "# Two\n\n\n## Story 2: Cake\n- **Agent**: Ada\n- **Checks**: `make`\n",
    }
    findings = [
        each
        for each in check_plan(read_folder(files, "feast"), files)
        if each.code == Code.STORY_WITHOUT_FILES
    ]
    assert [(each.file, each.line, each.column) for each in findings] == [("one.md", 2, 4), ("two.md", 4, 4)]
