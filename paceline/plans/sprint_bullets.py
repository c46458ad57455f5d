"""The reader for plans of several sprints whose work is bullets: `- **US-1.1**: Title (3 points)`."""

from __future__ import annotations

from collections.abc import Iterable

from paceline.domain.plan import Epic, Plan, Resources, Sprint
from paceline.plans.agents import Team
from paceline.plans.bullet_groups import groups_of_work, has_work, holds_work, named_groups, sprint_sections
from paceline.plans.bullet_sections import PlanSections, has_story_headings
from paceline.plans.bullet_work import BulletWork
from paceline.plans.document import Document
from paceline.plans.evidence import ENOUGH, Evidence
from paceline.plans.fields import bullet_items, split_parenthesis
from paceline.plans.findings import Code, in_order
from paceline.plans.headings import Heading, epic_heading
from paceline.plans.inferred_epics import keep_inferred_epics
from paceline.plans.labels import concept_of
from paceline.plans.left_out_stories import without_left_out
from paceline.plans.outcome_lists import keep_meetings, read_groups, read_paired_risks
from paceline.plans.outcomes import read_metrics, remark_uncovered
from paceline.plans.outline import Block, Bullet, BulletList, Section, bullets_under
from paceline.plans.plan_heads import PlanHead, project_of, title_of
from paceline.plans.quantities import number_range, points_value, total_of
from paceline.plans.reading import Reading
from paceline.plans.sprint_parts import Part, part_of_heading, parts_of, split_at_label
from paceline.plans.team import is_team_section, read_team
from paceline.plans.time_boxes import Box, day_sections, sprint_box, sprint_in_title, week_range

KIND = "multi-sprint plan"


class SprintBulletsReader:
    """Reads plans that give sprints headings of their own and list their work as bullets."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How much of the format's structure is there."""
        found = Evidence()
        # What is cheap to see comes first: whether bullets are work takes as long as reading them.
        if has_story_headings(document.outline) or day_sections(document.outline):
            return found
        sprints = sprint_sections(document.outline) or groups_of_work(document.outline)
        if not any(holds_work(sprint) for sprint in sprints):
            return found
        if not sprint_sections(document.outline) and not named_groups(document.outline):
            # A report's list of what was done looks the same; its own reader knows better.
            found.add(ENOUGH, "bullets with ids and points")
            return found
        found.add(3, "bullets of work under the headings of sprints")
        if len(sprints) > 1:
            found.add(1, "several sprints")
        if any(_stated_in_headings(sprint) is not None for sprint in sprints):
            found.add(1, "headings with a total of points")
        if any(
            concept_of(section.title.text) == "deliverables" for each in sprints for section in each.walk()
        ):
            found.add(1, "deliverables")
        return found

    def read(self, document: Document) -> Plan:
        """Read the document; what is wrong with it is for the linter to say."""
        return _SprintPlan(document).plan()


