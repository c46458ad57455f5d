"""The reader for Kiro's and OpenSpec's `tasks.md`: nested numbers with details as bullets."""

from __future__ import annotations

import re

from paceline.domain.plan import Epic, Fact, Phase, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import normal, without_numbering
from paceline.plans.findings import Code
from paceline.plans.headings import epic_heading, phase_heading
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Bullet, Paragraph, Section, bullets_under
from paceline.plans.task_details import read_details, remark_begun
from paceline.plans.task_entries import Box, box_of, paths_in, take_points, take_waits

KIND = "Kiro tasks"

_TASK = re.compile(
    r"^(?:Task\s+)?(?P<id>\d{1,4}(?:\.\d{1,4})*)(?:[.:)]\s*|\s+(?:[-\u2013\u2014]\s+)?)(?P<text>\S.*)$"
)
_REQUIREMENTS = re.compile(
    r"^_?(?P<label>Requirements?|Validates|_?Property \d+|Refs?|Spec refs?)\s*:\s*(?P<names>.+?)_?$",
    re.IGNORECASE,
)
_REFERENCES = re.compile(r"(?<![\w.-])[\w.-]*\w")
_NUMBERED = re.compile(r"^(?P<number>\d{1,4}(?:\.\d{1,4})*)(?:[.):]|\s+[-\u2013\u2014])?\s+(?P<title>\S.*)$")
_ALL = frozenset(
    {
        *("tasks", "task list", "implementation", "implementation plan", "implementation tasks", "overview"),
        *("plan", "todo", "to do", "checklist", "task breakdown", "implementation checklist"),
    }
)
"""Headings that stand over all tasks and group nothing."""


class KiroReader:
    """Reads checkboxes with numbers such as `2.1`."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether entries have numbers of their own, and name requirements."""
        found = Evidence()
        bullets = [bullet for section in document.outline.walk() for bullet in bullets_under(section)]
        tasks = [bullet for bullet in _all(bullets) if _task(bullet) is not None]
        if not tasks:
            return found
        found.add(2.5, "checkboxes with numbers such as `2.1`")
        if any(_REQUIREMENTS.match(child.text.text) for bullet in tasks for child in bullet.children):
            found.add(3, "references to requirements")
        if any("." in match["id"] for bullet in tasks if (match := _match(bullet)) is not None):
            found.add(1, "nested numbers")
        return found

    def read(self, document: Document) -> Plan:
        """Read numbers of the second level as stories and those of the first as epics, one after the other.

        A number without others below it is a story, and what is numbered below a story is one of its tasks.
        """
        draft = Draft()
        walk = _Walk(draft)
        walk.section(document.outline, None, None)
        walk.settle()
        return draft.plan(document, KIND)


