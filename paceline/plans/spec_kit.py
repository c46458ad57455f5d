"""The reader for spec-kit's `tasks.md`: `- [ ] T001 [P] [US1] Text with a path`, in phases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Epic, Fact, Phase, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import contents_of, normal, split_parenthesis
from paceline.plans.headings import phase_heading
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Bullet, Section, bullets_under
from paceline.plans.spec_kit_order import order_epics
from paceline.plans.task_details import read_details, remark_begun
from paceline.plans.task_entries import Box, box_of, take_waits

KIND = "spec-kit tasks"

_TASK = re.compile(
    r"^`?(?P<id>T-?(?:\d{1,5}(?:[._]\d+|_[a-z]\w*)?[a-z]?|XXX))\b`?\s*[:.\u2013\u2014\u00b7-]?\s*(?P<text>\S.*)$"
)
_MARKS = re.compile(r"^(?:`?\[[^\]\[]{1,30}\](?=[\s`\[:]|$)`?\s*)+:?\s*")
_MARK = re.compile(r"\[([^\]]+)\]")
_KNOWN_MARK = re.compile(
    r"^(?:P\??|parallel|[A-Z]{1,3}\d+(?:\s*[,&/]\s*[A-Z]{1,3}\d+)*|Story:?.*)$", re.IGNORECASE
)
_USER_STORIES = re.compile(r"\b(?:US|Story:?\s)-?(\d+)\b", re.IGNORECASE)
_STORY = re.compile(
    r"\b(?:User Stor(?:y|ies)|US)[\s-]*#?"
    r"(?P<numbers>\d+(?:\s*(?:&|and|,|/|\+)\s*(?:User Story |US-?)?\d+)*)\b"
    r"\s*[-:\u2013\u2014]?\s*(?P<title>.*)$",
    re.IGNORECASE,
)
_PRIORITY = re.compile(r"(?:^|\b)Priority:?\s*(?P<value>[^,;)]+)|^(?P<short>P\d)\b", re.IGNORECASE)


@dataclass(slots=True)
class _Place:
    """Where the walk is: the phase, its epic, and the tasks that the next one in it may wait for."""

    phase: Phase | None = None
    epic: Epic | None = None
    stories: frozenset[str] = frozenset()
    """The user stories that the heading names, as `US1`."""
    barrier: dict[str, Story] = field(default_factory=dict[str, Story])
    together: dict[str, list[Story]] = field(default_factory=dict[str, list[Story]])


class SpecKitReader:
    """Reads task lists whose entries start with an id such as `T001`."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How many entries look like spec-kit's."""
        found = Evidence()
        bullets = [bullet for section in document.outline.walk() for bullet in bullets_under(section)]
        tasks = [box.text for bullet in bullets if (box := box_of(bullet.text)) and _TASK.match(box.text)]
        if not tasks:
            return found
        found.add(3, "checkboxes with ids such as `T001`")
        if any("[P]" in text or "[US" in text for text in tasks):
            found.add(3, "marks such as `[P]` and `[US1]`")
        if any(phase_heading(section) for section in document.outline.walk() if section.level > 0):
            found.add(1, "phases")
        return found

    def read(self, document: Document) -> Plan:
        """Read the tasks as stories, user stories as epics, and the order that the format implies."""
        draft = Draft()
        _visit(document.outline, _Place(), draft)
        used = {story.epic for story in draft.stories}
        draft.epics = [epic for epic in draft.epics if epic.id in used]
        order_epics(document.outline, draft)
        return draft.plan(document, KIND)


def _visit(section: Section, place: _Place, draft: Draft) -> None:
    for below in section.sections:
        inner = _open(below, place, draft)
        _read_section(below, inner, draft)
        _visit(below, inner, draft)


def _open(section: Section, place: _Place, draft: Draft) -> _Place:
    """The place below a heading: that of a phase or a user story, else the one around it."""
    heading = phase_heading(section)
    if heading is not None:
        title, epic, stories = _phase_epic(heading.id, without_pictures(heading.title), section, draft)
        phase = Phase(id=heading.id, name=title or None, line=section.line)
        draft.phases.append(phase)
        return _Place(phase, epic, stories)
    entries = [box.text for b in bullets_under(section) if (box := box_of(b.text)) and _TASK.match(box.text)]
    if place.phase is not None or section.level < 2 or not entries:
        return place
    name = without_pictures(section.title.text)
    _, epic, stories = _phase_epic(name, name, section, draft)
    return _Place(None, epic, stories)


