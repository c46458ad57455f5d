"""The table of actions, states and effects; the reference page is held to it."""

from __future__ import annotations

import re

import pytest

from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.steering import (
    NEEDS_REASON,
    RULES,
    PartState,
    Standing,
    State,
    Steer,
    SteerAction,
    SteerScope,
    effect,
    refusal,
)
from tests.documents import ROOT

_FIELDS = {"agents": ["Builder"], "priority": "High", "max_parallel": 3}


def action(name: SteerAction, **more: object) -> Steer:
    """An action with all that any action needs."""
    return Steer.model_validate({"id": "1", "action": name, "reason": "because", **_FIELDS, **more})


def standing(scope: SteerScope, state: State, **more: object) -> Standing:
    """Of something that is called `It`."""
    return Standing.model_validate({"scope": scope, "name": "It", "state": state, **more})


def states_of(scope: SteerScope) -> list[State]:
    """Every state that a target of this scope can be in."""
    return list(StoryState if scope is SteerScope.STORY else PartState)


CELLS = [(scope, name, state) for scope in SteerScope for name in SteerAction for state in states_of(scope)]


@pytest.mark.parametrize(("scope", "name", "state"), CELLS)
def test_every_action_in_every_state_has_an_effect_or_a_reason(
    scope: SteerScope, name: SteerAction, state: State
) -> None:
    it = standing(scope, state, paused=name is SteerAction.RESUME)
    reason = refusal(action(name), it)
    allowed = state in RULES[scope][name].effects if name in RULES[scope] else False
    assert (reason == "") is allowed
    said = effect(action(name), it) if allowed else reason
    assert re.fullmatch(r"[A-Z\"'].*[.]", said), said


def test_the_reference_says_what_the_table_says() -> None:
    text = (ROOT / "docs" / "reference" / "steering.md").read_text(encoding="utf-8")
    told = [line for line in text.splitlines() if line.startswith("| ")][1:]
    real: list[str] = []
    for scope, rules in RULES.items():
        for name, rule in rules.items():
            by_effect: dict[str, list[str]] = {}
            for state, words in rule.effects.items():
                by_effect.setdefault(words, []).append(f"`{state.value}`")
            real += [
                f"| {scope.value} | `{name.value}` | {', '.join(states)} | {words} |"
                for words, states in by_effect.items()
            ]
    assert [line for line in told if not line.startswith("| ---")] == real


@pytest.mark.parametrize("name", sorted(NEEDS_REASON))
def test_what_needs_a_reason_is_refused_without_one(name: SteerAction) -> None:
    it = standing(SteerScope.STORY, StoryState.WORKING)
    assert "needs a reason" in refusal(action(name, reason="  "), it)


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        (SteerAction.REASSIGN, {"agents": []}, "name one"),
        (SteerAction.REASSIGN, {"agents": [" "]}, "name one"),
        (SteerAction.REPRIORITISE, {"priority": "soon"}, "no priority"),
    ],
)
def test_what_is_incomplete_is_refused(name: SteerAction, more: dict[str, object], words: str) -> None:
    assert words in refusal(action(name, **more), standing(SteerScope.STORY, StoryState.WORKING))


def test_at_least_one_story_runs() -> None:
    asked = action(SteerAction.SET_MAX_PARALLEL, max_parallel=0)
    assert "number from 1" in refusal(asked, standing(SteerScope.SPRINT, PartState.RUNNING))


def test_what_is_held_from_above_is_resumed_there() -> None:
    held = standing(SteerScope.STORY, StoryState.PAUSED, held_by=(SteerScope.SPRINT,))
    assert "its sprint is paused" in refusal(action(SteerAction.RESUME), held)
    assert refusal(action(SteerAction.PAUSE), held) == ""


def test_what_is_not_paused_is_not_resumed_and_twice_is_not_once() -> None:
    works = standing(SteerScope.STORY, StoryState.WORKING)
    assert refusal(action(SteerAction.RESUME), works) == "It is not paused."
    paused = standing(SteerScope.STORY, StoryState.WORKING, paused=True)
    assert refusal(action(SteerAction.PAUSE), paused) == "It is paused already."


def test_an_agent_that_is_stopped_is_said_to_be() -> None:
    works = standing(SteerScope.STORY, StoryState.WORKING)
    assert "is stopped" in effect(action(SteerAction.PAUSE, now=True), works)
    assert "ends this attempt" in effect(action(SteerAction.PAUSE), works)


def test_success_is_never_undone_by_steering() -> None:
    for name, rule in RULES[SteerScope.STORY].items():
        done = {state for state in rule.effects if state in SUCCESS_STATES}
        assert done <= {StoryState.SKIPPED}, name
