"""The reader for sprints planned day by day: weeks, ranges of days, and tasks with boxes to tick."""

from __future__ import annotations

from paceline.domain.plan import Fact, Phase, PhaseStep, Plan, Resources, Sprint, Story
from paceline.plans.agents import Team
from paceline.plans.bullet_sections import PlanSections, has_story_headings, outcome_of
from paceline.plans.bullet_work import BulletWork
from paceline.plans.code_facts import first_line, read_example
from paceline.plans.day_remarks import (
    Metadata,
    read_numbers,
    remark_days,
    remark_lead,
    remark_points,
    remark_repeated,
)
from paceline.plans.document import Document
from paceline.plans.evidence import Evidence
from paceline.plans.fields import without_numbering
from paceline.plans.findings import Code, in_order
from paceline.plans.labels import concept_of
from paceline.plans.left_out_stories import without_left_out
from paceline.plans.outcome_lists import read_groups
from paceline.plans.outcomes import remark_uncovered
from paceline.plans.outline import Block, Fence, Paragraph, Section, bullets_under
from paceline.plans.plan_heads import PlanHead, project_of, title_of
from paceline.plans.reading import Reading
from paceline.plans.sprint_parts import parts_of
from paceline.plans.time_boxes import Box, day_box, day_sections, sprint_box, week_box

KIND = "single sprint plan"


class DayCheckboxesReader:
    """Reads plans whose headings are days, with the work of those days as bullets below them."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How much of the format's structure is there."""
        found = Evidence()
        days = day_sections(document.outline)
        bullets = [bullet for day in days for bullet in bullets_under(day)]
        if not bullets or has_story_headings(document.outline):
            return found
        found.add(3, "bullets under headings that name days")
        if any(bullet.text.done is not None for bullet in bullets):
            found.add(2, "boxes to tick")
        if any(week_box(section.title.text) for section in document.outline.walk() if section.level > 0):
            found.add(1, "weeks")
        return found

    def read(self, document: Document) -> Plan:
        """Read the document; what is wrong with it is for the linter to say."""
        return _DayPlan(document).plan()


