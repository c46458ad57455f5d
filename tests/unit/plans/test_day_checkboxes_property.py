"""Random plans of days with boxes to tick are read back as they were written, in every spelling."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

# No word of a plan's labels can come out of these letters.
WORD = st.text("bdfghjkmqvwxz\u00e4\u00df\u4f60\u043f", min_size=2, max_size=7)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
BOXES = {None: "", True: "[x] ", False: "[ ] "}
HEADINGS = [
    "{} Day {}-{}: {}",
    "{} **Days {}\u2013{}: {}**",
    "{} Tag {} bis {} - {}",
    "{} Jours {} \u00e0 {}: {}",
]


@dataclass
class WrittenTask:
    title: str
    named: bool
    done: bool
    parts: list[tuple[str, bool | None]]
    points: int | None


@dataclass
class WrittenPlan:
    name: str
    lead: str
    footer_lead: str
    days: list[tuple[str, list[WrittenTask]]]
    planned: int | None
    heading: str
    fence: bool


TASKS = st.builds(
    WrittenTask,
    title=SENTENCE,
    named=st.booleans(),
    done=st.booleans(),
    parts=st.lists(st.tuples(SENTENCE, st.sampled_from([None, True, False])), max_size=3),
    points=st.none() | st.integers(0, 13),
)
PLANS = st.builds(
    WrittenPlan,
    name=SENTENCE,
    lead=WORD,
    footer_lead=WORD,
    days=st.lists(st.tuples(SENTENCE, st.lists(TASKS, min_size=1, max_size=3)), min_size=1, max_size=4),
    planned=st.none() | st.integers(0, 50),
    heading=st.sampled_from(HEADINGS),
    fence=st.booleans(),
)


def markdown(plan: WrittenPlan) -> str:
    lines = [
        f"# Sprint 3 Plan - {plan.name}",
        "",
        f"**Sprint Lead:** {plan.lead}  ",
        "**Project:** Kuchen",
        "",
    ]
    lines += ["## Sprint Backlog", ""]
    for number, (name, tasks) in enumerate(plan.days):
        if number % 2 == 0:
            lines += [f"### Week {number // 2 + 1}: Part", ""]
        lines += [plan.heading.format("####", 2 * number + 1, 2 * number + 2, name)]
        lines += [
            line for place, task in enumerate(tasks, 1) for line in task_lines(task, f"{number}.{place}")
        ]
        lines.append("")
    if plan.fence:
        lines += ["## Notes", "```python", "# Day 1-2: no heading", "- [ ] **Task 9.9**: no task", "```", ""]
    if plan.planned is not None:
        lines += ["## Sprint Metrics", "### Velocity Tracking", f"- Story points planned: {plan.planned}", ""]
    return "\n".join([*lines, "## Last", "- an item", "", f"**Sprint Lead:** {plan.footer_lead}"])


def task_lines(task: WrittenTask, number: str) -> list[str]:
    name = f"**Task {number}**: {task.title}" if task.named else task.title
    remark = f" ({task.points} points)" if task.points is not None else ""
    lines = [f"- {BOXES[task.done]}{name}{remark}"]
    return lines + [f"  - {BOXES[done]}{text}" for text, done in task.parts]


def compare(plan: Plan, written: WrittenPlan) -> None:
    sprint = plan.sprints[0]
    assert (sprint.id, sprint.name, plan.project) == ("Sprint 3", written.name, "Kuchen")
    assert [(agent.id, agent.coordinator) for agent in plan.agents] == [(written.lead, True)]
    assert [phase.name for phase in plan.phases] == [name for name, _ in written.days]
    assert [phase.days for phase in plan.phases] == [(2 * n + 1, 2 * n + 2) for n in range(len(written.days))]
    assert [phase.week for phase in plan.phases] == [n // 2 + 1 for n in range(len(written.days))]
    stories = iter(plan.stories)
    for number, (phase, (_, tasks)) in enumerate(zip(plan.phases, written.days, strict=True)):
        for place, task in enumerate(tasks, 1):
            story = next(stories)
            assert (story.title, story.points, story.done) == (task.title, task.points, task.done)
            assert (story.phase, story.kind) == (phase.id, "task" if task.named else "work_item")
            assert [(item.text, item.done) for item in story.tasks] == task.parts
            assert (
                story.id == f"Task {number}.{place}" if task.named else story.id.startswith(f"{phase.id} / ")
            )
    assert next(stories, None) is None
    assert sprint.points_stated == written.planned


@settings(max_examples=25, deadline=None)
@given(PLANS)
def test_what_is_written_is_read(written: WrittenPlan) -> None:
    plan = read_plan(markdown(written))
    compare(plan, written)
    findings = check_plan(plan)
    assert not has_errors(findings)
    said = {found.code for found in findings}
    assert (Code.METADATA_DIFFERS in said) == (written.lead != written.footer_lead)
    assert (Code.DAYS_ORDER_NOTHING in said) == (len(written.days) > 1)
    points = [task.points for _, tasks in written.days for task in tasks]
    known = [value for value in points if value is not None]
    complete = written.planned is not None and len(known) == len(points)
    assert (Code.POINTS_WITHOUT_ROWS in said) == (written.planned is not None and not complete)
    assert (Code.POINTS_DIFFER in said) == (complete and sum(known) != written.planned)
    assert read_plan(plan.to_json()) == plan
