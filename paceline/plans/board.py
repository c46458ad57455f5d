"""The reader for boards written as lists: headings such as `To do` and `Done` with entries below them."""

from __future__ import annotations

from paceline.domain.plan import Fact, Plan, Sprint, Story
from paceline.plans.bullet_items import read_item
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import Contents, split_parenthesis
from paceline.plans.headings import sprint_heading, story_heading
from paceline.plans.left_out import left_out
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Bullet, Paragraph, Section, bullets_under
from paceline.plans.statuses import is_done, is_state
from paceline.plans.task_details import read_details
from paceline.plans.task_entries import box_of

KIND = "board"

_ENOUGH_COLUMNS = 2


class BoardReader:
    """Reads boards whose columns are headings; lists of boxes are left to the reader of task lists."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether several headings are states of work, and one of them is not finished."""
        found = Evidence()
        sections = [section for section in document.outline.walk() if section.level > 0]
        columns = [section for section in sections if _is_column(section) and bullets_under(section)]
        names = {_name(section) for section in columns}
        if len(names) < _ENOUGH_COLUMNS or all(is_done(name) for name in names):
            return found
        bullets = [bullet for section in columns for bullet in bullets_under(section)]
        boxes = sum(box_of(bullet.text) is not None for bullet in bullets)
        if 2 * boxes >= len(bullets) or any(story_heading(each, in_epic=False) for each in sections):
            return found
        found.add(3, "headings that are states of work")
        return found

    def read(self, document: Document) -> Plan:
        """Read every entry below a state as a story; its heading says whether it is done."""
        draft = Draft()
        _Walk(draft).section(document.outline, None)
        return draft.plan(document, KIND)


class _Walk:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def section(self, section: Section, sprint: str | None) -> None:
        """Read one section and those below it."""
        heading = sprint_heading(section) if section.level > 0 else None
        if heading is not None:
            written = Sprint(
                id=heading.id, name=heading.title or None, number=heading.number, line=section.line
            )
            self._draft.sprints.append(written)
            sprint = written.id
        others = bullets_under(section)
        if section.level > 0 and _is_column(section):
            for bullet in others:
                self._story(bullet, _name(section), sprint)
            others = []
        self._keep(section, others)
        for below in section.sections:
            self.section(below, sprint)

    def _story(self, bullet: Bullet, state: str, sprint: str | None) -> None:
        draft, item = self._draft, read_item(bullet.text)
        story = Story(
            id=item.id or f"T{len(draft.stories) + 1}",
            title=item.title,
            kind=item.kind if item.id else "task",
            sprints=[sprint] if sprint else [],
            points=item.remark.points,
            priority=item.remark.priority,
            description=item.description,
            done=is_done(state) if bullet.text.done is None else bullet.text.done,
            line=bullet.line,
        )
        draft.stories.append(story)
        draft.reading.facts.append(Fact(section=story.id, name="status", value=state, line=bullet.line))
        if item.id is None:
            draft.numbered(story)
        for written in item.remark.dependencies:
            draft.wait_for(story, written, bullet.line)
        agents = item.remark.agents or item.remark.presumed
        if agents:
            draft.assign(story, agents, bullet.line)
        read_details(story, bullet.children, draft)
        out = left_out(state)
        if out is not None and not story.done:
            draft.leave_out(story, out)

    def _keep(self, section: Section, bullets: list[Bullet]) -> None:
        name = without_pictures(section.title.text)
        prose = [
            text
            for block in section.blocks
            if isinstance(block, Paragraph)
            for text in block.lines
            if text.text
        ]
        self._draft.reading.keep_rest(name, Contents([], bullets, prose))
        self._draft.reading.keep_others(name, section)


def _name(section: Section) -> str:
    """The words of a heading, without a number of entries in parentheses."""
    return split_parenthesis(without_pictures(section.title.text))[0].strip()


def _is_column(section: Section) -> bool:
    """Whether all of a heading is a state of work."""
    name = _name(section)
    return is_state(name) or left_out(name) is not None
