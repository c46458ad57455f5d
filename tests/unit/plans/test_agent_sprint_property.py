"""Any plan written in the format is read back as it was."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.domain.graph import find_cycle, story_edges
from paceline.domain.plan import Plan
from paceline.plans.labels import labels
from paceline.plans.lint import check_plan, has_errors
from paceline.plans.reader import read_plan

# Sentences as plans have them: words of any script, with inner punctuation that means nothing in markdown.
WORD = st.text("abcdefghijkmnopqrstuvwxyzABCXYZ\u00e4\u00df\u00e9\u4f60\u043f", min_size=1, max_size=8)
SENTENCE = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
CODE = st.sampled_from(["make test", "pytest -q", "a | b", "x, y", "npm run build -- --watch=false"])
PATH = st.lists(st.text("abcdefgh_", min_size=1, max_size=6), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".py"
)


CHANGES = {
    ("change", "value.no"): "optional",
    ("change", "value.no_change"): "optional",
    ("change", "value.yes"): "required",
    ("no_change", "value.yes"): "optional",
    ("no_change", "value.allowed"): "optional",
    ("no_change", "value.no"): "required",
}


@dataclass
class WrittenStory:
    title: str
    agents: list[int]
    dependencies: list[int]
    tasks: list[tuple[str, bool | None]]
    criteria: list[tuple[str, str | None]]
    checks: list[str]
    files: dict[str, bool]
    points: int | None
    approval: bool
    change: tuple[str, str] | None
    """The label that says whether it may change nothing, and the concept of what stands behind it."""


@dataclass
class WrittenEpic:
    title: str
    priority: str | None
    points: int | None
    stories: list[WrittenStory] = field(default_factory=list[WrittenStory])


@dataclass
class WrittenPlan:
    title: str
    goal: str
    agents: list[str]
    epics: list[WrittenEpic]


@dataclass
class Style:
    """How a plan is spelt; what it says does not change."""

    language: str
    label: str
    """With places for the word and the value."""
    identity: str
    """With places for the numbers of the epic and the story; without a prefix the language's word is one."""
    heading: str
    """With places for the id and the title."""
    points: str
    points_in_title: bool
    join: str
    box: str

    def word(self, concept: str) -> str:
        rows = labels().rows(concept)
        word = rows.get(self.language, rows["en"])[0]
        return f"{word[0].upper()}{word[1:]}"

    def field(self, concept: str, value: str) -> str:
        return self.label.format(self.word(concept), value).rstrip()

    def story(self, epic: int, story: int) -> str:
        number = self.identity.format(epic, story)
        return number if number[0].isalpha() else f"{self.word('heading.story')} {number}"

    def epic(self, number: int) -> str:
        return f"{self.word('heading.epic')} {number}"


PLAIN = Style("en", "- **{}**: {}", "{}.{}", "{}: {}", "{}", False, ", ", "x")


@st.composite
def styles(draw: st.DrawFn) -> Style:
    language = draw(st.sampled_from(["en", "de", "es", "fr", "zh"]))
    marks = ["- **{}**: {}", "- **{}:** {}", "- *{}*: {}", "- *{}:* {}", "- {}: {}", "- **{}**\uff1a{}"]
    prefixed = draw(st.booleans())
    headings = ["{}: {}", "{} - {}", "{} \u2014 {}", "{}\uff1a{}"]
    return Style(
        language=language,
        label=draw(st.sampled_from(marks)),
        identity=draw(st.sampled_from(["PROJ-{}{}", "E{}-S{}", "US-{}.{}"])) if prefixed else "{}.{}",
        heading=draw(
            st.sampled_from([*headings, "[{}](https://example.org/a) {}"] if prefixed else headings)
        ),
        points=draw(
            st.sampled_from(["{}", "{} points", "{} SP", "~{} pts", "{} Punkte", "{} \u70b9", "SP: {}"])
        ),
        points_in_title=draw(st.booleans()),
        join=draw(st.sampled_from([", ", "; ", "\u3001", "\uff0c"])),
        box=draw(st.sampled_from(["x", "X"])),
    )


@st.composite
def written_stories(draw: st.DrawFn, agents: int) -> WrittenStory:
    return WrittenStory(
        title=draw(SENTENCE),
        agents=draw(st.lists(st.integers(0, agents - 1), min_size=1, max_size=3, unique=True)),
        dependencies=draw(st.lists(st.integers(0, 30), max_size=3, unique=True)),
        tasks=draw(st.lists(st.tuples(SENTENCE, st.sampled_from([None, True, False])), max_size=4)),
        criteria=draw(st.lists(st.tuples(SENTENCE, st.none() | CODE), max_size=3)),
        checks=draw(st.lists(CODE, max_size=2)),
        files=draw(st.dictionaries(PATH, st.booleans(), max_size=3)),
        points=draw(st.none() | st.integers(0, 21)),
        approval=draw(st.booleans()),
        change=draw(st.none() | st.sampled_from(sorted(CHANGES))),
    )


