"""The reader for task lists as issues and notes have them: checkboxes under headings, `#12`, `@name`."""

from __future__ import annotations

import re

from paceline.domain.plan import Epic, Plan, Sprint, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import Contents, bullet_items, label_of, normal
from paceline.plans.headings import epic_heading, sprint_heading
from paceline.plans.inline import Text, code_spans
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Block, Bullet, Paragraph, Section, bullets_under
from paceline.plans.paths import read_files
from paceline.plans.task_entries import mentions, paths_in, take_points, take_waits

KIND = "task list"

_ID = re.compile(
    r"^(?P<id>#\d+|[A-Za-z][A-Za-z0-9]*-\d[\w.]*|(?:Story|Task) \d[\w.]*)"
    r"(?:\s*[:\u2013\u2014]\s*|\s+-\s+|\s+)(?P<title>\S.*)$"
)
_LABELS = {
    "depends on": "waits", "dependencies": "waits", "blocked by": "waits", "requires": "waits",
    "assignee": "agents", "assignees": "agents", "agent": "agents", "owner": "agents",
    "files": "files", "file": "files", "points": "points", "estimate": "points", "priority": "priority",
    "acceptance criteria": "criteria", "criteria": "criteria", "acceptance": "criteria",
    "description": "description", "checks": "checks", "check": "checks",
}  # fmt: skip
_NUMBER = re.compile(r"^\d+(?:\.\d+)?")
_ENOUGH_BOXES = 2


class TaskListReader:
    """Reads lists of checkboxes that nothing else recognises."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether there are boxes at all; any other format says more than they do."""
        found = Evidence()
        boxes = sum(
            bullet.text.done is not None
            for section in document.outline.walk()
            for bullet in bullets_under(section)
        )
        if boxes:
            found.add(2 if boxes >= _ENOUGH_BOXES else 1, "checkboxes")
        return found

    def read(self, document: Document) -> Plan:
        """Read every box that is in no other as a story; headings over them are epics or sprints."""
        draft = Draft()
        _Walk(draft).section(document.outline, None, None)
        return draft.plan(document, KIND)


class _Walk:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def section(self, section: Section, epic: Epic | None, sprint: str | None) -> None:
        """Read one section and those below it."""
        name = without_pictures(section.title.text)
        boxes = [bullet for bullet in bullets_under(section) if bullet.text.done is not None]
        heading = sprint_heading(section) if section.level > 1 else None
        if heading is not None:
            written = Sprint(
                id=heading.id, name=heading.title or None, number=heading.number, line=section.line
            )
            self._draft.sprints.append(written)
            sprint = written.id
        elif section.level > 1 and (boxes or _holds_boxes(section)):
            epic = self._epic(section, name, epic)
        for bullet in boxes:
            self._story(bullet, epic, sprint)
        self._keep(section, name)
        for below in section.sections:
            self.section(below, epic, sprint)

    def _epic(self, section: Section, name: str, above: Epic | None) -> Epic:
        if above is not None and not any(b.text.done is not None for b in bullets_under(section)):
            return above
        heading = epic_heading(section)
        if heading is not None:
            return self._draft.epic(heading.id, without_pictures(heading.title), section.line)
        identity, count = name or "Tasks", 1
        while self._draft.has_epic(identity):
            count += 1
            identity = f"{name} ({count})"
        return self._draft.epic(identity, name or identity, section.line)

    def _story(self, bullet: Bullet, epic: Epic | None, sprint: str | None) -> None:
        text, waits = take_waits(bullet.text.text)
        text, points = take_points(text)
        match = _ID.match(text)
        title = match["title"] if match else text
        story = Story(
            id=match["id"] if match else f"T{len(self._draft.stories) + 1}",
            title=title or "Untitled task",
            kind="task",
            epic=epic.id if epic else None,
            sprints=[sprint] if sprint else [],
            points=points,
            done=bullet.text.done,
            line=bullet.line,
        )
        self._draft.stories.append(story)
        if match is None:
            self._draft.numbered(story)
        if waits:
            self._draft.wait_for(story, waits, bullet.line)
        called = mentions(text)
        if called:
            self._draft.assign(story, ", ".join(called), bullet.line)
        for child in bullet.children:
            self._child(story, child)
        named = " ".join([story.title, *(task.text for task in story.tasks)])
        story.files = story.files or paths_in(named)
        story.files_line = story.files_line or (story.line if story.files else None)

    def _child(self, story: Story, child: Bullet) -> None:
        label, value = label_of(child.text, _LABELS.keys())
        values = [value] if value else []
        values += [bullet.text.text for bullet in child.children]
        match _LABELS.get(normal(label)) if label else None:
            case "waits":
                self._draft.wait_for(story, ", ".join(values), child.line)
            case "agents":
                self._draft.assign(story, ", ".join(values).replace("@", ""), child.line)
            case "files":
                story.files.extend(read_files(values).files)
                story.files_line = child.line
            case "points" if _NUMBER.match(value):
                story.points = float(value.split()[0])
            case "priority":
                story.priority = value or None
            case "criteria":
                story.acceptance_criteria.extend(bullet_items(child.children or [child]))
            case "description":
                story.description = " ".join(values) or None
            case "checks":
                story.checks.extend(span for text in values for span in code_spans(text))
            case _:
                story.tasks.extend(bullet_items([child]))

    def _keep(self, section: Section, name: str) -> None:
        """Keep the prose and the bullets without a box."""
        prose = [text for block in section.blocks for text in _lines(block) if text.text]
        rest = Contents([], [bullet for bullet in bullets_under(section) if bullet.text.done is None], prose)
        self._draft.reading.keep_rest(name, rest)
        self._draft.reading.keep_others(name, section)


def _lines(block: Block) -> list[Text]:
    return block.lines if isinstance(block, Paragraph) else []


def _holds_boxes(section: Section) -> bool:
    return any(bullet.text.done is not None for below in section.walk() for bullet in bullets_under(below))
