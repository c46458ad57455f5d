"""What an edited plan changes of a run, and what of that cannot be.

Pure: it compares two plans and the states of the stories, and decides nothing by the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from pydantic import Field

from paceline.domain import graph
from paceline.domain.model import Model
from paceline.domain.plan import Item, Plan, Story
from paceline.domain.scope import can_begin
from paceline.domain.states import FINAL_STATES, SUCCESS_STATES, StoryState
from paceline.domain.status import StoryStatus
from paceline.errors import PlanError

_WORDING = (
    *("title", "description", "kind", "tasks", "acceptance_criteria", "checks", "points", "priority"),
    *("phase", "approval", "allocations", "collaborative"),
)
"""What may change while a story is under way: its next attempt and its landing go by it."""
_FOOTING = ("files", "lock_globs", "agents", "epic", "sprints")
"""What a story under way stands on: its claim, its worktree and its names."""
_LABELS = frozenset({"title", "points", "priority", "phase"})
"""What may change also of work that is done: how it is called and counted."""
_NOT_COMPARED = frozenset({"line", "file", "done", "as_written", "dependencies"})
DONE_STATES = SUCCESS_STATES | {StoryState.REVERTED}
"""Nobody rewrites what was done."""
UNSTARTED_STATES = (FINAL_STATES - DONE_STATES) | {StoryState.PENDING}
"""Nobody works on it: it has not begun, or it ended without success."""


class RefusalCode(StrEnum):
    """Why a part of an edited plan cannot be."""

    STORY_DONE = "STORY_DONE"
    STORY_UNDER_WAY = "STORY_UNDER_WAY"
    SPRINT_ENDED = "SPRINT_ENDED"
    SPRINT_ORDER = "SPRINT_ORDER"
    DONE_MARK = "DONE_MARK"
    CIRCULAR = "CIRCULAR"
    NOT_MOVABLE = "NOT_MOVABLE"
    UNKNOWN_RENAME = "UNKNOWN_RENAME"


class AmendmentRefusal(Model):
    """One thing that cannot be, with what to do instead."""

    code: RefusalCode
    story: str | None = None
    reason: str


class FieldChange(Model):
    """A field of a story with another value, both as JSON."""

    name: str
    before: Any = None
    after: Any = None


class StoryChange(Model):
    """What is different of one story."""

    story: str
    fields: list[FieldChange] = Field(default_factory=list[FieldChange])
    waits_for: list[str] = Field(default_factory=list[str])
    """Stories that it depends on now and did not before."""
    waits_no_more_for: list[str] = Field(default_factory=list[str])
    under_way: bool = False
    """It is being worked on; the change holds from its next attempt, and at its landing."""

    @property
    def moved(self) -> bool:
        """Whether it is in another sprint or epic."""
        return any(field.name in ("sprints", "epic") for field in self.fields)


class Amendment(Model):
    """The difference between the plan in force and an edited one, by the stories' ids in the run."""

    added: list[str] = Field(default_factory=list[str])
    removed: list[str] = Field(default_factory=list[str])
    changed: list[StoryChange] = Field(default_factory=list[StoryChange])
    sprints_added: list[str] = Field(default_factory=list[str])
    sprints_removed: list[str] = Field(default_factory=list[str])
    other: list[str] = Field(default_factory=list[str])
    """Parts of the plan beside its stories and sprints that are different, by name."""
    refusals: list[AmendmentRefusal] = Field(default_factory=list[AmendmentRefusal])

    @property
    def is_empty(self) -> bool:
        """Whether the two plans say the same."""
        return self == Amendment(refusals=self.refusals)


def with_old_ids(plan: Plan, renames: Mapping[str, str]) -> Plan:
    """The edited plan with the ids that its stories have in the run.

    Args:
        plan: as edited.
        renames: id in the run to the id in the edited plan.
    """
    old = {new: before for before, new in renames.items()}
    stories: list[Story] = []
    for story in plan.stories:
        dependencies = [
            each.model_copy(
                update={
                    "resolved": [old.get(key, key) for key in each.resolved],
                    "gate": None if each.gate is None else [old.get(key, key) for key in each.gate],
                }
            )
            for each in story.dependencies
        ]
        update = {"id": old.get(story.id, story.id), "dependencies": dependencies}
        stories.append(story.model_copy(update=update))
    epics = [
        epic.model_copy(update={"stories": [old.get(key, key) for key in epic.stories]})
        for epic in plan.epics
    ]
    return plan.model_copy(update={"stories": stories, "epics": epics})


