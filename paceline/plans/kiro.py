"""The reader for Kiro's `tasks.md`: nested numbers, details as bullets, `_Requirements: 1.2, 2.3_`."""

from __future__ import annotations

import re

from paceline.domain.plan import Epic, Fact, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items
from paceline.plans.findings import Code
from paceline.plans.outline import Bullet, Paragraph, Section, bullets_under
from paceline.plans.task_entries import paths_in, take_waits

KIND = "Kiro tasks"

_TASK = re.compile(r"^(?:\[(?P<box>[ xX-])\](?P<star>\*)?\s*)?(?P<id>\d+(?:\.\d+)*)\.?\s+(?P<text>\S.*)$")
_REQUIREMENTS = re.compile(
    r"^_?(?P<label>Requirements?|Validates|_?Property \d+)\s*:\s*(?P<names>.+?)_?$", re.IGNORECASE
)
_REFERENCES = re.compile(r"(?<![\w.-])[\w.-]*\w")


class KiroReader:
    """Reads checkboxes with numbers such as `2.1`."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether entries have numbers of their own, and name requirements."""
        found = Evidence()
        bullets = [bullet for section in document.outline.walk() for bullet in bullets_under(section)]
        tasks = [bullet for bullet in _all(bullets) if _is_task(bullet)]
        if not tasks:
            return found
        found.add(2.5, "checkboxes with numbers such as `2.1`")
        if any(_REQUIREMENTS.match(child.text.text) for bullet in tasks for child in bullet.children):
            found.add(3, "references to requirements")
        if any("." in match["id"] for bullet in tasks if (match := _TASK.match(bullet.text.text))):
            found.add(1, "nested numbers")
        return found

    def read(self, document: Document) -> Plan:
        """Read the deepest numbers as stories, those above them as epics, one after the other."""
        draft = Draft()
        for section in document.outline.walk():
            rest = _read_bullets(bullets_under(section), draft)
            for bullet in rest:
                draft.reading.facts.append(
                    Fact(section=section.title.text or None, value=bullet.text.text, line=bullet.line)
                )
            _keep_prose(section, draft)
        _drop_parents(draft)
        for earlier, story in zip(draft.stories, draft.stories[1:], strict=False):
            draft.wait_by_order(story, earlier)
        return draft.plan(document, KIND)


def _read_bullets(bullets: list[Bullet], draft: Draft) -> list[Bullet]:
    """Read the tasks among bullets; returns the others."""
    rest: list[Bullet] = []
    for bullet in bullets:
        match = _TASK.match(bullet.text.text)
        if match is None or not _is_task(bullet):
            rest.append(bullet)
            continue
        done = bullet.text.done
        if done is None and match["box"]:
            done = match["box"] in "xX"
        text, waits = take_waits(match["text"])
        story = Story(id=match["id"], title=text, kind="task", done=done, line=bullet.line)
        draft.stories.append(story)
        if waits:
            draft.wait_for(story, waits, bullet.line)
        if match["star"] or text.endswith("*"):
            _optional(story, draft)
        _read_details(story, _read_bullets(bullet.children, draft), draft)
        story.files = paths_in(" ".join([story.title, *(task.text for task in story.tasks)]))
        story.files_line = story.line if story.files else None
    return rest


def _read_details(story: Story, details: list[Bullet], draft: Draft) -> None:
    for bullet in details:
        match = _REQUIREMENTS.match(bullet.text.text)
        if match is None:
            story.tasks.extend(bullet_items([bullet]))
            continue
        draft.reading.facts.append(
            Fact(
                section=story.id,
                name="requirements",
                value=_references(match["names"]),
                line=bullet.line,
            )
        )


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


def _drop_parents(draft: Draft) -> None:
    """A number with numbers below it is an epic: what it says of its own is kept."""
    parents = {story.id.rpartition(".")[0] for story in draft.stories} - {""}
    written = {story.id: story for story in draft.stories}
    for identity, story in written.items():
        if identity in parents:
            epic = Epic(id=identity, title=story.title, line=story.line)
            epic.goal = " ".join(task.text for task in story.tasks) or None
            draft.epics.append(epic)
    for story in draft.stories:
        above = story.id.rpartition(".")[0]
        while above and above not in written:
            above = above.rpartition(".")[0]
        story.epic = above or None
    draft.stories = [story for story in draft.stories if story.id not in parents]
    draft.references = [each for each in draft.references if each[0].id not in parents]
    used = {story.epic for story in draft.stories}
    draft.epics = [epic for epic in draft.epics if epic.id in used]


def _keep_prose(section: Section, draft: Draft) -> None:
    """Keep running text; the bullets are tasks, or kept one by one."""
    for block in section.blocks:
        if isinstance(block, Paragraph):
            for text in block.lines:
                fact = Fact(
                    section=section.title.text or None, name=text.label, value=text.value, line=text.line
                )
                draft.reading.facts.append(fact)
    draft.reading.keep_others(section.title.text, section)


def _is_task(bullet: Bullet) -> bool:
    match = _TASK.match(bullet.text.text)
    return match is not None and (bullet.text.done is not None or match["box"] is not None)


def _all(bullets: list[Bullet]) -> list[Bullet]:
    return [*bullets, *(below for bullet in bullets for below in _all(bullet.children))]
