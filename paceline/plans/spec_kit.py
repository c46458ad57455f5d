"""The reader for spec-kit's `tasks.md`: `- [ ] T001 [P] [US1] Text with a path`, in phases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paceline.domain.plan import Dependency, Epic, Phase, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import BY_ORDER, Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items, contents_of, normal, split_parenthesis
from paceline.plans.headings import phase_heading
from paceline.plans.marks import without_pictures
from paceline.plans.outline import Bullet, Section, bullets_under
from paceline.plans.task_entries import paths_in, take_waits

KIND = "spec-kit tasks"

_TASK = re.compile(
    r"^(?P<id>T\d{2,5}[a-z]?)\b[:.]?\s*(?P<marks>(?:\[(?:P|US\d+|[A-Z]{1,3}\d*)\]\s*)*)(?P<text>\S.*)$"
)
_MARK = re.compile(r"\[([^\]]+)\]")
_STORY = re.compile(
    r"\b(?:User Story|US)\s*#?(?P<number>\d+)\b\s*[-:\u2013\u2014]?\s*(?P<title>.*)$", re.IGNORECASE
)
_USER_STORY = re.compile(r"^US\d+$")
_PRIORITY = re.compile(r"^Priority:?\s*(?P<value>.+)$", re.IGNORECASE)


@dataclass(slots=True)
class _Place:
    """Where the walk is: the phase, its epic, and the tasks that the next one in it may wait for."""

    phase: Phase | None = None
    epic: Epic | None = None
    barrier: dict[str, Story] = field(default_factory=dict[str, Story])
    together: dict[str, list[Story]] = field(default_factory=dict[str, list[Story]])


class SpecKitReader:
    """Reads task lists whose entries start with an id such as `T001`."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """How many entries look like spec-kit's."""
        found = Evidence()
        bullets = [bullet for section in document.outline.walk() for bullet in bullets_under(section)]
        tasks = [
            bullet for bullet in bullets if bullet.text.done is not None and _TASK.match(bullet.text.text)
        ]
        if not tasks:
            return found
        found.add(3, "checkboxes with ids such as `T001`")
        if any("[P]" in bullet.text.text or "[US" in bullet.text.text for bullet in tasks):
            found.add(3, "marks such as `[P]` and `[US1]`")
        if any(phase_heading(section) for section in document.outline.walk() if section.level > 0):
            found.add(1, "phases")
        return found

    def read(self, document: Document) -> Plan:
        """Read the tasks as stories, user stories as epics, and the order that the format implies."""
        draft = Draft()
        _visit(document.outline, _Place(), draft)
        _order_epics(draft)
        draft.epics = [epic for epic in draft.epics if any(s.epic == epic.id for s in draft.stories)]
        return draft.plan(document, KIND)


def _visit(section: Section, place: _Place, draft: Draft) -> None:
    for below in section.sections:
        heading = phase_heading(below)
        if heading is not None:
            title, epic = _phase_epic(heading.id, without_pictures(heading.title), below, draft)
            phase = Phase(id=heading.id, name=title or None, line=below.line)
            draft.phases.append(phase)
            inner = _Place(phase, epic)
        else:
            inner = place
        _read_section(below, inner, draft)
        _visit(below, inner, draft)


def _phase_epic(identity: str, title: str, section: Section, draft: Draft) -> tuple[str, Epic]:
    """A phase's own epic: that of its user story, else one of the phase."""
    title = title.partition(" \U0001f3af")[0].strip()
    name, remark = split_parenthesis(title)
    match = _STORY.search(name)
    if match is None:
        return title, draft.epic(identity, title or identity, section.line)
    epic = draft.epic(f"US{match['number']}", match["title"].strip() or name, section.line)
    priority = _PRIORITY.match(remark or "")
    epic.priority = priority["value"].strip() if priority else epic.priority
    return title, epic


def _read_section(section: Section, place: _Place, draft: Draft) -> None:
    name = without_pictures(section.title.text)
    found = contents_of(section, ())
    rest: list[Bullet] = []
    for bullet in found.bullets:
        match = _TASK.match(bullet.text.text)
        if match is None or bullet.text.done is None:
            rest.append(bullet)
        else:
            _task(bullet, match, place, draft)
    for entry in found.fields:
        label = normal(entry.label)
        if label in {"goal", "purpose"} and place.epic is not None and place.epic.goal is None:
            place.epic.goal = entry.value or None
        else:
            draft.reading.keep_field(name, entry)
    found.bullets[:] = rest
    draft.reading.keep_rest(name, found)
    draft.reading.keep_others(name, section)


def _task(bullet: Bullet, match: re.Match[str], place: _Place, draft: Draft) -> None:
    marks = _MARK.findall(match["marks"])
    text, waits = take_waits(match["text"])
    story = Story(
        id=match["id"],
        title=text,
        kind="task",
        phase=place.phase.id if place.phase else None,
        done=bullet.text.done,
        files=paths_in(text),
        tasks=bullet_items(bullet.children),
        line=bullet.line,
    )
    story.files_line = story.line if story.files else None
    user_story = next((mark for mark in marks if mark.startswith("US")), None)
    epic = draft.epic(user_story, user_story, bullet.line) if user_story else place.epic
    story.epic = epic.id if epic else None
    draft.stories.append(story)
    if waits:
        draft.wait_for(story, waits, bullet.line)
    _order(story, "P" in marks, place, draft)


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


def _order_epics(draft: Draft) -> None:
    """A phase waits for all before it, and a user story only for the phases that are no user story."""
    earlier: list[Epic] = []
    phases: list[Epic] = []
    for epic in draft.epics:
        is_phase = not _USER_STORY.match(epic.id)
        wanted = earlier[_after_last(phases, earlier) :] if is_phase else phases[-1:]
        epic.dependencies = [
            Dependency(as_written=each.id, resolved=[each.id], qualifier=BY_ORDER, line=epic.line)
            for each in wanted
        ]
        earlier.append(epic)
        if is_phase:
            phases.append(epic)


def _after_last(phases: list[Epic], earlier: list[Epic]) -> int:
    """Where the epics begin that the last phase does not already stand for."""
    return earlier.index(phases[-1]) if phases else 0