def compare(
    before: Plan,
    after: Plan,
    states: Mapping[str, StoryState],
    renames: Mapping[str, str] | None = None,
    ended_sprints: Iterable[str] = (),
) -> Amendment:
    """What an edited plan changes, and what of it is refused.

    Args:
        before: the plan in force.
        after: the edited plan, already `with_old_ids`.
        states: where each story of the run stands; one that is missing has not begun.
        renames: as given to `with_old_ids`.
        ended_sprints: sprints in which nothing starts any more.
    """
    old, new = graph.stories_by_id(before), graph.stories_by_id(after)
    ended = set(ended_sprints)
    found = Amendment(
        added=[key for key in new if key not in old],
        removed=[key for key in old if key not in new],
        other=_other_parts(before, after),
    )
    sprints = [sprint.id for sprint in before.sprints], [sprint.id for sprint in after.sprints]
    found.sprints_added = [key for key in sprints[1] if key not in sprints[0]]
    found.sprints_removed = [key for key in sprints[0] if key not in sprints[1]]
    edges = graph.story_edges(before), graph.story_edges(after)
    for key in new:
        change = _story_change(old[key], new[key], edges[0], edges[1], states) if key in old else None
        if change is not None:
            found.changed.append(change)
    found.refusals = [
        *_unknown_renames(old, renames or {}),
        *_refused_stories(found, old, new, states),
        *_refused_places(found, new, ended),
        *_refused_order(sprints[0], sprints[1], ended),
        *_circles(edges[1]),
    ]
    return found


# Comparing ---


def _story_change(
    old: Story,
    new: Story,
    edges_before: Mapping[str, list[str]],
    edges_after: Mapping[str, list[str]],
    states: Mapping[str, StoryState],
) -> StoryChange | None:
    """What is different of a story; None where nothing is that can still matter to it."""
    values = [(name, _value(getattr(old, name)), _value(getattr(new, name))) for name in _WORDING + _FOOTING]
    fields = [FieldChange(name=name, before=was, after=now) for name, was, now in values if was != now]
    state = states.get(old.id, StoryState.PENDING)
    waited, waits = edges_before.get(old.id, []), edges_after.get(old.id, [])
    if state not in UNSTARTED_STATES and _written(old) == _written(new):
        # What only its epic or a phase adds or takes comes too late for one that began.
        waits = waited
    if not fields and waits == waited:
        return None
    return StoryChange(
        story=old.id,
        fields=fields,
        waits_for=[key for key in waits if key not in waited],
        waits_no_more_for=[key for key in waited if key not in waits],
        under_way=state not in DONE_STATES | UNSTARTED_STATES,
    )


def _value(value: Any) -> Any:
    """A value without where it stands and whether somebody ticked it."""
    if isinstance(value, Item):
        return {"text": value.text, "command": value.command} if value.command else value.text
    if isinstance(value, Model):
        dumped = value.model_dump(mode="json", exclude_none=True)
        return {name: each for name, each in dumped.items() if name not in _NOT_COMPARED}
    if isinstance(value, list):
        return [_value(each) for each in value]  # pyright: ignore[reportUnknownVariableType] - of any field
    return value


def _written(story: Story) -> list[Any]:
    return [(each.resolved, each.gate, each.qualifier) for each in story.dependencies]


def _other_parts(before: Plan, after: Plan) -> list[str]:
    names = ("title", "goal", "phases", "resources", "metrics", "risks", "contingency", "agents", "capacity")
    names += ("definition_of_ready", "definition_of_done", "deliverables")
    return [name for name in names if _value(getattr(before, name)) != _value(getattr(after, name))]


# Refusing ---


def _refused_stories(
    found: Amendment, old: Mapping[str, Story], new: Mapping[str, Story], states: Mapping[str, StoryState]
) -> list[AmendmentRefusal]:
    refused: list[AmendmentRefusal] = []
    for key in found.removed:
        state = states.get(key, StoryState.PENDING)
        if state in DONE_STATES and not old[key].done:
            refused.append(_done(key, state, "removed"))
        elif state not in DONE_STATES | UNSTARTED_STATES:
            reason = f"{key} is under way ({state}) and cannot be removed; cancel it first."
            refused.append(AmendmentRefusal(code=RefusalCode.STORY_UNDER_WAY, story=key, reason=reason))
    for change in found.changed:
        state = states.get(change.story, StoryState.PENDING)
        if state in DONE_STATES:
            if change.waits_for or any(field.name not in _LABELS for field in change.fields):
                refused.append(_done(change.story, state, "changed"))
        elif change.under_way:
            refused.extend(_under_way(change, state))
    for key, story in new.items():
        before = old[key].done if key in old else False
        if story.done and not before and states.get(key, StoryState.PENDING) not in DONE_STATES:
            reason = f"{key} is marked as done and has not merged; skip it or force it to completion instead."
            refused.append(AmendmentRefusal(code=RefusalCode.DONE_MARK, story=key, reason=reason))
    return refused


