"""The reader for Backlog.md: a markdown file with front matter for every task."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, cast

from paceline.domain.plan import Fact, Item, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items, normal
from paceline.plans.front_matter import keys_of, split_front_matter
from paceline.plans.outline import Paragraph, Section, bullets_under, read_outline
from paceline.plans.statuses import done_of
from paceline.plans.task_entries import paths_in

KIND = "Backlog.md tasks"

_KNOWN = frozenset({"id", "title", "status", "assignee", "dependencies", "priority", "milestone"})
_NUMBER = re.compile(r"^#\d+\s+")


def is_task(document: Document) -> bool:
    """Whether a file is a task of Backlog.md."""
    keys = keys_of(document.raw)
    return {"id", "title"} <= keys and bool(
        keys & {"status", "dependencies", "assignee", "priority", "labels"}
    )


class BacklogMdReader:
    """Reads one task's file; `read_tasks` reads a folder of them."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Whether the front matter is that of a task."""
        found = Evidence()
        if is_task(document):
            found.add(20, "front matter with an id and a title")
        return found

    def read(self, document: Document) -> Plan:
        """Read the file as a plan with one story."""
        return read_tasks([document], document)


def read_tasks(documents: Iterable[Document], whole: Document) -> Plan:
    """Read the files of tasks as one plan.

    Args:
        documents: one for every task, in the plan's order.
        whole: what stands for all of them as the source.

    Raises:
        PlanUnreadable: a front matter is no YAML.
    """
    draft = Draft()
    for document in documents:
        _task(document, draft, None if document is whole else document.file)
    title = draft.stories[0].title if len(draft.stories) == 1 else whole.file or "Backlog"
    return draft.plan(whole, KIND, title)


def _task(document: Document, draft: Draft, file: str | None) -> None:
    values, body = split_front_matter(document.text, document.file)
    known, facts = len(draft.reading.warnings), len(draft.reading.facts)
    story = Story(
        id=_text(values.get("id")) or f"task-{len(draft.stories) + 1}",
        title=_text(values.get("title")) or "Untitled task",
        kind="task",
        priority=_text(values.get("priority")),
        done=done_of(_text(values.get("status")), 1, draft.reading),
        line=1,
        file=file,
    )
    milestone = _text(values.get("milestone"))
    if milestone:
        story.epic = draft.epic(milestone, milestone, 1).id
    people = [name.lstrip("@") for name in _texts(values.get("assignee"))]
    if people:
        draft.assign(story, ", ".join(people), 1)
    for written in _texts(values.get("dependencies")):
        draft.wait_for(story, written, 1)
    draft.stories.append(story)
    for name, value in values.items():
        if name not in _KNOWN and value not in ("", [], None):
            draft.reading.facts.append(Fact(section=story.id, name=name, value=value, line=1))
    for section in read_outline(body).walk():
        _section(story, section, draft)
    named = [story.title, story.description or "", *(task.text for task in story.tasks)]
    story.files = story.files or paths_in(" ".join(named))
    for remark in draft.reading.warnings[known:]:
        remark.file = document.file
    for fact in draft.reading.facts[facts:]:
        fact.file = file


def _section(story: Story, section: Section, draft: Draft) -> None:
    bullets = bullets_under(section)
    match normal(section.title.text):
        case "description":
            lines = [t.text for block in section.blocks if isinstance(block, Paragraph) for t in block.lines]
            story.description = " ".join(lines) or None
            story.tasks.extend(bullet_items(bullets))
        case "acceptance criteria":
            story.acceptance_criteria.extend(_item(each) for each in bullet_items(bullets))
        case "implementation plan" | "plan" | "tasks" | "subtasks":
            story.tasks.extend(bullet_items(bullets))
        case "":
            pass
        case _:
            known = len(draft.reading.facts)
            draft.reading.keep_section(section)
            for fact in draft.reading.facts[known:]:
                fact.section = story.id


def _item(entry: Item) -> Item:
    return entry.model_copy(update={"text": _NUMBER.sub("", entry.text)})


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    return [str(entry).strip() for entry in entries if str(entry).strip()]
