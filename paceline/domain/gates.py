"""Definitions of ready and of done as gates: what is to hold before a sprint starts and when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from paceline.domain.plan import Item, Plan, Story

_SHOWN = 50
_SHOWN_CHARACTERS = 300


class Gate(StrEnum):
    """Which definition holds a sprint up."""

    READY = "ready"
    """The definition of ready, before the sprint starts."""
    DONE = "done"
    """The definition of done, when its stories have ended."""


class GatePolicy(StrEnum):
    """Who answers for the entries that name no command."""

    PERSON = "person"
    RECORD = "record"
    """Nobody: the gates are not asked about, and hold nothing up."""


def gate_items(plan: Plan, sprint: str, gate: Gate) -> list[Item]:
    """What is to hold: the plan's definition, and the sprint's own beside it.

    Args:
        plan: with its definitions.
        sprint: the sprint's id.
        gate: which of the two.
    """
    if gate is Gate.READY:
        return list(plan.definition_of_ready or [])
    own = [item for each in plan.sprints if each.id == sprint for item in each.definition_of_done]
    return [*(plan.definition_of_done or []), *own]


def gates_of(plan: Plan, sprint: str) -> list[Gate]:
    """The gates that the plan writes for a sprint."""
    return [gate for gate in Gate if gate_items(plan, sprint, gate)]


def readiness(stories: Iterable[Story]) -> list[str]:
    """What the plan says of its stories' readiness, as sentences: a help to who answers, no verdict."""
    stories = list(stories)
    lacks = {
        "no acceptance criteria": [s for s in stories if not s.acceptance_criteria],
        "no points": [s for s in stories if s.points is None],
        "no agent": [s for s in stories if not s.agents],
        "a dependency that names nothing": [
            s for s in stories if any(not d.resolved for d in s.dependencies)
        ],
    }
    return [
        f"{len(found)} of {len(stories)} stories have {what}: "
        + ", ".join(story.id for story in found[:5])
        + (" and others" if len(found) > 5 else "")
        for what, found in lacks.items()
        if found
    ]


def gate_question(
    sprint: str, gate: Gate, passed: list[Item], failed: list[Item], left: list[Item], facts: list[str]
) -> str:
    """What a person is asked about a gate; empty where every entry is proven."""
    if not failed and not left:
        return ""
    when = "before it starts" if gate is Gate.READY else "for it to be done"
    parts = [
        f"The definition of {gate.value} names {_count(passed, failed, left)} that must hold of {sprint} "
        f"{when}."
    ]
    for title, items in (("Failed", failed), ("Nobody proved", left), ("Proven by a command", passed)):
        if items:
            parts.append(f"{title}:\n" + "\n".join(_line(item) for item in items[:_SHOWN]))
    if facts:
        parts.append("From the plan:\n" + "\n".join(f"- {fact}" for fact in facts))
    parts.append("Does all of it hold?")
    return "\n\n".join(parts)[:20_000]


def _count(*lists: list[Item]) -> str:
    count = sum(map(len, lists))
    return "1 entry" if count == 1 else f"{count} entries"


def _line(item: Item) -> str:
    text = " ".join(item.text.split())[:_SHOWN_CHARACTERS]
    return f"- {text} (`{item.command[:_SHOWN_CHARACTERS]}`)" if item.command else f"- {text}"
