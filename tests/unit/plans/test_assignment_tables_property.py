"""Any plan written as sprint assignment tables is read back as it was."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Plan
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.lint_points import sprint_loads
from paceline.plans.reader import read_plan

# No word is one that headings or tables give a meaning to.
WORD = st.text("bcdfghjkmqvwxzBCDF\u00e4\u00df\u00e9\u4f60\u043f", min_size=2, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
TITLE = st.tuples(SENTENCE, st.none() | WORD).map(
    lambda pair: f"{pair[0]} ({pair[1]})" if pair[1] else pair[0]
)
ROLES = ["Amber Lead", "Birch Developer 1", "Birch Developer 2", "Cedar Tester", "Delta"]
SHORT = {"Birch Developer 1": "Birch Dev 1", "Birch Developer 2": "Birch Dev 2"}


@dataclass
class WrittenStory:
    title: str
    roles: list[int]
    priority: str | None
    parts: list[int]
    """Points in each of the sprints from `first` on."""
    first: int


@dataclass
class WrittenWork:
    title: str
    sprint: int
    points: int
    role: int | None
    """None where everybody does it."""


@dataclass
class WrittenSprint:
    name: str
    theme: str | None
    goal: str
    stated: str | None
    condition: str | None
    deliverables: list[str]
    criteria: list[tuple[str, bool]]
    risks: list[str]
    mitigation: str | None


@dataclass
class WrittenPlan:
    title: str
    epic: str | None
    sprints: list[WrittenSprint]
    stories: list[WrittenStory]
    work: list[WrittenWork]
    described: bool
    adjustments: dict[str, list[str]]
    done: dict[str, list[tuple[str, bool]]]
    id_column: bool


@st.composite
def written_plans(draw: st.DrawFn) -> WrittenPlan:
    count = draw(st.integers(1, 4))
    sprints = draw(st.lists(written_sprints(), min_size=count, max_size=count))
    stories = draw(st.lists(written_stories(count), min_size=1, max_size=8))
    work = draw(
        st.lists(
            st.builds(
                WrittenWork,
                title=SENTENCE,
                sprint=st.integers(0, count - 1),
                points=st.integers(0, 9),
                role=st.none() | st.integers(0, len(ROLES) - 1),
            ),
            max_size=3,
            unique_by=lambda each: (each.title, each.sprint),
        )
    )
    checks = st.lists(st.tuples(SENTENCE, st.booleans()), min_size=1, max_size=3)
    return WrittenPlan(
        title=draw(SENTENCE),
        epic=draw(st.none() | SENTENCE),
        sprints=sprints,
        stories=stories,
        work=work,
        described=draw(st.booleans()),
        adjustments=draw(st.dictionaries(SENTENCE, st.lists(SENTENCE, min_size=1, max_size=3), max_size=2)),
        done=draw(st.dictionaries(SENTENCE, checks, max_size=2)),
        id_column=draw(st.booleans()),
    )


@st.composite
def written_stories(draw: st.DrawFn, sprints: int) -> WrittenStory:
    first = draw(st.integers(0, sprints - 1))
    return WrittenStory(
        title=draw(TITLE),
        roles=draw(st.lists(st.integers(0, len(ROLES) - 1), min_size=1, max_size=2, unique=True)),
        priority=draw(st.sampled_from([None, "P0", "P1", "High"])),
        parts=draw(st.lists(st.integers(1, 13), min_size=1, max_size=min(3, sprints - first))),
        first=first,
    )


def written_sprints() -> st.SearchStrategy[WrittenSprint]:
    return st.builds(
        WrittenSprint,
        name=SENTENCE,
        theme=st.none() | SENTENCE,
        goal=SENTENCE,
        stated=st.none() | st.integers(0, 99).map(str) | st.just("Variable"),
        condition=st.sampled_from([None, None, "If Needed", "Optional"]),
        deliverables=st.lists(SENTENCE, max_size=3),
        criteria=st.lists(st.tuples(SENTENCE, st.booleans()), max_size=3),
        risks=st.lists(SENTENCE, max_size=3),
        mitigation=st.none() | SENTENCE,
    )


def story_id(number: int) -> str:
    return f"STORY-{number + 1:03}"


def box(text: str, done: bool) -> str:
    return f"- [{'x' if done else ' '}] {text}"


def markdown(plan: WrittenPlan) -> str:
    lines = [f"# {plan.title} - EPIC-007: {plan.epic}" if plan.epic else f"# {plan.title}", ""]
    lines += ["## Sprint Overview", "**Target Velocity**: 10-20 points per sprint  ", ""]
    lines += ["## Sprint Assignments", ""]
    for number, sprint in enumerate(plan.sprints, 1):
        lines += sprint_lines(number, sprint)
        lines += [*table_lines(plan, number - 1), ""]
        lines += ["**Sprint Deliverables**:", *(f"- {text}" for text in sprint.deliverables), ""]
    lines += role_lines(plan) if plan.described else []
    lines += ["## Sprint Planning Considerations", ""]
    for number, sprint in enumerate(plan.sprints, 1):
        lines += [f"### Sprint {number} Risks", *(f"- {text}" for text in sprint.risks), ""]
        lines += [f"**Mitigation**: {sprint.mitigation}", ""] if sprint.mitigation else []
    lines += ["## Success Criteria Per Sprint", ""]
    for number, sprint in enumerate(plan.sprints, 1):
        lines += [f"### Sprint {number} Success", *(box(*entry) for entry in sprint.criteria), ""]
    lines += ["## Adjustments and Flexibility", ""]
    for trigger, texts in plan.adjustments.items():
        lines += [f"### {trigger}", *(f"- {text}" for text in texts), ""]
    lines += ["## Definition of Done (Per Sprint)", ""]
    for group, entries in plan.done.items():
        lines += [f"### {group}", *(box(*entry) for entry in entries), ""]
    return "\n".join([*lines, "---", "", "That is all."])


def sprint_lines(number: int, sprint: WrittenSprint) -> list[str]:
    condition = f" ({sprint.condition})" if sprint.condition else ""
    lines = [f"### Sprint {number}: {sprint.name}{condition}"]
    lines += [f"**Theme**: {sprint.theme}  "] if sprint.theme else []
    lines += [f"**Points**: {sprint.stated}  "] if sprint.stated else []
    return [*lines, f"**Goal:** {sprint.goal}", ""]


def table_lines(plan: WrittenPlan, sprint: int) -> list[str]:
    lines = ["| ID | Story | Assignee | Points | Priority |"] if plan.id_column else []
    lines = lines or ["| Story | Assignee | Points | Priority |"]
    lines.append("|" + "---|" * lines[0].count(" | ") + "---|")
    for number, story in enumerate(plan.stories):
        place = sprint - story.first
        if not 0 <= place < len(story.parts):
            continue
        split = len(story.parts) > 1
        marker = ("Start", "Continued", "Complete")[
            0 if place == 0 else 2 if place + 1 == len(story.parts) else 1
        ]
        title = f"{story.title} ({marker})" if split else story.title
        points = f"{story.parts[place]}/{sum(story.parts)}" if split else f"{story.parts[place]}"
        who = " + ".join(SHORT.get(ROLES[role], ROLES[role]) for role in story.roles)
        name = f"{story_id(number)} | {title}" if plan.id_column else f"{story_id(number)}: {title}"
        lines.append(f"| {name} | {who} | {points} | {story.priority or '-'} |")
    for work in plan.work:
        if work.sprint == sprint:
            who = "All" if work.role is None else ROLES[work.role]
            lines.append(f"| {'| ' if plan.id_column else ''}{work.title} | {who} | {work.points} | P3 |")
    return lines


def role_lines(plan: WrittenPlan) -> list[str]:
    lines = ["## Resource Allocation", "", "### Developer Roles", ""]
    for place, role in enumerate(ROLES):
        own = [f"{n + 1:03}" for n, story in enumerate(plan.stories) if place in story.roles]
        lines += [f"**{role}** (half of the time):" if place % 2 else f"**{role}**:"]
        lines += [
            f"- Primary: bcd ({', '.join(own)})",
            "- Secondary: dcb",
            f"- ~{place + 20} story points",
            "",
        ]
    return lines


def compare_stories(plan: Plan, written: WrittenPlan) -> None:
    stories = {story.id: story for story in plan.stories}
    assert len(stories) == len(written.stories) + len(written.work)
    for number, told in enumerate(written.stories):
        story = stories[story_id(number)]
        sprints = [f"Sprint {told.first + 1 + place}" for place in range(len(told.parts))]
        assert (story.title, story.kind, story.sprints) == (told.title, "story", sprints)
        assert (story.points, story.priority) == (sum(told.parts), told.priority)
        assert story.agents == [agent_id(plan, ROLES[role]) for role in told.roles]
        assert story.collaborative == (len(told.roles) > 1)
        assert story.epic == ("EPIC-007" if written.epic else "Epic")
        parts = [(part.sprint, part.points, part.of) for part in story.allocations]
        whole = sum(told.parts)
        split = [(name, points, whole) for name, points in zip(sprints, told.parts, strict=True)]
        assert parts == (split if len(told.parts) > 1 else [])
    for told in written.work:
        work = stories[f"Sprint {told.sprint + 1}: {told.title}"]
        assert (work.kind, work.epic, work.points) == ("task", None, told.points)
        everyone = [agent.id for agent in plan.agents]
        assert work.agents == (everyone if told.role is None else [agent_id(plan, ROLES[told.role])])


def agent_id(plan: Plan, role: str) -> str:
    return next(
        agent.id
        for agent in plan.agents
        if role in {agent.id, agent.title, *agent.aliases} or agent.id == SHORT.get(role)
    )


def compare_sprints(plan: Plan, written: WrittenPlan) -> None:
    loads = sprint_loads(plan)
    for number, (sprint, told) in enumerate(zip(plan.sprints, written.sprints, strict=True)):
        assert (sprint.id, sprint.name, sprint.theme) == (f"Sprint {number + 1}", told.name, told.theme)
        assert (sprint.goal, sprint.condition) == (told.goal, told.condition)
        assert sprint.optional == (told.condition is not None)
        assert sprint.points_as_written == told.stated
        assert sprint.points_stated == (float(told.stated) if told.stated and told.stated.isdigit() else None)
        assert [item.text for item in sprint.deliverables] == told.deliverables
        assert [(item.text, item.done) for item in sprint.success_criteria] == told.criteria
        mine = [risk for risk in plan.risks if risk.sprint == sprint.id]
        assert [(risk.text, risk.mitigation) for risk in mine] == [
            (text, told.mitigation) for text in told.risks
        ]
        parts = [s.parts[number - s.first] for s in written.stories if 0 <= number - s.first < len(s.parts)]
        parts += [work.points for work in written.work if work.sprint == number]
        assert loads[sprint.id] == (sum(parts) if parts else None)


def compare_lists(plan: Plan, written: WrittenPlan) -> None:
    assert [(each.name, each.text) for each in plan.contingency] == [
        (trigger, text) for trigger, texts in written.adjustments.items() for text in texts
    ]
    assert [(item.group, item.text, item.done) for item in plan.definition_of_done or []] == [
        (group, text, done) for group, entries in written.done.items() for text, done in entries
    ]


def compare_roles(plan: Plan, written: WrittenPlan) -> None:
    described = [agent for agent in plan.agents if agent.title]
    assert [agent.title for agent in described] == (ROLES if written.described else [])
    for place, agent in enumerate(described):
        own = [story_id(n) for n, story in enumerate(written.stories) if place in story.roles]
        assert agent.primary_stories == own
        assert (agent.points_stated, agent.secondary) == (place + 20, "dcb")
        assert agent.qualifier == ("half of the time" if place % 2 else None)


def expected_codes(plan: Plan, written: WrittenPlan) -> set[str]:
    """The findings about numbers that the written plan must lead to."""
    loads = sprint_loads(plan)
    codes: set[str] = set()
    for sprint, told in zip(plan.sprints, written.sprints, strict=True):
        load = loads[sprint.id]
        if told.stated == "Variable":
            codes.add(Code.POINTS_NOT_A_NUMBER)
        if told.condition:
            codes.add(Code.SPRINT_OPTIONAL)
        if load is None:
            continue
        if sprint.points_stated not in {None, load}:
            codes.add(Code.POINTS_DIFFER)
        if load > 20:
            codes.add(Code.SPRINT_OVER_CAPACITY)
        if load < 10 and not sprint.optional:
            codes.add(Code.SPRINT_UNDER_CAPACITY)
    return codes


@settings(max_examples=80, deadline=None)
@given(written_plans())
def test_what_is_written_is_read(written: WrittenPlan) -> None:
    text = markdown(written)
    plan = read_plan(text)
    assert plan.source.kind == "sprint assignment (tables)"
    assert plan.capacity == "10-20 points per sprint"
    compare_stories(plan, written)
    compare_sprints(plan, written)
    compare_lists(plan, written)
    compare_roles(plan, written)
    findings = check_plan(plan)
    assert not has_errors(findings)
    watched = {
        *(Code.POINTS_NOT_A_NUMBER, Code.SPRINT_OPTIONAL, Code.POINTS_DIFFER, Code.SPRINT_OVER_CAPACITY),
        *(Code.SPRINT_UNDER_CAPACITY, Code.STORY_OVER_ALLOCATED, Code.STORY_UNDER_ALLOCATED),
    }
    assert {found.code for found in findings} & watched == expected_codes(plan, written)
    lines = text.split("\n")
    for story in plan.stories:
        assert story.title in lines[(story.line or 0) - 1]
    assert read_plan(plan.to_json()) == plan
