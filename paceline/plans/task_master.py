"""The reader for task-master's `tasks.json`: tasks with subtasks, statuses and dependencies."""

from __future__ import annotations

import json
from typing import Any, cast

from paceline.domain.plan import Epic, Fact, Item, Plan, Story
from paceline.errors import PlanUnreadable
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import CERTAIN, Evidence
from paceline.plans.statuses import done_of
from paceline.plans.task_entries import paths_in

KIND = "task-master tasks"

_KNOWN = frozenset(
    {
        "id",
        "title",
        "description",
        "details",
        "status",
        "dependencies",
        "priority",
        "testStrategy",
        "subtasks",
    }
)


class TaskMasterReader:
    """Reads JSON objects with a list of tasks, or with one for every tag."""

    name = KIND

    def evidence(self, document: Document) -> Evidence:
        """Certain where an object has lists of tasks with titles, and is not the normal form."""
        found = Evidence()
        if document.raw.lstrip().startswith("{") and '"tasks"' in document.raw:
            data = _parsed(document.raw)
            if data is not None and _tagged(data):
                found.add(CERTAIN, "a JSON object with tasks")
        return found

    def read(self, document: Document) -> Plan:
        """Read tasks as stories and their subtasks as tasks; several tags are epics.

        Raises:
            PlanUnreadable: there are no tasks in it.
        """
        tagged = _tagged(_parsed(document.raw) or {})
        if not tagged:
            raise PlanUnreadable(
                f"{document.file or 'The JSON'} has no tasks; run `task-master list`.", file=document.file
            )
        draft = Draft()
        places = _Places(document.raw)
        for tag, tasks in tagged.items():
            prefix = f"{tag}:" if len(tagged) > 1 else ""
            epic = Epic(id=tag, title=tag, line=places.key(tag)) if prefix else None
            if epic is not None:
                draft.epics.append(epic)
            for task in tasks:
                _story(task, prefix, epic, draft, places)
        return draft.plan(document, KIND, _title(_parsed(document.raw) or {}) or document.file or "Tasks")


class _Places:
    """Finds lines: JSON has none, so titles are looked for one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line = 1

    def title(self, title: str) -> int | None:
        """The line of the next entry with that title."""
        for written in (json.dumps(title, ensure_ascii=False), json.dumps(title)):
            found = self._text.find(written, self._position)
            if found >= 0:
                self._line += self._text.count("\n", self._position, found)
                self._position = found
                return self._line
        return None

    def key(self, name: str) -> int | None:
        """The line of the first key of that name."""
        found = self._text.find(f"{json.dumps(name, ensure_ascii=False)}")
        return self._text.count("\n", 0, found) + 1 if found >= 0 else None


def _story(task: dict[str, Any], prefix: str, epic: Epic | None, draft: Draft, places: _Places) -> None:
    title = _text(task.get("title")) or "Untitled task"
    line = places.title(title)
    story = Story(
        id=f"{prefix}{_text(task.get('id')) or len(draft.stories) + 1}",
        title=title,
        kind="task",
        epic=epic.id if epic else None,
        priority=_text(task.get("priority")),
        description="\n\n".join(filter(None, (_text(task.get("description")), _text(task.get("details")))))
        or None,
        done=done_of(_text(task.get("status")), line, draft.reading),
        line=line,
    )
    strategy = _text(task.get("testStrategy"))
    if strategy:
        story.acceptance_criteria = [Item(text=strategy, line=line)]
    for subtask in _objects(task.get("subtasks")):
        _subtask(subtask, story, draft, places)
    draft.stories.append(story)
    story.files = paths_in(" ".join(filter(None, [title, story.description, *(t.text for t in story.tasks)])))
    story.files_line = line if story.files else None
    for written in _list(task.get("dependencies")):
        draft.wait_for(story, f"{prefix}{written}", line or 1)
    for name in task.keys() - _KNOWN:
        draft.reading.facts.append(Fact(section=story.id, name=name, value=task[name], line=line))


def _subtask(subtask: dict[str, Any], story: Story, draft: Draft, places: _Places) -> None:
    title = _text(subtask.get("title")) or _text(subtask.get("description")) or "Untitled subtask"
    line = places.title(title)
    done = done_of(_text(subtask.get("status")), line, draft.reading)
    story.tasks.append(Item(text=title, done=done, line=line))
    rest = {name: value for name, value in subtask.items() if name not in {"title", "status"} and value}
    draft.reading.facts.append(Fact(section=story.id, name="subtask", value=rest, line=line))


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        data: Any = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", data) if isinstance(data, dict) else None


def _tagged(data: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The tasks of every tag; a file without tags has the tag `master`."""
    if "schema_version" in data:
        return {}
    own = _objects(data.get("tasks"))
    if own:
        return {"master": own} if all("title" in task for task in own) else {}
    found: dict[str, list[dict[str, Any]]] = {}
    for tag, value in data.items():
        tasks = _objects(cast("dict[str, Any]", value).get("tasks")) if isinstance(value, dict) else []
        if tasks and all("title" in task for task in tasks):
            found[tag] = tasks
    return found


def _title(data: dict[str, Any]) -> str | None:
    inside = [cast("dict[str, Any]", value) for value in data.values() if isinstance(value, dict)]
    sources: list[Any] = [place.get(name) for place in [data, *inside] for name in ("meta", "metadata")]
    for source in [*sources, *inside]:
        if isinstance(source, dict):
            inner = cast("dict[str, Any]", source)
            name = inner.get("projectName") or inner.get("project")
            if isinstance(name, str) and name:
                return name
    return None


def _objects(value: Any) -> list[dict[str, Any]]:
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("dict[str, Any]", entry) for entry in entries if isinstance(entry, dict)]


def _list(value: Any) -> list[str]:
    entries = cast("list[Any]", value) if isinstance(value, list) else []
    return [str(entry) for entry in entries]


def _text(value: Any) -> str | None:
    return None if value is None or isinstance(value, (dict, list)) else str(value).strip() or None
