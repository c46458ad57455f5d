"""What people may do to a run while it goes on: one table of actions, states and effects.

The workflows validate by it, the API says the same sentences, and the reference page is held to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from pydantic import Field

from paceline.domain.model import Frozen, Model
from paceline.domain.states import StoryState


class SteerAction(StrEnum):
    """What a person asks for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    SKIP = "skip"
    REASSIGN = "reassign"
    REPRIORITISE = "reprioritise"
    SET_MAX_PARALLEL = "set_max_parallel"
    FORCE_COMPLETE = "force_complete"


class SteerScope(StrEnum):
    """What it is asked of; each but the last holds those after it."""

    PROJECT = "project"
    SPRINT = "sprint"
    EPIC = "epic"
    STORY = "story"


class PartState(StrEnum):
    """Where a project, a sprint or an epic stands."""

    PENDING = "pending"
    """It is a sprint that has not begun, or an epic in one."""
    RUNNING = "running"
    PAUSED = "paused"
    ENDING = "ending"
    """It was cancelled, skipped or force-completed, and its stories end one by one."""
    ENDED = "ended"


State = StoryState | PartState
PRIORITIES = ("Critical", "High", "Medium", "Low")
"""What a story's priority may be set to, the most urgent first; P0 to P3 are the same."""


class Steer(Model):
    """One action of one person. The id makes it idempotent: the first of an id is done."""

    id: str = Field(min_length=1, max_length=100)
    action: SteerAction
    actor: str = Field(default="unknown", min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)
    story: str = Field(default="", max_length=1000)
    """Where an epic is asked about one of its stories: which."""
    sprint: str = Field(default="", max_length=1000)
    """Where the run is asked about a sprint that has not begun, or about a part of one: which."""
    epic: str = Field(default="", max_length=1000)
    """Beside `sprint`: the epic in it."""
    agents: list[str] = Field(default_factory=list[str], max_length=50)
    """`reassign`: who does the story; the first leads."""
    priority: str = Field(default="", max_length=50)
    """`reprioritise`: a word of `PRIORITIES`, or P0 to P3."""
    max_parallel: int = Field(default=0, ge=0, le=10_000)
    """`set_max_parallel`: how many stories run at once."""
    now: bool = False
    """`pause`: also stop an agent that works; its work is preserved."""
    passed_on: bool = False
    """From a workflow above, for all of its children: nobody is told where one refuses it."""


class SteerReceipt(Model):
    """What the first action of an id did, and whether the one just given is it."""

    id: str
    accepted: bool
    action: SteerAction
    actor: str
    effect: str
    revision: int = 0
    """The run's newest change that it made; 0: it changed nothing of the plan in force."""


class Standing(Frozen):
    """Where the target of an action stands."""

    scope: SteerScope
    name: str
    state: State
    paused: bool = False
    """Whether it was paused itself."""
    held_by: tuple[SteerScope, ...] = ()
    """What holds it from above."""


class Rule(NamedTuple):
    """One action on one kind of target."""

    effects: Mapping[State, str]
    """What it does, by each state in which it is allowed."""
    otherwise: str
    """What to do instead, where the state does not allow it."""


S = StoryState
_QUEUED = (S.PENDING, S.CLAIMING)
_LANDING = (S.VERIFYING, S.MERGING)
_OPEN = (*_QUEUED, S.WORKING, *_LANDING, S.WAITING_FOR_PERSON, S.PAUSED)
_UNDONE = (S.FAILED, S.CANCELLED, S.BLOCKED)
_ALIVE = (PartState.RUNNING, PartState.PAUSED)
_UNBEGUN = (PartState.PENDING,)


def _rule(otherwise: str, *groups: tuple[tuple[State, ...], str]) -> Rule:
    effects = {state: effect for states, effect in groups for state in states}
    return Rule(MappingProxyType(effects), otherwise)


_NO_MORE = "It has ended; `retry` starts a story again while its epic runs."
_NEXT_PART = "Its next part is in a later sprint; ask again when that has begun."
_STAYS_MERGED = "Its work is preserved and its claim released; a merge that was made first stays."

