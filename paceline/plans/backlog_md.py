"""The reader for Backlog.md: a markdown file with front matter for every task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from paceline.domain.plan import Fact, Item, Plan, Story
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import Evidence
from paceline.plans.fields import bullet_items, flat, normal
from paceline.plans.front_matter import keys_of, split_front_matter
from paceline.plans.left_out import LeftOut, left_out
from paceline.plans.outline import BulletList, Paragraph, Section, bullets_under, read_outline
from paceline.plans.paths import read_files
from paceline.plans.statuses import done_of
from paceline.plans.task_entries import paths_in
from paceline.plans.yaml_text import load_yaml

KIND = "Backlog.md tasks"

_KNOWN = frozenset(
    {"id", "title", "status", "assignee", "dependencies", "priority", "milestone", "modified_files"}
)
_DRAFTS = frozenset({"draft", "proposed"})
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


def read_tasks(documents: Iterable[Document], whole: Document, others: Iterable[Document] = ()) -> Plan:
    """Read the files of tasks as one plan.

    Args:
        documents: one for every task, in the plan's order; those in a folder `archive` are left out.
        whole: what stands for all of them as the source.
        others: files beside them: the project's settings give its name, and milestones theirs.

    Raises:
        PlanUnreadable: a front matter is no YAML.
    """
    draft = Draft()
    milestones: dict[str, str] = {}
    done_when: list[Item] = []
    for other in others:
        _note(other, draft, milestones, done_when)
    for document in documents:
        _task(document, draft, None if document is whole else document.file, milestones)
    title = draft.stories[0].title if len(draft.stories) == 1 else draft.project or whole.file or "Backlog"
    plan = draft.plan(whole, KIND, title)
    plan.definition_of_done = done_when or None
    return plan


def _note(document: Document, draft: Draft, milestones: dict[str, str], done_when: list[Item]) -> None:
    """Read a milestone's file, or the settings."""
    name = (document.file or "").rpartition("/")[2]
    if name in {"config.yml", "config.yaml"}:
        data = load_yaml(document.text, document.file, strings=True)
        settings = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        draft.project = _text(settings.get("project_name")) or draft.project
        done_when.extend(Item(text=text) for text in _texts(settings.get("definition_of_done")))
    elif keys_of(document.raw) >= {"id", "title"} and not is_task(document):
        values, _ = split_front_matter(document.text, document.file)
        identity, title = _text(values.get("id")), _text(values.get("title"))
        if identity and title:
            milestones[identity.lower()] = title


def _task(document: Document, draft: Draft, file: str | None, milestones: Mapping[str, str]) -> None:
    values, body = split_front_matter(document.text, document.file)
    known, facts = len(draft.reading.warnings), len(draft.reading.facts)
    status = _text(values.get("status"))
    state = _left_out(status, file)
    story = Story(
        id=_text(values.get("id")) or f"task-{len(draft.stories) + 1}",
        title=_text(values.get("title")) or "Untitled task",
        kind="task",
        priority=_text(values.get("priority")),
        done=None if state is not None else done_of(status, 1, draft.reading),
        line=1,
        file=file,
    )
    milestone = _text(values.get("milestone"))
    if milestone:
        epic = draft.epic(milestone, milestones.get(milestone.lower(), milestone), 1)
        epic.file = epic.file or file
        story.epic = epic.id
    people = [name.lstrip("@") for name in _texts(values.get("assignee"))]
    if people:
        draft.assign(story, ", ".join(people), 1)
    for written in _texts(values.get("dependencies")):
        draft.wait_for(story, written, 1)
    draft.stories.append(story)
    story.files = read_files(_texts(values.get("modified_files"))).files
    for name, value in values.items():
        if name not in _KNOWN and value not in ("", [], None):
            draft.reading.facts.append(Fact(section=story.id, name=name, value=value, line=1))
    for section in read_outline(body).walk():
        _section(story, section, draft)
    named = [story.title, story.description or "", *(task.text for task in story.tasks)]
    story.files = story.files or paths_in(" ".join(named))
    if state is not None:
        draft.leave_out(story, state)
    for remark in draft.reading.warnings[known:]:
        remark.file = document.file
    for fact in draft.reading.facts[facts:]:
        fact.file = file


def _left_out(status: str | None, file: str | None) -> LeftOut | None:
    """Drafts are on no board yet, and the archive holds what was given up."""
    parts = (file or "").split("/")[:-1]
    if "archive" in parts:
        return "cancelled"
    return "deferred" if (status or "").lower() in _DRAFTS or "drafts" in parts else left_out(status)


def _section(story: Story, section: Section, draft: Draft) -> None:
    bullets = bullets_under(section)
    match normal(section.title.text):
        case "description":
            story.description = _description(section) or None
            story.tasks.extend(bullet_items([each for each in bullets if each.text.done is not None]))
        case "acceptance criteria":
            story.acceptance_criteria.extend(_item(each) for each in bullet_items(bullets))
        case "definition of done":
            items = [_item(each) for each in bullet_items(bullets)]
            named = [each.model_copy(update={"group": section.title.text}) for each in items]
            story.acceptance_criteria.extend(named)
        case "implementation plan" | "plan" | "tasks" | "subtasks":
            story.tasks.extend(bullet_items(bullets))
        case "":
            pass
        case _:
            known = len(draft.reading.facts)
            draft.reading.keep_section(section)
            for fact in draft.reading.facts[known:]:
                fact.section = story.id


def _description(section: Section) -> str:
    """The running text and the bullets of a section; what has a box is a task."""
    texts: list[str] = []
    for block in section.blocks:
        if isinstance(block, Paragraph):
            texts.extend(text.text for text in block.lines)
        elif isinstance(block, BulletList):
            texts.extend(bullet.text.text for bullet in flat(block.bullets) if bullet.text.done is None)
    return " ".join(text for text in texts if text)


def _item(entry: Item) -> Item:
    return entry.model_copy(update={"text": _NUMBER.sub("", entry.text)})


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    return [str(entry).strip() for entry in entries if str(entry).strip()]
