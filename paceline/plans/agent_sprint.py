"""The reader for the agent sprint plan: a team of agents, epics with stories, phases, resources, metrics."""

from __future__ import annotations

from typing import TypeVar

from paceline.domain.plan import Epic, Plan, Sprint, Story
from paceline.plans.backlog import Backlog
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.fields import normal
from paceline.plans.findings import Code, in_order
from paceline.plans.gates import decide_gates
from paceline.plans.headings import (
    epic_heading,
    has_story_signs,
    heading_words,
    phase_heading,
    sprint_heading,
    story_heading,
)
from paceline.plans.left_out_stories import without_left_out
from paceline.plans.outcomes import remark_uncovered
from paceline.plans.phases import match_stories
from paceline.plans.quantities import whole_number
from paceline.plans.resolve import DependencyReader
from paceline.plans.resources import read_words, remark_unused
from paceline.plans.sections import SectionReader
from paceline.plans.story_tables import complete_from_tables
from paceline.plans.targets import Target, Targets
from paceline.plans.team import is_team_section
from paceline.plans.time_boxes import sprint_in_title

KIND = "agent sprint plan"
SPRINT_ID = "Sprint"
EPIC_ID = "Epic"

_Named = TypeVar("_Named", Epic, Sprint)


class AgentSprintReader:
    """Reads plans that give stories headings of their own and name the agents who do them."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How much of the format's structure is there."""
        found = Evidence()
        sections = [section for section in document.outline.walk() if section.level > 0]
        epics = [section for section in sections if epic_heading(section)]
        in_epics = {id(below) for epic in epics for below in epic.walk() if below is not epic}
        if any(story_heading(section, in_epic=id(section) in in_epics) for section in sections):
            found.add(3, "stories with headings of their own")
        if any(is_team_section(section) and (section.sections or section.blocks) for section in sections):
            found.add(2, "a section that describes the agents")
        if epics:
            found.add(1, "epics with headings of their own")
        if any({"backlog"} & heading_words(section) for section in sections):
            found.add(1, "a backlog")
        if any(phase_heading(section) for section in sections):
            found.add(1, "phases")
        if any(has_story_signs(section) for section in sections):
            found.add(1, "labels of stories, such as Agent, Tasks or Files")
        return found

    def read(self, document: Document) -> Plan:
        """Read the document; what is wrong with it is for the linter to say."""
        found = SectionReader(document.outline)
        backlog = found.backlog_reader.backlog
        title, title_known = _title(document)
        _settle_sprints(found, document)
        _settle_epics(backlog)
        complete_from_tables(document.outline, backlog.stories, found.reading)
        _rename_agents(found)
        targets = _resolve(found)
        match_stories(found.phase_reader.phases, backlog.stories, targets, found.reading)
        decide_gates(backlog.epics, backlog.stories, found.phase_reader.phases, found.reading)
        for story, files in backlog.files:
            read_words(story, files, found.resources, found.reading)
        remark_unused(backlog.stories, found.resources, found.reading)
        remark_uncovered(found.metrics, backlog.stories, found.reading)
        _remark_points(found)
        if not title_known:
            found.reading.warn(
                Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1
            )
        return without_left_out(_plan(document, found, title))


def _plan(document: Document, found: SectionReader, title: str) -> Plan:
    backlog, overview = found.backlog_reader.backlog, found.overview
    warnings = in_order([*found.reading.warnings, *found.reading.team.findings])
    return Plan(
        title=title,
        project=found.project,
        source=document.source(KIND),
        goal=overview.goal if overview else None,
        sprints=backlog.sprints,
        epics=backlog.epics,
        stories=backlog.stories,
        agents=found.reading.team.agents(),
        phases=found.phase_reader.phases,
        resources=found.resources,
        metrics=found.metrics,
        risks=found.risks,
        contingency=found.contingency,
        definition_of_ready=found.definition_of_ready,
        definition_of_done=found.definition_of_done,
        deliverables=found.deliverables,
        capacity=found.capacity,
        facts=sorted(found.reading.facts, key=lambda fact: fact.line or 0),
        warnings=[warning.model_copy(update={"file": document.file}) for warning in warnings],
    )


def _title(document: Document) -> tuple[str, bool]:
    headings = [section for section in document.outline.walk() if section.level > 0 and section.title.text]
    first = next((section for section in headings if section.level == 1), None)
    if first is not None:
        return first.title.text, True
    if headings:
        return headings[0].title.text, True
    return document.file or "Untitled plan", False


def _settle_sprints(found: SectionReader, document: Document) -> None:
    """Give every story a sprint: the one it stands in, the one it names, else the plan's only one."""
    backlog = found.backlog_reader.backlog
    homeless = [story for story in backlog.stories if not story.sprints]
    if not backlog.sprints or homeless:
        sprint = found.overview or Sprint(id=SPRINT_ID, implicit=True)
        _number_from_title(sprint, document)
        if backlog.sprints:
            sprint = Sprint(id=SPRINT_ID, implicit=True)
        backlog.sprints.append(sprint)
        for story in homeless:
            story.sprints = [sprint.id]
    known = {sprint.id.lower(): sprint for sprint in backlog.sprints}
    for story in backlog.stories:
        for place, name in enumerate(story.sprints):
            sprint = known.get(name.lower())
            if sprint is None:
                # A story may name a sprint that has no heading of its own.
                number = name.removeprefix("Sprint ")
                sprint = Sprint(id=name, number=whole_number(number), implicit=True)
                known[name.lower()] = sprint
                backlog.sprints.append(sprint)
            story.sprints[place] = sprint.id


