"""The reader for task-master's `tasks.json`: tasks with subtasks, statuses and dependencies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from paceline.domain.plan import Epic, Fact, Item, Plan, Story
from paceline.errors import PlanUnreadable
from paceline.plans.document import Document
from paceline.plans.draft import Draft
from paceline.plans.evidence import CERTAIN, Evidence
from paceline.plans.findings import Code
from paceline.plans.left_out import left_out
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
        start = document.raw.lstrip()[:1]
        likely = (start == "{" and '"tasks"' in document.raw) or (start == "[" and '"title"' in document.raw)
        if likely and _tagged(_parsed(document.raw)):
            found.add(CERTAIN, "JSON with tasks")
        return found

    def read(self, document: Document) -> Plan:
        """Read tasks as stories and their subtasks as tasks; several tags are epics.

        Raises:
            PlanUnreadable: there are no tasks in it.
        """
        data = _parsed(document.raw)
        tagged = _tagged(data)
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
            known = frozenset(_text(task.get("id")) or "" for task in tasks)
            for task in tasks:
                _story(task, _Tag(prefix, epic, known), draft, places)
        return draft.plan(document, KIND, _title(data) or "Tasks")


@dataclass(frozen=True, slots=True)
class _Tag:
    """A list of tasks: what stands before their ids where there are several, and which ids there are."""

    prefix: str
    epic: Epic | None
    known: frozenset[str]

    def target(self, written: str) -> str:
        """The id of the task that a dependency names; `3.1` is subtask 1 of task 3, awaited whole."""
        task, dot, _ = written.partition(".")
        return f"{self.prefix}{task if dot and written not in self.known and task in self.known else written}"


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


def _story(task: dict[str, Any], tag: _Tag, draft: Draft, places: _Places) -> None:
    title = _text(task.get("title")) or "Untitled task"
    line = places.title(title)
    story = Story(
        id=f"{tag.prefix}{_text(task.get('id')) or len(draft.stories) + 1}",
        title=title,
        kind="task",
        epic=tag.epic.id if tag.epic else None,
        priority=_text(task.get("priority")),
        description="\n\n".join(filter(None, (_text(task.get("description")), _text(task.get("details")))))
        or None,
        done=_done(task, line, draft),
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
    for name in _waits(task, tag):
        draft.wait_for(story, name, line or 1)
    for name in sorted(task.keys() - _KNOWN):
        draft.reading.facts.append(Fact(section=story.id, name=name, value=task[name], line=line))
    state = left_out(_text(task.get("status")))
    if state is not None:
        draft.leave_out(story, state)


def _subtask(subtask: dict[str, Any], story: Story, draft: Draft, places: _Places) -> None:
    title = _text(subtask.get("title")) or _text(subtask.get("description")) or "Untitled subtask"
    line = places.title(title)
    state = left_out(_text(subtask.get("status")))
    if state is None:
        story.tasks.append(Item(text=title, done=_done(subtask, line, draft), line=line))
    else:
        draft.reading.facts.append(Fact(section=story.id, name=state, value=title, line=line))
        draft.reading.warn(
            Code.TASK_LEFT_OUT,
            f"A subtask of `{story.id}` is {state}, so it is none of its tasks: `{title}`.",
            "Nothing, if that is meant; else give it the status `pending`.",
            line or 1,
        )
    rest = {name: value for name, value in subtask.items() if name not in {"title", "status"} and value}
    draft.reading.facts.append(Fact(section=story.id, name="subtask", value=rest, line=line))


def _waits(task: dict[str, Any], tag: _Tag) -> list[str]:
    """What a task waits for, and what its subtasks wait for in other tasks.

    Within a task the order of its subtasks is a fact; nothing schedules them one by one.
    """
    own = _text(task.get("id"))
    found = [tag.target(written) for written in _list(task.get("dependencies"))]
    for subtask in _objects(task.get("subtasks")):
        for written in _list(subtask.get("dependencies")):
            other, dot, _ = written.partition(".")
            if dot and other != own and other in tag.known:
                found.append(tag.target(written))
    return list(dict.fromkeys(found))


def _done(task: dict[str, Any], line: int | None, draft: Draft) -> bool | None:
    status = _text(task.get("status"))
    return None if left_out(status) is not None else done_of(status, line, draft.reading)


def _parsed(text: str) -> dict[str, Any]:
    """The object that a text is, with a list as the tasks of one; empty where it is neither."""
    try:
        data: Any = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return {}
    if isinstance(data, list):
        return {"tasks": data}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


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