class _SprintPlan:
    """Walks over one document; the parts that it finds go to the readers that know them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        root = document.outline
        self._sprints = {id(section) for section in sprint_sections(root)}
        self._groups = set[int]() if self._sprints else {id(section) for section in groups_of_work(root)}
        teams = [section for section in root.walk() if section.level > 0 and is_team_section(section)]
        self._teams = {id(section) for section in teams}
        reading = Reading(Team([]))
        agents = [agent for section in teams for agent in read_team(section, reading.facts)]
        self._reading = Reading(Team(agents), facts=reading.facts)
        self._work = BulletWork(self._reading)
        self._head = PlanHead(self._reading)
        self._others = PlanSections(self._reading, self._head)
        self._found: list[Sprint] = []
        for section in root.sections:
            self._visit(section)
        self._work.settle(Resources())

    def plan(self) -> Plan:
        """What was found."""
        reading, work, head = self._reading, self._work, self._head
        self._settle_capacity()
        title = title_of(self._document)
        if title is None:
            reading.warn(Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1)
        self._remark_head()
        self._remark_only_sprint()
        if not work.epics:
            keep_inferred_epics(work.stories, reading)
        remark_uncovered(self._others.metrics, work.stories, reading)
        warnings = in_order([*reading.warnings, *reading.team.findings])
        return without_left_out(
            Plan(
                title=title or self._document.file or "Untitled plan",
                project=head.project or project_of(title or ""),
                source=self._document.source(KIND),
                goal=head.goal,
                sprints=self._found,
                epics=work.epics,
                stories=work.stories,
                agents=reading.team.agents(),
                metrics=self._others.metrics,
                risks=self._others.risks,
                contingency=self._others.contingency,
                definition_of_ready=self._others.definition_of_ready,
                definition_of_done=self._others.definition_of_done,
                deliverables=self._others.deliverables,
                capacity=head.capacity,
                facts=sorted(reading.facts, key=lambda fact: fact.line or 0),
                warnings=[warning.model_copy(update={"file": self._document.file}) for warning in warnings],
            )
        )

    def _visit(self, section: Section) -> None:
        box = sprint_box(section.title.text, other=True)
        if id(section) in self._sprints and box is not None:
            self._sprint(section, box)
        elif id(section) in self._groups:
            self._below(self._only_sprint(), section, None)
        elif id(section) not in self._teams and not self._others.read(section, self._holds_sprints(section)):
            for below in section.sections:
                self._visit(below)

    def _holds_sprints(self, section: Section) -> bool:
        return any(id(below) in self._sprints | self._groups for below in section.walk())

    def _only_sprint(self) -> Sprint:
        """The sprint of a plan that has no headings for any."""
        if not self._found:
            named = sprint_in_title(title_of(self._document) or "")
            identity, number = named or ("Sprint", None)
            self._found.append(Sprint(id=identity, number=number, implicit=named is None))
        return self._found[0]

    def _sprint(self, section: Section, box: Box) -> None:
        sprint = Sprint(
            id=box.id,
            name=box.name,
            number=box.number,
            weeks=box.span,
            duration_text=box.qualifier,
            optional=box.optional,
            line=section.line,
        )
        sprint.points_stated = box.points if box.points is not None else total_of(box.qualifier or "")
        self._found.append(sprint)
        self._directly_under(sprint, section, None)
        for below in section.sections:
            self._below(sprint, below, None)

    def _below(self, sprint: Sprint, section: Section, epic: Epic | None) -> None:
        """A heading in a sprint: one of its lists, an epic, a group of work, or something to keep."""
        section, labelled = split_at_label(section)
        part = part_of_heading(section)
        heading = epic_heading(section)
        if part is not None and part.concept != "stories":
            self._list(sprint, part, section, epic)
        elif part is None and heading is None and not has_work(section):
            for each in section.walk():
                self._reading.keep_section(each)
        else:
            if heading is not None:
                epic = self._work.epic(section, Heading(heading.id, heading.title), sprint)
            self._stated(sprint, part.qualifier if part is not None else None)
            self._announced(sprint, section, epic)
        if labelled is not None:
            self._directly_under(sprint, labelled, epic)

    def _announced(self, sprint: Sprint, section: Section, epic: Epic | None) -> None:
        """Every bullet under a heading of work is work, also one without an id or points."""
        self._add(sprint, bullets_under(section), epic)
        rest: list[Block] = [block for block in section.blocks if not isinstance(block, BulletList)]
        if rest and epic_heading(section) is None:
            self._directly_under(sprint, Section(section.level, section.title, rest), epic)
        for below in section.sections:
            self._below(sprint, below, epic)

    def _directly_under(self, sprint: Sprint, section: Section, epic: Epic | None) -> None:
        parts = parts_of(section)
        for entry in parts.fields:
            value = entry.value or ", ".join(bullet.text.text for bullet in entry.bullets)
            match concept_of(entry.label):
                case "goal" | "objective":
                    sprint.goal = sprint.goal or value or None
                case "duration":
                    sprint.duration_text = sprint.duration_text or value or None
                    sprint.weeks = sprint.weeks or week_range(value)
                case "points":
                    self._stated(sprint, value)
                case "capacity":
                    sprint.capacity_range = number_range(value)
                    sprint.capacity_points = None if sprint.capacity_range else _points(value)
                case _:
                    self._reading.keep_field(sprint.id, entry)
        for part in parts.lists:
            self._list(sprint, part, Section(section.level + 1, section.title), epic)
        for text in parts.prose:
            self._others.keep_text(sprint.id, text)
        self._others.keep_bullets(sprint.id, parts.others)
        self._reading.keep_others(sprint.id, section, fields_read=True)

    def _list(self, sprint: Sprint, part: Part, section: Section, epic: Epic | None) -> None:
        items = read_groups(section) if section.blocks or section.sections else bullet_items(part.bullets)
        match part.concept:
            case "stories":
                self._stated(sprint, part.qualifier)
                self._add(sprint, part.bullets, epic)
            case "deliverables":
                sprint.deliverables.extend(items)
            case "success_criteria":
                sprint.success_criteria.extend(items)
            case "definition_of_done":
                sprint.definition_of_done.extend(items)
            case "definition_of_ready":
                self._others.keep_list(sprint.id, part)
            case "metrics":
                read_metrics(self._others.as_section(part, section), self._others.metrics, self._reading)
            case "risks":
                whole = self._others.as_section(part, section)
                read_paired_risks(whole, self._others.risks, self._others.contingency, self._reading)
            case "ceremonies":
                keep_meetings(self._others.as_section(part, section), self._reading)
            case _:
                self._others.keep_list(sprint.id, part)

    def _add(self, sprint: Sprint, bullets: Iterable[Bullet], epic: Epic | None) -> None:
        for bullet in bullets:
            self._work.add(bullet, sprint.id, sprint, epic)

    def _stated(self, sprint: Sprint, text: str | None) -> None:
        points = _points(text or "")
        if points is not None:
            sprint.points_stated = points

    def _settle_capacity(self) -> None:
        """A capacity that the head states holds for every sprint that has none of its own."""
        for sprint in self._found:
            if sprint.capacity_range is None and sprint.capacity_points is None:
                sprint.capacity_range = self._head.capacity_range
                sprint.capacity_points = self._head.capacity_points
            sprint.duration_text = sprint.duration_text or self._head.sprint_duration

    def _remark_head(self) -> None:
        """Compare what the head states with what the body has."""
        weeks = [sprint.weeks for sprint in self._found if sprint.weeks is not None]
        counted = {"sprints": len(self._found)}
        if len(weeks) == len(self._found):
            counted["weeks"] = max(last for _, last in weeks) - min(first for first, _ in weeks) + 1
        for name, (stated, line) in self._head.stated.items():
            if name in counted and counted[name] != stated:
                self._reading.warn(
                    Code.COUNT_DIFFERS,
                    f"The head of the plan states {stated} {name}, and its headings have {counted[name]}: "
                    "the headings hold.",
                    "Change the number, or the headings.",
                    line,
                )
        totals = [sprint.points_stated for sprint in self._found]
        known = [total for total in totals if total is not None]
        if self._head.points_stated is not None and known and len(known) == len(totals):
            stated_points, line = self._head.points_stated
            if stated_points != sum(known):
                self._reading.warn(
                    Code.POINTS_DIFFER,
                    f"The plan states {stated_points:g} points, and its sprints add up to {sum(known):g}.",
                    "Change the number that is wrong; both are kept as written.",
                    line,
                )

    def _remark_only_sprint(self) -> None:
        """Compare the total of a plan's only sprint with its work; of several the linter does."""
        sprint, points = self._found[0], [story.points for story in self._work.stories]
        known = [value for value in points if value is not None]
        stated = sprint.points_stated
        if len(self._found) == 1 and known and len(known) == len(points) and stated not in {None, sum(known)}:
            self._reading.warn(
                Code.POINTS_DIFFER,
                f"`{sprint.id}` states {stated:g} points, and its work adds up to {sum(known):g}.",
                "Change the number that is wrong; both are kept as written.",
                sprint.line or 1,
            )


def _stated_in_headings(sprint: Section) -> float | None:
    found = [total_of(split_parenthesis(section.title.text)[1] or "") for section in sprint.walk()]
    return next((total for total in found if total is not None), None)


def _points(text: str) -> float | None:
    """The points of `Total: 35 points`, `35 points` or `35`."""
    last = text.rpartition(":")[2].strip()
    points = points_value(last)
    return total_of(text) if points is None else points
