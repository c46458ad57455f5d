"""The walk over sprint assignment tables: which part reads which section."""

from __future__ import annotations

import re
from dataclasses import replace

from paceline.domain.plan import Agent, Contingency, Item, Metric, Risk, Sprint
from paceline.plans.agents import Team
from paceline.plans.assignment_overview import Overview
from paceline.plans.assignment_risks import read_group
from paceline.plans.assignment_role_sections import read_role_section, read_roles
from paceline.plans.assignment_rows import RowReader, has_sprint_column, is_assignment_table
from paceline.plans.assignment_topics import Topic, find_sprints, is_roles_heading, topic_of
from paceline.plans.fields import Field, bullet_items, contents_of, flat, items_of, without_numbering
from paceline.plans.findings import Code
from paceline.plans.labels import SECTION_WORDS, Labels, Words, concept_of, heading_word, per_table
from paceline.plans.outcomes import read_metrics
from paceline.plans.outline import Bullet, BulletList, Paragraph, Section, Table, bullets_under
from paceline.plans.quantities import number_range, points_value
from paceline.plans.reading import Reading

_THEMES = Words("theme")


@per_table
def _sprint_number(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.sprint", "heading.iteration")
    return re.compile(rf"(?<!\w)(?P<word>{words})\s*#?(?P<token>\d[\w.]*)", re.IGNORECASE)


class SectionReader:
    """Reads all sections of one document; what it found is in its public fields."""

    def __init__(self, root: Section) -> None:
        self.reading = Reading(Team([]))
        self.rows = RowReader(self.reading)
        self.overview = Overview(self.reading)
        self.roles: list[Agent] = []
        self.risks: list[Risk] = []
        self.contingency: list[Contingency] = []
        self.metrics: list[Metric] = []
        self.definition_of_ready: list[Item] | None = None
        self.definition_of_done: list[Item] | None = None
        self.deliverables: list[Item] | None = None
        self._opens = find_sprints(root)
        self.sprints = sorted(self._opens.values(), key=lambda sprint: sprint.line or 0)
        self._by_id = {sprint.id.lower(): sprint for sprint in reversed(self.sprints)}
        self._visit(root, None, None)

    def _visit(self, section: Section, sprint: Sprint | None, topic: Topic | None) -> None:
        """Read one section and those below it.

        Args:
            section: any section.
            sprint: the sprint it stands in.
            topic: what the section above it announces.
        """
        opened = self._opens.get(id(section))
        section = self._without_assignments(section, opened or sprint)
        if opened is not None:
            sprint = opened
            self._sprint(section, opened)
        else:
            inherited = topic
            topic = topic_of(section, topic)
            sprint = self._named_sprint(section, topic) or sprint
            if topic is not None:
                self._topic(section, sprint, topic, inherited)
            else:
                self._other(section, sprint)
        for below in section.sections:
            self._visit(below, sprint, topic)

    def _without_assignments(self, section: Section, sprint: Sprint | None) -> Section:
        """Read the tables of rows that stand directly in a section; the section without them."""
        others = section.blocks.copy()
        for block in section.blocks:
            if not isinstance(block, Table) or not is_assignment_table(block):
                continue
            if sprint is not None or has_sprint_column(block):
                self.rows.table(block, sprint.id if sprint else "")
                others.remove(block)
        return section if len(others) == len(section.blocks) else replace(section, blocks=others)

    def _named_sprint(self, section: Section, topic: Topic | None) -> Sprint | None:
        match = _sprint_number().search(section.title.text) if topic is not None else None
        return (
            self._by_id.get(f"{heading_word(match['word'])[1]} {match['token']}".lower()) if match else None
        )

    def _sprint(self, section: Section, sprint: Sprint) -> None:
        """Read the labels that stand directly in a sprint."""
        found = contents_of(replace(section, sections=[]), SECTION_WORDS)
        risks: list[Bullet] = []
        for entry in found.fields:
            concept = concept_of(entry.label)
            if concept == "risks":
                risks.extend(entry.bullets)
            elif concept != "mitigations":
                self._sprint_field(sprint, entry, concept)
        mitigations = [entry for entry in found.fields if concept_of(entry.label) == "mitigations"]
        self.risks.extend(read_group(risks, mitigations, sprint, None))
        self.reading.keep_rest(sprint.id, found)
        self.reading.keep_others(sprint.id, section, fields_read=True)

    def _sprint_field(self, sprint: Sprint, entry: Field, concept: str | None) -> None:
        match concept:
            case _ if entry.label in _THEMES:
                sprint.theme = entry.value or None
            case "goal" | "objective":
                sprint.goal = sprint.goal or entry.value or None
            case "points":
                self._points(sprint, entry)
            case "capacity":
                self._capacity(sprint, entry)
            case "duration" | "sprint_length":
                sprint.duration_text = entry.value or sprint.duration_text
            case "deliverables":
                sprint.deliverables.extend(items_of(entry))
            case "success_criteria":
                sprint.success_criteria.extend(items_of(entry))
            case "definition_of_done":
                sprint.definition_of_done.extend(items_of(entry))
            case _ if entry.value or entry.bullets or entry.fences:
                self.reading.keep_field(sprint.id, entry)
            case _:
                pass

    def _points(self, sprint: Sprint, entry: Field) -> None:
        sprint.points_as_written = entry.value or None
        sprint.points_stated = points_value(entry.value)
        if sprint.points_stated is None and entry.value:
            self.reading.warn(
                Code.POINTS_NOT_A_NUMBER,
                f"`{sprint.id}` states its points as `{entry.value}`, which is no number, so it states none.",
                "Write one number, such as `20`, if it is known.",
                entry.line,
            )

    def _capacity(self, sprint: Sprint, entry: Field) -> None:
        sprint.capacity_points = points_value(entry.value)
        sprint.capacity_range = number_range(entry.value) if sprint.capacity_points is None else None
        if sprint.capacity_points is None:
            self.reading.keep_field(sprint.id, entry)

    def _other(self, section: Section, sprint: Sprint | None) -> None:
        """Read a section without a topic: what is said of all, a part of a sprint, or something to keep."""
        if sprint is not None:
            texts = [line.text for b in section.blocks if isinstance(b, Paragraph) for line in b.lines]
            if concept_of(section.title.text) == "goal" and sprint.goal is None and texts:
                sprint.goal = " ".join(texts)
                return
            self.reading.keep_section(section)
        elif section.level <= 1 or self.overview.announced(section):
            self.overview.read(section)
        else:
            self.reading.keep_section(section)

    def _topic(self, section: Section, sprint: Sprint | None, topic: Topic, inherited: Topic | None) -> None:
        items = bullet_items(bullets_under(section))
        group = without_numbering(section.title.text) if inherited is topic else None
        match topic:
            case Topic.RISKS:
                self._risks(section, sprint, group)
                return
            case Topic.ADJUSTMENTS:
                self._adjustments(section)
            case Topic.ROLES:
                self._roles(section, inherited)
                return
            case Topic.CRITERIA if sprint is not None:
                sprint.success_criteria.extend(items)
            case Topic.CRITERIA | Topic.METRICS:
                read_metrics(replace(section, sections=[]), self.metrics, self.reading)
            case Topic.DELIVERABLES if sprint is not None:
                sprint.deliverables.extend(items)
            case Topic.DELIVERABLES:
                self.deliverables = [*(self.deliverables or []), *_grouped(items, group)]
            case Topic.DONE if sprint is not None:
                sprint.definition_of_done.extend(items)
            case Topic.DONE:
                self.definition_of_done = [*(self.definition_of_done or []), *_grouped(items, group)]
            case Topic.READY:
                self.definition_of_ready = [*(self.definition_of_ready or []), *_grouped(items, group)]
        self._keep_prose(section)

    def _risks(self, section: Section, sprint: Sprint | None, group: str | None) -> None:
        found = contents_of(replace(section, sections=[]), SECTION_WORDS)
        mitigations = [entry for entry in found.fields if concept_of(entry.label) == "mitigations"]
        level = None if sprint is not None else group
        self.risks.extend(read_group(bullets_under(section), mitigations, sprint, level))
        for block in section.blocks:
            if isinstance(block, Table):
                self.risks.extend(read_group([], [], sprint, level, block))
        for text in found.prose:
            self.reading.keep_cell(section.title.text, None, text.text, text.line)

    def _adjustments(self, section: Section) -> None:
        trigger = without_numbering(section.title.text)
        for bullet in flat(bullets_under(section)):
            self.contingency.append(
                Contingency(name=trigger, text=bullet.text.text or None, line=bullet.line)
            )

    def _roles(self, section: Section, inherited: Topic | None) -> None:
        own = not is_roles_heading(section) and inherited is Topic.ROLES
        if own and not any(isinstance(b, Paragraph) and b.lines[-1].lead for b in section.blocks):
            self.roles.append(read_role_section(section, self.reading.facts))
        else:
            self.roles.extend(read_roles(section, self.reading.facts))

    def _keep_prose(self, section: Section) -> None:
        for block in section.blocks:
            if isinstance(block, Paragraph):
                for text in block.lines:
                    self.reading.keep_cell(section.title.text, text.label, text.value, text.line)
        if not any(isinstance(block, BulletList) for block in section.blocks):
            self.reading.keep_others(section.title.text, section)


def _grouped(items: list[Item], group: str | None) -> list[Item]:
    return [item.model_copy(update={"group": group}) for item in items]