def _phase_epic(
    identity: str, title: str, section: Section, draft: Draft
) -> tuple[str, Epic, frozenset[str]]:
    """A phase's own epic: that of its user story, else one of the phase."""
    title = title.partition(" \U0001f3af")[0].strip()
    name, remark = split_parenthesis(title)
    match = _STORY.search(name)
    if match is not None:
        numbers = re.findall(r"\d+", match["numbers"])
        named = match["title"].strip() or name
    else:
        only = _only_user_story(section)
        if only is None:
            return title, draft.epic(identity, title or identity, section.line), frozenset()
        numbers, named = [only], name
    # A user story is done in one phase; what names it again, such as a second part, is the same epic.
    epics = [draft.epic(f"US{number}", named, section.line) for number in numbers]
    priority = _PRIORITY.search(remark or "")
    for epic in epics:
        value = (priority["value"] or priority["short"]).strip() if priority else None
        epic.priority = epic.priority or value
    return title, epics[0], frozenset(epic.id for epic in epics)


def _only_user_story(section: Section) -> str | None:
    """The user story that every task of a phase is marked with."""
    found: set[str] = set()
    for below in section.walk():
        for bullet in bullets_under(below):
            box = box_of(bullet.text)
            match = _TASK.match(box.text) if box is not None else None
            if match is not None:
                marks, _ = _marks(match["text"])
                found.update(_stories_of(marks) or {""})
    return found.pop() if len(found) == 1 and "" not in found else None


def _read_section(section: Section, place: _Place, draft: Draft) -> None:
    name = without_pictures(section.title.text)
    found = contents_of(section, ())
    rest: list[Bullet] = []
    taken: set[int] = set()
    for bullet in bullets_under(section):
        box = box_of(bullet.text)
        match = _TASK.match(box.text) if box is not None else None
        if box is not None and match is not None:
            _task(bullet, box, match, place, draft)
            taken.add(bullet.line)
    rest.extend(bullet for bullet in found.bullets if bullet.line not in taken)
    for entry in found.fields:
        label = normal(entry.label)
        entry.bullets = [bullet for bullet in entry.bullets if bullet.line not in taken]
        if label in {"goal", "purpose"} and place.epic is not None and place.epic.goal is None:
            place.epic.goal = entry.value or None
        elif entry.line not in taken:
            draft.reading.keep_field(name, entry)
    found.bullets[:] = rest
    draft.reading.keep_rest(name, found)
    draft.reading.keep_others(name, section)


def _marks(text: str) -> tuple[list[str], str]:
    """The marks in front of a text, and the text; a mark that nobody knows stays in it."""
    match = _MARKS.match(text)
    if match is None:
        return [], text
    marks = _MARK.findall(match[0])
    unknown = "".join(f"[{mark}] " for mark in marks if not _KNOWN_MARK.match(mark.strip()))
    return marks, f"{unknown}{text[match.end() :]}".strip()


def _stories_of(marks: list[str]) -> list[str]:
    return [number for mark in marks for number in _USER_STORIES.findall(mark)]


def _task(bullet: Bullet, box: Box, match: re.Match[str], place: _Place, draft: Draft) -> None:
    marks, text = _marks(match["text"])
    text, waits = take_waits(text)
    story = Story(
        id=match["id"],
        title=text or match["id"],
        kind="task",
        phase=place.phase.id if place.phase else None,
        done=box.done,
        line=bullet.line,
    )
    if story.id.endswith("XXX"):
        story.id = f"{story.id}-{len(draft.stories) + 1}"
        draft.numbered(story)
    epic = _epic_of(story, marks, place, draft)
    story.epic = epic.id if epic else None
    if box.left_out is not None:
        draft.leave_out(story, box.left_out)
        return
    draft.stories.append(story)
    if box.begun:
        remark_begun(story, draft)
    if waits:
        draft.wait_for(story, waits, bullet.line)
    read_details(story, bullet.children, draft)
    _order(story, any(mark.strip().rstrip("?") in {"P", "parallel"} for mark in marks), place, draft)


def _epic_of(story: Story, marks: list[str], place: _Place, draft: Draft) -> Epic | None:
    """The epic that the mark names where the phase is one of user stories, else that of the phase.

    A task of the last phase may say which story it serves; it runs in its phase all the same.
    """
    numbers = _stories_of(marks)
    if numbers and (place.stories or place.epic is None):
        identity = f"US{numbers[0]}"
        return draft.epic(identity, identity, story.line)
    if numbers:
        value = [f"US{number}" for number in numbers]
        draft.reading.facts.append(Fact(section=story.id, name="user story", value=value, line=story.line))
    return place.epic


def _order(story: Story, parallel: bool, place: _Place, draft: Draft) -> None:
    """Tasks with `[P]` run side by side; one without waits for those before it, those after wait for it."""
    key = story.epic or ""
    together = place.together.setdefault(key, [])
    barrier = place.barrier.get(key)
    if parallel:
        together.append(story)
        if barrier is not None:
            draft.wait_by_order(story, barrier)
        return
    for earlier in together or ([barrier] if barrier is not None else []):
        draft.wait_by_order(story, earlier)
    place.barrier[key] = story
    together.clear()