class _Walk:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._headings: dict[int, Epic] = {}
        """Epics that headings give, by the line of each story in them."""

    def section(self, section: Section, epic: Epic | None, phase: Phase | None) -> None:
        """Read the tasks of a section and of those below it."""
        has_tasks = any(_task(bullet) is not None for bullet in bullets_under(section))
        if section.level > 0:
            phase = self._phase(section) or phase
            if has_tasks:
                epic = self._epic(section) or epic
        rest = self._bullets(bullets_under(section), epic, phase)
        for bullet in rest:
            fact = Fact(section=section.title.text or None, value=bullet.text.text, line=bullet.line)
            self._draft.reading.facts.append(fact)
        self._prose(section)
        for below in section.sections:
            self.section(below, epic, phase)

    def settle(self) -> None:
        """A number with numbers below it is an epic; stories follow each other unless they say otherwise."""
        draft = self._draft
        draft.drop_left_out()
        parents = {_parent(story.id) for story in draft.stories} - {""}
        written = {story.id: story for story in draft.stories}
        for identity in sorted(parents & written.keys(), key=list(written).index):
            self._as_epic(written[identity])
        draft.stories = [story for story in draft.stories if story.id not in parents]
        draft.references = [each for each in draft.references if each[0].id not in parents]
        for story in draft.stories:
            heading = self._headings.get(story.line or 0)
            above = _parent(story.id)
            story.epic = above if draft.has_epic(above) else heading.id if heading is not None else None
        used = {story.epic for story in draft.stories}
        draft.epics = [epic for epic in draft.epics if epic.id in used]
        self._order()

    def _as_epic(self, story: Story) -> None:
        epic = self._draft.epic(story.id, story.title, story.line)
        epic.title, epic.points = story.title, story.points
        epic.goal = " ".join(task.text for task in story.tasks) or None

    def _order(self) -> None:
        """Make a story wait for the one before it, unless it says what it waits for."""
        seen: set[str] = set()
        earlier: Story | None = None
        for story in self._draft.stories:
            if earlier is not None and story.dependencies_as_written is None and story.id not in seen:
                self._draft.wait_by_order(story, earlier)
            seen.add(story.id)
            earlier = story

    def _bullets(self, bullets: list[Bullet], epic: Epic | None, phase: Phase | None) -> list[Bullet]:
        """Read the tasks among bullets; returns the others."""
        rest: list[Bullet] = []
        for bullet in bullets:
            match, box = _match(bullet), _task(bullet)
            if match is None or box is None:
                rest.append(bullet)
                continue
            self._story(bullet, box, match, epic, phase)
        return rest

    def _story(
        self, bullet: Bullet, box: Box, match: re.Match[str], epic: Epic | None, phase: Phase | None
    ) -> None:
        draft = self._draft
        text, waits = take_waits(match["text"])
        text, points = take_points(text)
        story = Story(id=match["id"], title=text, kind="task", done=box.done, points=points, line=bullet.line)
        story.phase = phase.id if phase else None
        if epic is not None:
            self._headings[bullet.line] = epic
        draft.stories.append(story)
        if waits:
            draft.wait_for(story, waits, bullet.line)
        if box.begun and not bullet.children:
            remark_begun(story, draft)
        if box.optional or text.endswith("*"):
            _optional(story, draft)
        deep = story.id.count(".") > 0
        inner = bullet.children if deep else self._bullets(bullet.children, None, phase)
        self._details(story, inner)
        story.files = story.files or paths_in(" ".join([story.title, *(task.text for task in story.tasks)]))
        story.files_line = story.files_line or (story.line if story.files else None)
        if box.left_out is not None:
            draft.leave_out(story, box.left_out)

    def _details(self, story: Story, details: list[Bullet]) -> None:
        others: list[Bullet] = []
        for bullet in details:
            match = _REQUIREMENTS.match(bullet.text.text)
            if match is None:
                others.append(bullet)
                continue
            value = _references(match["names"])
            self._draft.reading.facts.append(
                Fact(section=story.id, name="requirements", value=value, line=bullet.line)
            )
        read_details(story, others, self._draft)

    def _phase(self, section: Section) -> Phase | None:
        heading = phase_heading(section)
        if heading is None or not any(
            _task(bullet) is not None for below in section.walk() for bullet in bullets_under(below)
        ):
            return None
        title = without_pictures(heading.title)
        phase = Phase(id=heading.id, name=title if title != heading.id else None, line=section.line)
        self._draft.phases.append(phase)
        return phase

    def _epic(self, section: Section) -> Epic | None:
        """The epic of a heading directly over tasks; headings over all of them are none."""
        name = without_pictures(section.title.text)
        heading = epic_heading(section) or phase_heading(section)
        match = _NUMBERED.match(name)
        if heading is not None:
            return self._draft.epic(heading.id, without_pictures(heading.title), section.line)
        if match is not None:
            return self._draft.epic(match["number"], match["title"], section.line)
        if section.level == 1 or normal(without_numbering(name)) in _ALL:
            return None
        return self._draft.epic(name, name, section.line)

    def _prose(self, section: Section) -> None:
        """Keep running text; the bullets are tasks, or kept one by one."""
        name = section.title.text or None
        for block in section.blocks:
            if isinstance(block, Paragraph):
                for text in block.lines:
                    fact = Fact(section=name, name=text.label, value=text.value, line=text.line)
                    self._draft.reading.facts.append(fact)
        self._draft.reading.keep_others(section.title.text, section)


def _parent(identity: str) -> str:
    """The number that a number of the second level belongs to; deeper ones are tasks, and have none."""
    return identity.rpartition(".")[0]


def _references(names: str) -> list[str]:
    """`1.1, R-2.3` as its parts; words without a number are one text."""
    parts = [part for part in _REFERENCES.findall(names.strip("_ ")) if any(c.isdigit() for c in part)]
    return parts or [names.strip("_ ")]


def _optional(story: Story, draft: Draft) -> None:
    story.title = story.title.removesuffix("*").strip()
    draft.reading.facts.append(Fact(section=story.id, name="optional", value=True, line=story.line))
    draft.reading.warn(
        Code.OPTIONAL_TASK,
        f"`{story.id}` is marked as optional; it runs like any other.",
        "Delete it, if it is not to be done.",
        story.line or 1,
    )


def _task(bullet: Bullet) -> Box | None:
    """The box of an entry that has a number of its own."""
    box = box_of(bullet.text, hyphen_begun=True)
    return box if box is not None and _TASK.match(box.text) else None


def _match(bullet: Bullet) -> re.Match[str] | None:
    box = box_of(bullet.text, hyphen_begun=True)
    return _TASK.match(box.text) if box is not None else None


def _all(bullets: list[Bullet]) -> list[Bullet]:
    return [*bullets, *(below for bullet in bullets for below in _all(bullet.children))]
