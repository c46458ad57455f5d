"""The reader for task lists as issues and notes have them: checkboxes under headings, `#12`, `@name`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from paceline.domain.plan import Epic, Plan, Sprint, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import Contents
from paceline.plans.headings import epic_heading, sprint_heading
from paceline.plans.inline import Text
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Block, Bullet, Paragraph, Section, bullets_under
from paceline.plans.splitting import split_outside
from paceline.plans.targets import key
from paceline.plans.task_details import read_details, remark_begun
from paceline.plans.task_entries import (
    Box,
    box_of,
    mentions,
    take_mentions,
    take_points,
    take_titled_waits,
    take_waits,
)

KIND = "task list"

_ID = re.compile(
    r"^(?P<id>#\d+|[A-Za-z][A-Za-z0-9]*-\d[\w.]*|(?:Story|Task) \d[\w.]*)"
    r"(?:\s*[:\u2013\u2014]\s*|\s+-\s+|\s+)(?P<title>\S.*)$"
)
_ENOUGH_BOXES = 2


class TaskListReader:
    """Reads lists of checkboxes that nothing else recognises."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether there are boxes at all; any other format says more than they do."""
        found = Evidence()
        boxes = sum(
            box_of(bullet.text) is not None
            for section in document.outline.walk()
            for bullet in bullets_under(section)
        )
        if boxes:
            found.add(2 if boxes >= _ENOUGH_BOXES else 1, "checkboxes")
        return found

    def read(self, document: Document) -> Plan:
        """Read every box that is in no other as a story; headings over them are epics or sprints."""
        draft = Draft()
        walk = _Walk(draft)
        walk.section(document.outline, None, None)
        walk.settle()
        return draft.plan(document, KIND)


@dataclass(frozen=True, slots=True)
class _TitledWait:
    """What a title's remark may wait for, and the title without it."""

    story: Story
    title: str
    names: str

    def names_only(self, known: set[str]) -> bool:
        """Whether all that it names is known."""
        parts = split_outside(self.names, ",;")
        return key(self.names) in known or all(key(part) in known for part in parts)


class _Walk:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._titled: list[_TitledWait] = []

    def settle(self) -> None:
        """Read what names its task by a title, once all titles are known; other words stay where they are."""
        known = {key(name) for story in self._draft.stories for name in (story.id, story.title)}
        known |= {key(each.title) for each in self._titled}
        found = [each for each in self._titled if each.names_only(known)]
        # A title is awaited by what it is without its own remark, so all of them lose it first.
        for each in found:
            each.story.title = each.title
        for each in found:
            self._draft.wait_for(each.story, each.names, each.story.line or 1)

    def section(self, section: Section, epic: Epic | None, sprint: str | None) -> None:
        """Read one section and those below it."""
        name = without_pictures(section.title.text)
        boxes = [(bullet, box) for bullet in bullets_under(section) if (box := box_of(bullet.text))]
        heading = sprint_heading(section) if section.level > 1 else None
        if heading is not None:
            written = Sprint(
                id=heading.id, name=heading.title or None, number=heading.number, line=section.line
            )
            self._draft.sprints.append(written)
            sprint = written.id
        elif section.level > 1 and (boxes or _holds_boxes(section)):
            epic = self._epic(section, name, epic)
        for bullet, box in boxes:
            self._story(bullet, box, epic, sprint)
        self._keep(section, name)
        for below in section.sections:
            self.section(below, epic, sprint)

    def _epic(self, section: Section, name: str, above: Epic | None) -> Epic:
        if above is not None and not any(box_of(bullet.text) for bullet in bullets_under(section)):
            return above
        heading = epic_heading(section)
        if heading is not None:
            return self._draft.epic(heading.id, without_pictures(heading.title), section.line)
        identity, count = name or "Tasks", 1
        while self._draft.has_epic(identity):
            count += 1
            identity = f"{name} ({count})"
        return self._draft.epic(identity, name or identity, section.line)

    def _story(self, bullet: Bullet, box: Box, epic: Epic | None, sprint: str | None) -> None:
        text, waits = take_waits(box.text)
        text, points = take_points(text)
        called = mentions(text)
        text = take_mentions(text)
        match = _ID.match(text)
        title = match["title"] if match else text
        story = Story(
            id=match["id"] if match else f"T{len(self._draft.stories) + 1}",
            title=title or "Untitled task",
            kind="task",
            epic=epic.id if epic else None,
            sprints=[sprint] if sprint else [],
            points=points,
            done=box.done,
            line=bullet.line,
        )
        self._draft.stories.append(story)
        if match is None:
            self._draft.numbered(story)
        if waits:
            self._draft.wait_for(story, waits, bullet.line)
        else:
            self._titled_wait(story)
        if called:
            self._draft.assign(story, ", ".join(f"@{each}" for each in called), bullet.line)
        read_details(story, bullet.children, self._draft)
        if box.left_out is not None:
            self._draft.leave_out(story, box.left_out)
        elif box.begun:
            remark_begun(story, self._draft)

    def _titled_wait(self, story: Story) -> None:
        title, names = take_titled_waits(story.title)
        if names and title:
            self._titled.append(_TitledWait(story, take_mentions(title), names))

    def _keep(self, section: Section, name: str) -> None:
        """Keep the prose and the bullets without a box."""
        prose = [text for block in section.blocks for text in _lines(block) if text.text]
        rest = Contents(
            [], [bullet for bullet in bullets_under(section) if box_of(bullet.text) is None], prose
        )
        self._draft.reading.keep_rest(name, rest)
        self._draft.reading.keep_others(name, section)


def _lines(block: Block) -> list[Text]:
    return block.lines if isinstance(block, Paragraph) else []


def _holds_boxes(section: Section) -> bool:
    return any(box_of(bullet.text) for below in section.walk() for bullet in bullets_under(below))