def _done(key: str, state: StoryState, what: str) -> AmendmentRefusal:
    reason = f"{key} is {state} and cannot be {what}; write a new story, or roll it back first."
    return AmendmentRefusal(code=RefusalCode.STORY_DONE, story=key, reason=reason)


def _under_way(change: StoryChange, state: StoryState) -> list[AmendmentRefusal]:
    parts = [field.name for field in change.fields if field.name in _FOOTING]
    if change.waits_for:
        parts.append("dependencies")
    if not parts:
        return []
    reason = (
        f"{change.story} is under way ({state}), and its {', '.join(parts)} cannot change meanwhile; "
        "cancel it and retry it with the amended plan, or wait for its end."
    )
    return [AmendmentRefusal(code=RefusalCode.STORY_UNDER_WAY, story=change.story, reason=reason)]


def _refused_places(found: Amendment, new: Mapping[str, Story], ended: set[str]) -> list[AmendmentRefusal]:
    refused: list[AmendmentRefusal] = []
    arriving = [*found.added, *(change.story for change in found.changed if change.moved)]
    for key in arriving:
        sprint = new[key].sprints[0] if new[key].sprints else None
        if sprint in ended and not new[key].done:
            reason = f"{key} is put into {sprint}, which has ended; put it into a later sprint."
            refused.append(AmendmentRefusal(code=RefusalCode.SPRINT_ENDED, story=key, reason=reason))
    return refused


def _refused_order(before: list[str], after: list[str], ended: set[str]) -> list[AmendmentRefusal]:
    """Sprints that ended stay where they are, in front; of the others any order can be."""
    past = [key for key in before if key in ended]
    if after[: len(past)] == past:
        return []
    reason = f"The sprints that have ended ({', '.join(past)}) stay the first ones, in their order."
    return [AmendmentRefusal(code=RefusalCode.SPRINT_ORDER, reason=reason)]


def _unknown_renames(old: Mapping[str, Story], renames: Mapping[str, str]) -> list[AmendmentRefusal]:
    return [
        AmendmentRefusal(
            code=RefusalCode.UNKNOWN_RENAME, story=key, reason=f"The run has no story {key} to rename."
        )
        for key in renames
        if key not in old
    ]


def _circles(edges: Mapping[str, list[str]]) -> list[AmendmentRefusal]:
    try:
        cycle = graph.find_cycle(edges)
    except PlanError as error:
        return [AmendmentRefusal(code=RefusalCode.CIRCULAR, reason=error.message)]
    if cycle is None:
        return []
    reason = f"Stories would wait for each other for ever: {' -> '.join(cycle[:20])}."
    return [AmendmentRefusal(code=RefusalCode.CIRCULAR, story=cycle[0], reason=reason)]


def refused_moves(
    plan: Plan, rows: Iterable[StoryStatus], moves: Mapping[str, str], ended_sprints: Iterable[str]
) -> list[AmendmentRefusal]:
    """Which stories cannot be pulled into an earlier sprint.

    Args:
        plan: as it will be, with every change.
        rows: where the run's stories stand.
        moves: the sprint by story.
        ended_sprints: sprints in which nothing starts any more.
    """
    by_id, edges, ended = {row.id: row for row in rows}, graph.story_edges(plan), set(ended_sprints)
    order = {sprint.id: number for number, sprint in enumerate(plan.sprints)}
    refused: list[AmendmentRefusal] = []
    for key, sprint in moves.items():
        row = by_id.get(key)
        if row is None or row.state is not StoryState.PENDING:
            reason = f"{key} is not waiting for its sprint any more, and stays where it is."
        elif sprint in ended or order.get(sprint, len(order)) >= order.get(row.sprint, -1):
            reason = f"{key} cannot be pulled into {sprint}, which has ended or is not an earlier sprint."
        elif not can_begin(edges.get(key, ()), by_id, sprint):
            reason = f"{key} cannot begin in {sprint}: it waits for stories that are not done in it."
        else:
            continue
        refused.append(AmendmentRefusal(code=RefusalCode.NOT_MOVABLE, story=key, reason=reason))
    return refused
