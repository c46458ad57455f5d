"""Random plans of several sprints in bullets are read back as they were written, in every spelling."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.plan import Item, Plan, Story
from paceline.plans.findings import Code
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

# No word of a plan's labels can come out of these letters.
WORD = st.text("bdfghjkmqvwxz\u00e4\u00df\u4f60\u043f", min_size=2, max_size=7)
SENTENCE = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
ITEMS = st.lists(st.tuples(SENTENCE, st.sampled_from([None, True, False])), max_size=4)
BOXES = {None: "", True: "[x] ", False: "[ ] "}


@dataclass
class WrittenItem:
    identity: str | None
    title: str
    description: str | None
    points: int
    done: bool | None
    tasks: list[tuple[str, bool | None]]
    after: bool


@dataclass
class WrittenSprint:
    name: str
    goal: str
    items: list[WrittenItem]
    stated: int | None
    lists: dict[str, list[tuple[str, bool | None]]] = field(
        default_factory=dict[str, list[tuple[str, bool | None]]]
    )


@dataclass
class Style:
    """How a plan is spelt; what it says does not change."""

    level: int
    stories_as: str
    points: str
    total: str
    bold_id: str
    weeks: str
    lists_as: str


@dataclass
class WrittenPlan:
    project: str
    first: int
    sprints: list[WrittenSprint]
    capacity: tuple[int, int]
    risks: list[tuple[str, str]]
    mitigations: list[str]
    ready: list[str]
    done: list[str]


@st.composite
def styles(draw: st.DrawFn) -> Style:
    return Style(
        level=draw(st.sampled_from([2, 3])),
        stories_as=draw(st.sampled_from(["heading", "label", "nothing"])),
        points=draw(
            st.sampled_from(
                [
                    *("({} points)", "({} pts)", "[{} SP]", "- {} points", "({} Punkte)", "({} puntos)"),
                    *("(SP: {})", "`{} SP`", "| {} pts", "\uff08{}\u70b9\uff09", "({} pts, high, @qwx)"),
                ]
            )
        ),
        total=draw(st.sampled_from(["(Total: {} points)", "({} points)"])),
        bold_id=draw(
            st.sampled_from(
                [
                    "**{}**: {}",
                    "**{}: {}**",
                    "{}: {}",
                    "**{}** - {}",
                    "[{}] {}",
                    "[{}](https://example.org/a) {}",
                ]
            )
        ),
        weeks=draw(
            st.sampled_from(
                ["Weeks {}-{}", "Weeks {} to {}", "Woche {}\u2013{}", "Semanas {} a {}", "\u7b2c{}-{}\u5468"]
            )
        ),
        lists_as=draw(st.sampled_from(["heading", "label"])),
    )


@st.composite
def written_items(draw: st.DrawFn, number: int) -> WrittenItem:
    identity = draw(st.none() | st.sampled_from([f"US-{number}.1", f"PROJ-{number}", f"STORY-{number:03}"]))
    return WrittenItem(
        identity=identity,
        title=draw(SENTENCE),
        description=draw(st.none() | SENTENCE) if identity is None else None,
        points=draw(st.integers(0, 40)),
        done=draw(st.sampled_from([None, True, False])),
        tasks=draw(ITEMS),
        after=draw(st.booleans()),
    )


@st.composite
def written_sprints(draw: st.DrawFn, number: int) -> WrittenSprint:
    count = draw(st.integers(1, 4))
    items = [draw(written_items(number * 10 + place)) for place in range(count)]
    return WrittenSprint(
        name=draw(SENTENCE),
        goal=draw(SENTENCE),
        items=items,
        stated=draw(st.sampled_from([None, 0, 1])),
        lists={name: draw(ITEMS) for name in ("Deliverables", "Success Criteria", "Definition of Done")},
    )


@st.composite
def written_plans(draw: st.DrawFn) -> WrittenPlan:
    low = draw(st.integers(1, 60))
    risks = draw(st.lists(st.tuples(SENTENCE, SENTENCE), max_size=4))
    return WrittenPlan(
        project=draw(SENTENCE),
        first=draw(st.integers(0, 2)),
        sprints=[draw(written_sprints(number)) for number in range(1, draw(st.integers(1, 4)) + 1)],
        capacity=(low, low + draw(st.integers(1, 40))),
        risks=risks,
        mitigations=draw(st.lists(SENTENCE, min_size=len(risks), max_size=len(risks) + 1)),
        ready=draw(st.lists(SENTENCE, max_size=3)),
        done=draw(st.lists(SENTENCE, max_size=3)),
    )


def total(sprint: WrittenSprint) -> int:
    return sum(item.points for item in sprint.items)


def markdown(plan: WrittenPlan, style: Style) -> str:
    low, high = plan.capacity
    lines = [f"# Sprint Planning - {plan.project} Project", "", "## Sprint Overview", ""]
    lines += [f"**Project Duration**: {len(plan.sprints)} Sprints  "]
    lines += [f"**Sprint Capacity:** {low}-{high} story points per sprint", "", "---", ""]
    for place, sprint in enumerate(plan.sprints):
        lines += sprint_lines(plan, place, sprint, style)
    lines += ["## Risk Management", "", "### High Priority Risks"]
    lines += [f"{n}. **{name}**: {text}" for n, (name, text) in enumerate(plan.risks, 1)]
    lines += ["", "### Mitigation Strategies", *(f"- {text}" for text in plan.mitigations), ""]
    lines += ["## Definition of Ready", *(f"- {text}" for text in plan.ready), ""]
    lines += ["## Definition of Done", *(f"- {text}" for text in plan.done), ""]
    return "\n".join(lines)


def sprint_lines(plan: WrittenPlan, place: int, sprint: WrittenSprint, style: Style) -> list[str]:
    weeks = style.weeks.format(2 * place + 1, 2 * place + 2)
    lines = [f"{'#' * style.level} Sprint {plan.first + place}: {sprint.name} ({weeks})"]
    lines += [f"**Goal**: {sprint.goal}", ""]
    stated = "" if sprint.stated is None else " " + style.total.format(total(sprint) + sprint.stated)
    if style.stories_as == "heading":
        lines += [f"{'#' * (style.level + 1)} Stories{stated}"]
    elif style.stories_as == "label":
        lines += [f"**Stories**{stated}:", ""]
    elif sprint.stated is not None:
        lines += [f"**Total Points**: {total(sprint) + sprint.stated}", ""]
    for item in sprint.items:
        lines += item_lines(item, style)
    for name, items in sprint.lists.items():
        opening = f"{'#' * (style.level + 1)} {name}" if style.lists_as == "heading" else f"**{name}**:"
        lines += ["", opening, "", *(f"- {BOXES[done]}{text}" for text, done in items)]
    return [*lines, "", "---", ""]


def item_lines(item: WrittenItem, style: Style) -> list[str]:
    remark = style.points.format(item.points)
    if item.identity is not None:
        written = style.bold_id.format(item.identity, item.title)
    elif item.description is not None:
        written = f"**{item.title}**: {item.description}"
    else:
        written = f"**{item.title}**"
    lines = [f"- {BOXES[item.done]}{written} {remark}"]
    return lines + [f"  - {BOXES[done]}{text}" for text, done in item.tasks]


def plain(items: list[Item]) -> list[tuple[str, bool | None]]:
    return [(item.text, item.done) for item in items]


def compare_item(story: Story, item: WrittenItem, sprint: str) -> None:
    assert (story.title, story.description, story.points) == (item.title, item.description, item.points)
    assert (story.done, story.sprints, plain(story.tasks)) == (item.done, [sprint], item.tasks)
    assert (story.kind, story.epic) == ("work_item" if item.identity is None else "story", None)
    if item.identity is not None:
        assert story.id == item.identity
    else:
        assert story.id.startswith(f"{sprint} / {item.title}")


def compare(plan: Plan, written: WrittenPlan) -> None:
    assert plan.project == written.project
    assert len(plan.sprints) == len(written.sprints)
    stories = iter(plan.stories)
    for place, (sprint, told) in enumerate(zip(plan.sprints, written.sprints, strict=True)):
        assert (sprint.number, sprint.name, sprint.goal) == (written.first + place, told.name, told.goal)
        assert sprint.weeks == (2 * place + 1, 2 * place + 2)
        assert sprint.capacity_range == written.capacity
        assert sprint.points_stated == (None if told.stated is None else total(told) + told.stated)
        assert plain(sprint.deliverables) == told.lists["Deliverables"]
        assert plain(sprint.success_criteria) == told.lists["Success Criteria"]
        assert plain(sprint.definition_of_done) == told.lists["Definition of Done"]
        for item in told.items:
            compare_item(next(stories), item, sprint.id)
    assert next(stories, None) is None
    assert [(risk.name, risk.text) for risk in plan.risks] == written.risks
    paired = written.mitigations if len(written.mitigations) == len(written.risks) else []
    assert [risk.mitigation for risk in plan.risks if risk.mitigation] == paired
    assert plain(plan.definition_of_ready or []) == [(text, None) for text in written.ready]
    assert plain(plan.definition_of_done or []) == [(text, None) for text in written.done]


@settings(max_examples=25, deadline=None)
@given(written_plans(), styles())
def test_what_is_written_is_read(written: WrittenPlan, style: Style) -> None:
    text = markdown(written, style)
    plan = read_plan(text)
    compare(plan, written)
    lines = text.split("\n")
    for story in plan.stories:
        assert story.title in lines[(story.line or 0) - 1]
        for task in story.tasks:
            assert task.text in lines[(task.line or 0) - 1]
    assert len({story.id for story in plan.stories}) == len(plan.stories)
    assert read_plan(plan.to_json()) == plan


@settings(max_examples=15, deadline=None)
@given(written_plans(), styles())
def test_numbers_that_disagree_are_said_and_stop_nothing(written: WrittenPlan, style: Style) -> None:
    plan = read_plan(markdown(written, style))
    findings = check_plan(plan)
    assert not has_errors(findings)
    wrong = [sprint.stated == 1 for sprint in written.sprints]
    assert sum(found.code == Code.POINTS_DIFFER for found in findings) == sum(wrong)
    open_loads = [
        total(sprint) for sprint in written.sprints if any(item.done is not True for item in sprint.items)
    ]
    low, high = written.capacity
    under = sum(found.code == Code.SPRINT_UNDER_CAPACITY for found in findings)
    over = sum(found.code == Code.SPRINT_OVER_CAPACITY for found in findings)
    assert under == sum(load < low for load in open_loads)
    assert over == sum(load > high for load in open_loads)
    unpaired = bool(written.mitigations) and len(written.mitigations) != len(written.risks)
    assert any(found.code == Code.MITIGATIONS_NOT_PAIRED for found in findings) == unpaired


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(1, 4), st.integers(-2, 2))
def test_a_head_that_counts_other_sprints_is_said(first: int, count: int, off: int) -> None:
    lines = ["# Plan", f"**Duration**: {max(1, count + off)} sprints", ""]
    for number in range(first, first + count):
        lines += [f"## Sprint {number}: Name", f"- **US-{number}.1**: Title (3 points)", ""]
    plan = read_plan("\n".join(lines))
    said = [found for found in plan.warnings if found.code == Code.COUNT_DIFFERS]
    assert [found.line for found in said] == ([2] if max(1, count + off) != count else [])
    assert [sprint.number for sprint in plan.sprints] == list(range(first, first + count))