def _number_from_title(sprint: Sprint, document: Document) -> None:
    first = next(iter(document.outline.sections), None)
    heading = sprint_heading(first) if first is not None and first.level == 1 else None
    if heading is not None and heading.number is not None:
        sprint.id, sprint.number = heading.id, heading.number
        sprint.name = sprint.name or heading.title or None
        return
    named = sprint_in_title(first.title.text) if first is not None and first.level == 1 else None
    if named is not None:
        sprint.id, sprint.number = named


def _settle_epics(backlog: Backlog) -> None:
    """Resolve epics that stories name, and give stories without any an implicit one."""
    known = {epic.id.lower(): epic.id for epic in backlog.epics}
    known |= {epic.title.lower(): epic.id for epic in backlog.epics}
    for story in backlog.stories:
        if story.epic is not None:
            name = story.epic.lower()
            story.epic = (
                known.get(name) or known.get(f"epic {name}") or known.get(name.partition(":")[0].strip())
            )
    homeless = [story for story in backlog.stories if story.epic is None]
    if homeless:
        epic = Epic(id=_free_id(EPIC_ID, backlog.epics), title="Stories", implicit=True)
        backlog.epics.append(epic)
        for story in homeless:
            story.epic = epic.id
    members: dict[str, list[str]] = {epic.id: [] for epic in backlog.epics}
    for story in backlog.stories:
        members[story.epic or ""].append(story.id)
    for epic in backlog.epics:
        epic.stories = members[epic.id]


def _free_id(wanted: str, taken: list[_Named]) -> str:
    ids = {each.id for each in taken}
    number, found = 1, wanted
    while found in ids:
        number, found = number + 1, f"{wanted} ({number + 1})"
    return found


def _resolve(found: SectionReader) -> Targets:
    backlog = found.backlog_reader.backlog
    targets = Targets(
        [
            *(Target(story.id, story.title, "story") for story in backlog.stories),
            *(Target(epic.id, epic.title, "epic") for epic in backlog.epics if not epic.implicit),
        ]
    )
    reader = DependencyReader(targets)
    for epic, references in backlog.epic_references:
        epic.dependencies = [one for text, line in references for one in reader.read(text, line)]
    for story, references in backlog.story_references:
        story.dependencies.extend(one for text, line in references for one in reader.read(text, line))
        for dependency in story.dependencies:
            if not dependency.resolved:
                dependency.resolved = _in_phase(dependency.as_written, story, backlog.stories)
    found.reading.warnings.extend(reader.warnings)
    return targets


def _in_phase(written: str, story: Story, stories: list[Story]) -> list[str]:
    """The stories that stand in a phase which a dependency names."""
    return [s.id for s in stories if s is not story and s.phase and normal(s.phase) == normal(written)]


def _rename_agents(found: SectionReader) -> None:
    """Use the canonical names everywhere, now that all mentions are known."""
    renamed = found.reading.team.settle()
    backlog = found.backlog_reader.backlog
    for story in backlog.stories:
        story.agents = [renamed.get(agent, agent) for agent in story.agents]
    for phase in found.phase_reader.phases:
        for step in phase.steps:
            step.agents = [renamed.get(agent, agent) for agent in step.agents]
    for owned in found.resources.owned:
        owned.agent = renamed.get(owned.agent, owned.agent)


def _remark_points(found: SectionReader) -> None:
    """Compare points that are stated with those they should add up to."""
    backlog = found.backlog_reader.backlog
    by_epic: dict[str, list[Story]] = {}
    for story in backlog.stories:
        by_epic.setdefault(story.epic or "", []).append(story)
    for epic in backlog.epics:
        stories = by_epic.get(epic.id, [])
        total = _sum([story.points for story in stories])
        if epic.points is not None and total is not None and total != epic.points:
            _points_differ(found, f"`{epic.id}`", epic.points, "its stories", total, epic.line)
    if len(backlog.sprints) == 1:
        sprint = backlog.sprints[0]
        total = _sum([epic.points for epic in backlog.epics]) or _sum(
            [story.points for story in backlog.stories]
        )
        if sprint.points_stated is not None and total is not None and total != sprint.points_stated:
            _points_differ(found, "The sprint", sprint.points_stated, "its epics", total, sprint.line)


def _sum(points: list[float | None]) -> float | None:
    known = [value for value in points if value is not None]
    return sum(known) if known and len(known) == len(points) else None


def _points_differ(
    found: SectionReader, what: str, stated: float, parts: str, total: float, line: int | None
) -> None:
    found.reading.warn(
        Code.POINTS_DIFFER,
        f"{what} states {stated:g} points, and {parts} add up to {total:g}.",
        "Change the number that is wrong; both are kept as written.",
        line or 1,
    )
