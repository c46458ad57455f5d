"""The sections beside the work in plans made of bullets: the head, outcomes, checklists and meetings."""

from __future__ import annotations

from paceline.domain.plan import Contingency, Fact, Item, Metric, Risk
from paceline.plans.headings import epic_heading, heading_words, story_heading
from paceline.plans.inline import Text
from paceline.plans.labels import Concept, concept_of
from paceline.plans.outcome_lists import keep_meetings, read_groups, read_paired_risks
from paceline.plans.outcomes import is_contingency_section, read_contingency, read_metrics
from paceline.plans.outline import Bullet, BulletList, Section
from paceline.plans.plan_heads import PlanHead
from paceline.plans.reading import Reading
from paceline.plans.sprint_parts import Part, Parts, parts_of


class PlanSections:
    """Reads what is said of the whole plan; what it found is in its public fields."""

    def __init__(self, reading: Reading, head: PlanHead) -> None:
        self._reading = reading
        self._head = head
        self.metrics: list[Metric] = []
        self.risks: list[Risk] = []
        self.contingency: list[Contingency] = []
        self.definition_of_ready: list[Item] | None = None
        self.definition_of_done: list[Item] | None = None
        self.deliverables: list[Item] | None = None

    def read(self, section: Section, holds_work: bool) -> bool:
        """Read a section; whether all of it, with its sub-headings, is read.

        Args:
            section: any section that is not the work itself.
            holds_work: whether the work stands somewhere in it, so that it is no more than its head.
        """
        if not holds_work and self._outcome(section):
            return True
        parts = parts_of(section)
        if section.level == 1 or holds_work or _is_head(section, parts):
            self._read_head(section, parts)
        else:
            self._reading.keep_section(section)
        return False

    def keep_text(self, section: str, text: Text) -> None:
        """Keep a line of running text."""
        self._reading.facts.append(Fact(section=section, value=text.text, line=text.line))

    def keep_bullets(self, section: str, bullets: list[Bullet]) -> None:
        """Keep bullets that nothing recognises."""
        if bullets:
            title = Text(section, bullets[0].line, section)
            self._reading.keep_section(Section(2, title, [BulletList(bullets)]))

    def keep_list(self, section: str, part: Part) -> None:
        """Keep a list that the normal form has no field for in this place."""
        parent = Section(2, Text(section, part.line, section))
        title = Text(part.title, part.line, part.title)
        self._reading.keep_section(Section(3, title, [BulletList(part.bullets)], parent=parent))

    def as_section(self, part: Part, section: Section) -> Section:
        """A list as the section that it would be if a heading announced it."""
        if section.blocks or section.sections:
            return section
        title = Text(part.title, part.line, part.title)
        return Section(section.level, title, [BulletList(part.bullets)], parent=section.parent)

    def _outcome(self, section: Section) -> bool:
        concept = outcome_of(section)
        if concept is None or section.level == 1:
            return False
        self._closing_text(section)
        match concept:
            case "metrics":
                read_metrics(section, self.metrics, self._reading)
            case "risks":
                read_paired_risks(section, self.risks, self.contingency, self._reading)
            case "contingency":
                read_contingency(section, self.contingency)
            case "definition_of_done":
                self.definition_of_done = [*(self.definition_of_done or []), *read_groups(section)]
            case "definition_of_ready":
                self.definition_of_ready = [*(self.definition_of_ready or []), *read_groups(section)]
            case "deliverables":
                self.deliverables = [*(self.deliverables or []), *read_groups(section)]
            case _:
                keep_meetings(section, self._reading)
        return True

    def _closing_text(self, section: Section) -> None:
        """Running text in a list's section, such as the sentence that closes a plan, is kept as a fact."""
        for part in section.walk():
            for text in parts_of(part).prose:
                self.keep_text(part.title.text, text)

    def _read_head(self, section: Section, parts: Parts) -> None:
        name = section.title.text
        for entry in parts.fields:
            self._head.field(name, entry)
        for part in parts.lists:
            known = self._outcome(self.as_section(part, Section(section.level + 1, _title(part))))
            if not known:
                self.keep_list(name, part)
        for text in parts.prose:
            self.keep_text(name, text)
        self.keep_bullets(name, parts.others)
        self._reading.keep_others(name, section, fields_read=True)


def outcome_of(section: Section) -> Concept | None:
    """What a section of the whole plan is about, where it is one that the normal form has a field for."""
    concept = concept_of(section.title.text)
    words = heading_words(section)
    if is_contingency_section(section):
        return "contingency"
    if concept in {
        "risks",
        "metrics",
        "definition_of_done",
        "definition_of_ready",
        "deliverables",
        "ceremonies",
    }:
        return concept
    if "metrics" in words:
        return "metrics"
    return "risks" if words & {"risk", "risks"} else None


def has_story_headings(root: Section) -> bool:
    """Whether stories have headings of their own, so that bullets are their parts."""
    epics = {id(below) for section in root.walk() if epic_heading(section) for below in section.walk()}
    return any(
        story_heading(section, in_epic=id(section) in epics and not epic_heading(section)) is not None
        for section in root.walk()
        if section.level > 0
    )


def _is_head(section: Section, parts: Parts) -> bool:
    labels = {concept_of(entry.label) for entry in parts.fields}
    return "overview" in heading_words(section) or bool(labels & {"project", "capacity", "duration", "team"})


def _title(part: Part) -> Text:
    return Text(part.title, part.line, part.title)
