"""Where findings of a plan of several files are: in the file and line of what they speak of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, cast

from pydantic import BaseModel

from paceline.domain.plan import Finding, Plan

_PARTS = ("sprints", "epics", "stories", "agents", "phases", "metrics", "risks", "contingency", "facts")


class NumberedThrough:
    """A plan whose lines are counted on from file to file, as if all files were one text.

    So a check that says where something is needs its line alone, whether the plan is one file or many.

    Args:
        plan: as it was read; it stays as it is.
    """

    def __init__(self, plan: Plan) -> None:
        self._whole = plan.source.file
        lengths: dict[str | None, int] = {self._whole: plan.source.lines}
        if any(part.file not in (None, self._whole) for part in _placed(plan)):
            for part in _placed(plan):
                file = part.file or self._whole
                lengths[file] = max(lengths.get(file, 0), *_lines(part), 0)
        self._files = list(lengths)
        self._before = list(accumulate(lengths.values(), initial=0))[:-1]
        self.plan = plan if len(lengths) == 1 else self._moved_plan(plan)

    def placed(self, found: Finding) -> Finding:
        """A finding on `plan`, with the file and the line that the thing has there."""
        if len(self._files) == 1 or found.file is not None or found.line is None:
            return found
        at = bisect_left(self._before, found.line, lo=1) - 1
        return found.model_copy(update={"file": self._files[at], "line": found.line - self._before[at]})

    def _moved_plan(self, plan: Plan) -> Plan:
        moved: dict[str, Any] = {name: self._moved_all(getattr(plan, name)) for name in (*_PARTS, "warnings")}
        shared, owned = (self._moved_all(each) for each in (plan.resources.shared, plan.resources.owned))
        moved["resources"] = plan.resources.model_copy(update={"shared": shared, "owned": owned})
        return plan.model_copy(update=moved)

    def _moved_all(self, parts: Sequence[Any]) -> list[BaseModel]:
        before = dict(zip(self._files, self._before, strict=True))
        return [_moved(part, before[part.file or self._whole]) for part in parts]


def _placed(plan: Plan) -> Iterator[Any]:
    """Everything of a plan that may name its file."""
    for name in _PARTS:
        yield from getattr(plan, name)
    yield from plan.resources.shared
    yield from plan.resources.owned
    yield from plan.warnings


def _is_line(name: str) -> bool:
    return name == "line" or name.endswith("_line")


def _lines(part: BaseModel) -> Iterator[int]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, int) and _is_line(name):
            yield value
        for below in _models(value):
            yield from _lines(below)


def _moved(part: BaseModel, by: int) -> BaseModel:
    changes: dict[str, Any] = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, int) and _is_line(name):
            changes[name] = value + by
        elif below := _models(value):
            changes[name] = [_moved(each, by) for each in below]
    return part.model_copy(update=changes)


def _models(value: object) -> list[BaseModel]:
    """A list of models; nothing of another value, such as what a fact holds."""
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, BaseModel)]
