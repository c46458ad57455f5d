"""The plans of several files as one: what they share is joined, and everything names its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, TypeVar

from paceline.domain.plan import Agent, Epic, Finding, Plan, Source, Sprint, Story
from paceline.plans.by_hand import resolve_open
from paceline.plans.findings import in_order
from paceline.plans.targets import key

_PLACED = ("sprints", "epics", "stories", "agents", "phases", "metrics", "risks", "contingency", "facts")
Named = TypeVar("Named", Sprint, Agent)


def in_file(plan: Plan, file: str) -> Plan:
    """The plan with the name of its file on everything that has a line.

    Args:
        plan: of one file; it is changed.
        file: its path in the folder.
    """
    parts: list[Any] = [*plan.resources.shared, *plan.resources.owned, *plan.warnings]
    for name in _PLACED:
        parts.extend(getattr(plan, name))
    for part in parts:
        part.file = part.file or file
    return plan


def merge(plans: list[Plan], source: Source, title: str, remarks: Iterable[Finding]) -> Plan:
    """One plan of several.

    Args:
        plans: those of the files, in their order, each with its file on every part.
        source: what stands for all of them.
        title: the plan's.
        remarks: what is doubtful about the folder.
    """
    # A file with one story says more about it than the overview that lists it.
    plans = sorted(plans, key=_is_of_one_story)
    epics = _epics(plans)
    stories = _stories(plans, {epic.id: epic for epic in epics})
    for epic in epics:
        epic.stories = [story.id for story in stories if story.epic == epic.id]
    made = Plan(
        title=title,
        project=next((plan.project for plan in plans if plan.project), None),
        source=source,
        goal=next((plan.goal for plan in plans if plan.goal), None),
        sprints=_first(chain.from_iterable(plan.sprints for plan in plans)),
        epics=[epic for epic in epics if epic.stories or not epic.implicit],
        stories=stories,
        agents=_first(chain.from_iterable(plan.agents for plan in plans)),
        capacity=next((plan.capacity for plan in plans if plan.capacity), None),
        phases=_all(plans, "phases"),
        metrics=_all(plans, "metrics"),
        risks=_all(plans, "risks"),
        contingency=_all(plans, "contingency"),
        definition_of_ready=_all(plans, "definition_of_ready") or None,
        definition_of_done=_all(plans, "definition_of_done") or None,
        deliverables=_all(plans, "deliverables") or None,
        facts=_all(plans, "facts"),
    )
    for plan in plans:
        made.resources.shared.extend(plan.resources.shared)
        made.resources.owned.extend(plan.resources.owned)
    found = [each for plan in plans for each in plan.warnings]
    made.warnings = in_order([*found, *resolve_open(made), *remarks])
    return made


def _all(plans: list[Plan], name: str) -> list[Any]:
    found: list[Any] = []
    for plan in plans:
        found.extend(getattr(plan, name) or [])
    return found


def _first(named: Iterable[Named]) -> list[Named]:
    """The first of each id: sprints and people are the same in every file."""
    found: dict[str, Named] = {}
    for each in named:
        found.setdefault(each.id, each)
    return list(found.values())


def _epics(plans: list[Plan]) -> list[Epic]:
    """Every epic once; of two with one id and different titles both are kept, for the linter to refuse."""
    found: dict[str, Epic] = {}
    others: list[Epic] = []
    for epic in chain.from_iterable(plan.epics for plan in plans):
        known = found.setdefault(epic.id, epic)
        if known is epic or epic.implicit or key(known.title) == key(epic.title):
            continue
        if known.implicit:
            found[epic.id] = epic
        else:
            others.append(epic)
    return [*found.values(), *others]


def _stories(plans: list[Plan], epics: Mapping[str, Epic]) -> list[Story]:
    """Every story once: two of one id are the same where one has its own file, or both the same title."""
    found: list[Story] = []
    places: dict[str, int] = {}
    for plan in plans:
        for story in plan.stories:
            place = places.setdefault(story.id, len(found))
            if place == len(found):
                found.append(story)
            elif _is_of_one_story(plan) or _is_same(found[place], story):
                found[place] = _joined(found[place], story, epics)
            else:
                found.append(story)
    return found


def _is_of_one_story(plan: Plan) -> bool:
    return len(plan.stories) == 1


def _is_same(listed: Story, again: Story) -> bool:
    return listed.file != again.file and key(listed.title) == key(again.title)


def _joined(listed: Story, own: Story, epics: Mapping[str, Epic]) -> Story:
    """What a story's own file says, and from the overview what it leaves out."""
    rest = {
        name: getattr(listed, name)
        for name in type(own).model_fields
        if getattr(own, name) in (None, [], False) and getattr(listed, name) not in (None, [])
    }
    if own.epic is None or epics[own.epic].implicit:
        rest["epic"] = listed.epic
    return own.model_copy(update=rest)
