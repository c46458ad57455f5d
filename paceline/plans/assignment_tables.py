"""The reader for sprint assignment tables: one for every sprint, of who does what for how many points."""

from __future__ import annotations

import re

from paceline.domain.plan import Agent, Contingency, Epic, Plan, Sprint, Story
from paceline.plans.assignment_remarks import remark_totals
from paceline.plans.assignment_roles import Roster
from paceline.plans.assignment_rows import Work, has_sprint_column, is_assignment_table, stories_of_rows
from paceline.plans.assignment_sections import SectionReader
from paceline.plans.assignment_topics import find_sprints
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.findings import Code, in_order
from paceline.plans.headings import epic_heading, story_heading
from paceline.plans.labels import Labels, per_table
from paceline.plans.left_out_stories import without_left_out
from paceline.plans.outline import Section, Table
from paceline.plans.quantities import numbers_in, whole_number
from paceline.plans.reading import Reading
from paceline.plans.resolve import DependencyReader
from paceline.plans.splitting import split_outside
from paceline.plans.targets import Target, Targets, key

KIND = "sprint assignment (tables)"

_INSIDE = re.compile(r"\(([^()]{1,400})\)")


@per_table
def _epic(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.epic")
    return re.compile(
        rf"(?<!\w)(?P<id>EPIC-[\w.]*\w|(?i:{words})\s*#?\d[\w.]*)"
        r"(?:\s*[:\uff1a\u2013\u2014]\s*|\s+-\s+|\s*$)(?P<title>.*)$"
    )


@per_table
def _named_stories(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.story", "plural.story", "heading.task")
    return re.compile(
        rf"(?<!\w)(?i:{words})\s*#?(?P<id>\d[\w.-]*\w|\d)"
        r"|\b(?P<prefixed>[A-Z][A-Za-z0-9]*-\d[\w.]*\w|[A-Z][A-Za-z0-9]*-\d)"
    )


@per_table
def _range(table: Labels) -> re.Pattern[str]:
    return re.compile(rf"^(?P<first>\S+?)(?:{table.between('joiner.to')})(?P<last>\S+)$", re.IGNORECASE)


class AssignmentTablesReader:
    """Reads plans whose stories are rows of one table for each sprint."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How much of the format's structure is there."""
        found = Evidence()
        # To look for sprints costs more than anything else here, and most documents have no tables at all.
        if not any(isinstance(block, Table) for part in document.outline.walk() for block in part.blocks):
            return found
        sprints = find_sprints(document.outline)
        tables = _assignment_tables(document.outline, sprints)
        if not tables:
            return found
        found.add(4, "tables of a sprint that give work to people or points to work")
        if len(tables) > 1:
            found.add(2, "such tables of several sprints")
        sections = [section for section in document.outline.walk() if section.level > 0]
        if any(story_heading(section, in_epic=False) for section in sections):
            # The tables then sum up what stands under the stories' own headings.
            found.add(-3, "stories with headings of their own")
        return found

    def read(self, document: Document) -> Plan:
        """Read the document; what is wrong with it is for the linter to say."""
        found = SectionReader(document.outline)
        works = stories_of_rows(found.rows.rows, found.reading)
        stories = [work.story for work in works]
        _complete_sprints(found, stories)
        agents = _assign(found, works)
        epics = _epics(document, found, works)
        targets = Targets([Target(story.id, story.title, "story") for story in stories])
        _resolve(works, targets, found.reading)
        _name_stories(agents, found.contingency, targets)
        remark_totals(found, epics, stories, agents)
        return without_left_out(_plan(document, found, epics, stories, agents))


def _plan(
    document: Document, found: SectionReader, epics: list[Epic], stories: list[Story], agents: list[Agent]
) -> Plan:
    headings = [section for section in document.outline.walk() if section.level > 0 and section.title.text]
    title = min(headings, key=lambda section: section.level, default=None)
    if title is None:
        found.reading.warn(Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1)
    overview = found.overview
    return Plan(
        title=title.title.text if title else document.file or "Untitled plan",
        project=overview.project,
        source=document.source(KIND),
        goal=overview.goal,
        sprints=found.sprints,
        epics=epics,
        stories=stories,
        agents=agents,
        metrics=found.metrics,
        risks=found.risks,
        contingency=found.contingency,
        definition_of_ready=found.definition_of_ready,
        definition_of_done=found.definition_of_done,
        deliverables=found.deliverables,
        capacity=overview.capacity,
        facts=sorted(found.reading.facts, key=lambda fact: fact.line or 0),
        warnings=[
            warning.model_copy(update={"file": document.file}) for warning in in_order(found.reading.warnings)
        ],
    )


def _assignment_tables(root: Section, sprints: dict[int, Sprint]) -> list[Table]:
    """The tables that stand in a sprint, or whose rows name one."""
    found: list[Table] = []
    for section in root.walk():
        in_sprint = id(section) in sprints or any(id(above) in sprints for above in section.above())
        tables = [
            block for block in section.blocks if isinstance(block, Table) and is_assignment_table(block)
        ]
        found.extend(table for table in tables if in_sprint or has_sprint_column(table))
    return found


def _complete_sprints(found: SectionReader, stories: list[Story]) -> None:
    """Add the sprints that only rows name, and give all the length that is said of all."""
    known = {sprint.id.lower(): sprint for sprint in found.sprints}
    for story in stories:
        for place, name in enumerate(story.sprints):
            sprint = known.get(name.lower())
            if sprint is None:
                number = name.removeprefix("Sprint ")
                sprint = Sprint(id=name, number=whole_number(number), implicit=True)
                known[name.lower()] = sprint
                found.sprints.append(sprint)
            story.sprints[place] = sprint.id
    for sprint in found.sprints:
        sprint.duration_text = sprint.duration_text or found.overview.sprint_length


def _assign(found: SectionReader, works: list[Work]) -> list[Agent]:
    """Resolve the assignees of all rows; the roles that are described come first among the agents."""
    cells = [row.assignee for work in works for row in work.rows if row.assignee]
    alone = [cell for cell in dict.fromkeys(cells) if not any(mark in cell for mark in "/+,&;")]
    roster = Roster(found.roles, alone)
    everyone: list[Work] = []
    for work in works:
        for row in work.rows:
            assigned = roster.assign(row.assignee or "", row.line)
            work.story.agents = list(dict.fromkeys([*work.story.agents, *assigned.names]))
            if assigned.everyone:
                everyone.append(work)
        work.story.collaborative = len(work.story.agents) > 1
    renamed = roster.settle()
    for work in works:
        work.story.agents = [renamed.get(name, name) for name in work.story.agents]
    for work in everyone:
        _assign_all(work, [agent.id for agent in roster.agents], found.reading)
    found.reading.warnings.extend(roster.findings)
    return roster.agents


def _assign_all(work: Work, names: list[str], reading: Reading) -> None:
    work.story.agents = list(dict.fromkeys([*work.story.agents, *names]))
    work.story.collaborative = True
    reading.warn(
        Code.ALL_AGENTS_ASSUMED,
        f"`{work.story.agents_as_written}` of `{work.story.id}` means every role: {', '.join(names)}.",
        "Name the agents if others are meant.",
        work.story.agents_line or 1,
    )


def _epics(document: Document, found: SectionReader, works: list[Work]) -> list[Epic]:
    """The epic of the title, those that rows name, and an implicit one for stories without any."""
    titled = _titled_epic(document)
    epics = [titled] if titled else []
    by_key = {key(epic.id): epic for epic in epics}
    for work in works:
        name = next((row.epic for row in work.rows if row.epic), None)
        if name is not None:
            epic = by_key.get(key(name))
            if epic is None:
                epic = by_key[key(name)] = Epic(id=name, title=name, line=work.rows[0].line)
                epics.append(epic)
        elif work.rows[0].id is None and work.story.kind == "task":
            continue
        else:
            epic = titled or by_key.setdefault("", Epic(id="Epic", title="Stories", implicit=True))
        work.story.epic = epic.id
        epic.stories.append(work.story.id)
    if "" in by_key:
        epics.append(by_key[""])
    total = found.overview.total
    if len(epics) == 1 and total is not None:
        epics[0].points = total.low if total.low == total.high else None
    for epic in epics:
        # Rows are spread over the sprints; an epic lists its stories by their numbers.
        epic.stories.sort(key=numbers_in)
    return epics


def _titled_epic(document: Document) -> Epic | None:
    for section in document.outline.walk():
        if section.level == 0:
            continue
        if section.level > 1:
            break
        match = _epic().search(section.title.text)
        if match:
            return Epic(id=match["id"], title=match["title"].strip() or match["id"], line=section.line)
    headings = [(section, epic_heading(section)) for section in document.outline.walk() if section.level > 0]
    named = [(section, heading) for section, heading in headings if heading is not None]
    if len(named) != 1:
        return None
    section, heading = named[0]
    return Epic(id=heading.id, title=heading.title, line=section.line)


def _resolve(works: list[Work], targets: Targets, reading: Reading) -> None:
    """Read the dependencies that a column gives; without one there are none, and none are invented."""
    reader = DependencyReader(targets)
    for work in works:
        for row in work.rows:
            if row.dependencies:
                written = filter(None, [work.story.dependencies_as_written, row.dependencies])
                work.story.dependencies_as_written = ", ".join(written)
                work.story.dependencies.extend(reader.read(row.dependencies, row.line))
    reading.warnings.extend(reader.warnings)


def _name_stories(agents: list[Agent], contingency: list[Contingency], targets: Targets) -> None:
    """Say which stories roles and contingency plans name."""
    for agent in agents:
        if agent.primary is not None:
            agent.primary_stories = [*_full_ids(agent.primary, targets), *_short_ids(agent.primary, targets)]
            agent.primary_stories = list(dict.fromkeys(agent.primary_stories))
    for plan in contingency:
        plan.stories = _full_ids(plan.text or plan.name, targets)


def _full_ids(text: str, targets: Targets) -> list[str]:
    found = [
        targets.find(match["id"] or match["prefixed"], "story") for match in _named_stories().finditer(text)
    ]
    return list(dict.fromkeys(target.id for target in found if target is not None))


def _short_ids(text: str, targets: Targets) -> list[str]:
    """The ids in parentheses, such as `(001, 002, 005-007)`."""
    found: list[str] = []
    for inside in _INSIDE.findall(text):
        for part in split_outside(inside, ",;&"):
            target = targets.find(part, "story")
            ends = _range().match(" ".join(part.split())) if target is None else None
            if target is not None:
                found.append(target.id)
            elif ends is not None:
                first, last = targets.find(ends["first"], "story"), targets.find(ends["last"], "story")
                if first is not None and last is not None:
                    found.extend(each.id for each in targets.between(first, last))
    return found
