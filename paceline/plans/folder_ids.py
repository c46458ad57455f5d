"""Ids of tasks that several files of a folder number alike, told apart by the files' paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel

from paceline.domain.plan import Finding, Plan
from paceline.plans.findings import Code, finding


def tell_apart(plans: Mapping[str, Plan]) -> list[Finding]:
    """Put a part of the path before the ids of files whose tasks have ids that other files use too.

    Only ids of tasks are a file's own, such as `T001` or `2.1`; a story that two files name is one story.

    Args:
        plans: by path; they are changed.

    Returns:
        A remark on each file whose ids are changed.
    """
    used = Counter(story.id for plan in plans.values() for story in plan.stories)
    alike = [
        path
        for path, plan in plans.items()
        if all(story.kind == "task" for story in plan.stories)
        and any(used[story.id] > 1 for story in plan.stories)
    ]
    remarks: list[Finding] = []
    for path, name in _names(alike).items():
        plan = plans[path]
        example = next(story.id for story in plan.stories if used[story.id] > 1)
        qualify(plan, name)
        remarks.append(
            finding(
                Code.ID_QUALIFIED,
                f"Another file has a task `{example}` too, so this one is `{name}:{example}`.",
                "Nothing; or give the path of this file alone, to run it by itself.",
                1,
                path,
            )
        )
    return remarks


def qualify(plan: Plan, name: str) -> None:
    """Put a name before every id of a story, an epic and a phase, wherever the plan refers to it."""
    known = [*plan.stories, *plan.epics, *plan.phases]
    renamed = {each.id: f"{name}:{each.id}" for each in known}
    for each in known:
        _rename(each, renamed, ("id", "epic", "phase", "stories"))
        for dependency in getattr(each, "dependencies", []):
            _rename(dependency, renamed, ("resolved", "gate"))
        for step in getattr(each, "steps", []):
            _rename(step, renamed, ("story",))
    for fact in plan.facts:
        _rename(fact, renamed, ("section",))
    for each in plan.contingency:
        _rename(each, renamed, ("stories",))
    for agent in plan.agents:
        _rename(agent, renamed, ("primary_stories",))


def _rename(part: BaseModel, renamed: Mapping[str, str], fields: tuple[str, ...]) -> None:
    for field in fields:
        value: Any = getattr(part, field, None)
        if isinstance(value, str):
            setattr(part, field, renamed.get(value, value))
        elif isinstance(value, list):
            setattr(part, field, [renamed.get(each, each) for each in value])  # type: ignore[misc] - texts


def _names(paths: list[str]) -> dict[str, str]:
    """The shortest part of each path that tells it from the others: its name, or that of a folder."""
    parts = {path: PurePosixPath(path).with_suffix("").parts[::-1] for path in paths}
    for at in range(max(map(len, parts.values()), default=0)):
        names = {path: part[at] for path, part in parts.items() if len(part) > at}
        if len(set(names.values())) == len(paths):
            return names
    return {path: path for path in paths}
