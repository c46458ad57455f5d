"""A plan while its reader finds it: what readers of task lists need to make it whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.domain.plan import Dependency, Epic, Fact, Phase, Plan, Sprint, Story
from paceline.plans.agents import Team
from paceline.plans.document import Document
from paceline.plans.findings import Code, in_order
from paceline.plans.left_out import LeftOut
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Section
from paceline.plans.reading import Reading
from paceline.plans.resolve import DependencyReader
from paceline.plans.targets import Target, Targets

BY_ORDER = "by order"
"""The qualifier of a dependency that the format's order implies and nobody wrote."""
BY_LINK = "by link"
"""The qualifier of a dependency that the other story wrote, as `blocks PAY-9`."""
_PHASE = re.compile(
    r"^(?:[a-z ]+ )?phase (?P<name>[\w.]+)(?: (?:is )?complete[a-z]*)?(?: \(.*\))?$", re.IGNORECASE
)


@dataclass(slots=True)
class Draft:
    """Stories, epics and phases of one document, before their references are resolved."""

    reading: Reading = field(default_factory=lambda: Reading(Team([])))
    sprints: list[Sprint] = field(default_factory=list[Sprint])
    epics: list[Epic] = field(default_factory=list[Epic])
    stories: list[Story] = field(default_factory=list[Story])
    phases: list[Phase] = field(default_factory=list[Phase])
    references: list[tuple[Story, str, int]] = field(default_factory=list[tuple[Story, str, int]])
    blocked: list[tuple[Story, str, int]] = field(default_factory=list[tuple[Story, str, int]])
    project: str | None = None
    goal: str | None = None
    _epics: dict[str, Epic] = field(default_factory=dict[str, Epic])
    _numbered: list[Story] = field(default_factory=list[Story])
    _ordered: list[Story] = field(default_factory=list[Story])
    _left_out: list[tuple[Story, LeftOut]] = field(default_factory=list[tuple[Story, LeftOut]])

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

    def block(self, story: Story, written: str, line: int) -> None:
        """Note that a story says of others, as they are written, that they wait for it."""
        self.blocked.append((story, written, line))

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

    def leave_out(self, story: Story, state: LeftOut) -> None:
        """Take a story out of the plan because it is not to be done now; it is kept as a fact.

        Args:
            story: one that is not done; whether it is among the stories does not matter.
            state: why.
        """
        self._left_out.append((story, state))
        written = story.model_dump(mode="json", exclude_defaults=True)
        value = {"state": state, **written}
        self.reading.facts.append(Fact(section=story.id, name="left out", value=value, line=story.line))
        self.reading.warn(
            Code.TASK_LEFT_OUT,
            f"`{story.id}` is {state}, so it is not scheduled: `{story.title}`.",
            "Nothing, if that is meant; else write an open box or status, without that word.",
            story.line or 1,
        )

    def drop_left_out(self) -> None:
        """Take what is left out from the stories, which a reader needs that goes through them again."""
        gone = {id(story) for story, _ in self._left_out}
        if gone:
            self.stories = [each for each in self.stories if id(each) not in gone]
            self.references = [each for each in self.references if id(each[0]) not in gone]
            self.blocked = [each for each in self.blocked if id(each[0]) not in gone]
            self._numbered = [each for each in self._numbered if id(each) not in gone]

    def plan(self, document: Document, kind: str, title: str | None = None) -> Plan:
        """The whole plan: containers that are not written, references and remarks included."""
        title = title or title_of(document)
        if title is None:
            self.reading.warn(
                Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1
            )
        self.drop_left_out()
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
        stories = [*self.stories, *(story for story, _ in self._left_out)]
        targets = [Target(story.id, story.title, "story") for story in stories]
        targets += [Target(epic.id, epic.title, "epic") for epic in self.epics if not epic.implicit]
        reader = DependencyReader(Targets(targets))
        for story, written, line in self.references:
            for one in self._phases_in(story, written, line) or _read(reader, written, line):
                # What is written comes before what the order says.
                story.dependencies = [d for d in story.dependencies if set(d.resolved) - set(one.resolved)]
                story.dependencies.append(one)
        self.reading.warnings.extend(reader.warnings)
        self._resolve_blocked(reader)
        here = {story.id for story in self.stories}
        gone = {each[0].id: each for each in self._left_out if each[0].id not in here}
        for story in self.stories if gone else ():
            story.dependencies = [each for each in story.dependencies if self._is_awaited(story, each, gone)]

    def _resolve_blocked(self, reader: DependencyReader) -> None:
        """Let the stories wait that another one says it blocks; who is not in the plan, waits for nobody."""
        stories = {story.id: story for story in self.stories}
        for story, written, line in self.blocked:
            named = [name for one in reader.read(written, line) for name in one.resolved]
            for other in (stories[name] for name in named if name in stories):
                if other is not story and all(story.id not in each.resolved for each in other.dependencies):
                    other.dependencies.append(
                        Dependency(as_written=story.id, resolved=[story.id], qualifier=BY_LINK, line=line)
                    )

    def _phases_in(self, story: Story, written: str, line: int) -> list[Dependency]:
        """A dependency on a phase, such as `Phase 2 complete`, means its stories."""
        match = _PHASE.match(written)
        if match is None:
            return []
        name = f"phase {match['name']}".lower()
        ids = [s.id for s in self.stories if s.phase and s.phase.lower() == name and s is not story]
        return [Dependency(as_written=written, resolved=ids, line=line)] if ids else []

    def _is_awaited(
        self, story: Story, dependency: Dependency, gone: Mapping[str, tuple[Story, LeftOut]]
    ) -> bool:
        """Take what is left out from a dependency; whether anything remains of it."""
        named = [gone[name] for name in dependency.resolved if name in gone]
        for other, state in named:
            cancelled = state == "cancelled"
            self.reading.warn(
                Code.DEPENDENCY_CANCELLED if cancelled else Code.DEPENDENCY_DEFERRED,
                f"`{story.id}` waits for `{other.id}`, which is {state}"
                + (", so it is not awaited." if cancelled else " and would be awaited for ever."),
                f"Write what `{story.id}` really needs, or delete the dependency.",
                dependency.line or story.line or 1,
            )
            dependency.resolved.remove(other.id)
        return not named or bool(dependency.resolved)

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
        # What is written may have taken the place of what the order says.
        ordered = [s for s in self._ordered if any(each.qualifier == BY_ORDER for each in s.dependencies)]
        ordered = list({id(story): story for story in ordered}.values())
        if ordered:
            first = ordered[0]
            earlier = next(each for each in first.dependencies if each.qualifier == BY_ORDER)
            self.reading.warn(
                Code.ORDER_FROM_FORMAT,
                f"The order of the tasks is kept: `{first.id}` waits for `{earlier.as_written}`, "
                f"as do {len(ordered)} tasks in all.",
                "Nothing, if the order was meant; else write the dependencies of each task.",
                first.line or 1,
            )


def _read(reader: DependencyReader, written: str, line: int) -> list[Dependency]:
    """Read a dependency; `#2` is also the task with the number 2."""
    found = reader.read(written, line)
    for place, each in enumerate(found):
        if not each.resolved and each.as_written.startswith("#"):
            bare = reader.read(each.as_written[1:], line)
            if len(bare) == 1 and bare[0].resolved:
                found[place] = bare[0].model_copy(update={"as_written": each.as_written})
    return found


def title_of(document: Document) -> str | None:
    """The title of a document in markdown; see `title_of_outline`."""
    return title_of_outline(document.outline)


def title_of_outline(outline: Section) -> str | None:
    """The first heading, of level 1 where there is one, without its pictures.

    Where several headings of a lower level divide the document, none of them is its title.
    """
    headings: list[Section] = [s for s in outline.walk() if s.level > 0 and s.title.text]
    first = next((section for section in headings if section.level == 1), next(iter(headings), None))
    if first is None or (first.level > 1 and sum(each.level <= first.level for each in headings) > 1):
        return None
    return without_pictures(first.title.text)