_OF_STORIES = {
    SteerAction.PAUSE: _rule(
        _NO_MORE,
        ((S.PENDING,), "It does not start before it is resumed."),
        ((S.CLAIMING,), "It stands still in the waiting line."),
        ((S.WORKING,), "Its agent ends this attempt and the work is kept; then the story stands still."),
        (_LANDING, "What is being landed comes to its end; before its next step the story stands still."),
        ((S.WAITING_FOR_PERSON,), "Its question stays open; once it is answered the story stands still."),
        ((S.PAUSED,), "It stays paused until it is resumed itself."),
    ),
    SteerAction.RESUME: _rule(
        _NO_MORE, (_OPEN, "It goes on where it was, unless its epic, sprint or project is paused.")
    ),
    SteerAction.CANCEL: _rule(
        _NO_MORE,
        ((S.PENDING,), "It never starts, and stories that depend on it are blocked."),
        (_OPEN[1:], f"It is stopped and ends as cancelled. {_STAYS_MERGED}"),
    ),
    SteerAction.RETRY: _rule(
        "Only a story that works, lands or waits for an answer begins a new attempt, and one that ended "
        "without success starts again; resume it if it is paused, roll it back if it is merged.",
        ((S.WORKING,), "Its agent is stopped and its work preserved; the next attempt starts from it."),
        (
            _LANDING,
            "Its landing is stopped unless it is made already; the next attempt starts from its work.",
        ),
        ((S.WAITING_FOR_PERSON,), "Its question is withdrawn, and the next attempt starts."),
        (
            (S.FAILED, S.CANCELLED),
            "It starts again from its preserved work; stories that it blocked wait again.",
        ),
        ((S.SKIPPED,), "It starts again; stories that started without it go on."),
    ),
    SteerAction.SKIP: _rule(
        "A story that succeeded is not skipped; `paceline rollback` takes merged work back.",
        ((S.PENDING,), "It never starts, and stories that depend on it may start without it."),
        (_OPEN[1:], f"It is stopped and skipped; who depends on it may start without it. {_STAYS_MERGED}"),
        (_UNDONE, "It counts as skipped, and stories that depend on it may start without it."),
    ),
    SteerAction.REASSIGN: _rule(
        "Its work is being landed, or it is done. While it lands, `retry` it, and reassign it while the next "
        "attempt works; merged work is taken back with `paceline rollback`.",
        ((S.PENDING,), "The new agent does it when it starts."),
        ((S.CLAIMING,), "It waits in line for the new agent's slot instead."),
        ((S.WORKING,), "Its agent is stopped and its work preserved; the new agent goes on from it."),
        ((S.WAITING_FOR_PERSON,), "Its question is withdrawn, and the new agent begins the next attempt."),
        ((S.PAUSED,), "The new agent goes on when it is resumed."),
        ((*_UNDONE, S.SKIPPED), "The new agent does it when it is retried."),
    ),
    SteerAction.REPRIORITISE: _rule(
        _NO_MORE,
        ((S.PENDING,), "It starts and stands in line by its new priority."),
        ((S.CLAIMING,), "It stands in line by its new priority."),
        (_OPEN[2:], "When it stands in line again, it is by its new priority."),
    ),
    SteerAction.FORCE_COMPLETE: _rule(
        "It counts as done already.",
        ((S.PENDING,), "It never starts and counts as done; nothing is merged."),
        (_OPEN[1:], f"It is stopped and counts as done. {_STAYS_MERGED}"),
        (_UNDONE, "It counts as done; nothing is merged."),
    ),
}


def _of_parts(name: str) -> dict[SteerAction, Rule]:
    over = f"The {name} has ended or is ending; `paceline status` shows how its stories ended."
    both = "Stories under work are stopped and their work is preserved"
    return {
        SteerAction.PAUSE: _rule(
            over,
            (
                (PartState.RUNNING,),
                "Nothing new starts, and stories under work stand still before their next step.",
            ),
            (_UNBEGUN, "When its turn comes, nothing of it starts before it is resumed."),
        ),
        SteerAction.RESUME: _rule(
            over,
            (_ALIVE, "Its stories go on, unless they or something above them is paused."),
            (_UNBEGUN, "It begins when its turn comes."),
        ),
        SteerAction.CANCEL: _rule(
            over,
            (_ALIVE, f"{both}; every story that has not ended is cancelled."),
            (_UNBEGUN, "It never begins; its stories are cancelled."),
        ),
        SteerAction.FORCE_COMPLETE: _rule(
            over,
            (_ALIVE, f"{both}; every story that has not ended counts as done."),
            (_UNBEGUN, "It never begins; its stories count as done, and nothing is merged."),
        ),
    }


_CAP = (
    (_ALIVE, "Running stories go on; who waits is let in at once where the number is higher."),
    (_UNBEGUN, "It holds from its beginning."),
)
_LEFT_OUT = (
    (
        _ALIVE,
        "Stories under work are stopped and their work is preserved; all that have not ended are skipped.",
    ),
    (_UNBEGUN, "It never begins; its stories are skipped, and who depends on them may start without them."),
)


def _with(name: str, *, skip: bool, cap: bool) -> Mapping[SteerAction, Rule]:
    rules = _of_parts(name)
    otherwise = rules[SteerAction.PAUSE].otherwise
    if skip:
        rules[SteerAction.SKIP] = _rule(otherwise, *_LEFT_OUT)
    if cap:
        rules[SteerAction.SET_MAX_PARALLEL] = _rule(otherwise, *_CAP)
    return rules