@st.composite
def written_plans(draw: st.DrawFn) -> WrittenPlan:
    count = draw(st.integers(1, 4))
    agents = [f"{name} Agent" for name in ["Amber", "Birch", "Cedar", "Delta"][:count]]
    epics = draw(
        st.lists(
            st.builds(
                WrittenEpic,
                title=SENTENCE,
                priority=st.sampled_from([None, "Critical", "Low", "P1"]),
                points=st.none() | st.integers(1, 40),
                stories=st.lists(written_stories(count), min_size=1, max_size=4),
            ),
            min_size=1,
            max_size=4,
        )
    )
    return WrittenPlan(draw(SENTENCE), draw(SENTENCE), agents, epics)


def ids(plan: WrittenPlan, style: Style) -> list[str]:
    epics = enumerate(plan.epics, 1)
    return [style.story(e, s) for e, epic in epics for s in range(1, len(epic.stories) + 1)]


def earlier(plan: WrittenPlan, place: int, story: WrittenStory, style: Style) -> list[str]:
    """Dependencies on earlier stories only, so that there is no cycle."""
    return [ids(plan, style)[n] for n in story.dependencies if n < place]


def markdown(plan: WrittenPlan, style: Style) -> str:
    lines = [f"# {plan.title}", "", "## Sprint Overview", f"**Goal**: {plan.goal}  ", "", "## Agent Team", ""]
    for number, agent in enumerate(plan.agents, 1):
        lines += [f"### {number}. {agent}", "- **Role**: Works", ""]
    lines += ["## Sprint Backlog", ""]
    place = 0
    for number, epic in enumerate(plan.epics, 1):
        lines.append(f"### {style.epic(number)}: {epic.title}")
        lines += [style.field("priority", epic.priority)] if epic.priority else []
        lines += [style.field("points", style.points.format(epic.points))] if epic.points else []
        lines.append("")
        for index, story in enumerate(epic.stories, 1):
            title = story.title
            if style.points_in_title and story.points is not None:
                title += f" ({style.points.format(story.points)})"
            heading = style.heading.format(style.story(number, index), title)
            lines += [f"#### {heading}", *story_lines(plan, place, story, style), ""]
            place += 1
    return "\n".join(lines)


def story_lines(plan: WrittenPlan, place: int, story: WrittenStory, style: Style) -> list[str]:
    boxes = {None: "", True: f"[{style.box}] ", False: "[ ] "}
    dependencies = earlier(plan, place, story, style)
    lines = [style.field("agents", " + ".join(plan.agents[number] for number in story.agents))]
    lines += [style.field("dependencies", style.join.join(dependencies) or style.word("value.nothing"))]
    if story.points is not None and not style.points_in_title:
        lines += [style.field("points", style.points.format(story.points))]
    lines += ["- **Approval**: required"] if story.approval else []
    lines += [style.field(story.change[0], style.word(story.change[1]))] if story.change else []
    lines += [style.field("tasks", "")] if story.tasks else []
    lines += [f"  - {boxes[done]}{text}" for text, done in story.tasks]
    lines += [style.field("acceptance_criteria", "")] if story.criteria else []
    lines += [f"  - {text}" + (f". Check: `{code}`" if code else "") for text, code in story.criteria]
    lines += ["- **Checks**: " + ", ".join(f"`{code}`" for code in story.checks)] if story.checks else []
    marked = [f"`{path}`{' (new)' if new else ''}" for path, new in story.files.items()]
    lines += [style.field("files", ", ".join(marked))] if marked else []
    return lines


def compare(plan: Plan, written: WrittenPlan, style: Style) -> None:
    assert (plan.title, plan.goal) == (written.title, written.goal)
    assert [agent.id for agent in plan.agents] == written.agents
    assert [story.id for story in plan.stories] == ids(written, style)
    for epic, told in zip(plan.epics, written.epics, strict=True):
        assert (epic.title, epic.priority, epic.points) == (told.title, told.priority, told.points)
    stories = [story for epic in written.epics for story in epic.stories]
    for place, (story, told) in enumerate(zip(plan.stories, stories, strict=True)):
        assert (story.title, story.points, bool(story.approval)) == (told.title, told.points, told.approval)
        assert story.change == (CHANGES[told.change] if told.change else None)
        assert story.agents == [written.agents[number] for number in told.agents]
        assert story.collaborative == (len(told.agents) > 1)
        assert [d for each in story.dependencies for d in each.resolved] == earlier(
            written, place, told, style
        )
        assert [(task.text, task.done) for task in story.tasks] == told.tasks
        assert [(item.text, item.command) for item in story.acceptance_criteria] == told.criteria
        assert story.checks == told.checks
        assert {file.path: file.new for file in story.files} == told.files
        assert story.files_as_written is None


def check(written: WrittenPlan, style: Style) -> None:
    text = markdown(written, style)
    plan = read_plan(text)
    compare(plan, written, style)
    assert not has_errors(check_plan(plan))
    assert find_cycle(story_edges(plan)) is None
    lines = text.split("\n")
    for story in plan.stories:
        assert story.id in lines[(story.line or 0) - 1]
        for item in [*story.tasks, *story.acceptance_criteria]:
            assert item.text in lines[(item.line or 0) - 1]
    assert read_plan(plan.to_json()) == plan


@settings(max_examples=40, deadline=None)
@given(written_plans())
def test_what_is_written_is_read(written: WrittenPlan) -> None:
    check(written, PLAIN)


@settings(max_examples=60, deadline=None)
@given(written_plans(), styles())
def test_what_is_written_is_read_in_every_spelling(written: WrittenPlan, style: Style) -> None:
    check(written, style)
