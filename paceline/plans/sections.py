"""The walk over an agent sprint plan: which part reads which section."""

from __future__ import annotations

import re

from paceline.domain.plan import Contingency, Epic, Item, Metric, Resources, Risk, Sprint, Story
from paceline.plans.agents import Team
from paceline.plans.backlog import BacklogReader
from paceline.plans.backlog_labels import SPRINT_LABELS
from paceline.plans.fields import Field, normal
from paceline.plans.findings import Code
from paceline.plans.headings import (
    epic_heading,
    heading_words,
    holds_stories,
    opens_work,
    phase_heading,
    sprint_heading,
    story_heading,
)
from paceline.plans.outcomes import (
    is_contingency_section,
    read_checklist,
    read_contingency,
    read_metrics,
    read_risks,
)
from paceline.plans.outline import Section
from paceline.plans.phases import PhaseReader
from paceline.plans.reading import Reading, contents
from paceline.plans.resources import is_owned_section, is_shared_section, read_owned, read_shared
from paceline.plans.team import is_team_section, read_team

OVERVIEW_LABELS = SPRINT_LABELS | {
    "project": "project",
    "team": "team",
    "sprints": "name",
}
_COUNT = re.compile(r"^(?P<count>\d{1,9})\b(?!\s*[-\u2013])")
_COORDINATED = re.compile(r"(?:coordinated|led|managed) by (?:the |an? )?(?P<name>[^,.;]+)", re.IGNORECASE)


class SectionReader:
    """Reads all sections of one document; what it found is in its public fields."""

    def __init__(self, root: Section) -> None:
        facts_of_team = Reading(Team([])).facts
        teams = [section for section in root.walk() if section.level > 0 and is_team_section(section)]
        agents = [agent for section in teams for agent in read_team(section, facts_of_team)]
        self.reading = Reading(Team(agents), facts=facts_of_team)
        self.backlog_reader = BacklogReader(self.reading)
        self.phase_reader = PhaseReader(self.reading)
        self.resources = Resources()
        self.metrics: list[Metric] = []
        self.risks: list[Risk] = []
        self.contingency: list[Contingency] = []
        self.definition_of_ready: list[Item] | None = None
        self.definition_of_done: list[Item] | None = None
        self.deliverables: list[Item] | None = None
        self.project: str | None = None
        self.capacity: str | None = None
        self.overview: Sprint | None = None
        """What the overview says of the plan's only sprint."""
        workers = [agent for agent in agents if not agent.coordinator]
        self._team_sizes = {len(agents), len(workers)} - {0}
        self._teams = {id(section) for section in teams}
        for section in root.sections:
            self._visit(section, None, None, None)

    def _visit(self, section: Section, sprint: Sprint | None, epic: Epic | None, phase: str | None) -> None:
        """Read one section and those below it.

        Args:
            section: any section.
            sprint: the sprint it stands in.
            epic: the epic it stands in.
            phase: the phase it stands in.
        """
        story = story_heading(section, in_epic=epic is not None)
        if story is not None:
            self._phased(self.backlog_reader.story(section, story, epic, sprint), phase)
            return
        if not opens_work(section) and self._beside_the_work(section):
            return
        found_epic, found_sprint = epic_heading(section), sprint_heading(section)
        found_phase = phase_heading(section)
        if found_epic is not None:
            epic = self.backlog_reader.epic(section, found_epic, sprint)
        elif found_sprint is not None and section.level > 1:
            sprint = self.backlog_reader.sprint(section, found_sprint)
        elif found_phase is not None:
            phase = found_phase.id
            self.phase_reader.phase(section, found_phase)
        elif section.level == 1 or "overview" in heading_words(section):
            self._overview(section)
        else:
            self.reading.keep_section(section)
        for below in section.sections:
            self._visit(below, sprint, epic, phase)

    def _phased(self, story: Story, phase: str | None) -> None:
        if story.phase is None:
            story.phase = phase

    def _beside_the_work(self, section: Section) -> bool:
        """Read a section that is about the team, outcomes or resources; whether it was one of them."""
        return id(section) in self._teams or self._outcome(section) or self._resource(section)

    def _outcome(self, section: Section) -> bool:
        """Read metrics, risks, contingency plans and checklists; whether it was one of them."""
        words = heading_words(section)
        if holds_stories(section) or section.level == 1:
            return False
        if "metrics" in words or words == {"success", "criteria"}:
            read_metrics(section, self.metrics, self.reading)
        elif is_contingency_section(section):
            read_contingency(section, self.contingency)
        elif words & {"risk", "risks"}:
            read_risks(section, self.risks, self.contingency, self.reading)
        elif words >= {"definition", "done"}:
            self.definition_of_done = [*(self.definition_of_done or []), *read_checklist(section)]
        elif words >= {"definition", "ready"}:
            self.definition_of_ready = [*(self.definition_of_ready or []), *read_checklist(section)]
        elif "deliverables" in words:
            self.deliverables = [*(self.deliverables or []), *read_checklist(section)]
        else:
            return False
        return True

    def _resource(self, section: Section) -> bool:
        if is_shared_section(section):
            read_shared(section, self.resources, self.reading)
        elif is_owned_section(section):
            read_owned(section, self.resources, self.reading)
        else:
            return False
        return True

    def _overview(self, section: Section) -> None:
        found = contents(section, OVERVIEW_LABELS)
        name = section.title.text
        if self.overview is None and (section.level > 1 or found.fields):
            self.overview = Sprint(id="Sprint", line=section.line)
        for entry in found.fields:
            self._overview_field(name, entry)
        self.reading.keep_rest(name, found)
        self.reading.keep_others(name, section, fields_read=True)

    def _overview_field(self, section: str, entry: Field) -> None:
        sprint = self.overview or Sprint(id="Sprint")
        match OVERVIEW_LABELS.get(normal(entry.label)):
            case "goal":
                sprint.goal = sprint.goal or entry.value or None
            case "duration":
                sprint.duration_text = sprint.duration_text or entry.value or None
            case "points":
                sprint.points_stated = self.backlog_reader.points(entry)
            case "capacity":
                self.capacity = self.capacity or entry.value or None
            case "project":
                self.project = self.project or entry.value or None
            case "name" if entry.value.isdigit():
                sprint.id, sprint.number = f"Sprint {entry.value}", int(entry.value)
            case "name":
                sprint.name = sprint.name or entry.value or None
            case "team" if entry.value:
                self._team(entry)
                self.reading.keep_field(section, entry)
            case "team":
                # Its list is read as the team itself.
                pass
            case _:
                self.reading.keep_field(section, entry)

    def _team(self, entry: Field) -> None:
        match = _COORDINATED.search(entry.value)
        if match:
            self.reading.team.coordinate(match["name"].strip())
        self.reading.team.mention(entry.value)
        count = _COUNT.match(entry.value)
        if count and self._team_sizes and int(count["count"]) not in self._team_sizes:
            self.reading.warn(
                Code.TEAM_SIZE_DIFFERS,
                f"The team is said to be `{entry.value}`, and {max(self._team_sizes)} agents are described.",
                "Change the number, or describe the agents that are missing.",
                entry.line,
            )