def _begun(rules: Mapping[SteerAction, Rule]) -> Mapping[SteerAction, Rule]:
    """Without what is for a part that has not begun: a run has begun when it can be asked."""
    return {
        action: Rule(
            MappingProxyType({state: text for state, text in rule.effects.items() if state not in _UNBEGUN}),
            rule.otherwise,
        )
        for action, rule in rules.items()
    }


RULES: Mapping[SteerScope, Mapping[SteerAction, Rule]] = MappingProxyType(
    {
        SteerScope.PROJECT: _begun(_with("project", skip=False, cap=True)),
        SteerScope.SPRINT: _with("sprint", skip=True, cap=True),
        SteerScope.EPIC: _with("epic", skip=True, cap=False),
        SteerScope.STORY: _OF_STORIES,
    }
)
"""Everything that can be asked, of what, in which state, and what it does."""

NEEDS_REASON = frozenset({SteerAction.SKIP, SteerAction.FORCE_COMPLETE})
"""What is not done without a word why."""

FORCED = "FORCE_COMPLETED"
"""Code of a story that counts as done because a person said so."""
ENDS: Mapping[SteerAction, tuple[StoryState, str]] = MappingProxyType(
    {
        SteerAction.CANCEL: (S.CANCELLED, "CANCELLED"),
        SteerAction.SKIP: (S.SKIPPED, "SKIPPED"),
        SteerAction.FORCE_COMPLETE: (S.SETTLED, FORCED),
    }
)
"""The actions that end stories: how, and with which code."""


def refusal(steer: Steer, standing: Standing) -> str:
    """Why an action is not done; empty where it is.

    Args:
        steer: what a person asks.
        standing: of what.
    """
    rule = RULES[standing.scope].get(steer.action)
    if rule is None:
        able = " or ".join(f"a {scope}" for scope in SteerScope if steer.action in RULES[scope])
        return f"{_words(steer)} is not for a {standing.scope.value}, only for {able}; name one."
    lacks = missing(steer)
    if lacks:
        return lacks
    if steer.action is SteerAction.PAUSE and standing.paused:
        return f"{standing.name} is paused already."
    if standing.state not in rule.effects:
        state = standing.state.value.replace("_", " ")
        instead = _NEXT_PART if standing.state is StoryState.PART_DONE else rule.otherwise
        return f"{standing.name} is {state}, so it takes no {steer.action.value}. {instead}"
    return _not_paused(standing) if steer.action is SteerAction.RESUME else ""


def effect(steer: Steer, standing: Standing) -> str:
    """What an allowed action does, in words."""
    if steer.action is SteerAction.PAUSE and steer.now and standing.state is StoryState.WORKING:
        return "Its agent is stopped and its work preserved; the story stands still."
    return RULES[standing.scope][steer.action].effects[standing.state]


def why(steer: Steer) -> str:
    """The reason of a story's end that a person caused."""
    did = {
        SteerAction.CANCEL: "cancelled it",
        SteerAction.SKIP: "skipped it",
        SteerAction.FORCE_COMPLETE: "said that it counts as done",
    }[steer.action]
    return f"{steer.actor} {did}: {steer.reason}".rstrip(": ")[:500]


def missing(steer: Steer) -> str:
    """What an action lacks, whatever it is asked of; empty where nothing."""
    if steer.action in NEEDS_REASON and not steer.reason.strip():
        return f"{_words(steer)} needs a reason; give one."
    if steer.action is SteerAction.REASSIGN and not all(name.strip() for name in steer.agents or [""]):
        return "Reassign needs the agent who does the story; name one."
    if steer.action is SteerAction.REPRIORITISE and not known_priority(steer.priority):
        words = ", ".join(PRIORITIES)
        return f"{steer.priority[:50]!r} is no priority; give one of {words}, or P0 to P3."
    if steer.action is SteerAction.SET_MAX_PARALLEL and steer.max_parallel < 1:
        return "At least one story has to run at once; give a number from 1."
    return ""


def _not_paused(standing: Standing) -> str:
    if standing.paused:
        return ""
    if standing.held_by:
        above = standing.held_by[0].value
        return f"{standing.name} stands still because its {above} is paused; resume that."
    return f"{standing.name} is not paused."


def known_priority(word: str) -> bool:
    """Whether it is one of the priorities that order stories."""
    return word.strip().casefold() in {*(name.casefold() for name in PRIORITIES), "p0", "p1", "p2", "p3"}


def _words(steer: Steer) -> str:
    return steer.action.value.replace("_", " ").capitalize()
