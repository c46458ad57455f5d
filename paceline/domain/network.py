"""A plan as numbers, ready to be simulated many times: who waits for whom, and who needs what.

The rules are those of a run (`workflows`, `resources`): a claim takes a slot of the sprint, its agents and
its files at once; a story that names no files takes the whole repository; sprints run one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from paceline.domain.graph import story_edges
from paceline.domain.model import Model
from paceline.domain.overlaps import distinct, overlaps
from paceline.domain.plan import Plan, Story
from paceline.domain.schedule import lock_patterns, points_of, priority_rank, remaining_path, sprint_places

Mode = Literal["continuous", "batch"]
_EVERYTHING = "**"
_WORK, _BROAD = 1_000_000, 64
"""Where all claims together touch more patterns than this, one that overlaps so many counts as all files."""


class Limits(Model):
    """What bounds how much of a plan runs at once."""

    max_parallel: int = Field(default=4, ge=1)
    """The most stories that are done at once in one sprint."""
    concurrency: dict[str, int] = Field(default_factory=dict[str, int])
    """By agent: how many stories it does at once."""
    default_concurrency: int = Field(default=1, ge=1)
    """The same for every agent that is not named."""
    people: list[str] = Field(default_factory=list[str])
    """Agents that are people: the stories they lead claim nothing."""
    whole_repository: bool = True
    """Whether a story that names no files claims the whole repository, as command agents' stories do."""
    mode: Mode = "continuous"
    """`batch`: a wave starts when the last one has ended."""
    optional_sprints: bool = False
    """Whether the optional sprints run."""


@dataclass(frozen=True, slots=True)
class Network:
    """One plan under limits. Stories, agents and patterns are numbers; lists are by these numbers."""

    stories: list[str]
    """Ids, in plan order."""
    sprints: list[list[int]]
    """The stories of every sprint that runs."""
    sprint_ids: list[str | None]
    waits: list[int]
    """How many stories of its own sprint a story waits for."""
    after: list[list[int]]
    """The stories of the same sprint that wait for it."""
    weight: list[float]
    """The longest remaining path in points: heavier is served first."""
    turn: list[int]
    """Among stories that become ready together, the smallest asks first."""
    agents: list[list[int]]
    agent_ids: list[str]
    capacity: list[int]
    """Of every agent."""
    patterns: list[list[int]]
    conflicts: list[list[int]]
    """By pattern: those that overlap it, itself included."""
    whole: list[bool]
    """Whether the story claims the whole repository."""
    free: list[bool]
    """Whether the story claims nothing."""
    limits: Limits
    exact: bool
    """False where so many globs overlap that some pairs are not known, or some count as everything."""


def network(plan: Plan, limits: Limits, ended: Set[str] = frozenset()) -> Network:
    """Prepare a plan.

    Args:
        plan: a plan that passes the linter.
        limits: what bounds the run.
        ended: stories that need not be done any more, beside those that the plan says are done.

    Raises:
        PlanError: the dependencies are circular.
    """
    todo, sprint_ids, sprints = _todo(plan, limits, ended)
    number = {story.id: place for place, story in enumerate(todo)}
    sprint_of = {story: sprint for sprint, stories in enumerate(sprints) for story in stories}
    edges = story_edges(plan)
    waits, after = [0] * len(todo), [list[int]() for _ in todo]
    for story, own in number.items():
        for before in edges[story]:
            other = number.get(before)
            if other is not None and sprint_of[other] == sprint_of[own]:
                waits[own] += 1
                after[other].append(own)
    weights, ranks = remaining_path(edges, points_of(plan)), priority_rank(plan)
    asking = sorted(range(len(todo)), key=lambda s: (ranks[todo[s].id], -weights[todo[s].id], s))
    turn = [0] * len(todo)
    for place, story_number in enumerate(asking):
        turn[story_number] = place
    agent_number = {name: n for n, name in enumerate(dict.fromkeys(a for s in todo for a in s.agents))}
    free = [bool(story.agents) and story.agents[0] in limits.people for story in todo]
    patterns, conflicts, whole, exact = _files(plan, todo, free, limits)
    return Network(
        stories=[story.id for story in todo],
        sprints=sprints,
        sprint_ids=sprint_ids,
        waits=waits,
        after=after,
        weight=[weights[story.id] for story in todo],
        turn=turn,
        agents=[
            _agents(story, agent_number, claims_nothing)
            for story, claims_nothing in zip(todo, free, strict=True)
        ],
        agent_ids=list(agent_number),
        capacity=[limits.concurrency.get(name, limits.default_concurrency) for name in agent_number],
        patterns=patterns,
        conflicts=conflicts,
        whole=whole,
        free=free,
        limits=limits,
        exact=exact,
    )


def _todo(
    plan: Plan, limits: Limits, ended: Set[str]
) -> tuple[list[Story], list[str | None], list[list[int]]]:
    """The stories to do, and where they are by sprint."""
    running = [
        number for number, each in enumerate(plan.sprints) if limits.optional_sprints or not each.optional
    ]
    sprint_ids: list[str | None] = [plan.sprints[number].id for number in running] if plan.sprints else [None]
    at = {number: place for place, number in enumerate(running)} if plan.sprints else {0: 0}
    places = sprint_places(plan)
    todo: list[Story] = []
    sprints: list[list[int]] = [[] for _ in sprint_ids]
    for story in plan.stories:
        if story.done or story.id in ended or places[story.id] not in at:
            continue
        sprints[at[places[story.id]]].append(len(todo))
        todo.append(story)
    return todo, sprint_ids, sprints


def _agents(story: Story, number: Mapping[str, int], claims_nothing: bool) -> list[int]:
    return [] if claims_nothing else [number[name] for name in dict.fromkeys(story.agents)]


def _files(
    plan: Plan, todo: list[Story], free: list[bool], limits: Limits
) -> tuple[list[list[int]], list[list[int]], list[bool], bool]:
    """What stories claim of the repository: patterns by number, their conflicts, or the whole of it."""
    named = [
        [] if claims_nothing else distinct(lock_patterns(story, plan))
        for story, claims_nothing in zip(todo, free, strict=True)
    ]
    whole = [
        _EVERYTHING in own or (not own and limits.whole_repository and not claims_nothing)
        for own, claims_nothing in zip(named, free, strict=True)
    ]
    named = [[] if everything else own for own, everything in zip(named, whole, strict=True)]
    number = {pattern: n for n, pattern in enumerate(dict.fromkeys(p for own in named for p in own))}
    found = overlaps(list(number))
    claims = [[number[pattern] for pattern in own] for own in named]
    conflicts = [[place, *others] for place, others in enumerate(found.neighbours)]
    exact = found.complete
    if sum(len(conflicts[pattern]) for own in claims for pattern in own) > _WORK:
        exact = False
        for story, own in enumerate(claims):
            if any(len(conflicts[pattern]) > _BROAD for pattern in own):
                claims[story], whole[story] = [], True
    return claims, conflicts, whole, exact
