"""A plan while its reader finds it: what readers of task lists need to make it whole."""

from __future__ import annotations

from dataclasses import dataclass, field

from paceline.domain.plan import Dependency, Epic, Phase, Plan, Sprint, Story
from paceline.plans.agents import Team
from paceline.plans.document import Document
from paceline.plans.findings import Code, in_order
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Section
from paceline.plans.reading import Reading
from paceline.plans.resolve import DependencyReader, Target, Targets

BY_ORDER = "by order"
"""The qualifier of a dependency that the format's order implies and nobody wrote."""


@dataclass(slots=True)
class Draft:
    """Stories, epics and phases of one document, before their references are resolved."""

    reading: Reading = field(default_factory=lambda: Reading(Team([])))
    sprints: list[Sprint] = field(default_factory=list[Sprint])
    epics: list[Epic] = field(default_factory=list[Epic])
    stories: list[Story] = field(default_factory=list[Story])
    phases: list[Phase] = field(default_factory=list[Phase])
    references: list[tuple[Story, str, int]] = field(default_factory=list[tuple[Story, str, int]])
    project: str | None = None
    goal: str | None = None
    _epics: dict[str, Epic] = field(default_factory=dict[str, Epic])
    _numbered: list[Story] = field(default_factory=list[Story])
    _ordered: list[Story] = field(default_factory=list[Story])

    def epic(self, identity: str, title: str, line: int | None, *, implicit: bool = False) -> Epic:
        """The epic of that id; it is new where there is none yet."""
        found = self._epics.get(identity)
        if found is None:
            found = self._epics[identity] = Epic(id=identity, title=title, implicit=implicit, line=line)
            self.epics.append(found)
        return found

    def has_epic(self, identity: str) -> bool:
        """Whether there is an epic of that id."""
        return identity in self._epics

    def wait_for(self, story: Story, written: str, line: int) -> None:
        """Note a dependency as it is written."""
        story.dependencies_as_written = ", ".join(filter(None, [story.dependencies_as_written, written]))
        self.references.append((story, written, line))

    def wait_by_order(self, story: Story, earlier: Story) -> None:
        """Make a story wait for an earlier one because the format's order says so."""
        if all(earlier.id not in each.resolved for each in story.dependencies):
            self._ordered.append(story)
            story.dependencies.append(
                Dependency(as_written=earlier.id, resolved=[earlier.id], qualifier=BY_ORDER, line=story.line)
            )

    def assign(self, story: Story, written: str, line: int) -> None:
        """Give a story the agents of one place."""
        assigned = self.reading.team.assign(written, line, story=True)
        story.agents = list(dict.fromkeys([*story.agents, *assigned.names]))
        story.agents_as_written = ", ".join(filter(None, [story.agents_as_written, written]))
        story.agents_line = story.agents_line or line
        story.collaborative = assigned.collaborative or len(story.agents) > 1

    def numbered(self, story: Story) -> None:
        """Note that a story's id is not written."""
        self._numbered.append(story)

    def plan(self, document: Document, kind: str, title: str | None = None) -> Plan:
        """The whole plan: containers that are not written, references and remarks included."""
        title = title or title_of(document)
        if title is None:
            self.reading.warn(
                Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1
            )
        self._contain()
        self._resolve()
        self._remark()
        renamed = self.reading.team.settle()
        for story in self.stories:
            story.agents = [renamed.get(agent, agent) for agent in story.agents]
        warnings = in_order([*self.reading.warnings, *self.reading.team.findings])
        return Plan(
            title=title or document.file or "Untitled plan",
            project=self.project,
            source=document.source(kind),
            goal=self.goal,
            sprints=self.sprints,
            epics=self.epics,
            stories=self.stories,
            agents=self.reading.team.agents(),
            phases=self.phases,
            facts=sorted(self.reading.facts, key=lambda fact: fact.line or 0),
            warnings=[each.model_copy(update={"file": each.file or document.file}) for each in warnings],
        )

    def _contain(self) -> None:
        """Put stories without a sprint or an epic into implicit ones."""
        if not self.sprints or any(not story.sprints for story in self.stories):
            self.sprints.append(Sprint(id="Sprint", implicit=True))
        for story in self.stories:
            story.sprints = story.sprints or [self.sprints[-1].id]
            if story.epic is None:
                story.epic = self.epic("Epic", "Stories", None, implicit=True).id
        members: dict[str, list[str]] = {epic.id: [] for epic in self.epics}
        for story in self.stories:
            members[story.epic or ""].append(story.id)
        for epic in self.epics:
            epic.stories = members[epic.id]
        self.epics = [epic for epic in self.epics if epic.stories or not epic.implicit]

    def _resolve(self) -> None:
        targets = [Target(story.id, story.title, "story") for story in self.stories]
        targets += [Target(epic.id, epic.title, "epic") for epic in self.epics if not epic.implicit]
        reader = DependencyReader(Targets(targets))
        for story, written, line in self.references:
            for one in reader.read(written, line):
                # What is written comes before what the order says.
                story.dependencies = [d for d in story.dependencies if set(d.resolved) - set(one.resolved)]
                story.dependencies.append(one)
        self.reading.warnings.extend(reader.warnings)

    def _remark(self) -> None:
        if self._numbered:
            first = self._numbered[0]
            count = len(self._numbered)
            what = "1 task has no id, so it is numbered" if count == 1 else f"{count} tasks have no ids"
            self.reading.warn(
                Code.ID_ASSIGNED,
                f"{what}{'' if count == 1 else ', so they are numbered'}: `{first.id}` is `{first.title}`.",
                "Write an id before a title, such as `US-1: Title`, if something else refers to it.",
                first.line or 1,
            )
        if self._ordered:
            first = self._ordered[0]
            earlier = next(each for each in first.dependencies if each.qualifier == BY_ORDER)
            self.reading.warn(
                Code.ORDER_FROM_FORMAT,
                f"The order of the tasks is kept: `{first.id}` waits for `{earlier.as_written}`, "
                f"as do {len(self._ordered)} tasks in all.",
                "Nothing, if the order was meant; else write the dependencies of each task.",
                first.line or 1,
            )


def title_of(document: Document) -> str | None:
    """The first heading, of level 1 where there is one, without its pictures."""
    headings: list[Section] = [s for s in document.outline.walk() if s.level > 0 and s.title.text]
    first = next((section for section in headings if section.level == 1), next(iter(headings), None))
    return without_pictures(first.title.text) if first is not None else None