class _DayPlan:
    """Walks over one document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._reading = Reading(Team([]))
        self._work = BulletWork(self._reading)
        self._head = PlanHead(self._reading)
        self._others = PlanSections(self._reading, self._head)
        self._days = {id(section) for section in day_sections(document.outline)}
        self._title = title_of(document)
        self._sprint = _sprint(sprint_box(self._title or ""))
        self._metadata = Metadata(self._reading, self._head, self._sprint)
        self._phases: list[Phase] = []
        self._steps: list[tuple[Phase, PhaseStep, Story]] = []
        self._weeks: list[int] = []
        sections = list(document.outline.walk())
        self._last = sections[-1]
        for section in document.outline.sections:
            self._visit(section, None)
        self._work.settle(Resources())
        for phase, step, story in self._steps:
            step.story, story.phase = story.id, phase.id

    def plan(self) -> Plan:
        """What was found."""
        reading, others, head, sprint = self._reading, self._others, self._head, self._sprint
        if self._title is None:
            reading.warn(Code.NO_TITLE, "The plan has no title.", "Start it with a heading `# Title`.", 1)
        if self._weeks:
            sprint.weeks = (min(self._weeks), max(self._weeks))
        agents = self._metadata.with_lead(reading.team.agents())
        remark_uncovered(others.metrics, self._work.stories, reading)
        remark_days(self._phases, self._work.stories, reading)
        remark_lead(agents, self._work.stories, reading)
        remark_points(sprint, self._work.stories, reading)
        remark_repeated(others.metrics, others.definition_of_done or [], reading)
        warnings = in_order([*reading.warnings, *reading.team.findings])
        return without_left_out(
            Plan(
                title=self._title or self._document.file or "Untitled plan",
                project=head.project or (project_of(self._title or "") if sprint.number is None else None),
                source=self._document.source(KIND),
                goal=sprint.goal,
                sprints=[sprint],
                epics=self._work.epics,
                stories=self._work.stories,
                agents=agents,
                phases=self._phases,
                metrics=others.metrics,
                risks=others.risks,
                contingency=others.contingency,
                definition_of_ready=others.definition_of_ready,
                definition_of_done=others.definition_of_done,
                deliverables=others.deliverables,
                capacity=head.capacity,
                facts=sorted(reading.facts, key=lambda fact: fact.line or 0),
                warnings=[warning.model_copy(update={"file": self._document.file}) for warning in warnings],
            )
        )

    def _visit(self, section: Section, week: Box | None) -> None:
        section = self._without_footer(section)
        title = section.title.text
        if day_box(title) is not None:
            self._day(section, week)
            return
        found = week_box(title)
        if found is not None:
            week = found
            self._week(section, found)
        elif not self._holds_days(section) and self._beside_the_work(section):
            return
        elif section.level == 1:
            self._metadata.read(title, parts_of(section).fields)
        elif self._others.read(section, self._holds_days(section)):
            return
        for below in section.sections:
            self._visit(below, week)

    def _holds_days(self, section: Section) -> bool:
        return any(id(below) in self._days for below in section.walk())

    def _without_footer(self, section: Section) -> Section:
        """The last section without the labels of the whole plan that close a document."""
        if section is not self._last or not section.blocks or section.level == 1:
            return section
        last = section.blocks[-1]
        if not isinstance(last, Paragraph) or any(text.label is None for text in last.lines):
            return section
        footer = Section(section.level, section.title, [last])
        self._metadata.read(self._title or "", parts_of(footer).fields)
        return Section(section.level, section.title, section.blocks[:-1], section.sections, section.parent)

    def _beside_the_work(self, section: Section) -> bool:
        """Read what this format has of its own beside the work; whether all of the section is read."""
        concept = concept_of(section.title.text)
        fences = [block for block in section.blocks if isinstance(block, Fence)]
        if concept == "success_criteria":
            self._sprint.success_criteria.extend(read_groups(section))
        elif outcome_of(section) == "metrics":
            for part in section.walk():
                read_numbers(part, section, self._sprint, self._others.metrics, self._reading)
        elif concept in {"goal", "objective"} and not section.sections:
            texts = [text.text for text in parts_of(section).prose] + [
                b.text.text for b in bullets_under(section)
            ]
            self._sprint.goal = self._sprint.goal or " ".join(texts) or None
        elif fences:
            above = next(section.above(), None)
            name = without_numbering(section.title.text)
            outer = above.title.text if above is not None and above.level > 1 else name
            for fence in fences:
                fact = Fact(section=outer, name=name, value=read_example(fence), line=first_line(fence))
                self._reading.facts.append(fact)
            rest: list[Block] = [block for block in section.blocks if not isinstance(block, Fence)]
            self._reading.keep_section(Section(section.level, section.title, rest, parent=section.parent))
            for below in section.sections:
                self._visit(below, None)
        else:
            return False
        return True

    def _week(self, section: Section, week: Box) -> None:
        self._weeks.extend(week.span or ())
        value = {"name": week.name, "number": week.number}
        self._reading.facts.append(Fact(section="Weeks", name=week.id, value=value, line=section.line))
        for text in parts_of(section).prose:
            self._others.keep_text(week.id, text)

    def _day(self, section: Section, week: Box | None) -> None:
        box = day_box(section.title.text) or Box(section.title.text, None)
        name = box.id
        if any(phase.id == name for phase in self._phases):
            name = f"{week.id} {box.id}" if week is not None else f"{box.id} (line {section.line})"
        phase = Phase(
            id=name,
            name=box.name,
            days=box.span,
            week=week.number if week is not None else None,
            line=section.line,
        )
        self._phases.append(phase)
        for part in section.walk():
            for bullet in bullets_under(part):
                story = self._work.add(bullet, phase.id, self._sprint)
                step = PhaseStep(text=story.title, line=story.line)
                phase.steps.append(step)
                self._steps.append((phase, step, story))
            for text in parts_of(part).prose:
                self._others.keep_text(phase.id, text)
            self._reading.keep_others(phase.id, part)


def _sprint(box: Box | None) -> Sprint:
    if box is None:
        return Sprint(id="Sprint", implicit=True)
    return Sprint(id=box.id, number=box.number, name=box.name, weeks=box.span, line=1)
